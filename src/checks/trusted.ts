import type { Check } from './result.ts';
import { judged } from './result.ts';

/** One who may reach the cluster. */
export interface TrustedSource {
  type: string;
  value: string;
  /** Jobs of ours that it is there for; undefined: it is not ours. */
  holders: { holder: string; until: Date }[] | undefined;
}

export interface Access {
  cluster: readonly TrustedSource[];
  /** Who else may reach Redis than the private network, by the firewall; undefined without Redis. */
  redis: readonly { from: string; port: string }[] | undefined;
  redisPort: number;
  /** The private network. */
  range: string;
  /** Of the run that is at work by the journal's lease, and this one. */
  runsAtWork: readonly string[];
  now: Date;
}

/** Who may reach the new databases: the private network, jobs that are at work, and nobody else unless you say so. */
export function accessChecks(access: Access): Check[] {
  const leftover = leftoverRunners(access);
  const wide = wideSources(access);
  const own = access.cluster.filter(
    (source) => source.holders === undefined && source.value !== access.range && !wide.includes(source.value),
  );
  return [
    judged(
      'security/trusted-sources',
      'security',
      'Only the private network and jobs at work may reach Postgres',
      {
        passed: wide.length === 0 && access.cluster.length > 0,
        found:
          access.cluster.length === 0
            ? 'no trusted sources at all, which opens the cluster to the internet'
            : wide.length > 0
              ? `open far and wide: ${wide.join(', ')}`
              : `${access.cluster.length} trusted sources${own.length === 0 ? '' : `, of your own: ${own.map(({ type, value }) => `${type} ${value}`).join(', ')}`}`,
        remedy:
          'Take it out of the trusted sources of the cluster; the private network is enough for the app.',
      },
    ),
    judged('security/leftover-runner', 'security', 'No address of a runner is left over', {
      passed: leftover.length === 0,
      found: leftover.length === 0 ? 'none' : leftover.join('; '),
      remedy:
        'If that run is still at work, verify again when it has ended. If its machine died: “Re-run failed jobs” there takes it out, ' +
        'and so does any job that holds the lease next, such as catch-up.yml (start it by hand), where it died with the lease. ' +
        'Otherwise take it out of the trusted sources of the cluster and of the firewall of Redis by hand.',
    }),
    ...redisChecks(access),
  ];
}

/** Whoever knows such an address is let in with millions of others. */
function wideSources({ cluster, range }: Access): string[] {
  return cluster
    .filter(({ type, value }) => type === 'ip_addr' && value !== range && bitsOf(value) < 24)
    .map(({ value }) => value);
}

function leftoverRunners({ cluster, redis, redisPort, range, runsAtWork, now }: Access): string[] {
  const atWork = (holder: string, until: Date): boolean =>
    until > now && runsAtWork.includes(holder.split('.')[0] ?? '');
  const found = cluster.flatMap(({ value, holders }) =>
    (holders ?? [])
      .filter(({ holder, until }) => !atWork(holder, until))
      .map(({ holder }) => `${value} of run ${holder.split('.')[0] ?? ''} (Postgres)`),
  );
  // Rules of that firewall carry no mark: the cluster's mark speaks for both.
  const held = cluster
    .filter(({ holders }) => (holders ?? []).some(({ holder, until }) => atWork(holder, until)))
    .map(({ value }) => value);
  const own = cluster.filter(({ holders }) => holders === undefined).map(({ value }) => value);
  const addresses = (redis ?? [])
    .filter(({ port, from }) => port === String(redisPort) && from !== range && bitsOf(from) === 32)
    .map(({ from }) => from.replace(/\/32$/, ''))
    .filter((from) => !held.includes(from) && !own.includes(from));
  return [...found, ...addresses.map((from) => `${from} (Redis)`)];
}

function redisChecks({ redis, redisPort, range, cluster }: Access): Check[] {
  if (redis === undefined) return [];
  const known = new Set(cluster.map(({ value }) => value));
  const beyond = redis.filter(
    ({ from, port }) =>
      !(port === String(redisPort) && (from === range || bitsOf(from) === 32 || known.has(from))),
  );
  return [
    judged(
      'security/redis-firewall',
      'security',
      'The firewall of Redis admits the private network to its port, and nothing else',
      {
        passed:
          beyond.length === 0 && redis.some(({ from, port }) => from === range && port === String(redisPort)),
        found:
          beyond.length > 0
            ? `it also admits ${beyond.map(({ from, port }) => `${from} to port ${port || 'all'}`).join(' and ')}`
            : redis.some(({ from }) => from === range)
              ? `port ${redisPort} from ${range}`
              : 'it does not admit the private network',
        remedy: 'Run provision with `stage: infrastructure`: it puts the firewall back.',
      },
    ),
  ];
}

/** Of an address or a range; one that cannot be read is taken for the whole internet. */
function bitsOf(range: string): number {
  const found = /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.exec(range);
  if (found === null) return 0;
  return range.includes('/') ? Number(range.split('/')[1]) : 32;
}
