import type { Redis } from 'ioredis';
import { pipelined } from '../scan.ts';
import { usualJobSystems } from './index.ts';

/**
 * Jobs that wait in queues at this moment, without those that are due later: of Sidekiq without a namespace and of Resque
 * under its own, whose queues stand in one set. `undefined` when neither is there: finding others takes a look at the names
 * of all keys, which is too much for every hour.
 */
export async function readWaitingJobs(redis: Redis): Promise<number | undefined> {
  const systems = await usualJobSystems(redis);
  if (systems.length === 0) return undefined;
  let waiting = 0;
  for (const { place } of systems) {
    const names = await redis.smembers(`${place.prefix}queues`);
    const sizes = await pipelined(redis, names, (pipeline, name) =>
      pipeline.llen(`${place.prefix}queue:${name}`),
    );
    waiting += sizes.reduce<number>((sum, size) => sum + Number(size), 0);
  }
  return waiting;
}
