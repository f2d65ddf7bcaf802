import type { GateMode } from '../../src/github/gate.ts';
import { checkGate } from '../../src/github/gate.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Lease } from '../../src/migration/lease.ts';
import { recordedPlanDigest } from '../../src/migration/record.ts';
import { runSteps } from '../../src/migration/saga.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import { keepEvidence } from '../evidence-page.ts';
import { dashboardOf } from '../dashboard.ts';
import type { FailedOutcome } from '../failed-phase.ts';
import { tellingFailure } from '../failed-phase.ts';
import { withNames } from '../names.ts';
import type { Parties } from '../parties.ts';
import { gatherParties, underLease } from '../parties.ts';
import { copiedStrategy, plannedStrategy } from '../strategy.ts';
import type { Subject } from '../subject.ts';
import { readSubject, recordPhase, refuseUnsupported } from '../subject.ts';
import { waitUntilAlone } from './alone.ts';
import { beforeItBegins } from './before-it-begins.ts';
import type { Finding } from './findings.ts';
import { refuseUnlessWell } from './findings.ts';
import { expectedTimeline, forecastOf } from './forecast.ts';
import { waitForGuard } from './guard-watches.ts';
import { LOWERING_PHASE } from './lowered-ttl.ts';
import { refuseDuringRollBack, refuseOtherDecisions, waitsForItsWindow } from './may-begin.ts';
import { cutoverNotices } from './notices.ts';
import { preFlight } from './pre-flight.ts';
import { probeFindings } from './probed.ts';
import { rehearsalChecks, triedDecisions } from './rehearsed.ts';
import type { Checks } from './steps.ts';
import { cutoverSteps, resultsOf } from './steps.ts';
import { CUTOVER_FAILED, cutoverSummary } from './summary.ts';
import { timelineOf } from './timeline.ts';
import { waitForWindow, windowFinding } from './window.ts';

/**
 * Moves production: gate, quiesce, fence, final copy (or, with the live strategy, the last drain), proof, point of no
 * return, opening, DNS, smoke test. A failure before the point of no return undoes everything; after it, a re-run of this
 * job completes the rest.
 */
export async function cutover(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const notices = cutoverNotices(edge, subject);
  if (edge.inputs.boolean('notify-test')) {
    await notices.test();
    edge.log.info('A test notice went out on every channel. Nothing else was done.');
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', 'tested');
    edge.setOutput('changed', false);
    return;
  }
  refuseUnsupported(subject);
  const planDigest = recordedPlanDigest(subject.record);
  edge.setOutput('plan-digest', planDigest);

  if (edge.inputs.boolean('dry-run')) {
    const { parties, journal } = await gatherParties(edge, subject);
    try {
      const lowered = await journal.steps(LOWERING_PHASE);
      const looking = withNames(edge, parties);
      const strategy = await strategyOf(subject, journal);
      const begin = await mayBegin(edge, parties, strategy);
      await preFlight(looking, strategy, begin, lowered);
    } finally {
      await journal.close();
    }
    for (const line of expectedTimeline(subject)) edge.log.info(line);
    edge.log.info('This was a dry run: everything was looked at, nothing was changed.');
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', 'planned');
    edge.setOutput('changed', false);
    return;
  }
  if (edge.inputs.boolean('wait-for-window') && windowFinding(subject, edge.clock).remedy !== undefined) {
    const { journal, leave } = await gatherParties(edge, subject, 'cutover');
    const waits = await waitsForItsWindow(edge, subject, journal).finally(() => journal.close());
    if (waits) {
      // Nothing is held meanwhile: no lease, no session, and its mark keeps no catch-up out.
      await leave();
      await waitForWindow(subject, edge);
    }
  }

  const decisions = await triedDecisions(edge);
  const told = {
    ...({ subject, phase: 'cutover', words: CUTOVER_FAILED } as const),
    onFailure: async (outcome: FailedOutcome) => ({ ...(await notices.failed(outcome)), decisions }),
  };
  const moved = await tellingFailure(edge, told, (onStep) =>
    alone(edge, subject, async (gathered, journal, lease) => {
      const parties = withNames(edge, gathered);
      await refuseDuringRollBack(journal);
      const strategy = await strategyOf(subject, journal);
      const checks = checksOf(edge, parties, strategy, journal, planDigest);
      const still = { ...parties, dashboard: dashboardOf(edge) };
      const { changed } = await runSteps(journal, lease, cutoverSteps(still, checks, strategy), {
        phase: 'cutover',
        whenUndone: 'Heroku serves as before.',
        log: edge.log,
        clock: edge.clock,
        signal: edge.signal,
        onStep: (report) => {
          onStep(report);
          notices.onStep(report);
        },
      });
      return { changed, ...(await timelineOf(journal)) };
    }),
  );

  await recordPhase(edge, subject, 'cutover', {
    outcome: moved.changed ? 'moved' : 'unchanged',
    planDigest,
    decisions,
    // What was promised, beside what it was.
    forecast: forecastOf(subject) ?? null,
    ...moved,
    ...(await notices.finished(moved.changed)),
  });
  edge.setOutput('downtime-ms', moved.downtimeMs);
  await edge.summary(cutoverSummary(subject, moved));
  await keepEvidence(edge, subject);
}

