import { z } from 'zod';

import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal, StepRow } from '../../src/migration/journal.ts';
import type { Lease } from '../../src/migration/lease.ts';
import type { StepReport } from '../../src/migration/saga.ts';
import { runSteps, undoAll } from '../../src/migration/saga.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { endOlderRuns } from '../cutover/fence.ts';
import { cutoverSteps, noChecks } from '../cutover/steps.ts';
import { keepEvidence } from '../evidence-page.ts';
import { dashboardOf } from '../dashboard.ts';
import { tellingFailure } from '../failed-phase.ts';
import { withNames } from '../names.ts';
import type { Parties } from '../parties.ts';
import { gatherParties, withLease } from '../parties.ts';
import { copiedStrategy } from '../strategy.ts';
import { readSubject, recordPhase } from '../subject.ts';
import { refuseFinalized } from './finalize/finalize.ts';
import { awaitGuard } from './guard-watches.ts';
import { rollBackNotices } from './notices.ts';
import { rollBackSteps } from './steps.ts';
import { ROLL_BACK_FAILED, rollBackSummary } from './summary.ts';

export interface RollBack {
  outcome: 'nothing-to-do' | 'undone' | 'rolled-back';
  changed: boolean;
  steps: string[];
  /** What the new side had taken since the switch and was brought to Heroku; absent where nothing was. */
  carried?: Carried;
}

export interface Carried {
  rows: number;
  keys: number;
  /** Rows and keys that were compared after it; none differed. */
  compared: number;
  /** By queue and set, equal on both sides. */
  jobs: { name: string; size: number }[];
}

/**
 * Returns to Heroku. A cutover that stopped before its point of no return is undone from the journal; one that passed
 * it is reversed: what the new side has taken since is carried to Heroku and proven first.
 */
export async function rollBack(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  if (edge.inputs.boolean('dry-run')) {
    const { parties, journal } = await gatherParties(edge, subject, 'roll-back');
    try {
      await refuseFinalized(journal, subject);
      edge.log.info(`Would ${PLANS[await wayBack(parties, await journal.steps('cutover'))]}`);
    } finally {
      await journal.close();
    }
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', 'planned');
    edge.setOutput('changed', false);
    return;
  }
  const notices = rollBackNotices(edge, subject);
  const done = await tellingFailure(
    edge,
    { subject, phase: 'roll-back', words: ROLL_BACK_FAILED, onFailure: (outcome) => notices.failed(outcome) },
    (onStep) =>
      withLease(
        edge,
        subject,
        async (parties, journal, lease) => {
          await refuseFinalized(journal, subject);
          return goBack(edge, withNames(edge, parties), journal, lease, (report) => {
            onStep(report);
            notices.onStep();
          });
        },
        'roll-back',
      ),
  );
  edge.log.info(`Heroku serves: ${done.outcome}.`);
  await recordPhase(edge, subject, 'roll-back', { ...done, ...(await notices.finished(done.outcome)) });
  await edge.summary(rollBackSummary(subject, done));
  await keepEvidence(edge, subject);
}

/** Under a lease: looks which way back there is, and goes it, or goes on with it. */
export async function goBack(
  edge: Edge,
  gathered: Parties,
  journal: Journal,
  lease: Lease,
  onStep: (report: StepReport) => void = () => undefined,
): Promise<RollBack> {
  const parties = { ...gathered, dashboard: dashboardOf(edge) };
  const options = { log: edge.log, clock: edge.clock, signal: edge.signal, onStep };
  // A cutover that was taken over may still be about to commit its point of no return.
  await endOlderRuns(parties);
  const cutover = await journal.steps('cutover');
  switch (await wayBack(parties, cutover)) {
    case 'nothing':
      return { outcome: 'nothing-to-do', changed: false, steps: [] };
    case 'undo': {
      const strategy = (await copiedStrategy(journal)) ?? 'window';
      const steps = await undoAll(journal, lease, cutoverSteps(parties, noChecks, strategy), {
        ...options,
        phase: 'cutover',
        reason: 'rolled back before the point of no return',
      });
      return { outcome: 'undone', changed: true, steps };
    }
    case 'reverse': {
      const steps = rollBackSteps(parties, cutover, () => awaitGuard(edge, journal, parties.signal));
      const { results } = await runSteps(journal, lease, steps, {
        ...options,
        phase: 'roll-back',
        whenUndone: 'Everything is as it was before this roll-back.',
      });
      // From here on a new cutover, and a new way back, begin from the start. In one transaction: with only the cutover
      // retired, the next way back would find its steps done and do nothing.
      await journal.retire(lease, ['cutover', 'roll-back'], 'rolled back');
      const carried = carriedIn(results);
      return {
        ...{ outcome: 'rolled-back', changed: true, steps: Object.keys(results) },
        ...(carried === undefined ? {} : { carried }),
      };
    }
  }
}

const drained = z.object({
  rows: z.number(),
  redis: z.object({ keys: z.number() }).nullable(),
  parity: z.object({
    rows: z.object({ compared: z.number() }),
    keys: z.object({ compared: z.number() }),
  }),
});
const counted = z.object({ counts: z.array(z.object({ name: z.string(), size: z.number() })) });
const caughtUp = z.object({ rows: z.number() });
const carriedJobs = z.object({ keys: z.number() });
const followed = z.object({
  copied: z.object({ keys: z.number() }),
  caughtUp: z.object({ keys: z.number() }),
});

/** The figures of the steps that carried something; `undefined` for a way back that had nothing to carry. */
function carriedIn(results: Record<string, unknown>): Carried | undefined {
  const drain = drained.safeParse(results['final-drain']).data;
  if (drain === undefined) return undefined;
  const before = caughtUp.safeParse(results['catch-up']).data;
  const redis = followed.safeParse(results['follow-redis']).data;
  const jobs = carriedJobs.safeParse(results['carry-jobs']).data?.keys ?? 0;
  return {
    rows: drain.rows + (before?.rows ?? 0),
    keys:
      jobs + (drain.redis?.keys ?? 0) + (redis === undefined ? 0 : redis.copied.keys + redis.caughtUp.keys),
    compared: drain.parity.rows.compared + drain.parity.keys.compared,
    jobs: counted.safeParse(results['count-jobs']).data?.counts ?? [],
  };
}

type WayBack = 'nothing' | 'undo' | 'reverse';

const PLANS: Record<WayBack, string> = {
  nothing: 'do nothing: no cutover has begun, Heroku serves.',
  undo: 'undo the cutover that stopped before its point of no return.',
  reverse: 'carry back what the new side has taken since the switch, prove it, and return to Heroku.',
};

/** Looks, and changes nothing. */
export async function wayBack(parties: Parties, cutover: readonly StepRow[]): Promise<WayBack> {
  const begun = cutover.filter(({ status }) => status !== 'undone');
  const ponr = begun.find(({ pointOfNoReturn }) => pointOfNoReturn);
  if (ponr?.status === 'done') return 'reverse';
  const { migrationId } = parties.subject.environment;
  const fence = await readFence(parties.oldSide.database, migrationId);
  if (begun.length > 0) return fence === 'closed' ? 'reverse' : 'undo';
  if (fence === 'open') return 'nothing';
  throw new ConfigurationError(
    `The source is closed by ${migrationId}, and the journal knows of no cutover: it was lost, or made anew. Nothing was ` +
      'changed here, since nobody knows what ran on Heroku before. Restore the journal from a backup of the cluster and ' +
      'run this again, or go back by hand: `drop schema heroku_to_digitalocean cascade` on the source lifts the fence, ' +
      '`heroku releases` names the version to release, and maintenance mode and formation follow.',
  );
}
