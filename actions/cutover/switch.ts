import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { setAsideJobs } from '../../src/redis/jobs/index.ts';
import { sumOfEach } from '../jobs.ts';
import { openNewSide } from '../opening.ts';
import type { Parties } from '../parties.ts';
import type { RedisSteps } from './redis.ts';

/** An old worker that is started by mistake finds nothing to run a second time. */
export function setOldJobsAside({ subject, oldSide, log }: Parties, redis: Pick<RedisSteps, 'letGo'>): Step {
  return defineStep({
    name: 'set-old-jobs-aside',
    act: async () => {
      // Our own renaming would wait with the writers that are held.
      await redis.letGo();
      const { migrationId } = subject.environment;
      return { keys: await sumOfEach(oldSide, { log }, (old) => setAsideJobs(old, migrationId)) };
    },
  });
}

export function openTheNewSide({ newSide, clock, checkLease }: Parties): Step {
  return defineStep({
    name: 'open-new-side',
    act: async () => {
      // A run that slept through a roll-back must not open a second side.
      await checkLease();
      await openNewSide(newSide);
      return { at: clock.now().toISOString() };
    },
  });
}
