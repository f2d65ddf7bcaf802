import { isGood, type Reply } from './exchange.ts';
import type { LoadReport, Outage, Second } from './report.ts';

/** Collects what the clients see; every figure of the report that is about requests. */
export interface Measurement {
  note(client: string, reply: Reply): void;
  figures(
    now: number,
  ): Pick<
    LoadReport,
    | 'requests'
    | 'refusedRequests'
    | 'downtimeMs'
    | 'outages'
    | 'longestHoldMs'
    | 'statuses'
    | 'connectionErrors'
    | 'servedBy'
    | 'latencyMs'
    | 'timeline'
    | 'answers'
  >;
}

/** `startedAt` in milliseconds since the epoch. */
export function startMeasurement(startedAt: number): Measurement {
  const statuses: Record<string, number> = {};
  const servedBy = { heroku: 0, digitalocean: 0 };
  const seconds = new Map<number, Second>();
  const answers: LoadReport['answers'] = [];
  const outages: Outage[] = [];
  const ongoing = new Map<string, Outage>();
  let requests = 0;
  let refused = 0;

  return {
    note: (client, reply) => {
      const good = isGood(reply);
      requests += 1;
      statuses[reply.status] = (statuses[reply.status] ?? 0) + 1;
      const second = secondOf(seconds, Math.floor((reply.startedAt - startedAt) / 1000));
      second.slowestMs = Math.max(second.slowestMs, reply.endedAt - reply.startedAt);
      if (good) {
        second.good += 1;
        answers.push({ from: reply.startedAt, until: reply.endedAt });
        if (reply.side) {
          servedBy[reply.side] += 1;
          second[reply.side] += 1;
        }
      } else {
        second.refused += 1;
        refused += 1;
      }
      noteOutage(outages, ongoing, client, reply, good);
    },
    figures: (now) => {
      const sorted = answers.map(({ from, until }) => until - from).sort((a, b) => a - b);
      return {
        requests,
        refusedRequests: refused,
        downtimeMs: Math.max(0, ...outages.map(({ from, until }) => (until ?? now) - from)),
        outages: outages.map((outage) => ({ ...outage })),
        longestHoldMs: sorted.at(-1) ?? 0,
        statuses: { ...statuses },
        connectionErrors: statuses[0] ?? 0,
        servedBy: { ...servedBy },
        latencyMs: { median: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
        answers: [...answers],
        timeline: [...seconds.values()].sort((a, b) => a.second - b.second).map((second) => ({ ...second })),
      };
    },
  };
}

/**
 * Outages are per client, since each has its own idea of where the name leads: what one client suffers is what a
 * person would. A good answer ends an outage only if it was asked for after the outage had begun.
 */
function noteOutage(
  outages: Outage[],
  ongoing: Map<string, Outage>,
  client: string,
  { startedAt, endedAt }: Reply,
  good: boolean,
): void {
  const current = ongoing.get(client);
  if (!good) {
    if (current) {
      current.refused += 1;
      current.from = Math.min(current.from, startedAt);
      return;
    }
    const outage: Outage = { client, from: startedAt, until: null, refused: 1 };
    outages.push(outage);
    ongoing.set(client, outage);
  } else if (current && startedAt >= current.from) {
    current.until = endedAt;
    ongoing.delete(client);
  }
}

function secondOf(seconds: Map<number, Second>, second: number): Second {
  const known = seconds.get(second);
  if (known) return known;
  const fresh: Second = { second, good: 0, refused: 0, slowestMs: 0, heroku: 0, digitalocean: 0 };
  seconds.set(second, fresh);
  return fresh;
}

function quantile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
