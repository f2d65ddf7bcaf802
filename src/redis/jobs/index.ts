import type { Redis } from 'ioredis';
import { OUR_PREFIX } from '../our-keys.ts';
import { resumeBullmq } from './bullmq.ts';
import { findPlaces, findUsualPlaces } from './find.ts';
import type {
  JobCount,
  JobFacts,
  JobSystem,
  Place,
  RunningJob,
  WaitOptions,
  WorkerProcess,
} from './job-system.ts';
import { inOneStep } from './one-step.ts';
import { PAUSED_KEY } from './paused.ts';
import { resumeResque } from './resque.ts';
import { bringBack, dropAside, isAside, setAside } from './set-aside.ts';
import { placeUnder, systemAt } from './system-at.ts';

export type { JobCount, JobFacts, JobSystem, Place, WaitOptions, WorkerProcess } from './job-system.ts';

/** Between two looks at the processes. */
const POLL_MS = 500;
/** A process that goes quiet may still fetch one job: its fetch waits up to 2 s for one (Sidekiq's fetch.rb, TIMEOUT). */
const SETTLE_MS = 2_500;
/** The places that were found last, as JSON: no further look at all names between fence and opening. */
const PLACES_KEY = `${OUR_PREFIX}job-systems`;

/** The job systems in the selected database; looks at the names of all keys, about a second for a million. */
async function detectJobSystems(redis: Redis): Promise<JobSystem[]> {
  return (await findPlaces(redis)).map(systemAt);
}

/** Sidekiq without a namespace and Resque under its own: those that are found at once. */
export async function usualJobSystems(redis: Redis): Promise<JobSystem[]> {
  return (await findUsualPlaces(redis)).map(systemAt);
}

/** All of them together; `counts` carry the system's name where there are several. */
export async function readJobs(redis: Redis): Promise<JobFacts> {
  return readJobsAt(redis, await findPlaces(redis));
}

/**
 * Of these places only, on whichever side: without another look at the names of all keys. `under`: a prefix of ours in
 * front of all of them.
 */
export async function readJobsAt(redis: Redis, places: readonly Place[], under = ''): Promise<JobFacts> {
  const systems = places.map((place) => systemAt(under === '' ? place : placeUnder(under, place)));
  const kinds = places.map(kindOf);
  const processes = await allProcesses(redis, systems);
  const counts: JobCount[] = [];
  const several = new Set(kinds).size > 1;
  for (const [index, system] of systems.entries())
    for (const { name, size } of await system.counts(redis))
      counts.push({ name: several ? `${kinds[index] ?? ''} ${name}` : name, size });
  return { present: systems.length > 0, processes, busy: busyIn(processes), counts };
}

/** `sidekiq`, `myapp:sidekiq` for one with a namespace, `bullmq` for all its queues. */
function kindOf({ system, prefix }: Place): string {
  if (system === 'bullmq' || prefix === `${system}:`) return system;
  return `${prefix}${system}`;
}

async function allProcesses(redis: Redis, systems: JobSystem[]): Promise<WorkerProcess[]> {
  const processes: WorkerProcess[] = [];
  for (const system of systems) processes.push(...(await system.processes(redis)));
  return processes;
}

function busyIn(processes: WorkerProcess[]): number {
  return processes.reduce((sum, process) => sum + process.busy, 0);
}

/** Tells all workers to fetch no more; returns how many processes (for BullMQ queues) were told. */
export async function quietJobs(redis: Redis): Promise<number> {
  return quietAll(redis, await findAndNote(redis));
}

async function findAndNote(redis: Redis): Promise<JobSystem[]> {
  const places = await findPlaces(redis);
  await redis.set(PLACES_KEY, JSON.stringify(places));
  return places.map(systemAt);
}

/** Those that were noted, and those that are found at once; a look at all names when nothing was noted. */
async function notedJobSystems(redis: Redis): Promise<JobSystem[]> {
  const noted = await redis.get(PLACES_KEY);
  if (noted === null) return findAndNote(redis);
  const places = JSON.parse(noted) as Place[];
  for (const usual of await findUsualPlaces(redis))
    if (!places.some(({ system, prefix }) => system === usual.system && prefix === usual.prefix))
      places.push(usual);
  return places.map(systemAt);
}

/** Where `quietJobs` or `returnInProgress` found job systems; looks at the names of all keys when neither has run. */
export async function readPlaces(redis: Redis): Promise<Place[]> {
  const noted = await redis.get(PLACES_KEY);
  return noted === null ? findPlaces(redis) : (JSON.parse(noted) as Place[]);
}

async function quietAll(redis: Redis, systems: JobSystem[]): Promise<number> {
  let told = 0;
  for (const system of systems) told += await system.quiet(redis);
  return told;
}

/**
 * Undoes what `quietJobs` keeps in Redis (pauses of BullMQ and Resque) and nothing that a person has paused; returns
 * how many pauses. Sidekiq processes that were told stay quiet until they are restarted. Comes on going back, and on
 * going on: after the last worker has ended and before the last keys are carried, or the new side would be paused.
 */
export async function resumeJobs(redis: Redis): Promise<number> {
  let resumed = 0;
  for (const name of await redis.hkeys(PAUSED_KEY)) {
    const prefix = name.slice(name.indexOf(' ') + 1);
    const done = name.startsWith('resque ')
      ? await resumeResque(redis, prefix)
      : await resumeBullmq(redis, prefix);
    if (done) resumed += 1;
  }
  return resumed;
}

/**
 * Waits until every process that can be told is quiet and runs nothing, telling those that start meanwhile too.
 * Reports lag, so nothing busy has to be seen for longer than a last fetch may take. After `limitMs` it answers
 * `idle: false`.
 */
