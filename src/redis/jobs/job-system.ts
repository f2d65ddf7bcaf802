import type { Redis } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';

/** One running worker process, as it last reported itself. */
export interface WorkerProcess {
  identity: string;
  /** Jobs that it is running, counted from what it took, not from what it reports. */
  busy: number;
  /** It fetches no more jobs. */
  quiet: boolean;
  /** It has not read our signal yet. */
  signalPending: boolean;
}

/** What waits in one queue or set, by its name as its users know it: `default`, `retry`, `schedule`. */
export interface JobCount {
  name: string;
  size: number;
}

export interface JobFacts {
  present: boolean;
  processes: WorkerProcess[];
  busy: number;
  /** Queues, then the sets of jobs that wait (retry, schedule, dead), then schedules; each with its size. */
  counts: JobCount[];
}

/** A library that keeps its jobs in Redis. Everything else is plain keys. All work on the selected database. */
export interface JobSystem {
  name: 'sidekiq' | 'bullmq' | 'resque';
  read(redis: Redis): Promise<JobFacts>;
  /**
   * Tells every running process to fetch no more; returns how many were told. null: this library cannot be told through
   * Redis, its workers are stopped by the platform.
   */
  quiet(redis: Redis): Promise<number | null>;
  /** After the workers have ended: jobs that a dead process had taken go back to the queues they came from. How many. */
  returnInProgress(redis: Redis): Promise<number>;
  /** Keys that hold jobs or their schedules and must not be found by a worker that is started on the old side. */
  jobKeys(redis: Redis, prefix: string): Promise<string[]>;
  /** Keys that tell of processes that run on this side, not carried to the other. */
  heartbeatKeys(redis: Redis): Promise<string[]>;
}

export interface WaitOptions {
  limitMs: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}
