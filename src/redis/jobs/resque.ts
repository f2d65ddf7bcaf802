import type { Redis } from 'ioredis';
import { pipelined } from '../scan.ts';
import { behind } from './behind.ts';
import { parsed } from './in-progress.ts';
import type { JobCount, JobSystem, Place, WorkerProcess } from './job-system.ts';
import { inOneStep } from './one-step.ts';
import { PAUSED_KEY, pauseName, serverNow } from './paused.ts';
import { membersIfSet } from './sidekiq.ts';

/** Clocks of dynos and server may differ by this much. */
const CLOCK_MARGIN_MS = 15_000;

/**
 * Resque and resque-scheduler, under `resque:` or another namespace. Its keys, from its own source
 * (lib/resque/data_store.rb, worker.rb; lib/resque/scheduler/delaying_extensions.rb, scheduling_extensions.rb):
 *
 * - `queues`, a set of names, `queue:<name>`, lists that are fetched from the left; `failed`, a list.
 * - `workers`, a set of `<host>:<pid>:<queues>`; `worker:<id>` is the job that it runs, if any, and `worker:<id>:started`
 *   when it was started; `workers:heartbeat`, a hash.
 * - `pause-all-workers` = `true` is looked at before each job is taken (`Worker#paused?`; Resque 1 from before it takes
 *   no notice, which is seen from jobs begun after it was set).
 * - `delayed_queue_schedule`, a sorted set of times, each with a list `delayed:<time>`; `persistent_schedules`, a hash;
 *   `resque_scheduler_master_lock`, renewed by the scheduler that holds it.
 */
export function resque(place: Place & { system: 'resque' }): JobSystem {
  const { prefix } = place;
  const at = (name: string): string => `${prefix}${name}`;
  const queueNames = async (redis: Redis): Promise<string[]> => (await redis.smembers(at('queues'))).sort();
  const delayedLists = async (redis: Redis): Promise<string[]> =>
    (await redis.zrange(at('delayed_queue_schedule'), 0, '-1')).map((time) => at(`delayed:${time}`));

  return {
    place,

    async counts(redis): Promise<JobCount[]> {
      const names = await queueNames(redis);
      const queues = await pipelined(redis, names, (pipeline, name) => pipeline.llen(at(`queue:${name}`)));
      const delayed = await pipelined(redis, await delayedLists(redis), (pipeline, list) =>
        pipeline.llen(list),
      );
      return [
        ...names.map((name, index) => ({ name, size: Number(queues[index]) })),
        { name: 'delayed', size: delayed.reduce<number>((sum, size) => sum + Number(size), 0) },
        { name: 'failed', size: await redis.llen(at('failed')) },
        { name: 'schedules', size: await redis.hlen(at('persistent_schedules')) },
      ];
    },

    async processes(redis): Promise<WorkerProcess[]> {
      const ids = (await redis.smembers(at('workers'))).sort();
      const running = await pipelined(redis, ids, (pipeline, id) => pipeline.get(at(`worker:${id}`)));
      const quiet = (await redis.get(at('pause-all-workers'))) === 'true';
      const pausedAt = await redis.hget(PAUSED_KEY, pauseName('resque', prefix));
      return ids.map((identity, index) => {
        const job = running[index];
        const begun = typeof job === 'string' ? Date.parse(String(parsed(job)['run_at'])) : NaN;
        const deaf = pausedAt !== null && begun > Number(pausedAt) + CLOCK_MARGIN_MS;
        return { identity, busy: job === null ? 0 : 1, quiet, signalPending: false, deaf };
      });
    },

    async quiet(redis): Promise<number> {
      const pause = at('pause-all-workers');
      const told = await inOneStep(redis, [pause], async () => {
        if ((await redis.get(pause)) === 'true') return undefined;
        const workers = await redis.scard(at('workers'));
        const now = await serverNow(redis);
        return {
          commands: (multi) => multi.set(pause, 'true').hset(PAUSED_KEY, pauseName('resque', prefix), now),
          result: workers,
        };
      });
      return told ?? 0;
    },

    /**
     * A job that was cut off goes where Resque itself puts it when it finds a dead worker (`Worker#prune_dead_workers`,
     * `DirtyExit`): to `failed`, for a person to retry. It may have done half of its work.
     */
    async returnInProgress(redis): Promise<number> {
      let returned = 0;
      for (const id of await membersIfSet(redis, at('workers'))) {
        const key = at(`worker:${id}`);
        const done = await inOneStep(redis, [key], async () => {
          const running = await redis.get(key);
          if (running === null) return undefined;
          const { queue, payload } = parsed(running);
          const failure = JSON.stringify({
            failed_at: new Date(await serverNow(redis)).toISOString(),
            payload,
            exception: 'Resque::DirtyExit',
            error: 'The worker ended in the middle of the job, before the move from Heroku.',
            backtrace: [],
            worker: id,
            queue,
          });
          return {
            commands: (multi) =>
              multi
                .rpush(at('failed'), failure)
                .incr(at('stat:failed'))
                .del(key, `${key}:started`)
                .srem(at('workers'), id)
                .hdel(at('workers:heartbeat'), id),
            result: 1,
          };
        });
        returned += done ?? 0;
      }
      return returned;
    },

    // They stand under `worker:<id>`.
    running: () => Promise.resolve([]),

    async jobKeys(redis): Promise<string[]> {
      return [
        ...(await queueNames(redis)).map((name) => at(`queue:${name}`)),
        ...(await delayedLists(redis)),
        ...['queues', 'failed', 'delayed_queue_schedule', 'persistent_schedules'].map(at),
      ];
    },

    patterns: () =>
      ['queues', 'queue:*', 'failed', 'delayed_queue_schedule', 'delayed:*', 'persistent_schedules'].map(
        (name) => behind(prefix, name),
      ),

    counters: () => [],

    ownKeysOf: () => Promise.resolve([]),

    async heartbeatKeys(redis): Promise<string[]> {
      const ids = await membersIfSet(redis, at('workers'));
      return [
        ...['workers', 'workers:heartbeat', 'pruning_dead_workers_in_progress'].map(at),
        at('resque_scheduler_master_lock'),
        ...ids.flatMap((id) => [at(`worker:${id}`), at(`worker:${id}:started`)]),
      ];
    },
  };
}

/** Lets the workers fetch again; false when it was not we who paused them. */
export async function resumeResque(redis: Redis, prefix: string): Promise<boolean> {
  const name = pauseName('resque', prefix);
  const done = await inOneStep(redis, [PAUSED_KEY], async () => {
    if ((await redis.hexists(PAUSED_KEY, name)) === 0) return undefined;
    return {
      commands: (multi) => multi.del(`${prefix}pause-all-workers`).hdel(PAUSED_KEY, name),
      result: true,
    };
  });
  return done ?? false;
}
