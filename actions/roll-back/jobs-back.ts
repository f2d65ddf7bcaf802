import type { Redis } from 'ioredis';

import { ConfigurationError } from '../../src/errors.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { readRedisFacts } from '../../src/redis/facts.ts';
import type { Place } from '../../src/redis/jobs/index.ts';
import { findPlaces } from '../../src/redis/jobs/find.ts';
import { lateObstacles, placeJobs } from '../../src/redis/jobs/place.ts';
import type { StagedOptions } from '../../src/redis/jobs/staged.ts';
import { dropStaged, jobPatterns, proveStaged, stageJobs } from '../../src/redis/jobs/staged.ts';
import { OUR_PREFIX } from '../../src/redis/our-keys.ts';
import { formatCount } from '../../src/report/format.ts';
import { inEachDatabase, lateJobs } from '../jobs.ts';
import type { Parties } from '../parties.ts';
import { newRedis } from './new-side.ts';

/**
 * How the new side's jobs come back: under names of ours until Heroku may write, so that what somebody enqueues on the
 * old Redis meanwhile, however late, is neither overwritten nor deleted.
 */
export interface JobsBack {
  /** Patterns of the keys that are carried here and nowhere else; notes where job systems are. */
  later: () => Promise<string[]>;
  /** Before anything is touched: what was enqueued since the switch, and whether it can join what comes. */
  lookAtLate: Step;
  /** Inside the fence, once the new side's writers are held. */
  carry: Step;
  /** Right before Heroku may write: nothing has changed since. */
  check: () => Promise<void>;
  /** Once Heroku may write: all jobs in their places. */
  place: () => Promise<{ keys: number; late: number }>;
  /** Undone: nothing of ours stays. */
  forget: () => Promise<void>;
}

export function jobsBack(parties: Parties): JobsBack {
  const { subject, oldSide, log, signal } = parties;
  const { migrationId } = subject.environment;
  const noteKey = `${OUR_PREFIX}${migrationId}-places`;
  const old = { ...oldSide.redis, database: 0 } as NonNullable<typeof oldSide.redis>;
  const hasRedis = oldSide.redis !== undefined;

  const optionsOf = (places: Place[]): StagedOptions => ({
    migrationId,
    places,
    skip: subject.config.redis.skip,
    signal,
  });
  const noted = (): Promise<StagedOptions | undefined> =>
    withRedis(old, { log }, async (redis) => {
      const text = await redis.get(noteKey);
      return text === null ? undefined : optionsOf(JSON.parse(text) as Place[]);
    });

  return {
    later: async () => {
      const places: Place[] = [];
      await inBoth(parties, async (from, to) => {
        for (const redis of [from, to]) places.push(...(await findPlaces(redis)));
      });
      await withRedis(old, { log }, (redis) => redis.set(noteKey, JSON.stringify(places)));
      return jobPatterns(places);
    },

    lookAtLate: defineStep({
      name: 'late-jobs',
      always: true,
      act: async () => {
        const late = await lateJobs(parties);
        for (const line of late) log.info(`${line}: they run on Heroku once it serves.`);
        const obstacles: string[] = [];
        await inBoth(parties, async (from, to) => {
          obstacles.push(...(await lateObstacles(from, to)));
        });
        if (late.length > 0 && obstacles.length > 0)
          throw new ConfigurationError(
            [
              'Jobs that were enqueued on the old Redis after the switch cannot stand beside those that come back. Nothing was touched:',
              ...obstacles.slice(0, 20),
              'Enqueue them on the new side instead and delete them on the old one, then run this again.',
            ].join('\n  '),
          );
        return { late };
      },
    }),

    carry: defineStep({
      name: 'carry-jobs',
      always: true,
      act: async () => {
        if (!hasRedis) return { keys: 0 };
        const options = await noted();
        if (options === undefined) throw new Error('Where the jobs are was not noted.');
        let keys = 0;
        await inBoth(parties, async (from, to) => {
          keys += await stageJobs(from, to, options);
        });
        log.info(
          `Jobs: ${formatCount(keys)} keys carried to Heroku's Redis, beside their places, and equal.`,
        );
        return { keys };
      },
    }),

    check: async () => {
      if (!hasRedis) return;
      const options = await noted();
      if (options === undefined) throw new Error('Where the jobs are is no longer noted.');
      await inBoth(parties, (from, to) => proveStaged(from, to, options));
    },

    place: async () => {
      const done = { keys: 0, late: 0 };
      const options = hasRedis ? await noted() : undefined;
      if (options === undefined) return done;
      await inEachDatabase(oldSide, { log }, async (redis) => {
        const { placed, late } = await placeJobs(redis, options);
        done.keys += placed;
        done.late += late;
      });
      // Last: a run after a kill still needs it.
      await withRedis(old, { log }, (redis) => redis.unlink(noteKey));
      if (done.late > 0)
        log.info(
          `${formatCount(done.late)} jobs that were enqueued on Heroku's Redis after the switch wait behind those that came back.`,
        );
      return done;
    },

    forget: async () => {
      if (!hasRedis) return;
      await inEachDatabase(oldSide, { log }, (redis) => dropStaged(redis, migrationId));
      await withRedis(old, { log }, (redis) => redis.unlink(noteKey));
    },
  };
}

/** In each logical database that holds keys on either side. */
async function inBoth(
  parties: Parties,
  body: (from: Redis, to: Redis, database: number) => Promise<void>,
): Promise<void> {
  const { oldSide, log } = parties;
  const { redis: fresh } = newRedis(parties);
  if (oldSide.redis === undefined || fresh === undefined) return;
  const [here, there] = [
    { ...fresh, database: 0 },
    { ...oldSide.redis, database: 0 },
  ];
  await withRedis(here, { log }, (from) =>
    withRedis(there, { log }, async (to) => {
      const facts = await Promise.all([readRedisFacts(from), readRedisFacts(to)]);
      const databases = new Set(facts.flatMap(({ keys }) => Object.keys(keys).map(Number)));
      for (const database of databases) {
        await Promise.all([from.select(database), to.select(database)]);
        await body(from, to, database);
      }
    }),
  );
}
