import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/** A job as Sidekiq 6 and 7 write it to Redis. Times are seconds since the epoch. */
export interface JobPayload {
  jid: string;
  class: string;
  args: unknown[];
  queue: string;
  /** True: 25 times. */
  retry: boolean | number;
  created_at: number;
  enqueued_at?: number;
  /** Absent until it failed once; 0 after the first failure, as in Sidekiq. */
  retry_count?: number;
  failed_at?: number;
  retried_at?: number;
  error_class?: string;
  error_message?: string;
}

export interface NewJob {
  jid: string;
  class: string;
  args: unknown[];
  queue: string;
  /** Seconds from now; it waits in the `schedule` set until then. */
  in?: number;
}

/** A Sidekiq job id (24 hexadecimal digits) that follows from its cause, so that afterwards it can be looked for. */
export function jobIdFor(cause: string): string {
  return createHash('sha256').update(cause).digest('hex').slice(0, 24);
}

export function secondsNow(): number {
  return Date.now() / 1000;
}

// The mark and the push are one step: a request that is sent again after a lost answer must not make a second job.
// Sidekiq Enterprise's unique jobs work like this.
const pushOnce = `
  if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', 86400) then return 0 end
  if ARGV[1] == 'schedule' then
    redis.call('ZADD', 'schedule', ARGV[2], ARGV[3])
  else
    redis.call('SADD', 'queues', ARGV[1])
    redis.call('LPUSH', 'queue:' .. ARGV[1], ARGV[3])
  end
  return 1`;

/** Enqueues a job unless one with this id was enqueued before (today). Tells whether it was new. */
export async function enqueueOnce(redis: Redis, job: NewJob): Promise<boolean> {
  const now = secondsNow();
  const payload: JobPayload = {
    retry: true,
    queue: job.queue,
    class: job.class,
    args: job.args,
    jid: job.jid,
    created_at: now,
    ...(job.in === undefined ? { enqueued_at: now } : {}),
  };
  const target = job.in === undefined ? job.queue : 'schedule';
  const due = now + (job.in ?? 0);
  return (await redis.eval(pushOnce, 1, `unique:${job.jid}`, target, due, JSON.stringify(payload))) === 1;
}
