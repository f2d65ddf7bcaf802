import type { Check } from '../checks/result.ts';
import { judged } from '../checks/result.ts';
import type { PoolFacts } from '../repository/pools.ts';
import { BESIDE_THE_POOL } from './pool-items.ts';

export interface ConnectionFacts {
  /** Long-lived processes of the new side, by the name of their process type, with how many instances run. */
  processes: readonly { name: string; instances: number }[];
  /** What the repository tells of their pools; none when it was not read. */
  pools: readonly PoolFacts[];
  /** Numbers in config vars that decide pools at run time. */
  values: Readonly<Record<string, number>>;
  /** Connections that the application's role may hold on the new cluster. */
  limit: number;
  /** PgBouncer in between, when migration.yml asks for it. */
  pool: { mode: 'transaction' | 'session'; size: number } | undefined;
  /** How many the application held on Heroku when it was looked at. */
  open: number;
}

/** A peak is not seen at any moment: half as many again (as the plan reckons). */
const HEADROOM = 1.5;

/** All pools together, each as large as it may become, against what the cluster takes. */
export function connectionCheck(facts: ConnectionFacts): Check {
  const { processes, limit, pool, open } = facts;
  const counted = processes.map((process) => ({ ...process, each: eachOf(process.name, facts) }));
  const untold = counted.filter(({ each }) => each === undefined).map(({ name }) => name);
  const told = counted.reduce((sum, { instances, each }) => sum + instances * (each ?? 0), 0);
  const measured = Math.ceil(open * HEADROOM);
  const total = untold.length === 0 ? told : Math.max(told, measured);
  const how = [
    ...counted.flatMap(({ name, instances, each }) =>
      each === undefined ? [] : [`${name}: ${instances} × ${each}`],
    ),
    ...(untold.length === 0
      ? []
      : [
          `nothing tells the pool of ${untold.join(', ')}, so it is at least the ${open} that were open on Heroku and half as many again`,
        ]),
  ].join('; ');
  const what = 'All connection pools together fit the new cluster';
  const id = 'capacity/connections';
  const remedy =
    'Lower WEB_CONCURRENCY, threads or instances, set a larger `postgres.size`, or put `postgres.pool` in between.';
  if (processes.length === 0 && open === 0)
    return judged(id, 'capacity', what, {
      passed: false,
      found: 'neither the plan nor the repository nor Heroku tells of any connection',
      remedy: 'Run assess with the checkout of the application, while it serves.',
    });
  if (pool !== undefined) {
    const fits = pool.size + BESIDE_THE_POOL <= limit && (pool.mode === 'transaction' || total <= pool.size);
    return judged(id, 'capacity', what, {
      passed: fits,
      found: `${total} (${how}) share a pool of ${pool.size} in ${pool.mode} mode, of ${limit} that the cluster takes`,
      remedy:
        pool.size + BESIDE_THE_POOL > limit
          ? `Set \`postgres.pool.size\` to ${Math.max(1, limit - BESIDE_THE_POOL)} or less.`
          : 'In session mode each client keeps a connection: lower the pools, or raise `postgres.pool.size`.',
    });
  }
  return judged(id, 'capacity', what, {
    passed: total <= limit,
    found: `${total} of ${limit} (${how}); during a deployment old and new instances hold theirs side by side`,
    remedy,
  });
}

/** Connections of one instance; `undefined` when nothing tells. */
function eachOf(name: string, { pools, values }: ConnectionFacts): number | undefined {
  const facts = pools.find(({ process }) => process === name);
  if (facts === undefined) return undefined;
  const set = (pattern: RegExp): number | undefined => {
    const variable = facts.variables.find((one) => pattern.test(one) && values[one] !== undefined);
    return variable === undefined ? undefined : values[variable];
  };
  // A config var wins over what the repository says holds without it.
  const processes = set(/^WEB_CONCURRENCY$|WORKERS|PROCESSES/) ?? facts.processes;
  const threads = set(/THREADS|^(?!WEB_).*CONCURRENCY/) ?? facts.threads;
  return processes === null || threads === null ? undefined : processes * threads;
}
