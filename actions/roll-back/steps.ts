import { z } from 'zod';

import { setPreboot } from '../../src/heroku/features.ts';
import { restoreFormation } from '../../src/heroku/restore-formation.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import type { Json } from '../../src/migration/json.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { movers, STAND_STILL, switchMovers } from '../cutover/stand-still.ts';
import type { Parties } from '../parties.ts';
import { carryBack } from './carry-back.ts';
import { formation, pastOf, type Past } from './past.ts';
import { lookBeforeGoingBack } from './pre-flight.ts';
import { proveUnwritten } from './prove-unwritten.ts';
import { returnTraffic } from './traffic.ts';

const stoppedWorkers = z.object({ formation });
const preboot = z.object({ preboot: z.boolean() });

/**
 * The way back after the point of no return: what the new side took since is carried to Heroku and proven, only then
 * may Heroku write again, and it comes back as it was recorded: release, formation, names, maintenance mode.
 *
 * @param guard waits for the guard of this run, where there is to be one; not asked to undo, nor past the point of no return
 */
export function rollBackSteps(
  parties: Parties,
  cutover: readonly StepRow[],
  guard: () => Promise<Json> = () => Promise.resolve(null),
): Step[] {
  const past = pastOf(cutover);
  const traffic = returnTraffic(parties, past);
  const data = past.isCaptured ? carryBack(parties, past, traffic) : proveUnwritten(parties, past, traffic);
  return [
    lookBeforeGoingBack(parties, past),
    defineStep({ name: 'guard-watches', always: true, act: guard }),
    ...traffic.leadBack,
    ...data.untilHerokuMayWrite,
    ...data.afterwards,
    ...traffic.bringUp,
    startWorkers(parties, past),
    ...traffic.letIn,
    prebootOn(parties, past),
    moveAgain(parties, past),
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

/** Where it was on before the cutover. Last of what changes the app: it changes no dyno, the next release is the first with it. */
function prebootOn({ oldSide: { heroku, app } }: Parties, past: Past): Step {
  return defineStep({
    name: 'preboot-on',
    act: async () => {
      const was = preboot.safeParse(past.step('preboot-off')?.prior).data?.preboot ?? false;
      if (was) await setPreboot(heroku, app, true);
      return { preboot: was };
    },
  });
}

/** Autoscaling and automatic deploys as they were; what cannot be asked is told, and stops nothing. */
function moveAgain(parties: Parties, past: Past): Step {
  return defineStep({
    name: 'move-again',
    act: async () => {
      const found = movers.safeParse(past.step(STAND_STILL)?.prior).data;
      if (found !== undefined) await switchMovers(parties, found, true);
      return null;
    },
  });
}
