import type { Redis } from 'ioredis';
import type { JobFacts, JobSystem, WaitOptions } from './job-system.ts';
import * as sidekiq from './sidekiq.ts';

export type { JobCount, JobFacts, JobSystem, WaitOptions, WorkerProcess } from './job-system.ts';

/** The job systems that are in use in the selected database. */
export async function detectJobSystems(_redis: Redis): Promise<JobSystem[]> {
  await Promise.resolve();
  throw new Error('not built yet');
}

/** All of them together; `counts` carry the system's name where there are several. */
export async function readJobs(redis: Redis): Promise<JobFacts> {
  const { present, processes, busy, queues, retry, schedule, dead, cron } = await sidekiq.readSidekiq(redis);
  const sets = Object.entries({ retry, schedule, dead, cron }).map(([name, size]) => ({ name, size }));
  return { present, processes, busy, counts: [...queues, ...sets] };
}

/** Tells all workers to fetch no more; returns how many processes were told. */
export function quietJobs(redis: Redis): Promise<number> {
  return sidekiq.quietSidekiq(redis);
}

/** Undoes what `quietJobs` keeps in Redis. Processes that were told stay quiet until they are restarted. */
export async function resumeJobs(_redis: Redis): Promise<number> {
  await Promise.resolve();
  return 0;
}

/** Waits until every process is quiet and runs nothing; after `limitMs` it answers `idle: false`. */
export function waitUntilIdle(
  redis: Redis,
  options: WaitOptions,
): Promise<{ idle: boolean; busy: number; waitedMs: number }> {
  return sidekiq.waitUntilIdle(redis, options);
}

/** Once the workers have ended: what dead processes had taken goes back to its queues. Returns the number of jobs. */
export async function returnInProgress(_redis: Redis): Promise<number> {
  await Promise.resolve();
  throw new Error('not built yet');
}

/** Renames the job keys under `heroku-to-digitalocean:<id>:` in one step. See `set-aside.ts`. */
export function setAsideJobs(redis: Redis, migrationId: string): Promise<number> {
  return sidekiq.setAsideJobs(redis, migrationId);
}

/** Undoes `setAsideJobs` in one step; returns the number of keys, 0 when nothing is set aside. */
export function bringBackJobs(redis: Redis, migrationId: string): Promise<number> {
  return sidekiq.bringBackJobs(redis, migrationId);
}

/** After a move back: the jobs that were set aside are on the old side again in their place, so these are deleted. */
export async function dropSetAside(_redis: Redis, _migrationId: string): Promise<number> {
  await Promise.resolve();
  throw new Error('not built yet');
}

/** Counts per queue and set that differ between two sides, one line each; empty when all are equal. */
export function countDifferences(_source: JobFacts, _target: JobFacts): string[] {
  throw new Error('not built yet');
}
