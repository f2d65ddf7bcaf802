import { closeWrites, openWrites } from '../src/postgres/rights.ts';
import { closeRedis, openRedis } from '../src/redis/rights.ts';
import type { NewSide } from './parties.ts';

/** Gives the new side its rights and lets its workers start; milliseconds, no deployment. Repeating it is harmless. */
export async function openNewSide({ owner, redis }: NewSide): Promise<void> {
  await openWrites(owner);
  // Redis last: its key lets the workers go, and by then they may write to both.
  if (redis !== undefined) await openRedis(redis.admin, redis.appUser);
}

/** Takes the rights back. Workers that run already are refused whatever they write. */
export async function closeNewSide({ owner, redis }: NewSide): Promise<void> {
  if (redis !== undefined) await closeRedis(redis.admin, redis.appUser);
  await closeWrites(owner);
}
