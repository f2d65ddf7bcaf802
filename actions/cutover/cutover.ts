import type { GateMode } from '../../src/github/gate.ts';
import { checkGate } from '../../src/github/gate.ts';
import type { Edge } from '../../src/github/run.ts';
import { recordedPlanDigest } from '../../src/migration/record.ts';
import { runSteps } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';
import { gatherParties, withLease } from '../parties.ts';
import type { Subject } from '../subject.ts';
import { readSubject, recordPhase, refuseUnsupported } from '../subject.ts';
import { preFlight } from './pre-flight.ts';
import type { Checks } from './steps.ts';
import { cutoverSteps } from './steps.ts';
import { cutoverSummary } from './summary.ts';
import { timelineOf } from './timeline.ts';

/**
 * Moves production: gate, quiesce, fence, final copy, proof, point of no return, opening, DNS, smoke test. A failure
 * before the point of no return undoes everything; after it, a re-run of this job completes the rest.
 */
export async function cutover(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  refuseUnsupported(subject);
  const planDigest = recordedPlanDigest(subject.record);
  edge.setOutput('plan-digest', planDigest);

  if (edge.inputs.boolean('dry-run')) {
    const { parties, journal } = await gatherParties(edge, subject);
    try {
      await preFlight(parties);
    } finally {
      await journal.close();
    }
    edge.log.info('This was a dry run: everything was looked at, nothing was changed.');
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', 'planned');
    edge.setOutput('changed', false);
    return;
  }

  const moved = await withLease(edge, subject, async (parties, journal, lease) => {
    const { changed } = await runSteps(
      journal,
      lease,
      cutoverSteps(parties, checksOf(edge, subject, planDigest, parties)),
      {
        phase: 'cutover',
        whenUndone: 'Heroku serves as before.',
        log: edge.log,
        clock: edge.clock,
        signal: edge.signal,
      },
    );
    return { changed, ...(await timelineOf(journal)) };
  });

  await recordPhase(edge, subject, 'cutover', {
    outcome: moved.changed ? 'moved' : 'unchanged',
    planDigest,
    ...moved,
  });
  edge.setOutput('downtime-ms', moved.downtimeMs);
  await edge.summary(cutoverSummary(subject, moved));
}

function checksOf(edge: Edge, subject: Subject, recordedDigest: string, parties: Parties): Checks {
  return {
    gate: () =>
      checkGate({
        mode: edge.inputs.choice('gate', ['environment', 'second-dispatch', 'none'] satisfies GateMode[]),
        environment: edge.inputs.required('github-environment'),
        protected: subject.environment.protected,
        recordedDigest,
        enteredDigest: edge.inputs.optional('plan-digest'),
        prepareRunId: edge.inputs.optional('prepare-run-id'),
        run: edge.environment,
        token: edge.inputs.optionalSecret('github-token'),
        signal: edge.signal,
      }),
    preFlight: () => preFlight(parties),
  };
}
