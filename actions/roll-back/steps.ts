import { z } from 'zod';

import { readRecord, writeRecord } from '../../src/digitalocean/dns.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { restoreFormation } from '../../src/heroku/formation.ts';
import { setMaintenance } from '../../src/heroku/maintenance.ts';
import { isParked, rollBackRelease } from '../../src/heroku/release.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { dnsStepName } from '../cutover/switch.ts';
import type { Parties } from '../parties.ts';
import { carryBack } from './carry-back.ts';
import { pastOf, type Past } from './past.ts';
import { lookBeforeGoingBack } from './pre-flight.ts';
import { proveUnwritten } from './prove-unwritten.ts';

const formation = z.array(
  z.object({ type: z.string(), quantity: z.number(), size: z.string(), command: z.string() }),
);
const stoppedWorkers = z.object({ formation });
const maintenance = z.object({ maintenance: z.boolean() });
const parked = z.object({ formation });
const dnsPrior = z.object({
  record: z.object({ type: z.enum(['A', 'CNAME', 'TXT']), data: z.string(), ttl: z.number() }).nullable(),
});

/**
 * The way back after the point of no return: what the new side took since is carried to Heroku and proven, only then
 * may Heroku write again, and it comes back as it was recorded: release, formation, names, maintenance mode.
 */
export function rollBackSteps(parties: Parties, cutover: readonly StepRow[]): Step[] {
  const past = pastOf(cutover);
  const data = past.isCaptured ? carryBack(parties, past) : proveUnwritten(parties, past);
  // A name that left migration.yml since the switch goes back, too.
  const names = new Set([...parties.subject.environment.domains, ...past.movedNames]);
  return [
    lookBeforeGoingBack(parties, past),
    ...data.untilHerokuMayWrite,
    ...data.afterwards,
    unpark(parties, past),
    startWorkers(parties, past),
    ...[...names].map((domain) => returnName(parties, past, domain)),
    endMaintenance(parties, past),
    ...data.onceItServes,
  ];
}

function unpark({ oldSide: { heroku, app } }: Parties, past: Past): Step {
  return defineStep({
    name: 'unpark',
    act: async () => {
      const step = past.step('park');
      if (step === undefined) return null;
      const prior = parked.parse(step.prior);
      const from = past.releaseBefore();
      if (from !== null && (await isParked(heroku, app))) await rollBackRelease(heroku, app, from);
      await restoreFormation(heroku, app, prior.formation);
      return { release: from };
    },
  });
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

function returnName({ subject, newSide }: Parties, past: Past, domain: string): Step {
  return defineStep({
    name: dnsStepName(domain),
    act: async () => {
      const step = past.step(dnsStepName(domain));
      if (step === undefined) return null;
      const { record } = dnsPrior.parse(step.prior);
      const { dns } = subject.config;
      if (record === null || dns === undefined) {
        throw new ConfigurationError(
          `The journal does not know where ${domain} led before the cutover: point it to Heroku by hand, then run this again.`,
        );
      }
      await writeRecord(newSide.client, dns.zone, domain, record);
      return { data: (await readRecord(newSide.client, dns.zone, domain))?.data ?? null };
    },
  });
}

function endMaintenance({ oldSide: { heroku, app } }: Parties, past: Past): Step {
  return defineStep({
    name: 'maintenance-mode',
    act: async () => {
      const step = past.step('maintenance-mode');
      if (step !== undefined) await setMaintenance(heroku, app, maintenance.parse(step.prior).maintenance);
      return null;
    },
  });
}
