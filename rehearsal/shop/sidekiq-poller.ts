import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { secondsNow } from './sidekiq-client.ts';
import type { WorkerState } from './sidekiq-state.ts';

// In one step, so that a worker that dies here loses nothing.
const moveDueJob = `
  local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)
  if #due == 0 then return 0 end
  local queue = cjson.decode(due[1]).queue
  redis.call('ZREM', KEYS[1], due[1])
  redis.call('SADD', 'queues', queue)
  redis.call('LPUSH', 'queue:' .. queue, due[1])
  return 1`;

const pollMs = 500;

/** Moves jobs that have become due from `retry` and `schedule` into their queues, until the worker is quiet. */
export async function pollDueJobs(redis: Redis, state: WorkerState): Promise<void> {
  while (!state.isQuiet()) {
    try {
      for (const set of ['retry', 'schedule']) {
        let moved: unknown = 1;
        while (moved === 1 && !state.isQuiet()) moved = await redis.eval(moveDueJob, 1, set, secondsNow());
      }
    } catch (error) {
      console.error(`at=error poller: ${error instanceof Error ? error.message : 'unknown reason'}`);
    }
    await delay(pollMs);
  }
}
