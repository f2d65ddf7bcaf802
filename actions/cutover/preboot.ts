import { hasPreboot, setPreboot } from '../../src/heroku/features.ts';
import { newestReleaseAt } from '../../src/heroku/released-since.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';

/** With preboot old dynos serve on for about three minutes after a release, in no list of Heroku's. */
const HIDDEN_MS = 5 * 60_000;

/**
 * The wait for the last dyno looks at Heroku's list, so preboot is off before anything is released, and what the newest
 * release may have left unlisted has ended. Nobody waits for it: the site serves. Without preboot it only looks.
 */
export function prebootOff({ oldSide: { heroku, app }, log, clock }: Parties): Step {
  return defineStep({
    name: 'preboot-off',
    prior: async () => ({ preboot: await hasPreboot(heroku, app) }),
    act: async ({ preboot }, { signal }) => {
      if (!preboot) return { turnedOff: false, waitedMs: 0 };
      await setPreboot(heroku, app, false);
      const left = (await newestReleaseAt(heroku, app)).getTime() + HIDDEN_MS - clock.now().getTime();
      if (left > 0) {
        log.info(
          `Waiting ${Math.ceil(left / 1000)} s until old dynos that preboot had left of the newest release are gone.`,
        );
        await clock.sleep(left, signal);
      }
      return { turnedOff: true, waitedMs: Math.max(0, left) };
    },
    undo: async ({ preboot }) => {
      if (preboot) await setPreboot(heroku, app, true);
    },
  });
}
