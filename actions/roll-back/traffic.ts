import { z } from 'zod';

import { restoreFormation } from '../../src/heroku/restore-formation.ts';
import { setMaintenance } from '../../src/heroku/maintenance.ts';
import { isParked, rollBackRelease } from '../../src/heroku/release.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { FRONT_DOOR, FRONT_DOOR_STATE } from '../cutover/front-door-traffic.ts';
import type { Parties } from '../parties.ts';
import {
  forgetFrontDoor,
  holdAgain,
  returnable,
  untilResolversFollow,
  wasFrontDoor,
} from './front-door-traffic.ts';
import { returnName, returnNames, watchReturn } from './names.ts';
import { formation, type Past } from './past.ts';

const maintenance = z.object({ maintenance: z.boolean() });
const parked = z.object({ formation });
const MAINTENANCE_MODE = 'maintenance-mode';
/** The step after which visitors are served by Heroku and its workers run, in whichever traffic mode. */
export const LETS_IN = [MAINTENANCE_MODE, FRONT_DOOR_STATE];

/** What the cutover did to visitors, in reverse: by what the journal says it did, whatever migration.yml says now. */
export interface ReturnSteps {
  /** While the new side still serves, and again after a way back that was undone. */
  leadBack: Step[];
  /** Right before the new side is closed: visitors wait. */
  hold: Step[];
  /** Once Heroku may write: its own code runs there again, as many dynos as were recorded. */
  bringUp: Step[];
  /** Once its workers run: visitors are led to it. */
  letIn: Step[];
}

export function returnTraffic(parties: Parties, past: Past): ReturnSteps {
  if (wasFrontDoor(past)) {
    return {
      leadBack: [
        ...past.movedNames.map((domain) => returnable(parties, domain, returnName(parties, past, domain))),
        untilResolversFollow(parties, past),
      ],
      hold: [holdAgain(parties, past)],
      bringUp: [unpark(parties, past)],
      letIn: [forgetFrontDoor(parties)],
    };
  }
  return {
    ...{ leadBack: [], hold: [] },
    bringUp: [unpark(parties, past)],
    letIn: [...returnNames(parties, past), endMaintenance(parties, past), ...watchReturn(parties, past)],
  };
}

function unpark({ oldSide: { heroku, app } }: Parties, past: Past): Step {
  return defineStep({
    name: 'unpark',
    act: async () => {
      const step = past.step('park') ?? past.step(FRONT_DOOR);
      if (step === undefined) return null;
      const prior = parked.parse(step.prior);
      const from = past.releaseBefore();
      if (from !== null && (await isParked(heroku, app))) await rollBackRelease(heroku, app, from);
      await restoreFormation(heroku, app, prior.formation);
      return { release: from };
    },
  });
}

function endMaintenance({ oldSide: { heroku, app } }: Parties, past: Past): Step {
  return defineStep({
    name: MAINTENANCE_MODE,
    act: async () => {
      const step = past.step(MAINTENANCE_MODE);
      if (step !== undefined) await setMaintenance(heroku, app, maintenance.parse(step.prior).maintenance);
      return null;
    },
  });
}
