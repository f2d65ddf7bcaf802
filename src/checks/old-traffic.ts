import type { Check } from './result.ts';

/** A request that reached the old side. */
export interface OldRequest {
  at: Date;
  host: string;
  status: number;
  from: string;
}

/** How long resolvers and connections may lead to the old side after the switch. */
const STRAGGLERS_MS = 60 * 60_000;
const MOST_NAMED = 5;

/**
 * Whether anybody still reaches the old side since the switch. Unknown is told as such and is no pass. Stragglers of the
 * first hour are told; who comes after that will come for ever, and fails.
 *
 * @param requests undefined: the log could not be read
 * @param switchedAt undefined: the new side does not serve yet
 * @param forwarded the old side forwards on purpose (`traffic: front-door`)
 */
export function oldTraffic(
  requests: readonly OldRequest[] | undefined,
  switchedAt: Date | undefined,
  forwarded: boolean,
): Check[] {
  if (switchedAt === undefined) return [];
  const base = {
    id: 'third-parties/old-traffic',
    area: 'third-parties',
    what: 'Nobody reaches the old side any more',
  } as const;
  const remedy =
    'Find out who it is by the host that was asked for: a resolver, a webhook or a partner that still knows the old address.';
  if (requests === undefined)
    return [
      {
        ...base,
        found: "unknown: Heroku's log of its router could not be read, so it is not known",
        state: 'told',
        remedy: 'Look at `heroku logs --dyno router --tail`.',
      },
    ];
  const since = requests.filter(({ at }) => at > switchedAt);
  if (since.length === 0) return [{ ...base, found: 'no request since the switch', state: 'passed' }];
  const late = since.filter(({ at }) => at.getTime() > switchedAt.getTime() + STRAGGLERS_MS);
  const hosts = new Map<string, number>();
  for (const { host } of since) hosts.set(host, (hosts.get(host) ?? 0) + 1);
  const named = [...hosts]
    .sort(([, one], [, other]) => other - one)
    .slice(0, MOST_NAMED)
    .map(([host, count]) => `${host} (${count})`);
  const networks = new Set(since.map(({ from }) => from));
  const last = Math.max(...since.map(({ at }) => at.getTime()));
  const found =
    `${since.length} requests since the switch, the last at ${new Date(last).toISOString()}, for ${named.join(', ')}, ` +
    `from ${networks.size} networks (${[...networks].slice(0, MOST_NAMED).join(', ')})`;
  if (forwarded) return [{ ...base, found: `${found}; they are forwarded`, state: 'told', remedy }];
  return [{ ...base, found, state: late.length > 0 ? 'failed' : 'told', remedy }];
}
