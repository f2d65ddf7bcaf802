import { restartWorkers } from '../../src/digitalocean/app-restart.ts';
import { targetNames } from '../../src/migration/names.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { holdFence, type Fence } from '../../src/postgres/fence.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import { terminateStale } from '../../src/postgres/settle.ts';
import {
  forgetJobs,
  forgetRunningJobs,
  keepRunningJobs,
  quietJobs,
  readJobs,
  resumeJobs,
  waitUntilIdle,
} from '../../src/redis/jobs/index.ts';
import { redisIs } from '../../src/redis/rights.ts';
import { together } from '../../src/together.ts';
import { endOlderRuns, type FenceSteps } from '../cutover/fence.ts';
import { inEachDatabase, sumOfEach, type RedisSide } from '../jobs.ts';
import { closeNewSide, openNewSide } from '../opening.ts';
import type { Parties } from '../parties.ts';

export function newRedis({ newSide }: Parties): RedisSide {
  return { redis: newSide.redis?.admin };
}

/** The new side's workers take no new jobs and end those that run, while it still serves. */
export function quietNewWorkers(parties: Parties): Step {
  const { subject, log, clock } = parties;
  const side = newRedis(parties);
  return defineStep({
    name: 'quiet-workers',
    act: async (_prior, { signal }) => {
      const told = await sumOfEach(side, { log, signal }, quietJobs);
      const started = clock.now().getTime();
      const limitMs = subject.config.workers.quietTimeoutMs;
      await inEachDatabase(side, { log, signal }, async (redis) => {
        const left = Math.max(0, limitMs - (clock.now().getTime() - started));
        const { idle, busy } = await waitUntilIdle(redis, { limitMs: left, log, clock, signal });
        // The way back must not depend on a job that never ends: one that was taken is returned to its queue.
        if (!idle)
          log.warning(
            `${busy} jobs are still running ${Math.round(limitMs / 1000)} s after the workers were told to go quiet; what they do not finish runs again on Heroku.`,
          );
      });
      return { told, waitedMs: clock.now().getTime() - started };
    },
    // Of a run that died: they may have been started anew since, and take jobs. Those of a closed side cannot.
    settle: async () => {
      const { redis } = parties.newSide;
      if (redis === undefined) return 'done';
      return (await redisIs(redis.admin, redis.appUser)) === 'closed' ? 'done' : 'not-done';
    },
    undo: () => wakeWorkers(parties),
  });
}

/**
 * Right after the side was closed: jobs that its workers run all the same can end there no more, neither well nor by a
 * retry, so they are kept for Heroku.
 */
export function keepRunning(parties: Parties): Step {
  const { subject, log } = parties;
  const { migrationId } = subject.environment;
  const side = newRedis(parties);
  return defineStep({
    name: 'keep-running-jobs',
    act: async () => {
      const jobs = await sumOfEach(side, { log }, (redis) => keepRunningJobs(redis, migrationId));
      if (jobs > 0) log.info(`${jobs} jobs that are still running will run again on Heroku.`);
      return { jobs };
    },
    undo: async () => {
      await inEachDatabase(side, { log }, (redis) => forgetRunningJobs(redis, migrationId));
    },
  });
}

/** Workers that were told to be quiet are so until they are started anew: the next cutover needs them awake. */
export function restartNewWorkers(parties: Parties): Step {
  return defineStep({
    name: 'restart-workers-of-new-side',
    act: async () => {
      await wakeWorkers(parties);
      return null;
    },
  });
}

/** Not asked whether any is quiet: on a closed side they cannot tell, and after a minute nothing names them any more. */
async function wakeWorkers(parties: Parties): Promise<void> {
  const { subject, newSide, log } = parties;
  const found = await inEachDatabase(newRedis(parties), { log }, async (redis) => {
    await resumeJobs(redis);
    await forgetJobs(redis);
    return (await readJobs(redis)).present;
  });
  if (!found.includes(true)) return;
  const { app } = targetNames(subject.environment.migrationId, subject.config.application);
  const names = await restartWorkers(newSide.client, app);
  if (names.length > 0) log.info(`Workers of the new side were started anew: ${names.join(', ')}`);
}

/** Takes the rights to write. `wasOpen`: an undo gives them back. */
export function closeTheNewSide({ newSide }: Parties, wasOpen: boolean): Step {
  return defineStep({
    name: 'close-new-side',
    act: async () => {
      await closeNewSide(newSide);
      return null;
    },
    undo: async () => {
      if (wasOpen) await openNewSide(newSide);
    },
  });
}

/** Who may not write need not be held: no session's end lets anybody write. */
const CLOSED_BY_RIGHTS: Pick<Fence, 'lost' | 'release'> = {
  lost: new AbortController().signal,
  release: () => Promise.resolve(),
};

/**
 * The fence of the way back: locks of this process's session hold the new side's writers while its rights are taken and
 * the rest is drained; its point of no return lifts the one on Heroku.
 *
 * A side that is closed already, by a way back that died or because it was never opened, is held by its rights. There
 * are no such locks to be had without them either: up to version 16 Postgres gives them only to who may write.
 */
export function fenceOfTheWayBack(parties: Parties): FenceSteps {
  const { subject, oldSide, newSide, epoch, log, clock } = parties;
  const { migrationId } = subject.environment;
  const preparations: ((signal: AbortSignal) => Promise<void>)[] = [];
  const checks: (() => Promise<void>)[] = [];
  let fence: Pick<Fence, 'lost' | 'release'> | undefined;
  const release = async (): Promise<void> => {
    await fence?.release();
    fence = undefined;
  };
  const held = (): Pick<Fence, 'lost' | 'release'> => {
    if (fence === undefined) throw new Error('The fence is not held.');
    return fence;
  };
  return {
    beforeHolding: (prepare) => void preparations.push(prepare),
    beforeCommitting: (check) => void checks.push(check),
    inside: (signal) => AbortSignal.any([signal, held().lost]),
    hold: defineStep({
      name: 'fence',
      always: true,
      act: async (_prior, { signal }) => {
        await release();
        await terminateStale(newSide.owner, { migrationId, epoch, signal });
        await together(signal, preparations);
        if ((await writesAre(newSide.owner, { signal })) === 'closed') {
          fence = CLOSED_BY_RIGHTS;
          log.info('The new side is closed by rights already: nobody writes there.');
          return { tables: 0 };
        }
        const locks = await holdFence(newSide.owner, { migrationId, epoch, log, clock, signal });
        fence = locks;
        return { tables: locks.tables };
      },
      undo: release,
    }),
    pointOfNoReturn: defineStep({
      name: 'lift-fence',
      pointOfNoReturn: true,
      act: async () => {
        held().lost.throwIfAborted();
        await parties.checkLease();
        for (const check of checks) await check();
        await liftFence(oldSide.database, migrationId, { log, clock });
        // Closed by its rights from here on.
        await release();
        return { at: clock.now().toISOString() };
      },
      settle: async () => {
        await endOlderRuns(parties);
        return (await readFence(oldSide.database, migrationId)) === 'open' ? 'done' : 'not-done';
      },
    }),
  };
}
