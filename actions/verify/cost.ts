import { costChecks, type StillPaid } from '../../src/checks/cost.ts';
import type { Check } from '../../src/checks/result.ts';
import { isMoved } from '../../src/migration/add-on-kinds.ts';
import type { AddOn } from '../../src/heroku/add-ons.ts';
import { readFormation } from '../../src/heroku/formation.ts';
import type { Parties } from '../parties.ts';
import { recordedPlan } from './recorded-plan.ts';

/** What both sides cost by the plan, and what Heroku still bills although it has moved. */
export async function inspectCost(
  parties: Parties,
  addOns: readonly AddOn[],
  moved: boolean,
): Promise<Check[]> {
  const { heroku, app } = parties.oldSide;
  const running = (await readFormation(heroku, app)).filter(({ quantity }) => quantity > 0);
  const paid: StillPaid[] = [
    ...addOns
      .filter((addOn) => addOn.billedTo === app && isMoved(addOn) && addOn.billedCentsPerMonth !== 0)
      .map(({ plan, name, billedCentsPerMonth: cents }) => ({
        what: `${plan} (${name})`,
        usd: cents === null ? null : cents / 100,
        remove: `heroku addons:destroy ${name} -a ${app}`,
      })),
    ...running.map(({ type, quantity, size }) => ({
      what: `${quantity} × ${size} for ${type}`,
      usd: null,
      remove: `heroku ps:scale ${type}=0 -a ${app}`,
    })),
  ];
  return costChecks(recordedPlan(parties.subject)?.costs, paid, moved);
}
