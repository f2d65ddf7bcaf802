import type { Redis } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { ConfigurationError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { OUR_PREFIX } from '../key-choice.ts';
import { pipelined } from '../scan.ts';

/** One running Sidekiq process, as its last heartbeat (every 5 to 10 s) reported it. */
export interface SidekiqProcess {
  identity: string;
  /** Jobs that it is running. */
  busy: number;
  /** It fetches no more jobs. */
  quiet: boolean;
  /** It has not read our signal yet. */
  signalPending: boolean;
}

export interface SidekiqFacts {
  /** Whether anything of Sidekiq is there at all. */
  present: boolean;
  processes: SidekiqProcess[];
  busy: number;
  queues: { name: string; size: number }[];
  retry: number;
  schedule: number;
  dead: number;
  /** Schedules of sidekiq-cron. */
  cron: number;
}

/** Between two looks at the processes' reports. */
const POLL_MS = 500;
/** A process that goes quiet may still fetch one job: its fetch waits up to 2 s for one. */
const SETTLE_MS = 2_500;

/** Reads what Sidekiq keeps in the selected database. Changes nothing. */
export async function readSidekiq(redis: Redis): Promise<SidekiqFacts> {
  const names = (await redis.smembers('queues')).sort();
  const sizes = await pipelined(redis, names, (pipeline, name) => pipeline.llen(`queue:${name}`));
  const processes = await readProcesses(redis);
  const sets = await pipelined(redis, ['retry', 'schedule', 'dead'], (pipeline, name) =>
    pipeline.zcard(name),
  );
  const facts = {
    processes,
    busy: processes.reduce((sum, process) => sum + process.busy, 0),
    queues: names.map((name, index) => ({ name, size: Number(sizes[index]) })),
    retry: Number(sets[0]),
    schedule: Number(sets[1]),
    dead: Number(sets[2]),
    cron: await redis.scard('cron_jobs'),
  };
  const present =
    facts.processes.length + facts.queues.length + facts.retry + facts.schedule + facts.dead + facts.cron > 0;
  return { present, ...facts };
}

/** Processes with a heartbeat: the set also names those that died, whose hash has expired. */
async function readProcesses(redis: Redis): Promise<SidekiqProcess[]> {
  const identities = (await redis.smembers('processes')).sort();
  const processes: SidekiqProcess[] = [];
  for (const identity of identities) {
    const [fields, work, workers, signals] = await Promise.all([
      redis.hgetall(identity),
      // The set of running jobs: `:work` since Sidekiq 7, `:workers` before.
      redis.hlen(`${identity}:work`),
      redis.hlen(`${identity}:workers`),
      redis.llen(`${identity}-signals`),
    ]);
    if (Object.keys(fields).length === 0) continue;
    processes.push({
      identity,
      busy: work + workers,
      quiet: fields['quiet'] === 'true',
      signalPending: signals > 0,
    });
  }
  return processes;
}

/**
 * Tells every running process to fetch no more jobs, through the list that it polls with each heartbeat. Jobs that
 * run are finished. Returns how many processes were told. A process cannot be told to go on: that takes a restart.
 */
export async function quietSidekiq(redis: Redis): Promise<number> {
  const loud = (await readProcesses(redis)).filter((process) => !process.quiet && !process.signalPending);
  for (const { identity } of loud)
    await redis.multi().lpush(`${identity}-signals`, 'TSTP').expire(`${identity}-signals`, 60).exec();
  return loud.length;
}

/**
 * Waits until every process is quiet and runs nothing, telling those that start meanwhile too. Heartbeats lag, so
 * nothing busy has to be seen for longer than a last fetch may take. After `limitMs` it answers `idle: false`.
 */
export async function waitUntilIdle(
  redis: Redis,
  options: { limitMs: number; log: Log; clock: Clock; signal?: AbortSignal },
): Promise<{ idle: boolean; busy: number; waitedMs: number }> {
  const started = options.clock.now().getTime();
  let idleSince: number | undefined;
  let told = '';
  for (;;) {
    await quietSidekiq(redis);
    const processes = await readProcesses(redis);
    const busy = processes.reduce((sum, process) => sum + process.busy, 0);
    const loud = processes.filter((process) => !process.quiet).length;
    const now = options.clock.now().getTime();
    const waitedMs = now - started;
    if (processes.length === 0) return { idle: true, busy: 0, waitedMs };
    idleSince = busy === 0 && loud === 0 ? (idleSince ?? now) : undefined;
    if (idleSince !== undefined && now - idleSince >= SETTLE_MS) return { idle: true, busy: 0, waitedMs };
    if (waitedMs >= options.limitMs) return { idle: false, busy, waitedMs };
    const state = `Sidekiq: ${busy} jobs running in ${processes.length} processes, ${loud} not quiet yet`;
    if (state !== told) options.log.info(state);
    told = state;
    await options.clock.sleep(POLL_MS, options.signal);
  }
}

/**
 * Renames Sidekiq's job keys under `heroku-to-digitalocean:<id>:` in one step, so that a worker that is started again
 * on the old side finds nothing to run twice. Returns the number of keys; 0 when they are set aside already.
 *
 * @throws ConfigurationError when jobs were enqueued again after they had been set aside
 */
export async function setAsideJobs(redis: Redis, migrationId: string): Promise<number> {
  const prefix = asidePrefix(migrationId);
  const keys = await jobKeys(redis, '');
  return renameAll(redis, keys, (key) => `${prefix}${key}`);
}

/** Undoes `setAsideJobs` in one step; returns the number of keys, 0 when nothing is set aside. */
export async function bringBackJobs(redis: Redis, migrationId: string): Promise<number> {
  const prefix = asidePrefix(migrationId);
  const keys = await jobKeys(redis, prefix);
  return renameAll(redis, keys, (key) => key.slice(prefix.length));
}

function asidePrefix(migrationId: string): string {
  return `${OUR_PREFIX}${migrationId}:`;
}

/** The queues, the sets of jobs that wait, and sidekiq-cron's schedules. */
async function jobKeys(redis: Redis, prefix: string): Promise<string[]> {
  const queues = await redis.smembers(`${prefix}queues`);
  const cron = await redis.smembers(`${prefix}cron_jobs`);
  const candidates = [
    ...queues.map((name) => `${prefix}queue:${name}`),
    ...['queues', 'retry', 'schedule', 'dead', 'cron_jobs'].map((name) => `${prefix}${name}`),
    // The set holds the names of the hashes, with their prefix.
    ...cron.map((name) => `${prefix}${name}`),
  ];
  const present = await pipelined(redis, candidates, (pipeline, key) => pipeline.exists(key));
  return candidates.filter((_key, index) => present[index] === 1);
}

async function renameAll(redis: Redis, keys: string[], newName: (key: string) => string): Promise<number> {
  if (keys.length === 0) return 0;
  const taken = await redis.exists(...keys.map(newName));
  if (taken > 0)
    throw new ConfigurationError(
      `${taken} job keys exist both in their place and set aside: something enqueued jobs meanwhile. Nothing was renamed. Look at ${keys.slice(0, 5).join(', ')} on the old Redis and delete or merge one of the two.`,
    );
  const transaction = redis.multi();
  for (const key of keys) transaction.rename(key, newName(key));
  const replies = await transaction.exec();
  for (const [error] of replies ?? []) if (error !== null) throw error;
  return keys.length;
}
