import { messageOf } from '../src/errors.ts';
import type { Edge } from '../src/github/run.ts';
import { LeaseLostError } from '../src/migration/lease.ts';
import type { Phase } from '../src/migration/record.ts';
import type { StepReport } from '../src/migration/saga.ts';
import { StuckError, UndoneError, UnfinishedError } from '../src/migration/saga.ts';
import { formatDuration } from '../src/report/format.ts';
import { details, heading, paragraph, table } from '../src/report/summary.ts';
import { writeEvidence } from './evidence-page.ts';
import type { Subject } from './subject.ts';
import { recordPhase } from './subject.ts';

/**
 * How a phase that failed ended: `refused` before its first step, `undone` with the world as before, `unfinished` after
 * the point of no return, `superseded` by another run, `stuck` when it neither goes on nor back by itself.
 */
export type FailedOutcome = 'refused' | 'undone' | 'unfinished' | 'superseded' | 'stuck';

/** What one step came to in this run. */
export interface FailedStep {
  name: string;
  ended: StepReport['event'];
  begunAt: string;
  endedAt: string;
}

export interface FailedPhase {
  outcome: FailedOutcome;
  reason: string;
  steps: FailedStep[];
}

/** For each outcome the verdict, and what holds now: for whoever must decide what to do next. */
export type FailureWords = Record<FailedOutcome, { verdict: string; now: string }>;

interface Told {
  subject: Subject;
  phase: Phase;
  words: FailureWords;
  /** Tells others of it; what it returns stands in the record, too. */
  onFailure?: (outcome: FailedOutcome) => Promise<Record<string, unknown>>;
}

/**
 * Runs a phase made of steps. When it fails, the record and the step summary tell why, what was undone and what holds
 * now, before the error goes on. It rests on what this process saw, so that it also tells when the journal is gone.
 */
export async function tellingFailure<T>(
  edge: Edge,
  told: Told,
  body: (onStep: (report: StepReport) => void) => Promise<T>,
): Promise<T> {
  const reports: StepReport[] = [];
  try {
    return await body((report) => reports.push(report));
  } catch (error) {
    const failed = { outcome: outcomeOf(error, reports), reason: messageOf(error), steps: stepsOf(reports) };
    // What cannot be told must not hide what happened.
    await tell(edge, told, { ...failed, reason: edge.redact(failed.reason) }).catch((problem: unknown) => {
      edge.log.warning(`The failure could not be recorded: ${messageOf(problem)}`);
    });
    throw error;
  }
}

async function tell(
  edge: Edge,
  { subject, phase, words, onFailure }: Told,
  failed: FailedPhase,
): Promise<void> {
  const { verdict, now } = words[failed.outcome];
  await edge.summary(failureSummary(subject, verdict, now, failed));
  const more = await onFailure?.(failed.outcome);
  await recordPhase(edge, subject, phase, {
    ...failed,
    ...more,
    changed: failed.outcome === 'unfinished' || failed.outcome === 'stuck',
    now,
  });
  await writeEvidence(subject);
}

function outcomeOf(error: unknown, reports: readonly StepReport[]): FailedOutcome {
  if (error instanceof UndoneError) return 'undone';
  if (error instanceof UnfinishedError) return 'unfinished';
  if (error instanceof LeaseLostError) return 'superseded';
  return error instanceof StuckError || reports.length > 0 ? 'stuck' : 'refused';
}

function stepsOf(reports: readonly StepReport[]): FailedStep[] {
  const steps = new Map<string, FailedStep>();
  for (const { name, event, at } of reports) {
    const begunAt = steps.get(name)?.begunAt ?? at.toISOString();
    steps.set(name, { name, ended: event, begunAt, endedAt: at.toISOString() });
  }
  return [...steps.values()];
}

/** Verdict and state first, then the reason, then what each step came to. */
function failureSummary(
  { config, environment }: Subject,
  verdict: string,
  now: string,
  { reason, steps }: FailedPhase,
): string {
  const down = interruptionOf(steps);
  return [
    heading(`${config.application} (${environment.name}): ${verdict}`, 2),
    paragraph(now),
    ...(down === undefined ? [] : [paragraph(`The maintenance page stood for ${formatDuration(down)}.`)]),
    paragraph(`Why: ${reason}`),
    ...(steps.length === 0 ? [] : [details('What each step came to', stepTable(steps))]),
  ].join('\n');
}

/** From turning maintenance mode on until it was undone, in this run. */
function interruptionOf(steps: readonly FailedStep[]): number | undefined {
  const step = steps.find(({ name }) => name === 'maintenance-mode');
  return step?.ended === 'undone' ? Date.parse(step.endedAt) - Date.parse(step.begunAt) : undefined;
}

const ENDINGS: Record<StepReport['event'], string> = {
  begun: 'begun and not ended',
  done: 'done',
  skipped: 'done by an earlier run',
  failed: 'failed',
  undoing: 'undoing it failed',
  undone: 'undone',
};

function stepTable(steps: readonly FailedStep[]): string {
  return table(
    ['Step', 'Ended as', 'Begun (UTC)', 'Ended (UTC)'],
    steps.map(({ name, ended, begunAt, endedAt }) => [
      name,
      ENDINGS[ended],
      begunAt.slice(11, 19),
      endedAt.slice(11, 19),
    ]),
  );
}
