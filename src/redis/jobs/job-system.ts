import type { Redis } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';

/** One running worker process, or for a library without processes in Redis (BullMQ) one queue that is worked on. */
export interface WorkerProcess {
  identity: string;
  /** Jobs that it is running, counted from what it took, not from what it reports. */
  busy: number;
  /** It fetches no more jobs. */
  quiet: boolean;
  /** It has not read our signal yet. */
  signalPending: boolean;
  /** It cannot be told anything through Redis: only the platform's SIGTERM ends it, so nobody waits for it before. */
  deaf: boolean;
}

/** What waits in one queue or set, by its name as its users know it: `default`, `retry`, `schedule`. */
export interface JobCount {
  name: string;
  size: number;
}

/** What a worker holds in its memory alone. */
export interface RunningJob {
  /** The set that names all queues, the name of this one in it, and its list; the keys with the prefix. */
  queues: string;
  queue: string;
  list: string;
  /** As it stood in the list. */
  job: string;
}

export interface JobFacts {
  present: boolean;
  processes: WorkerProcess[];
  busy: number;
  /** Queues, then the sets of jobs that wait (retry, schedule, dead), then schedules; each with its size. */
  counts: JobCount[];
}

/** Where a job system was found in the selected database, and what only a look at all key names can tell of it. */
export type Place =
  | {
      system: 'sidekiq';
      /** In front of all its keys: nothing, or the namespace of redis-namespace with its colon. */
      prefix: string;
      /** Names of sidekiq-cron's sets of schedules, with the prefix. */
      cronSets: string[];
      /** Lists of jobs that a process took and has not acknowledged, with the prefix. */
      taken: string[];
    }
  | {
      system: 'bullmq';
      /** In front of one queue's keys: `bull:<queue>:`. */
      prefix: string;
      /** BullMQ's major version as the queue's `meta` names it; null when it names none. */
      major: number | null;
      /** The queue's name, where its keys stand behind a prefix of ours and do not tell it. */
      queue?: string;
    }
  | { system: 'resque'; prefix: string };

/**
 * A library that keeps its jobs in Redis, at the place where it was found. Everything else is plain keys. All work on
 * the selected database, and each change is one step: done or not done when we are killed.
 */
export interface JobSystem {
  place: Place;
  /** Sizes of queues, sets and schedules. */
  counts(redis: Redis): Promise<JobCount[]>;
  processes(redis: Redis): Promise<WorkerProcess[]>;
  /** Tells every running process to fetch no more; returns how many were told now, 0 when they have been told before. */
  quiet(redis: Redis): Promise<number>;
  /** After the workers have ended: jobs that a dead process had taken go back to the queues they came from. How many. */
  returnInProgress(redis: Redis): Promise<number>;
  /**
   * Jobs that live workers run and that stand nowhere else: when such a worker may write no more, they are lost unless
   * somebody else keeps them.
   */
  running(redis: Redis): Promise<RunningJob[]>;
  /**
   * Names that may hold jobs or their schedules and must not be found by a worker that is started on the old side,
   * whether they exist or not.
   */
  jobKeys(redis: Redis): Promise<string[]>;
  /** Names of all keys that `jobKeys` may name at any time, and of what belongs to them: patterns in Redis' own globs. */
  patterns(): string[];
  /** Counters that name new jobs: two sides that count on from the same number give two jobs one name. */
  counters(): string[];
  /** Names of jobs that wait and have keys of their own, `<prefix><name>` and `<prefix><name>:…`. */
  ownKeysOf(redis: Redis): Promise<string[]>;
  /** Keys that tell of processes that run on this side, not carried to the other. */
  heartbeatKeys(redis: Redis): Promise<string[]>;
}

export interface WaitOptions {
  limitMs: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}
