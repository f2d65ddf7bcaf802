import { z } from 'zod';

import { restoreFormation } from '../../src/heroku/formation.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';
import { carryBack } from './carry-back.ts';
import { formation, pastOf, type Past } from './past.ts';
import { lookBeforeGoingBack } from './pre-flight.ts';
import { proveUnwritten } from './prove-unwritten.ts';
import { returnTraffic } from './traffic.ts';

const stoppedWorkers = z.object({ formation });

/**
 * The way back after the point of no return: what the new side took since is carried to Heroku and proven, only then
 * may Heroku write again, and it comes back as it was recorded: release, formation, names, maintenance mode.
 */
export function rollBackSteps(parties: Parties, cutover: readonly StepRow[]): Step[] {
  const past = pastOf(cutover);
  const traffic = returnTraffic(parties, past);
  const data = past.isCaptured ? carryBack(parties, past, traffic) : proveUnwritten(parties, past, traffic);
  return [
    lookBeforeGoingBack(parties, past),
    ...traffic.leadBack,
    ...data.untilHerokuMayWrite,
    ...data.afterwards,
    ...traffic.bringUp,
    startWorkers(parties, past),
    ...traffic.letIn,
    ...data.onceItServes,
  ];
}

function startWorkers({ oldSide: { heroku, app } }: Parties, past: Past): Step {
  return defineStep({
    name: 'start-workers',
    act: async () => {
      const step = past.step('stop-workers');
      if (step !== undefined) await restoreFormation(heroku, app, stoppedWorkers.parse(step.prior).formation);
      return null;
    },
  });
}
