import { isParked } from '../../src/heroku/release.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Fence } from '../../src/postgres/fence.ts';
import { holdFence } from '../../src/postgres/fence.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { terminateStale } from '../../src/postgres/settle.ts';
import { together } from '../../src/together.ts';
import type { Parties } from '../parties.ts';
import { refuseNewCode, refuseScaled } from './drift.ts';

/** What is done while a side's writers are held. */
export interface Held {
  /** Has something done right before the writers are held, beside whatever else is. */
  beforeHolding(prepare: (signal: AbortSignal) => Promise<void>): void;
  /** Has something looked at right before the point of no return: when it throws, everything is undone. */
  beforeCommitting(check: () => Promise<void>): void;
  /** For work inside the fence: aborts as `signal` does, and when the fence is gone. Throws when it is not held. */
  inside(signal: AbortSignal): AbortSignal;
}

/** The steps that take the fence and pass the point of no return. */
export interface FenceSteps extends Held {
  hold: Step;
  pointOfNoReturn: Step;
}

/** The locks live in a session of this process: a continued run takes them anew. */
export function fenceSteps(parties: Parties): FenceSteps {
  const { subject, oldSide, epoch, log, clock } = parties;
  const { heroku, app } = oldSide;
  const { migrationId } = subject.environment;
  let fence: Fence | undefined;
  const preparations: ((signal: AbortSignal) => Promise<void>)[] = [];
  const checks: (() => Promise<void>)[] = [];
  const held = (): Fence => {
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
        await fence?.release();
        await endOlderRuns(parties);
        await together(signal, [...preparations, () => refuseNewCode(parties), () => refuseScaled(parties)]);
        fence = await holdFence(oldSide.database, { migrationId, epoch, log, clock, signal });
        return { tables: fence.tables };
      },
      undo: async () => {
        await fence?.release();
        fence = undefined;
      },
    }),
    pointOfNoReturn: defineStep({
      name: 'point-of-no-return',
      pointOfNoReturn: true,
      act: async () => {
        const [parked] = await Promise.all([isParked(heroku, app), refuseScaled(parties)]);
        if (!parked) {
          throw new Error(
            `Somebody released ${app} on Heroku during the cutover: its code may write to the old Redis.`,
          );
        }
        held().lost.throwIfAborted();
        await parties.checkLease();
        for (const check of checks) await check();
        await held().commit();
        return { at: clock.now().toISOString() };
      },
      settle: async () => {
        // An older run's COMMIT may still be on its way: the marker counts once its session is gone.
        await endOlderRuns(parties);
        return (await readFence(oldSide.database, migrationId)) === 'closed' ? 'done' : 'not-done';
      },
    }),
  };
}

/** Ends what older runs of this migration left on the source: their locks, and a COMMIT that may still be on its way. */
export async function endOlderRuns({ subject, oldSide, epoch, log }: Parties): Promise<void> {
  const { migrationId } = subject.environment;
  const ended = await terminateStale(oldSide.database, { migrationId, epoch });
  if (ended > 0) log.info(`Ended ${ended} sessions that an earlier run had left on the source.`);
}
