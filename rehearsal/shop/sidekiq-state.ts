/** A job that is just being run. */
export interface RunningJob {
  queue: string;
  /** The payload exactly as it was fetched: what is pushed back must be the same. */
  raw: string;
  /** Seconds since the epoch. */
  runAt: number;
}

/** What a worker process knows about itself; the heartbeat reports it. */
export interface WorkerState {
  /** `<dyno or host name>:<pid>:<nonce>`, as Sidekiq names its processes. */
  readonly identity: string;
  readonly startedAt: number;
  readonly concurrency: number;
  readonly queues: readonly string[];
  /** Fetches nothing any more; there is no way back but a restart. */
  readonly isQuiet: () => boolean;
  /** By thread id. */
  readonly running: Map<string, RunningJob>;
  /** Since the last heartbeat that was accepted. */
  processed: number;
  failed: number;
}
