import { ConfigurationError, NotSupportedError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Json } from '../../src/migration/json.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { runSteps, defineStep } from '../../src/migration/saga.ts';
import { readFence } from '../../src/postgres/fence.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import { copyBoth } from '../copy-both.ts';
import { forecastOf } from '../cutover/forecast.ts';
import { tellingFailure } from '../failed-phase.ts';
import type { Parties } from '../parties.ts';
import { gatherParties, withLease } from '../parties.ts';
import { compareBoth, movedOn, quietly } from '../prove-equal.ts';
import { readSubject, recordPhase, refuseUnsupported } from '../subject.ts';
import { COPY_FAILED, copySummary } from './summary.ts';

/** What a practice copy did and measured; the cutover's forecast rests on it. */
export interface PracticeCopy {
  tables: number;
  bytes: number;
  keys: number;
  removed: string[];
  /** Differences of the catalogue are failures and never get here; these are rows that the old side wrote meanwhile. */
  movedOn: string[];
  measured: { name: string; milliseconds: number }[];
}

/**
 * Copies Postgres and Redis to the new side while the old side serves, leaves the copy closed, and measures what the
 * same copy will take inside the fence. It replaces only what carries this migration's stamp.
 */
export async function migrateDb(edge: Edge): Promise<void> {
  const command = edge.inputs.choice('command', ['copy', 'catch-up']);
  const subject = await readSubject(edge);
  refuseUnsupported(subject);

  if (command === 'catch-up') {
    edge.log.info(
      'The window strategy copies inside the fence: between the phases there is nothing to catch up with.',
    );
    await recordPhase(edge, subject, 'migrate-db', { command, outcome: 'nothing-to-do', changed: false });
    return;
  }
  if (edge.inputs.boolean('dry-run')) {
    await explain(edge, await gatherParties(edge, subject));
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', 'planned');
    edge.setOutput('changed', false);
    return;
  }

  const copied = await tellingFailure(edge, { subject, phase: 'migrate-db', words: COPY_FAILED }, (onStep) =>
    withLease(edge, subject, async (parties, journal, lease) => {
      await refuseAfterTheSwitch(parties, journal);
      // Every run copies anew: what an earlier one copied is older with every minute.
      await journal.retire(lease, ['migrate-db'], 'copied again');
      const { results } = await runSteps(journal, lease, copySteps(parties), {
        phase: 'migrate-db',
        whenUndone: 'Heroku serves and was only read.',
        log: edge.log,
        clock: edge.clock,
        signal: edge.signal,
        onStep,
      });
      return results.copy as unknown as PracticeCopy;
    }),
  );

  const data = { command, outcome: 'copied', changed: true, ...copied };
  await recordPhase(edge, subject, 'migrate-db', data);
  await edge.summary(copySummary(copied, forecastOf(subject)));
}

function copySteps(parties: Parties): Parameters<typeof runSteps>[2] {
  return [
    defineStep({
      name: 'copy',
      act: async () => (await practise(parties)) as unknown as Json,
    }),
  ];
}

async function practise(parties: Parties): Promise<PracticeCopy> {
  const { clock, log } = parties;
  const { postgres, redis } = await log.group('Copy Postgres and Redis', () => copyBoth(parties));
  const started = clock.now().getTime();
  const parities = await log.group('Compare both sides', () => compareBoth(quietly(parties)));
  const parityMs = clock.now().getTime() - started;
  if (parities.postgres.catalogue.length > 0) {
    throw new Error(
      ['The copy lacks or alters objects:', ...parities.postgres.catalogue.map((line) => `  ${line}`)].join(
        '\n',
      ),
    );
  }
  const written = movedOn(parities);
  for (const line of written) log.info(`Written on Heroku since the copy began: ${line}`);
  return {
    tables: postgres.tables,
    bytes: postgres.bytes,
    keys: redis?.keys ?? 0,
    removed: postgres.removed.map(({ entry, reason }) => `${entry}: ${reason}`),
    movedOn: written.slice(0, 50),
    measured: [
      { name: 'copy', milliseconds: Math.max(postgres.milliseconds, redis?.milliseconds ?? 0) },
      { name: 'parity', milliseconds: parityMs },
    ],
  };
}

/** After the point of no return the new side is the one that counts: a copy would overwrite what it took since. */
async function refuseAfterTheSwitch(parties: Parties, journal: Journal): Promise<void> {
  const { migrationId } = parties.subject.environment;
  const begun = (await journal.steps('cutover')).filter(({ status }) => status !== 'undone');
  const passed = begun.some(({ pointOfNoReturn, status }) => pointOfNoReturn && status === 'done');
  if (passed || (await readFence(parties.oldSide.database, migrationId)) === 'closed') {
    throw new NotSupportedError(
      `${migrationId} has been cut over: DigitalOcean holds the newer data, and copying again would overwrite it. ` +
        'Nothing was changed. To go back first, run roll-back.',
    );
  }
  if (begun.length > 0) {
    throw new ConfigurationError(
      `A cutover of ${migrationId} has begun and stopped at "${begun.at(-1)?.name ?? ''}". Nothing was changed. ` +
        'Run its job again, which completes or undoes it, or run roll-back; then copy again.',
    );
  }
}

async function explain(
  edge: Edge,
  { parties, journal }: Awaited<ReturnType<typeof gatherParties>>,
): Promise<void> {
  try {
    await refuseAfterTheSwitch(parties, journal);
    const { owner } = parties.newSide;
    const state = await writesAre(owner);
    edge.log.info(
      `Would copy ${parties.oldSide.app} to ${owner.host} (closed for writes: ${state === 'closed'}), replacing only an earlier copy of this migration.`,
    );
  } finally {
    await journal.close();
  }
}
