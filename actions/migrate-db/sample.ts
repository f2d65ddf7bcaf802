import { messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { requestsPerSecond } from '../../src/heroku/request-rate.ts';
import { readRouterLog } from '../../src/heroku/router-log.ts';
import type { ActivityReading } from '../../src/migration/quiet-hours.ts';
import { readSource } from '../../src/migration/source.ts';
import { readActivity } from '../../src/postgres/activity.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { readWaitingJobs } from '../../src/redis/jobs/waiting.ts';
import { herokuOf } from '../parties.ts';
import type { Subject } from '../subject.ts';

const PATIENCE_MS = 60_000;
/** As often as the schedule samples, when it is on time. */
const HOUR_MS = 3_600_000;

/**
 * How busy production is at this moment, for the hours of the week that assess proposes: counters of the database on Heroku,
 * the jobs that wait in its Redis, and the requests of the last hour in the log of Heroku's router. Reading only, and nothing depends on it: undefined when it cannot be read, or when
 * Heroku no longer serves.
 */
export async function sampleActivity(
  edge: Edge,
  { environment }: Subject,
): Promise<ActivityReading | undefined> {
  const signal = AbortSignal.any([edge.signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    const heroku = herokuOf(edge, signal);
    const source = await readSource(heroku, environment.herokuApp, edge);
    if (source.postgres === undefined) return undefined;
    if ((await readFence(source.postgres, environment.migrationId, { signal })) === 'closed')
      return undefined;
    const [activity, queued, requests] = await Promise.all([
      withConnection(
        source.postgres,
        { applicationName: 'h2d activity', statementTimeoutMs: 10_000, signal },
        readActivity,
      ),
      source.redis === undefined ? undefined : waitingJobs(edge, source.redis, signal),
      requestRate(edge, heroku, environment.herokuApp),
    ]);
    return {
      ...activity,
      ...(queued === undefined ? {} : { queued }),
      ...(requests === undefined ? {} : { requests }),
    };
  } catch (error) {
    edge.signal.throwIfAborted();
    edge.log.info(`How busy production is was not sampled: ${messageOf(error)}`);
    return undefined;
  }
}

async function waitingJobs(
  { log }: Edge,
  address: RedisAddress,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    return await withRedis(address, { log, signal }, readWaitingJobs);
  } catch (error) {
    log.info(`The jobs that wait were not counted: ${messageOf(error)}`);
    return undefined;
  }
}

async function requestRate(
  { log, clock }: Edge,
  heroku: HerokuClient,
  app: string,
): Promise<number | undefined> {
  try {
    const lines = await readRouterLog(heroku, app);
    if (lines !== undefined) return requestsPerSecond(lines, clock.now(), HOUR_MS);
    log.info("Requests were not counted: the log of Heroku's router could not be read.");
  } catch (error) {
    log.info(`Requests were not counted: ${messageOf(error)}`);
  }
  return undefined;
}
