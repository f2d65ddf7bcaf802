import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { withRedis } from '../../src/redis/connect.ts';
import type { RedisCopyOptions } from '../../src/redis/copy.ts';
import type { FinishResult, RedisFollow } from '../../src/redis/follow.ts';
import { followRedis } from '../../src/redis/follow.ts';
import { resumeJobs, returnInProgress } from '../../src/redis/jobs/index.ts';
import { formatCount, formatDuration } from '../../src/report/format.ts';
import { proveJobsEqual, sumOfEach, type RedisSide } from '../jobs.ts';
import type { Held } from './fence.ts';

/** From where to where Redis moves. */
export interface RedisMove {
  /** `null` for an application without a Redis. */
  options: RedisCopyOptions | null;
  /** Whose workers have ended, or can no longer write, inside the fence. */
  from: RedisSide;
  to: RedisSide;
  /** Patterns of keys that are carried in another way, asked for whenever following begins. */
  later?: () => Promise<string[]>;
  /** What the side that followed must not keep when it follows no longer. */
  forget?: () => Promise<void>;
  log: Log;
}

/**
 * What every strategy does with Redis, in either direction: the other side follows the one that serves from before the
 * workers are told to stop, so that inside the fence only the last changes move.
 */
export interface RedisSteps {
  /** While the site serves: the other Redis is made equal, proven, and follows from here on. */
  follow: Step;
  /** First inside the fence, where no worker is left: what one that died had taken waits in its queue again. */
  returnTakenJobs: Step;
  /** Inside the fence: holds writers where the old server allows it, moves what is left, and proves it or throws. */
  finish(signal: AbortSignal): Promise<FinishedRedis>;
  /** Whether the last pass found its writers held, by the server itself. */
  isHeld(): boolean;
  /** Last inside the fence: every queue and set holds as many jobs on both sides. */
  countJobs: Step;
  /** After the point of no return, before we write ourselves to the Redis that served: its writers need not be held. */
  letGo(): Promise<void>;
  /** Undoes `finish`, or follows no longer. */
  close(): Promise<void>;
}

export interface FinishedRedis {
  /** What the last pass compared; it throws when a key differs. */
  keys: { compared: number; different: number };
  /** `null` for an application without a Redis. */
  pass: Omit<FinishResult, 'compared'> | null;
}

/** The connections that follow live in this process: a continued run opens them anew, and carries what differs. */
export function redisSteps({ options, from, to, later, forget, log }: RedisMove, fence: Held): RedisSteps {
  let followed: RedisFollow | undefined;
  let isFinished = false;
  let isHeld = false;

  const close = async (): Promise<void> => {
    if (followed === undefined) await endHoldOfOlderRun(from, log);
    await followed?.close();
    followed = undefined;
    isHeld = false;
  };

  fence.beforeHolding(async (signal) => {
    await followed?.catchUp(signal);
  });
  fence.beforeCommitting(async () => {
    if (options === null) return;
    if (followed === undefined || !isFinished) throw new Error('The last pass over Redis was not made.');
    await followed.assertStill();
  });

  return {
    follow: defineStep({
      name: 'follow-redis',
      always: true,
      act: async (_prior, { signal }) => {
        await close();
        if (options === null) return null;
        isFinished = false;
        followed = await openWhileServing({ ...options, later: (await later?.()) ?? [] }, signal);
        const caughtUp = await followed.catchUp(signal);
        log.info(
          `Redis follows: ${formatCount(caughtUp.compared)} keys compared, ${formatCount(caughtUp.keys)} that changed meanwhile carried again.`,
        );
        return { copied: { ...followed.copied }, caughtUp: { ...caughtUp } };
      },
      undo: async () => {
        await close();
        await forget?.();
      },
    }),
    returnTakenJobs: defineStep({
      name: 'return-taken-jobs',
      always: true,
      act: async (_prior, { signal }) => {
        const jobs = await sumOfEach(from, { log, signal }, async (redis) => {
          // A queue that we have paused would arrive paused.
          await resumeJobs(redis);
          return returnInProgress(redis);
        });
        if (jobs > 0)
          log.info(`${formatCount(jobs)} jobs that workers had taken wait in their queues again.`);
        return { jobs };
      },
    }),
    finish: async (signal) => {
      if (options === null) return { keys: { compared: 0, different: 0 }, pass: null };
      if (followed === undefined) throw new Error('Redis is not followed.');
      const { compared, ...pass } = await followed.finish(signal);
      isFinished = true;
      isHeld = pass.paused;
      log.info(
        `Redis: ${formatCount(pass.keys)} keys moved and ${formatCount(pass.deleted)} deleted, ${formatCount(compared)} compared, in ${formatDuration(pass.milliseconds)}` +
          `${pass.how === 'everything' ? `; all keys were looked at, since ${pass.reason ?? 'nothing tells what changed'}` : ''}.`,
      );
      return { keys: { compared, different: 0 }, pass };
    },
    isHeld: () => isHeld,
    countJobs: defineStep({
      name: 'count-jobs',
      always: true,
      act: async (_prior, { signal }) => {
        const counts = await proveJobsEqual({ from, to }, { log, signal: fence.inside(signal) });
        for (const { name, size } of counts)
          log.info(`Jobs, equal on both sides: ${name} ${formatCount(size)}`);
        return { counts: counts.map(({ name, size }) => ({ name, size })) };
      },
    }),
    letGo: async () => {
      try {
        // Where nothing tells what changes, all keys would be compared once more, and visitors wait.
        if (followed?.kind !== 'none') await followed?.assertStill();
      } catch (error) {
        log.warning(
          `Something wrote to the Redis that served when it was closed for good, and what it wrote is there only: ${messageOf(error)}`,
        );
      }
      await close();
    },
    close,
  };
}

/** A run that died inside the fence holds the writers for up to 30 s more, and us with them. */
async function endHoldOfOlderRun({ redis: address }: RedisSide, log: Log): Promise<void> {
  if (address === undefined) return;
  try {
    await withRedis(address, { log }, (redis) => redis.call('CLIENT', 'UNPAUSE'));
  } catch (error) {
    // Where it may not be said nobody is held, and what cannot be reached ends by itself.
    log.debug(`A hold of Redis was not ended: ${messageOf(error)}`);
  }
}

/**
 * Opening takes as long as a copy and ends when the run is cancelled. What is open outlives the signal: undoing a
 * cancelled run needs these connections to let writers go that are held.
 */
async function openWhileServing(options: RedisCopyOptions, signal: AbortSignal): Promise<RedisFollow> {
  signal.throwIfAborted();
  const opening = new AbortController();
  const stop = (): void => opening.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await followRedis({ ...options, signal: opening.signal });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
