import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { parseDuration } from '../../src/migration/duration.ts';
import type { ActivityReading } from '../../src/migration/quiet-hours.ts';
import { readActivity } from '../../src/postgres/activity.ts';
import { readAssessFacts, type AssessFacts } from '../../src/postgres/assess-facts.ts';
import { readBriefFacts } from '../../src/postgres/brief-facts.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import type { DatabaseFacts } from '../../src/postgres/facts.ts';
import type { LiveFacts } from '../../src/postgres/live-facts.ts';
import { readRedisAssessFacts, type RedisAssessFacts } from '../../src/redis/assess-facts.ts';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { readRedisFacts, type RedisFacts } from '../../src/redis/facts.ts';
import { formatDuration } from '../../src/report/format.ts';

/** Absent in a brief look: what is in depth. */
export interface DatabaseRead {
  database: DatabaseFacts;
  live: LiveFacts;
  inDepth?: AssessFacts;
  activity?: ActivityReading;
}

export interface RedisRead {
  server: RedisFacts;
  inDepth?: RedisAssessFacts;
}

/** Beyond the sample. A network that has swallowed the connection would hold the run for a quarter of an hour. */
const PATIENCE_MS = 120_000;
const BRIEF_PATIENCE_MS = 30_000;

/** How long sessions and activity are sampled, milliseconds; ConfigurationError for an input that is no duration. */
export function sampleOf(edge: Pick<Edge, 'inputs'>): number {
  const milliseconds = parseDuration(edge.inputs.required('sample'));
  if (milliseconds !== undefined) return milliseconds;
  throw new ConfigurationError('The input sample must be a duration such as 5s or 1m.');
}

/** Reads only, with a limit per statement and none in front of anybody's lock: assess may run against a busy production. */
export function readDatabase(
  { log, clock, signal: cancelled }: Edge,
  address: PostgresAddress,
  sampleMs: number,
): Promise<DatabaseRead> {
  return within(cancelled, sampleMs + PATIENCE_MS, (signal) =>
    withConnection(
      address,
      { applicationName: 'h2d assess', log, statementTimeoutMs: 30_000, signal },
      async (client) => {
        const inDepth = await readAssessFacts(client, { sampleMs, clock, signal });
        const { database, live } = inDepth;
        return { database, live, inDepth, activity: await readActivity(client) };
      },
    ),
  );
}

/** Some statements and no sample: one look among many. */
export function readDatabaseBriefly(
  { log, signal: cancelled }: Edge,
  address: PostgresAddress,
): Promise<DatabaseRead> {
  return within(cancelled, BRIEF_PATIENCE_MS, (signal) =>
    withConnection(
      address,
      { applicationName: 'h2d assess', log, statementTimeoutMs: 10_000, signal },
      (client) => readBriefFacts(client),
    ),
  );
}

/** Without any effect on it: assess may run beside a busy production, or a cutover. */
export function readRedis({ log, signal: cancelled }: Edge, address: RedisAddress): Promise<RedisRead> {
  return within(cancelled, PATIENCE_MS, (signal) =>
    withRedis(address, { log, signal }, async (redis) => {
      const inDepth = await readRedisAssessFacts(redis, { signal });
      return { server: inDepth.server, inDepth };
    }),
  );
}

/** What the server says about itself; no key is looked at. */
export function readRedisBriefly(
  { log, signal: cancelled }: Edge,
  address: RedisAddress,
): Promise<RedisRead> {
  return within(cancelled, BRIEF_PATIENCE_MS, (signal) =>
    withRedis(address, { log, signal }, async (redis) => ({ server: await readRedisFacts(redis) })),
  );
}

async function within<T>(
  cancelled: AbortSignal,
  milliseconds: number,
  read: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(
      new ConfigurationError(
        `it did not answer within ${formatDuration(milliseconds)}. Run assess again; if it stays so, run it from where the database is reached.`,
      ),
    );
  }, milliseconds);
  try {
    return await read(AbortSignal.any([cancelled, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}
