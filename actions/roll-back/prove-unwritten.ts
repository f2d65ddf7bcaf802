import { NotSupportedError } from '../../src/errors.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { bringBackJobs, forgetJobs, setAsideJobs } from '../../src/redis/jobs/index.ts';
import { inEachDatabase, sumOfEach } from '../jobs.ts';
import type { Parties } from '../parties.ts';
import { compareBoth, differencesOf, parityFigures } from '../prove-equal.ts';
import type { DataBack } from './carry-back.ts';
import { closeTheNewSide } from './new-side.ts';
import type { Past } from './past.ts';
import type { ReturnSteps } from './traffic.ts';

/**
 * The way back from a new side that captures nothing (its cutover was made by an older version): only as long as it has
 * taken no write, which is proven first.
 */
export function proveUnwritten(parties: Parties, past: Past, { hold }: Pick<ReturnSteps, 'hold'>): DataBack {
  const { subject, oldSide, log } = parties;
  const { migrationId } = subject.environment;
  return {
    untilHerokuMayWrite: [
      ...hold,
      closeTheNewSide(parties, past.wasOpened),
      defineStep({
        name: 'bring-jobs-back',
        act: async () => {
          const keys = await sumOfEach(oldSide, { log }, async (redis) => {
            const brought = await bringBackJobs(redis, migrationId);
            await forgetJobs(redis);
            return brought;
          });
          return { keys };
        },
        undo: async () => {
          await inEachDatabase(oldSide, { log }, (redis) => setAsideJobs(redis, migrationId));
        },
      }),
      defineStep({
        name: 'prove-no-writes',
        always: true,
        act: async () => {
          const parities = await compareBoth(parties);
          const differences = differencesOf(parities);
          if (differences.length > 0) {
            throw new NotSupportedError(
              [
                'The new side has taken writes since the switch and did not capture them, so they cannot be carried back. ' +
                  'It stays open and serving; nothing was lost. What differs:',
                ...differences.slice(0, 20).map((line) => `  ${line}`),
              ].join('\n'),
            );
          }
          return parityFigures(parities);
        },
      }),
      defineStep({
        name: 'lift-fence',
        pointOfNoReturn: true,
        act: async () => {
          await parties.checkLease();
          await liftFence(oldSide.database, migrationId, { log, clock: parties.clock });
          return null;
        },
        settle: async () =>
          (await readFence(oldSide.database, migrationId)) === 'open' ? 'done' : 'not-done',
      }),
    ],
    afterwards: [],
    onceItServes: [],
  };
}
