import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';

/** The quickest of several answers was on the way the shortest, so that its time is known best. */
const ROUNDS = 5;

/**
 * What must be added to a time of the one server's clock to say the same moment on the other's, in whole milliseconds;
 * right to half a round trip to each of them.
 *
 * @throws what a server answers that may not be asked for TIME
 */
export async function measureClockOffset(from: Redis, to: Redis): Promise<number> {
  const [source, target] = await Promise.all([aheadOfUs(from), aheadOfUs(to)]);
  return Math.round(target - source);
}

/** How far a server's clock is ahead of this process's monotonic one, milliseconds. */
async function aheadOfUs(redis: Redis): Promise<number> {
  let best = { roundTrip: Number.POSITIVE_INFINITY, ahead: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = performance.now();
    const [seconds, microseconds] = await redis.time();
    const answered = performance.now();
    const roundTrip = answered - asked;
    // Taken to have been read in the middle of the way there and back.
    const ahead = Number(seconds) * 1_000 + Number(microseconds) / 1_000 - (asked + answered) / 2;
    if (roundTrip < best.roundTrip) best = { roundTrip, ahead };
  }
  return best.ahead;
}
