import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createCustomer } from './customer.ts';
import type { Reply } from './exchange.ts';
import { openLedger } from './ledger.ts';
import { startMeasurement } from './measurement.ts';
import { PublicAgent } from './public-agent.ts';
import { seededRandom } from './random.ts';
import type { LoadReport } from './report.ts';
import { createWebhookSender } from './webhook-sender.ts';

export interface LoadOptions {
  /** The shop's public host name. */
  hostName: string;
  /** The forward proxy that plays name resolution, `http://127.0.0.1:port`. */
  proxyUrl: string;
  /** The authority that signed the host name's certificates, PEM. */
  caPem: string;
  /** Requests begun per second, over all clients, whether or not earlier ones were answered. */
  rate: number;
  /** Decides what is asked for, and when. */
  seed: number;
  /** Where the ledger is written. */
  directory: string;
  /**
   * How long a client keeps a connection, milliseconds: a new one asks for the address again. Clients are known to the
   * proxy as `client-1`…`client-<n>` and `webhook-sender` (its user names), so each can have its own name cache.
   */
  connectionAgeMs?: number;
  clients?: number;
  /** Webhook deliveries begun per second; default a tenth of `rate`. */
  webhookRate?: number;
}

export interface Load {
  /** Figures so far. */
  current(): LoadReport;
  /**
   * Begins nothing new, waits up to `graceMs` (default 10 s) for writes that are still being retried, closes every
   * connection and reports.
   */
  stop(options?: { graceMs?: number }): Promise<LoadReport>;
}

const defaultConnectionAgeMs = 5000;
const defaultClients = 5;
const defaultGraceMs = 10_000;

/** Plays the shop's public: browsing and ordering clients and a webhook sender, from outside. */
export function startLoad(options: LoadOptions): Load {
  const { hostName, rate, seed } = options;
  const startedAt = Date.now();
  const random = seededRandom(seed);
  const ledger = openLedger(join(options.directory, 'acknowledged-writes.jsonl'));
  const measurement = startMeasurement(startedAt);
  const agents: PublicAgent[] = [];
  const begun = new Set<Promise<void>>();
  const noNewVisits = new AbortController();
  const noMoreRetries = new AbortController();

  function client(clientId: string) {
    const connectionAgeMs = options.connectionAgeMs ?? defaultConnectionAgeMs;
    const agent = new PublicAgent({ ...options, clientId, connectionAgeMs });
    agents.push(agent);
    return { agent, hostName, ledger, note: (reply: Reply) => measurement.note(clientId, reply), sleep };
  }
  const customers = Array.from({ length: options.clients ?? defaultClients }, (_, index) =>
    createCustomer({ ...client(`client-${index + 1}`), random }),
  );
  const sender = createWebhookSender(client('webhook-sender'));

  function begin(visit: Promise<void>): void {
    const tracked = visit.finally(() => begun.delete(tracked));
    begun.add(tracked);
  }
  const arrivals = [
    arrive(rate, random, noNewVisits.signal, () => {
      const customer = customers[Math.floor(random() * customers.length)];
      if (customer) begin(customer.visit(noMoreRetries.signal));
    }),
    arrive(options.webhookRate ?? rate / 10, random, noNewVisits.signal, () =>
      begin(sender.deliver(noMoreRetries.signal)),
    ),
  ];

  function report(): LoadReport {
    const now = Date.now();
    return {
      startedAt: new Date(startedAt).toISOString(),
      endedAt: new Date(now).toISOString(),
      acknowledged: ledger.count,
      ...measurement.figures(now),
      forgottenOrders: customers.reduce((sum, customer) => sum + customer.forgotten(), 0),
      webhooks: sender.figures(),
      ledger: ledger.file,
    };
  }

  return {
    current: report,
    stop: async ({ graceMs = defaultGraceMs } = {}) => {
      noNewVisits.abort();
      await Promise.all(arrivals);
      await Promise.race([Promise.all(begun), sleep(graceMs, noMoreRetries.signal)]);
      noMoreRetries.abort();
      // What is still on its way is waited for: an answer that comes late has been acknowledged all the same.
      await Promise.all(begun);
      for (const agent of agents) agent.destroy();
      ledger.close();
      return report();
    },
  };
}

/** Calls `begin` at random moments, `rate` times per second on average, whatever became of the calls before. */
async function arrive(
  rate: number,
  random: () => number,
  signal: AbortSignal,
  begin: () => void,
): Promise<void> {
  if (rate <= 0) return;
  let due = Date.now();
  for (;;) {
    due += (-Math.log(1 - random()) / rate) * 1000;
    const wait = due - Date.now();
    if (wait > 0) await sleep(wait, signal);
    if (signal.aborted) return;
    begin();
  }
}

/** Ends early, and quietly, when the signal is aborted. */
async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal, ref: true }).catch(() => undefined);
}
