import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { probeWrites } from '../../src/postgres/probe-write.ts';
import { probeRedisWrite } from '../../src/redis/probe-write.ts';
import type { Parties } from '../parties.ts';
import type { RedisSteps } from './redis.ts';

/**
 * Inside the fence: a write as the application's own role must not get through to any table of the old database, nor to
 * the old Redis where its writers can be held. Tried rather than believed; what came of it is in the journal.
 */
export function proveHeld({ oldSide }: Parties, redis: Pick<RedisSteps, 'isHeld'>): Step {
  return defineStep({
    name: 'prove-held',
    always: true,
    act: async (_prior, { signal }) => {
      const [{ tables, writable }, old] = await Promise.all([
        probeWrites(oldSide.database, { signal }),
        oldSide.redis === undefined || !redis.isHeld()
          ? Promise.resolve('not-asked' as const)
          : probeRedisWrite(oldSide.redis, { signal }),
      ]);
      if (writable.length > 0)
        throw new Error(
          `The fence is held, and yet a write to ${writable.slice(0, 10).join(', ')} of the old database was not stopped.`,
        );
      if (old === 'open') throw new Error('The writers of the old Redis are held, and yet it took a write.');
      return { tables, refused: tables, redis: old };
    },
  });
}

/** Right after the point of no return, and before anything is opened: the old database refuses every write for good. */
export function proveClosed({ oldSide }: Parties): Step {
  return defineStep({
    name: 'prove-closed',
    act: async (_prior, { signal }) => {
      const { tables, writable } = await probeWrites(oldSide.database, { signal });
      if (writable.length > 0)
        throw new Error(
          `${writable.slice(0, 10).join(', ')} of the old database can still be written to. The new side stays closed until nobody can: ` +
            'drop the table if it was made just now, and run this again.',
        );
      return { tables, refused: tables };
    },
  });
}
