import type { Redis } from 'ioredis';
import { pipelined } from '../scan.ts';
import { behind } from './behind.ts';
import type { JobCount, JobSystem, Place, WorkerProcess } from './job-system.ts';
import { inOneStep } from './one-step.ts';
import { PAUSED_KEY, pauseName, serverNow } from './paused.ts';

/** The majors whose scripts were read: both look at `meta.paused` before they take a job. */
const PAUSABLE = [5, 6];
/** Jobs moved between two lists in one step. */
const CHUNK = 1_000;

/**
 * One queue of BullMQ, or of Bull before it. Its keys under `bull:<queue>:`, from its own scripts (src/commands and
 * src/classes/queue-keys.ts):
 *
 * - `wait`, a list that grows on the left; `prioritized`, `delayed`, `waiting-children`, `failed` and `completed`,
 *   sorted sets of ids; `repeat`, the schedules; `<id>`, the job's hash; `id`, the counter that names jobs.
 * - `active`, what is taken; `<id>:lock` lives while a worker (which renews it) runs the job. An active job without a
 *   lock goes back to `wait` by any worker's own check for stalled jobs, which counts how often that happens: so it is
 *   left to BullMQ, on the new side.
 * - `meta`: `version` names the library since 5, `paused` stops the taking of jobs. While it is there, 5 puts new jobs
 *   into the list `paused`, 6 into `wait`. `marker`, a sorted set, wakes the workers that wait for jobs.
 *
 * Quiet is a pause of the queue, undone before the last keys are carried (`resumeBullmq`), so that the new side's queue
 * is not paused. Bull, and versions that were not read, cannot be paused by us: the platform ends their workers.
 */
export function bullmq(place: Place & { system: 'bullmq' }): JobSystem {
  const { prefix } = place;
  const queue = place.queue ?? queueBehind(prefix);
  const pausable = place.major !== null && PAUSABLE.includes(place.major);
  const at = (name: string): string => `${prefix}${name}`;

  return {
    place,

    async counts(redis): Promise<JobCount[]> {
      const lists = await pipelined(redis, ['wait', 'paused', 'active'], (pipeline, name) =>
        pipeline.llen(at(name)),
      );
      const sets = await pipelined(redis, SETS, (pipeline, name) => pipeline.zcard(at(name)));
      return [
        { name: queue, size: Number(lists[0]) + Number(lists[1]) },
        { name: `${queue} active`, size: Number(lists[2]) },
        ...SETS.map((name, index) => ({ name: `${queue} ${name}`, size: Number(sets[index]) })),
      ];
    },

    async processes(redis): Promise<WorkerProcess[]> {
      const active = await redis.lrange(at('active'), 0, -1);
      const locks = await pipelined(redis, active, (pipeline, id) => pipeline.exists(at(`${id}:lock`)));
      const busy = locks.filter((lock) => lock === 1).length;
      const quiet = (await redis.hexists(at('meta'), 'paused')) === 1;
      return [{ identity: prefix.slice(0, -1), busy, quiet, signalPending: false, deaf: !pausable }];
    },

    async quiet(redis): Promise<number> {
      if (!pausable) return 0;
      const told = await inOneStep(redis, [at('meta')], async () => {
        if ((await redis.hexists(at('meta'), 'paused')) === 1) return undefined;
        const now = await serverNow(redis);
        return {
          commands: (multi) =>
            multi
              .hset(at('meta'), 'paused', 1)
              .del(at('marker'))
              .xadd(at('events'), '*', 'event', 'paused')
              .hset(PAUSED_KEY, pauseName('bullmq', prefix), now),
          result: 1,
        };
      });
      return told ?? 0;
    },

    returnInProgress: () => Promise.resolve(0),

    // They stand in `active`.
    running: () => Promise.resolve([]),

    // Not `id`, or new jobs on the old side would take the names of old ones, and none of the jobs' own hashes: without
    // a list that names them nobody finds them.
    jobKeys: () =>
      Promise.resolve(
        ['wait', 'paused', 'active', 'stalled', 'marker', 'priority', ...SETS].map((name) => at(name)),
      ),

    patterns: () => [behind(prefix, '*')],

    counters: () => [at('id')],

    async ownKeysOf(redis): Promise<string[]> {
      const lists = (await pipelined(redis, ['wait', 'paused', 'active'], (pipeline, name) =>
        pipeline.lrange(at(name), 0, -1),
      )) as string[][];
      const sets = (await pipelined(redis, SETS, (pipeline, name) =>
        pipeline.zrange(at(name), 0, '-1'),
      )) as string[][];
      return [...new Set([...lists.flat(), ...sets.flat()])];
    },

    heartbeatKeys: () => Promise.resolve([]),
  };
}

/** `emails`, of `bull:emails:`. */
export function queueBehind(prefix: string): string {
  return prefix.slice(prefix.indexOf(':') + 1, -1);
}

const SETS = ['prioritized', 'delayed', 'waiting-children', 'failed', 'repeat'];

/**
 * Resumes a queue that we have paused, as BullMQ's own `resume` does: what was added meanwhile comes behind what
 * waited before, and workers are woken. false when it was not we who paused it.
 */
export async function resumeBullmq(redis: Redis, prefix: string): Promise<boolean> {
  const at = (name: string): string => `${prefix}${name}`;
  const name = pauseName('bullmq', prefix);
  const [meta, wait, paused, marker] = [at('meta'), at('wait'), at('paused'), at('marker')];
  const watched = [PAUSED_KEY, meta, wait, paused, at('prioritized'), at('delayed')];
  for (;;) {
    const step = await inOneStep<'moved' | 'resumed'>(redis, watched, async () => {
      if ((await redis.hexists(PAUSED_KEY, name)) === 0) return undefined;
      // The oldest are on the right; each goes in front of what is on the left of `wait`.
      const added = (await redis.lrangeBuffer(paused, -CHUNK, -1)).reverse();
      if (added.length > 0)
        return {
          commands: (multi) => multi.lpush(wait, ...added).ltrim(paused, 0, -added.length - 1),
          result: 'moved',
        };
      const ready = (await redis.llen(wait)) + (await redis.zcard(at('prioritized'))) > 0;
      const [, nextDelayed] = await redis.zrange(at('delayed'), '0', '0', 'WITHSCORES');
      return {
        commands: (multi) => {
          multi.hdel(meta, 'paused').hdel(PAUSED_KEY, name).xadd(at('events'), '*', 'event', 'resumed');
          if (ready) multi.zadd(marker, 0, '0');
          // A delayed job's score is its time in ms, times 4096 to leave room for an order.
          else if (nextDelayed !== undefined) multi.zadd(marker, Number(nextDelayed) / 0x1000, '1');
        },
        result: 'resumed',
      };
    });
    if (step === undefined) return false;
    if (step === 'resumed') return true;
  }
}
