import { z } from 'zod';

import { readRecord, writeRecord } from '../../src/digitalocean/dns.ts';
import { ConfigurationError, NotSupportedError } from '../../src/errors.ts';
import { restoreFormation } from '../../src/heroku/formation.ts';
import { setMaintenance } from '../../src/heroku/maintenance.ts';
import { isParked, rollBackRelease } from '../../src/heroku/release.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { liftFence, readFence } from '../../src/postgres/fence.ts';
import { endReverse, settleLive } from '../../src/postgres/live.ts';
import { bringBackJobs, forgetJobs, setAsideJobs } from '../../src/redis/jobs/index.ts';
import { dnsStepName } from '../cutover/switch.ts';
import { inEachDatabase, sumOfEach } from '../jobs.ts';
import { closeNewSide, openNewSide } from '../opening.ts';
import { backward, forward, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import { compareBoth, differencesOf, parityFigures } from '../prove-equal.ts';

const formation = z.array(
  z.object({ type: z.string(), quantity: z.number(), size: z.string(), command: z.string() }),
);
const stoppedWorkers = z.object({ formation });
const maintenance = z.object({ maintenance: z.boolean() });
const parked = z.object({ release: z.string().nullable(), formation });
const dnsPrior = z.object({
  record: z.object({ type: z.enum(['A', 'CNAME', 'TXT']), data: z.string(), ttl: z.number() }).nullable(),
});

/**
 * The way back after the point of no return, while the new side has taken no write: the new side is closed first, then
 * both sides are proven equal, and only then may Heroku write again.
 */
export function rollBackSteps(parties: Parties, cutover: readonly StepRow[]): Step[] {
  const { subject, oldSide, newSide, log } = parties;
  const { heroku, app } = oldSide;
  const { migrationId } = subject.environment;
  // Only what the cutover had opened is opened again when the way back turns out to be closed.
  const wasOpen = stepOf(cutover, 'open-new-side') !== undefined;
  const live = stepOf(cutover, 'final-drain') === undefined ? undefined : afterLive(parties);

  return [
    defineStep({
      name: 'close-new-side',
      act: async () => {
        await closeNewSide(newSide);
        return null;
      },
      undo: async () => {
        if (wasOpen) await openNewSide(newSide);
      },
    }),
    defineStep({
      name: 'bring-jobs-back',
      act: async () => {
        const keys = await sumOfEach(oldSide, { log }, async (redis) => {
          const brought = await bringBackJobs(redis, migrationId);
          await forgetJobs(redis);
          return brought;
        });
        return { keys };
      },
      undo: async () => {
        await inEachDatabase(oldSide, { log }, (redis) => setAsideJobs(redis, migrationId));
      },
    }),
    ...(live === undefined ? [] : [live.settle]),
    defineStep({
      name: 'prove-no-writes',
      always: true,
      act: async () => {
        const parities = await compareBoth(parties);
        const differences = differencesOf(parities);
        if (differences.length > 0) {
          throw new NotSupportedError(
            [
              'The new side has taken writes since the switch, and this version cannot carry them back to Heroku. ' +
                'It stays open and serving; nothing was lost. What differs:',
              ...differences.slice(0, 20).map((line) => `  ${line}`),
            ].join('\n'),
          );
        }
        return parityFigures(parities);
      },
    }),
    defineStep({
      name: 'lift-fence',
      pointOfNoReturn: true,
      act: async () => {
        await parties.checkLease();
        await liftFence(oldSide.database, migrationId);
        return null;
      },
      settle: async () => ((await readFence(oldSide.database, migrationId)) === 'open' ? 'done' : 'not-done'),
    }),
    ...(live === undefined ? [] : [live.endReverse]),
    defineStep({
      name: 'unpark',
      act: async () => {
        const step = stepOf(cutover, 'park');
        if (step === undefined) return null;
        const prior = parked.parse(step.prior);
        const from =
          z.object({ parkedFrom: z.string() }).safeParse(step.result).data?.parkedFrom ?? prior.release;
        if (from !== null && (await isParked(heroku, app))) await rollBackRelease(heroku, app, from);
        await restoreFormation(heroku, app, prior.formation);
        return { release: from };
      },
    }),
    defineStep({
      name: 'start-workers',
      act: async () => {
        const step = stepOf(cutover, 'stop-workers');
        if (step !== undefined)
          await restoreFormation(heroku, app, stoppedWorkers.parse(step.prior).formation);
        return null;
      },
    }),
    ...subject.environment.domains.map((domain) =>
      defineStep({
        name: dnsStepName(domain),
        act: async () => {
          const step = stepOf(cutover, dnsStepName(domain));
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
      }),
    ),
    defineStep({
      name: 'maintenance-mode',
      act: async () => {
        const step = stepOf(cutover, 'maintenance-mode');
        if (step !== undefined) await setMaintenance(heroku, app, maintenance.parse(step.prior).maintenance);
        return null;
      },
    }),
  ];
}

/**
 * What a live cutover adds. Its foreign keys may not be validated yet, which is no difference of the data. Heroku's
 * capture stays: from here on it logs again what a next attempt has to catch up with.
 */
function afterLive(parties: Parties): { settle: Step; endReverse: Step } {
  return {
    settle: defineStep({
      name: 'settle',
      act: async (_prior, { signal }) => {
        await settleLive(forward(parties), liveOptions({ ...parties, signal }));
        return null;
      },
    }),
    endReverse: defineStep({
      name: 'end-reverse-capture',
      act: async (_prior, { signal }) => {
        await endReverse(backward(parties), liveOptions({ ...parties, signal }));
        return null;
      },
    }),
  };
}

function stepOf(cutover: readonly StepRow[], name: string): StepRow | undefined {
  return cutover.find((row) => row.name === name && row.status !== 'undone');
}
