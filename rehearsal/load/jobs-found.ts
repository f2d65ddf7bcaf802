import type { Redis } from 'ioredis';
import type { Queryable } from '../shop/database.ts';

/** One completed run. A row that was copied to the other side has the same run id there. */
export interface JobRun {
  runId: string;
  jid: string;
  side: string;
  attempt: number;
}

/** One firing of a scheduled job. */
export interface Firing {
  job: string;
  jid: string;
  side: string;
  at: Date;
}

/** Jobs that still lie in Redis where a worker of that side would find them. */
export interface WaitingJobs {
  waiting: Set<string>;
  dead: Set<string>;
  /** Being run at the last heartbeat. */
  running: Set<string>;
}

export async function readRuns(client: Queryable): Promise<JobRun[]> {
  const { rows } = await client.query<JobRun>('SELECT run_id AS "runId", jid, side, attempt FROM job_runs');
  return rows;
}

export async function readFirings(client: Queryable): Promise<Firing[]> {
  const { rows } = await client.query<Firing>('SELECT job, jid, side, at FROM schedule_runs');
  return rows;
}

/** What a migration has set aside under a prefix of its own is not where a worker looks, and so not waiting. */
export async function readWaiting(redis: Redis): Promise<WaitingJobs> {
  const found: WaitingJobs = { waiting: new Set(), dead: new Set(), running: new Set() };
  for await (const keys of redis.scanStream({ match: 'queue:*', count: 500 }) as AsyncIterable<string[]>) {
    for (const key of keys) addJobs(found.waiting, await redis.lrange(key, 0, -1));
  }
  addJobs(found.waiting, await redis.zrange('retry', '0', '-1'));
  addJobs(found.waiting, await redis.zrange('schedule', '0', '-1'));
  addJobs(found.dead, await redis.zrange('dead', '0', '-1'));
  for (const identity of await redis.smembers('processes')) {
    const work = await redis.hvals(`${identity}:work`);
    addJobs(
      found.running,
      work.map((entry) => (JSON.parse(entry) as { payload: string }).payload),
    );
  }
  return found;
}

function addJobs(jids: Set<string>, payloads: string[]): void {
  for (const payload of payloads) jids.add((JSON.parse(payload) as { jid: string }).jid);
}
