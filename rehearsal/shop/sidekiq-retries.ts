import type { Redis } from 'ioredis';
import { secondsNow, type JobPayload } from './sidekiq-client.ts';

const retriesByDefault = 25;
const secondsKeptDead = 180 * 86_400;

/** Puts a failed job into the `retry` set, or into `dead` when it has no retries left. */
export async function retryLater(redis: Redis, failed: JobPayload, reason: Error): Promise<void> {
  const now = secondsNow();
  const retries = typeof failed.retry === 'number' ? failed.retry : failed.retry ? retriesByDefault : 0;
  const again = failed.retry_count !== undefined;
  const count = failed.retry_count === undefined ? 0 : failed.retry_count + 1;
  const payload: JobPayload = {
    ...failed,
    error_class: reason.name,
    error_message: reason.message,
    retry_count: count,
    failed_at: failed.failed_at ?? now,
    ...(again ? { retried_at: now } : {}),
  };
  if (count < retries) {
    await redis.zadd('retry', now + secondsUntilRetry(count), JSON.stringify(payload));
    return;
  }
  await redis.zadd('dead', now, JSON.stringify(payload));
  await redis.zremrangebyscore('dead', '-inf', now - secondsKeptDead);
}

/** Sidekiq waits count⁴ + 15 s and more; the shop has less patience, since a rehearsal lasts minutes. */
function secondsUntilRetry(count: number): number {
  return Math.min(1 + count * 2, 15);
}