/** Holds the lease while `body` runs, from when nobody who comes and goes is let in to the new databases. */
async function alone<T>(
  edge: Edge,
  subject: Subject,
  body: (parties: Parties, journal: Journal, lease: Lease) => Promise<T>,
): Promise<T> {
  const { parties, journal } = await gatherParties(edge, subject, 'cutover');
  try {
    // Another move is not waited for: it holds the lease, or is about to.
    await waitUntilAlone(edge, parties, journal, { errands: ['visit'] });
    return await underLease(edge, parties, journal, (own, lease) => body(own, journal, lease));
  } finally {
    await journal.close();
  }
}

/** That of the copy which the cutover finishes; without one the plan's, and the pre-flight says that a copy is missing. */
async function strategyOf(subject: Subject, journal: Journal): Promise<Strategy> {
  return (await copiedStrategy(journal)) ?? plannedStrategy(subject);
}

/** What is looked at once, before a cutover begins: the world as it was planned, and what the probes answered. */
async function mayBegin(edge: Edge, parties: Parties, strategy: Strategy): Promise<Finding[]> {
  return [
    ...(await beforeItBegins(edge.environment.workspace, parties, strategy)),
    ...(await probeFindings(edge, parties, strategy)),
  ];
}

function checksOf(
  edge: Edge,
  parties: Parties,
  strategy: Strategy,
  journal: Journal,
  recordedDigest: string,
): Checks {
  const { subject } = parties;
  return {
    gate: async () => {
      refuseOtherDecisions(subject);
      const begin = await mayBegin(edge, parties, strategy);
      const unchanged = refuseUnlessWell(begin, edge.log);
      const evidence = await checkGate({
        mode: edge.inputs.choice('gate', ['environment', 'second-dispatch', 'none'] satisfies GateMode[]),
        environment: edge.inputs.required('github-environment'),
        protected: subject.environment.protected,
        recordedDigest,
        enteredDigest: edge.inputs.optional('plan-digest'),
        prepareRunId: edge.inputs.optional('prepare-run-id'),
        run: edge.environment,
        token: edge.inputs.optionalSecret('github-token'),
        signal: edge.signal,
      });
      const rehearsed = await rehearsalChecks(edge, subject);
      return { ...evidence, checks: [...evidence.checks, ...unchanged, ...rehearsed] };
    },
    preFlight: async () => preFlight(parties, strategy, [], await journal.steps(LOWERING_PHASE)),
    guard: async () => {
      const watched = await waitForGuard(edge, journal, parties.signal);
      // The last moment before anything is touched: who has just ended may not have left.
      await waitUntilAlone(edge, parties, journal);
      return watched;
    },
    resultOf: resultsOf(journal),
  };
}
