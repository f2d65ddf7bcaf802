import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { secondsNow, type JobPayload } from './sidekiq-client.ts';
import { retryLater } from './sidekiq-retries.ts';
import type { WorkerState } from './sidekiq-state.ts';

export interface ProcessorOptions {
  state: WorkerState;
  /** For everything but fetching. */
  redis: Redis;
  /** A connection of its own, since fetching blocks it. */
  fetcher: Redis;
  run: (payload: JobPayload, signal: AbortSignal) => Promise<void>;
}

export interface Processor {
  /**
   * Waits up to `timeoutMs` for the jobs that are being run, cuts off the rest and pushes them back. The process must be quiet
   * already.
   */
  stop(timeoutMs: number): Promise<void>;
}

/** Seconds; also how long a stop may have to wait for the last fetch. */
const fetchWait = 1;

/**
 * Fetches with BRPOP and runs jobs, as Sidekiq does. As with Sidekiq, a job whose process is killed with SIGKILL is
 * gone; after SIGTERM none is.
 */
export function startProcessor({ state, redis, fetcher, run }: ProcessorOptions): Processor {
  const deadline = new AbortController();
  const jobs = new Set<Promise<void>>();
  let threads = 0;

  const fetching = (async () => {
    while (!state.isQuiet()) {
      if (jobs.size >= state.concurrency) {
        await Promise.race(jobs);
        continue;
      }
      const fetched = await fetch();
      if (!fetched) continue;
      const [queue, raw] = fetched;
      // Quieted while the fetch was waiting: the job goes back to where it would be fetched next.
      if (state.isQuiet()) await insist(() => redis.rpush(queue, raw));
      else begin(queue, raw);
    }
  })();

  async function fetch(): Promise<[queue: string, raw: string] | null> {
    try {
      return await fetcher.brpop(...state.queues.map((queue) => `queue:${queue}`), fetchWait);
    } catch (error) {
      console.error(`at=error fetch: ${error instanceof Error ? error.message : 'unknown reason'}`);
      await delay(500);
      return null;
    }
  }

  function begin(queue: string, raw: string): void {
    threads += 1;
    const thread = threads.toString(36);
    state.running.set(thread, { queue: queue.replace(/^queue:/, ''), raw, runAt: secondsNow() });
    const job = work(queue, raw).finally(() => {
      state.running.delete(thread);
      jobs.delete(job);
    });
    jobs.add(job);
  }

  async function work(queue: string, raw: string): Promise<void> {
    const payload = parse(raw);
    if (!payload) {
      await insist(() => redis.zadd('dead', secondsNow(), raw));
      return;
    }
    try {
      await run(payload, deadline.signal);
      state.processed += 1;
    } catch (error) {
      if (deadline.signal.aborted) {
        await insist(() => redis.rpush(queue, raw));
        console.log(`Pushed back ${payload.class} ${payload.jid}.`);
        return;
      }
      state.processed += 1;
      state.failed += 1;
      const reason = error instanceof Error ? error : new Error('unknown reason');
      console.error(`at=warning ${payload.class} ${payload.jid} failed: ${reason.message}`);
      await insist(() => retryLater(redis, payload, reason));
    }
  }

  return {
    stop: async (timeoutMs) => {
      await fetching;
      const finished = Promise.all(jobs);
      await Promise.race([finished, delay(timeoutMs)]);
      deadline.abort(new Error('the worker is shutting down'));
      await Promise.all(jobs);
    },
  };
}

function parse(raw: string): JobPayload | undefined {
  try {
    return JSON.parse(raw) as JobPayload;
  } catch {
    return undefined;
  }
}

/** A job in hand must get into Redis again, however long Redis is away: whoever kills us sets the limit. */
async function insist(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      console.error(
        `at=error a job is kept in hand: ${error instanceof Error ? error.message : 'unknown reason'}`,
      );
      await delay(300);
    }
  }
}
