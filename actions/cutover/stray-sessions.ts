import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { endStrays } from '../../src/postgres/stray.ts';
import type { Parties } from '../parties.ts';

/**
 * No dyno of the old code is left: who is still connected to the old database is a console, a report or a tool of
 * somebody's, named and ended. What it would write from here on, the fence holds and the point of no return refuses.
 */
export function endStraySessions({ oldSide, log, clock }: Parties): Step {
  return defineStep({
    name: 'stray-sessions',
    always: true,
    act: async (_prior, { signal }) => {
      const { ended, left } = await endStrays(oldSide.database, { clock, signal });
      if (ended.length > 0)
        log.info(`Sessions on the old database that were nobody's of the app, ended: ${ended.join('; ')}`);
      if (left.length > 0)
        log.warning(
          `Sessions on the old database that may not be ended from here; the fence holds their writes: ${left.join('; ')}`,
        );
      return { ended, left };
    },
  });
}
