import type { Redis } from 'ioredis';
import type { RedisAddress, RedisOptions } from '../src/redis/connect.ts';
import { withRedis } from '../src/redis/connect.ts';
import { readRedisFacts } from '../src/redis/facts.ts';
import type { JobCount, JobFacts, Place } from '../src/redis/jobs/index.ts';
import { countDifferences, readJobs, readJobsAt, readLateJobs, readPlaces } from '../src/redis/jobs/index.ts';
import { formatCount } from '../src/report/format.ts';
import { table } from '../src/report/summary.ts';
import type { Parties } from './parties.ts';

/** Either side's Redis, with rights to everything; `undefined` for an application without one. */
export interface RedisSide {
  redis: RedisAddress | undefined;
  /** In front of the names of all job keys, where they wait for their places. */
  under?: string;
}

/**
 * Does that in each logical database of a side's Redis that holds keys: an application may keep its jobs in another one
 * than its sessions. No results without a Redis.
 */
export function inEachDatabase<T>(
  { redis }: RedisSide,
  options: RedisOptions,
  body: (redis: Redis, database: number) => Promise<T>,
): Promise<T[]> {
  return redis === undefined ? Promise.resolve([]) : inDatabases(redis, options, body);
}

/** As `inEachDatabase`, the results added up. */
export async function sumOfEach(
  side: RedisSide,
  options: RedisOptions,
  body: (redis: Redis, database: number) => Promise<number>,
): Promise<number> {
  return (await inEachDatabase(side, options, body)).reduce((sum, one) => sum + one, 0);
}

/** How many jobs wait in each queue and set, by the names that their users know; the logical database goes before. */
export async function countOldJobs({ oldSide, log, signal }: Parties): Promise<JobCount[]> {
  const found = await inEachDatabase(oldSide, { log, signal }, async (redis, database) =>
    named(database, (await readJobs(redis)).counts),
  );
  return found.flat();
}

/** What was enqueued on the old side after its jobs were set aside, one line each: no worker will ever run it. */
export async function lateJobs({ subject, oldSide, log, signal }: Parties): Promise<string[]> {
  const { migrationId } = subject.environment;
  const late = await inEachDatabase(oldSide, { log, signal }, async (redis, database) =>
    named(database, await readLateJobs(redis, migrationId)),
  );
  return late
    .flat()
    .map(
      ({ name, size }) =>
        `${name}: ${formatCount(size)} jobs were enqueued on the old Redis after the switch`,
    );
}

/**
 * Counts the jobs of both sides, queue by queue and set by set, of the systems that were found on the first when its
 * workers had ended.
 *
 * @throws Error that names what differs
 */
export async function proveJobsEqual(
  { from, to }: { from: RedisSide; to: RedisSide },
  options: RedisOptions,
): Promise<JobCount[]> {
  if (from.redis === undefined || to.redis === undefined) return [];
  const places = new Map(
    await inEachDatabase(from, options, async (redis, database): Promise<[number, Place[]]> => [
      database,
      await readPlaces(redis),
    ]),
  );
  const [source, target] = await Promise.all([
    jobsAt(from.redis, options, places),
    jobsAt(to.redis, options, places, to.under),
  ]);
  const databases = new Set([...source.keys(), ...target.keys()]);
  const differences = [...databases].flatMap((database) =>
    countDifferences(source.get(database) ?? NO_JOBS, target.get(database) ?? NO_JOBS).map((line) =>
      inDatabase(database, line),
    ),
  );
  if (differences.length > 0) {
    throw new Error(
      ['The jobs on both sides are not the same:', ...differences.map((line) => `  ${line}`)].join('\n'),
    );
  }
  return [...source].flatMap(([database, { counts }]) => named(database, counts));
}

/** For a summary: how many jobs wait in each queue and set. */
export function jobsTable(jobs: readonly JobCount[]): string {
  return table(
    ['Queue or set', { title: 'Jobs', align: 'right' }],
    jobs.map(({ name, size }) => [name, formatCount(size)]),
  );
}

const NO_JOBS: JobFacts = { present: false, processes: [], busy: 0, counts: [] };

async function jobsAt(
  address: RedisAddress,
  options: RedisOptions,
  places: ReadonlyMap<number, Place[]>,
  under?: string,
): Promise<Map<number, JobFacts>> {
  return new Map(
    await inDatabases(address, options, async (redis, database): Promise<[number, JobFacts]> => [
      database,
      await readJobsAt(redis, places.get(database) ?? [], under),
    ]),
  );
}

function inDatabases<T>(
  address: RedisAddress,
  options: RedisOptions,
  body: (redis: Redis, database: number) => Promise<T>,
): Promise<T[]> {
  return withRedis({ ...address, database: 0 }, options, async (redis) => {
    const results: T[] = [];
    for (const database of Object.keys((await readRedisFacts(redis)).keys).map(Number)) {
      await redis.select(database);
      results.push(await body(redis, database));
    }
    return results;
  });
}

function named(database: number, counts: readonly JobCount[]): JobCount[] {
  return counts.map(({ name, size }) => ({ name: inDatabase(database, name), size }));
}

/** Nearly everybody uses the first one only, and need not read its number. */
function inDatabase(database: number, text: string): string {
  return database === 0 ? text : `db${database} ${text}`;
}
