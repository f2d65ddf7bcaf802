import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { endReverse } from '../../src/postgres/reverse.ts';
import { settleLive } from '../../src/postgres/settle-live.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { dropSetAside, forgetJobs, handOverRunningJobs } from '../../src/redis/jobs/index.ts';
import { stagedUnder } from '../../src/redis/jobs/staged.ts';
import { redisOptionsBack } from '../copy-both.ts';
import { catchUpWhileServing } from '../cutover/catch-up.ts';
import { finalDrain } from '../cutover/final-drain.ts';
import { redisSteps, type RedisSteps } from '../cutover/redis.ts';
import { inEachDatabase, sumOfEach } from '../jobs.ts';
import { backward, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import { jobsBack, type JobsBack } from './jobs-back.ts';
import {
  closeTheNewSide,
  fenceOfTheWayBack,
  keepRunning,
  newRedis,
  quietNewWorkers,
  restartNewWorkers,
} from './new-side.ts';
import type { Past } from './past.ts';
import type { ReturnSteps } from './traffic.ts';

/** What a way back does with the data: before Heroku may write again, right after it, and once it serves. */
export interface DataBack {
  untilHerokuMayWrite: Step[];
  afterwards: Step[];
  onceItServes: Step[];
}

/**
 * The cutover the other way round: the new side has captured what changed there, so all that it took since the switch
 * is brought to Heroku, proven, and only then may Heroku write. Heroku follows while the new side still serves; inside
 * the fence only the last of it moves.
 */
export function carryBack(parties: Parties, past: Past, { hold }: Pick<ReturnSteps, 'hold'>): DataBack {
  const { subject, oldSide, log } = parties;
  const { migrationId } = subject.environment;
  const fence = fenceOfTheWayBack(parties);
  const jobs = jobsBack(parties);
  const redis = redisSteps(
    {
      ...{ options: redisOptionsBack(parties), from: newRedis(parties), log },
      to: { redis: oldSide.redis, under: stagedUnder(migrationId) },
      ...{ later: jobs.later, forget: jobs.forget },
    },
    fence,
  );
  fence.beforeCommitting(jobs.check);
  return {
    untilHerokuMayWrite: [
      catchUpWhileServing(parties, backward(parties), () => Promise.resolve()),
      jobs.lookAtLate,
      redis.follow,
      quietNewWorkers(parties),
      ...hold,
      fence.hold,
      closeTheNewSide(parties, past.wasOpened),
      keepRunning(parties),
      redis.returnTakenJobs,
      finalDrain(parties, backward(parties), fence, redis),
      jobs.carry,
      redis.countJobs,
      fence.pointOfNoReturn,
    ],
    afterwards: [forgetOldJobs(parties, redis, jobs)],
    onceItServes: [
      defineStep({
        name: 'settle',
        act: async (_prior, { signal }) => {
          await settleLive(backward(parties), liveOptions({ ...parties, signal }));
          return null;
        },
      }),
      defineStep({
        name: 'end-reverse-capture',
        act: async (_prior, { signal }) => {
          await endReverse(backward(parties), liveOptions({ ...parties, signal }));
          return null;
        },
      }),
      restartNewWorkers(parties),
    ],
  };
}

/**
 * The jobs that were set aside at the switch have come back in their newest state, or have been run; those that came take
 * their places, and late ones join behind them.
 */
function forgetOldJobs(parties: Parties, redis: Pick<RedisSteps, 'letGo'>, jobsOf: JobsBack): Step {
  const { subject, oldSide, log } = parties;
  const { migrationId } = subject.environment;
  return defineStep({
    name: 'forget-old-jobs',
    act: async () => {
      await redis.letGo();
      const keys = await sumOfEach(oldSide, { log }, (old) => dropSetAside(old, migrationId));
      const placed = await jobsOf.place();
      const jobs = await handOverRunning(parties);
      await inEachDatabase(oldSide, { log }, forgetJobs);
      return { keys, placed: placed.keys, late: placed.late, jobs };
    },
  });
}

/** Jobs that the new side's workers still ran when it was closed are fetched first on Heroku. */
async function handOverRunning(parties: Parties): Promise<number> {
  const { subject, oldSide, log } = parties;
  const { migrationId } = subject.environment;
  const { redis: address } = oldSide;
  if (address === undefined) return 0;
  return sumOfEach(newRedis(parties), { log }, (from, database) =>
    withRedis({ ...address, database }, { log }, (to) => handOverRunningJobs(from, to, migrationId)),
  );
}
