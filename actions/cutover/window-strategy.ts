import { defineStep } from '../../src/migration/saga.ts';
import { together } from '../../src/together.ts';
import { copyOnlyPostgres } from '../copy-both.ts';
import { provePostgresEqual } from '../prove-equal.ts';
import type { DataSteps } from './steps.ts';

/**
 * Postgres moves inside the fence: the practice copy is made again, and every row compared. Beside the comparison the
 * rest of Redis moves, as late as it can.
 */
export const windowStrategy: DataSteps = (_parties, fence, redis) => ({
  whileServing: [],
  insideTheFence: [
    defineStep({
      name: 'copy',
      always: true,
      act: async (_prior, { signal }) => {
        const { tables, bytes, milliseconds, removed } = await copyOnlyPostgres(fence.inside(signal));
        return {
          tables,
          bytes,
          milliseconds,
          removed: removed.map(({ entry, reason }) => `${entry}: ${reason}`),
        };
      },
    }),
    defineStep({
      name: 'parity',
      always: true,
      act: async (_prior, { signal }) => {
        const inside = fence.inside(signal);
        const [postgres, finished] = await together(inside.signal, [
          (either) => provePostgresEqual({ ...inside, signal: either }),
          (either) => redis.finish(either),
        ]);
        return { ...postgres, keys: finished.keys, redis: finished.pass };
      },
      undo: () => redis.close(),
    }),
  ],
  afterTheSwitch: [],
});
