import type { Redis } from 'ioredis';
import { pipelined } from '../scan.ts';
import { behind } from './behind.ts';
import { parsed, returnTaken } from './in-progress.ts';
import type { JobCount, JobSystem, Place, RunningJob, WorkerProcess } from './job-system.ts';

/**
 * Sidekiq 5 to 8, and Pro and Enterprise as far as others have told. Its keys, from its own source (lib/sidekiq/api.rb,
 * launcher.rb, fetch.rb):
 *
 * - `queues`, a set of names, `queue:<name>`, lists that grow on the left and are fetched from the right, and the
 *   sorted sets `retry`, `schedule` and `dead`. `stat:*` are plain counters.
 * - `processes`, a set of identities `<host>:<pid>:<12 hex digits>`, each with a hash of that name that lives 60 s, a
 *   hash `<identity>:work` (`:workers` before 7) of what it runs, rewritten with each heartbeat, and a list
 *   `<identity>-signals` that it looks at with each heartbeat, every 5 to 10 s.
 * - `dear-leader`, the Enterprise's leader, who renews it every few seconds.
 * - super_fetch registers its processes in `super_processes` and `<identity>:super_queues`; see `in-progress.ts`.
 * - sidekiq-cron 1: a set `cron_jobs` of hash names `cron_job:<name>`; 2: `cron_jobs:<namespace>` of
 *   `cron_job:<namespace>:<name>`; with each `:enqueued` and `:jid_history` (lib/sidekiq/cron/job.rb).
 *
 * The locks of sidekiq-unique-jobs (`uniquejobs:*`, each with its digest) and of Enterprise (`unique:*`), batches
 * (`b-*`) and limiters (`lmtr-*`) are plain keys. Locks stay in their place on the old side when jobs are set aside: the
 * job that they stand for runs on the new side.
 */
export function sidekiq(place: Place & { system: 'sidekiq' }): JobSystem {
  const { prefix, cronSets, taken } = place;
  const at = (name: string): string => `${prefix}${name}`;
  const queueNames = async (redis: Redis): Promise<string[]> => (await redis.smembers(at('queues'))).sort();

  const processes = async (redis: Redis): Promise<WorkerProcess[]> => {
    const identities = (await redis.smembers(at('processes'))).sort();
    const found: WorkerProcess[] = [];
    for (const identity of identities) {
      const [fields, work, workers, signals] = await Promise.all([
        redis.hgetall(at(identity)),
        redis.hlen(at(`${identity}:work`)),
        redis.hlen(at(`${identity}:workers`)),
        redis.llen(at(`${identity}-signals`)),
      ]);
      // The set also names those that died: their hash has expired.
      if (Object.keys(fields).length === 0) continue;
      found.push({
        identity,
        busy: work + workers,
        quiet: fields['quiet'] === 'true',
        signalPending: signals > 0,
        // Sidekiq inside another server's process would pass the signal on to that process, and TSTP stops it
        // (api.rb: "Can't quiet an embedded process").
        deaf: parsed(fields['info'] ?? '')['embedded'] === true,
      });
    }
    return found;
  };

  return {
    place,
    processes,

    async counts(redis): Promise<JobCount[]> {
      const names = await queueNames(redis);
      const queues = await pipelined(redis, names, (pipeline, name) => pipeline.llen(at(`queue:${name}`)));
      const sets = await pipelined(redis, SETS, (pipeline, name) => pipeline.zcard(at(name)));
      const cron = await pipelined(redis, cronSets, (pipeline, name) => pipeline.scard(name));
      return [
        ...names.map((name, index) => ({ name, size: Number(queues[index]) })),
        ...SETS.map((name, index) => ({ name, size: Number(sets[index]) })),
        { name: 'cron', size: cron.reduce<number>((sum, size) => sum + Number(size), 0) },
      ];
    },

    /** A process cannot be told to go on again: that takes a restart. */
    async quiet(redis): Promise<number> {
      const loud = (await processes(redis)).filter(
        ({ deaf, quiet, signalPending }) => !deaf && !quiet && !signalPending,
      );
      for (const { identity } of loud) {
        const signals = at(`${identity}-signals`);
        await redis.multi().lpush(signals, 'TSTP').expire(signals, 60).exec();
      }
      return loud.length;
    },

    async returnInProgress(redis): Promise<number> {
      let returned = 0;
      for (const list of taken) returned += await returnTaken(redis, prefix, list);
      return returned;
    },

    async running(redis): Promise<RunningJob[]> {
      const lists = await pipelined(redis, taken, (pipeline, list) => pipeline.lrange(list, 0, -1));
      const kept = new Set((lists as string[][]).flat());
      const found: RunningJob[] = [];
      for (const { identity } of await processes(redis))
        for (const key of [at(`${identity}:work`), at(`${identity}:workers`)])
          for (const entry of await redis.hvals(key)) {
            const { queue, payload } = parsed(entry);
            if (typeof queue !== 'string' || payload === undefined) continue;
            // Sidekiq 5 and 6 write the job's fields, later ones the very text that stood in the queue.
            const job = typeof payload === 'string' ? payload : JSON.stringify(payload);
            const name = queue.replace(/^queue:/, '');
            if (!kept.has(job))
              found.push({ queues: at('queues'), queue: name, list: at(`queue:${name}`), job });
          }
      return found;
    },

    async jobKeys(redis): Promise<string[]> {
      const names = await queueNames(redis);
      const cron = (await pipelined(redis, cronSets, (pipeline, name) =>
        pipeline.smembers(name),
      )) as string[][];
      return [
        ...names.map((name) => at(`queue:${name}`)),
        ...['queues', ...SETS].map(at),
        ...taken,
        ...cronSets,
        // The sets hold the names of the hashes, without the namespace.
        ...cron.flat().flatMap((name) => ['', ':enqueued', ':jid_history'].map((end) => at(`${name}${end}`))),
      ];
    },

    patterns: () =>
      [...SETS, 'queues', 'queue:*', 'cron_jobs', 'cron_jobs:*', 'cron_job:*', ...TAKEN].map((name) =>
        behind(prefix, name),
      ),

    counters: () => [],

    ownKeysOf: () => Promise.resolve([]),

    async heartbeatKeys(redis): Promise<string[]> {
      const identities = new Set([
        ...(await membersIfSet(redis, at('processes'))),
        ...(await membersIfSet(redis, at('super_processes'))),
      ]);
      return [
        ...['processes', 'super_processes', 'dear-leader'].map(at),
        ...[...identities].flatMap((identity) =>
          ['', ':work', ':workers', '-signals', ':super_queues'].map((end) => at(`${identity}${end}`)),
        ),
      ];
    },
  };
}

const SETS = ['retry', 'schedule', 'dead'];
/** Lists of what other ways of fetching have taken; super_fetch's are called like queues. */
const TAKEN = ['working:queue:*', 'uniquejobs:working:*'];

export async function membersIfSet(redis: Redis, key: string): Promise<string[]> {
  return (await redis.type(key)) === 'set' ? redis.smembers(key) : [];
}
