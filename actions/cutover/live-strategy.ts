import { settleLive } from '../../src/postgres/settle-live.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { endOlderCopies } from '../copy-both.ts';
import { forward, liveOptions } from '../live.ts';
import { catchUpBeforeHolding, catchUpWhileServing } from './catch-up.ts';
import { finalDrain } from './final-drain.ts';
import { captureTheWayBack } from './reverse.ts';
import type { DataSteps } from './steps.ts';

/**
 * The new side follows Heroku already: inside the fence only what is left is drained, and what was written since the
 * last proof is compared. An undo leaves the capture where it is: Heroku serves on, its changes are logged, and the next
 * attempt only catches up.
 */
export const liveStrategy: DataSteps = (parties, fence, redis) => ({
  whileServing: [catchUpWhileServing(parties, forward(parties), () => endOlderCopies(parties))],
  beforeHolding: [catchUpBeforeHolding(parties, forward(parties))],
  insideTheFence: [finalDrain(parties, forward(parties), fence, redis), captureTheWayBack(parties, fence)],
  afterTheSwitch: [
    defineStep({
      name: 'settle',
      act: async (_prior, { signal }) => {
        await settleLive(forward(parties), liveOptions({ ...parties, signal }));
        return null;
      },
    }),
  ],
});
