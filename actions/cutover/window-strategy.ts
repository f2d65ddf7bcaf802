import { defineStep } from '../../src/migration/saga.ts';
import { together } from '../../src/together.ts';
import { copyOnlyPostgres } from '../copy-both.ts';
import { provePostgresEqual } from '../prove-equal.ts';
import { captureTheWayBack } from './reverse.ts';
import type { DataSteps } from './steps.ts';

/**
 * Postgres moves inside the fence: the practice copy is made again, and every row compared. Beside the comparison the
 * rest of Redis moves, as late as it can.
 */
export const windowStrategy: DataSteps = (parties, fence, redis) => ({
  whileServing: [],
  beforeHolding: [],
  insideTheFence: [
    defineStep({
      name: 'copy',
      always: true,
      act: async (_prior, { signal }) => {
        const { tables, bytes, milliseconds, removed } = await copyOnlyPostgres({
          ...parties,
          signal: fence.inside(signal),
        });
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
        const [postgres, finished] = await together(inside, [
          (either) => provePostgresEqual({ ...parties, signal: either }),
          (either) => redis.finish(either),
        ]);
        return { ...postgres, keys: finished.keys, redis: finished.pass };
      },
      undo: () => redis.close(),
    }),
    captureTheWayBack(parties, fence),
  ],
  afterTheSwitch: [],
});
