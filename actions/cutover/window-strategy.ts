import { defineStep } from '../../src/migration/saga.ts';
import { copyBoth } from '../copy-both.ts';
import { parityFigures, proveEqual } from '../prove-equal.ts';
import type { DataSteps } from './steps.ts';

/** All data moves inside the fence: the practice copy is made again, and every row and key compared. */
export const windowStrategy: DataSteps = (_parties, fence) => ({
  whileServing: [],
  insideTheFence: [
    defineStep({
      name: 'copy',
      always: true,
      act: async (_prior, { signal }) => {
        const { postgres, redis } = await copyBoth(fence.inside(signal));
        return {
          tables: postgres.tables,
          bytes: postgres.bytes,
          postgresMs: postgres.milliseconds,
          removed: postgres.removed.map(({ entry, reason }) => `${entry}: ${reason}`),
          keys: redis?.keys ?? 0,
          redisMs: redis?.milliseconds ?? 0,
        };
      },
    }),
    defineStep({
      name: 'parity',
      always: true,
      act: async (_prior, { signal }) => parityFigures(await proveEqual(fence.inside(signal))),
    }),
  ],
  afterTheSwitch: [],
});
