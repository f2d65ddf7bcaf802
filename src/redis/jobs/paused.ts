import type { Redis } from 'ioredis';
import { OUR_PREFIX } from '../our-keys.ts';

/**
 * What we have paused in this database: a hash of place (`bullmq bull:emails:`) to the time, milliseconds of the
 * server's clock. Written in the same step as the pause itself, so that what a person has paused stays paused.
 */
export const PAUSED_KEY = `${OUR_PREFIX}paused`;

export function pauseName(system: 'bullmq' | 'resque', prefix: string): string {
  return `${system} ${prefix}`;
}

export async function serverNow(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
