import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { beginReverse, endReverse } from '../../src/postgres/reverse.ts';
import { backward, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import type { Held } from './fence.ts';

export const REVERSE_CAPTURE = 'reverse-capture';

/** From the switch on the new side logs what changes, so that a roll-back hours later brings all of it to Heroku. */
export function captureTheWayBack(parties: Parties, fence: Held): Step {
  return defineStep({
    name: REVERSE_CAPTURE,
    always: true,
    act: async (_prior, { signal }) => {
      await beginReverse(backward(parties), liveOptions({ ...parties, signal: fence.inside(signal) }));
      return null;
    },
    undo: (_prior, _result, { signal }) => endReverse(backward(parties), liveOptions({ ...parties, signal })),
  });
}