export async function waitUntilIdle(
  redis: Redis,
  options: WaitOptions,
): Promise<{ idle: boolean; busy: number; waitedMs: number }> {
  const started = options.clock.now().getTime();
  const systems = await detectJobSystems(redis);
  let idleSince: number | undefined;
  let told = '';
  for (;;) {
    await quietAll(redis, systems);
    const all = await allProcesses(redis, systems);
    const processes = all.filter(({ deaf }) => !deaf);
    const deaf = all.length - processes.length;
    const busy = busyIn(processes);
    const loud = processes.filter(({ quiet }) => !quiet).length;
    const now = options.clock.now().getTime();
    const waitedMs = now - started;
    const state =
      `${busy} jobs running in ${processes.length} workers, ${loud} not quiet yet` +
      (deaf > 0 ? `; ${deaf} cannot be told through Redis and end with their dynos` : '');
    if (state !== told && all.length > 0) options.log.info(state);
    told = state;
    if (processes.length === 0) return { idle: true, busy: 0, waitedMs };
    idleSince = busy === 0 && loud === 0 ? (idleSince ?? now) : undefined;
    if (idleSince !== undefined && now - idleSince >= SETTLE_MS) return { idle: true, busy: 0, waitedMs };
    if (waitedMs >= options.limitMs) return { idle: false, busy, waitedMs };
    await options.clock.sleep(POLL_MS, options.signal);
  }
}

/**
 * Once the workers have ended, and only then: what dead processes had taken goes back to its queues, or for Resque to
 * `failed`, where it puts such jobs itself. Returns the number of jobs.
 */
export async function returnInProgress(redis: Redis): Promise<number> {
  let returned = 0;
  for (const system of await findAndNote(redis)) returned += await system.returnInProgress(redis);
  return returned;
}

/**
 * On a side that was closed while its workers ran: notes what they hold in memory only, for `handOverRunningJobs`;
 * returns the number of jobs. Repeated, it keeps what it noted first: workers that are refused soon tell nothing more.
 */
export async function keepRunningJobs(redis: Redis, migrationId: string): Promise<number> {
  const noted = await redis.llen(runningKey(migrationId));
  if (noted > 0) return noted;
  const jobs: RunningJob[] = [];
  for (const system of await notedJobSystems(redis)) jobs.push(...(await system.running(redis)));
  if (jobs.length > 0) await redis.rpush(runningKey(migrationId), ...jobs.map((job) => JSON.stringify(job)));
  return jobs.length;
}

/** Undoes `keepRunningJobs`: the workers may write again. */
export async function forgetRunningJobs(redis: Redis, migrationId: string): Promise<void> {
  await redis.unlink(runningKey(migrationId));
}

/**
 * Puts what was kept into its queues on another side, where it is fetched next; returns the number of jobs. Killed
 * between the two servers, a repetition puts one job there a second time, and never none.
 */
export async function handOverRunningJobs(from: Redis, to: Redis, migrationId: string): Promise<number> {
  for (let jobs = 0; ; jobs += 1) {
    const next = await from.lindex(runningKey(migrationId), 0);
    if (next === null) return jobs;
    const { queues, queue, list, job } = JSON.parse(next) as RunningJob;
    await inOneStep<true>(to, [], () =>
      Promise.resolve({ commands: (multi) => multi.sadd(queues, queue).rpush(list, job), result: true }),
    );
    await from.lpop(runningKey(migrationId));
  }
}

function runningKey(migrationId: string): string {
  return `${OUR_PREFIX}${migrationId}-running`;
}

/**
 * Renames the job keys under `heroku-to-digitalocean:<id>:` in one step, so that a worker that is started again on the
 * old side finds nothing to run twice. Returns the number of keys; 0 when they are set aside already.
 */
export async function setAsideJobs(redis: Redis, migrationId: string): Promise<number> {
  return setAside(redis, await notedJobSystems(redis), migrationId);
}

/** Jobs that stand in the old side's queues although its jobs were set aside: enqueued there since. Empty: none. */
export async function readLateJobs(redis: Redis, migrationId: string): Promise<JobCount[]> {
  if (!(await isAside(redis, migrationId))) return [];
  return (await readJobs(redis)).counts.filter(({ size }) => size > 0);
}

/** Undoes `setAsideJobs` in one step; returns the number of keys, 0 when nothing is set aside. Late jobs are kept. */
export function bringBackJobs(redis: Redis, migrationId: string): Promise<number> {
  return bringBack(redis, migrationId);
}

/** Going back, last: nothing of ours stays beside jobs that are in their place. */
export async function forgetJobs(redis: Redis): Promise<void> {
  await redis.unlink(PLACES_KEY);
}

/** After a move back: the jobs that were set aside are on the old side again in their place, so these are deleted. */
export function dropSetAside(redis: Redis, migrationId: string): Promise<number> {
  return dropAside(redis, migrationId);
}

/** Counts per queue and set that differ between two sides, one line each; empty when all are equal. */
export function countDifferences(source: JobFacts, target: JobFacts): string[] {
  const sizes = ({ counts }: JobFacts): Map<string, number> => {
    const found = new Map<string, number>();
    for (const { name, size } of counts) {
      // A queue may be called like a set: `cron`, `retry`. Each is counted by itself.
      let unique = name;
      for (let more = 2; found.has(unique); more += 1) unique = `${name} (${more})`;
      found.set(unique, size);
    }
    return found;
  };
  const [here, there] = [sizes(source), sizes(target)];
  return [...new Set([...here.keys(), ...there.keys()])]
    .filter((name) => (here.get(name) ?? 0) !== (there.get(name) ?? 0))
    .map((name) => `${name}: ${here.get(name) ?? 0} on the old side, ${there.get(name) ?? 0} on the new one`);
}
