import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';

/** A way there and back as long as this takes more of a pass's time than a server's work for one batch. */
const FAR_MS = 4;
/** A server that is busy answers late now and then; the quickest answer is the way alone. */
const ROUNDS = 5;

/** Whether waiting for answers is what takes the time: then more is asked for in one go. */
export async function isFar(redis: Redis): Promise<boolean> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = performance.now();
    try {
      await redis.ping();
    } catch (thrown) {
      // A user that may not PING is no reason to stop.
      if (messageOf(thrown).startsWith('NOPERM')) return false;
      throw thrown;
    }
    if (performance.now() - asked < FAR_MS) return false;
  }
  return true;
}
