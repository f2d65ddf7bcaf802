import type { Json } from '../../src/migration/json.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { catchUp } from '../../src/postgres/live.ts';
import { proveLive } from '../../src/postgres/prove-live.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import { describeLag, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';

/** While the source of `sides` serves: what waits is drained and proven, so that the window compares only what comes after. */
export function catchUpWhileServing(parties: Parties, sides: Sides, before: () => Promise<void>): Step {
  return catchUpStep('catch-up', parties, sides, before);
}

/**
 * Once more, right before visitors wait: what was written while workers ended, which may take minutes, is then not left to
 * the window.
 */
export function catchUpBeforeHolding(parties: Parties, sides: Sides): Step {
  return catchUpStep('last-catch-up', parties, sides);
}

function catchUpStep(name: string, parties: Parties, sides: Sides, before?: () => Promise<void>): Step {
  return defineStep({
    name,
    always: true,
    act: async (_prior, { signal }) => {
      await before?.();
      const options = liveOptions({ ...parties, signal });
      const { lag, ...caught } = await catchUp(sides, options);
      await proveLive(sides, options, 'touched');
      parties.log.info(`Drained ${caught.rows} rows; lag: ${describeLag(lag)}.`);
      return { ...caught, lag } as unknown as Json;
    },
  });
}
