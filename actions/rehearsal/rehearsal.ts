import type { Edge } from '../../src/github/run.ts';
import { depths, type Depth, type RehearsalOutcome } from '../../src/migration/rehearsal-record.ts';
import { rehearsedDecisions } from '../../src/migration/rehearsed-decisions.ts';
import { thrownAway } from '../../src/migration/throw-away.ts';
import { forecastOf } from '../cutover/forecast.ts';
import { openSubject, readDeclared, recordPhase, type Subject } from '../subject.ts';
import { costOf } from './cost.ts';
import { figuresOf, type Figures } from './figures.ts';
import { keepIssue } from './issue.ts';
import { judge } from './judge.ts';
import { previousRehearsal } from './previous.ts';
import { rehearsalSummary } from './summary.ts';

/** How a rehearsal went: what its record keeps, its summary says, and its issue tells. */
export interface Rehearsed {
  depth: Depth;
  outcome: RehearsalOutcome;
  /** Why it did not pass; empty otherwise. */
  reasons: string[];
  figures: Figures;
}

/**
 * The end of a rehearsal, whatever became of it: judges it by its record, adds the section that a production cutover's gate
 * looks for, says how far off the forecast was and what it cost, and opens, updates or closes the issue. Fails when the
 * rehearsal did not pass, after all of this is told.
 */
export async function rehearsal(edge: Edge): Promise<void> {
  const depth = edge.inputs.choice('depth', depths);
  const succeeded = edge.inputs.boolean('succeeded');
  const { config, environment } = await readDeclared(edge);
  const subject = await openSubject(
    edge,
    config,
    depth === 'full' ? environment : thrownAway(config, environment, depth),
  );
  const decisions = rehearsedDecisions(config, environment);

  const { outcome, reasons } = judge(subject, { depth, succeeded, decisions, forecast: forecastOf(subject) });
  const figures = figuresOf(subject, {
    depth,
    cost: costOf(subject.record),
    previous: await previousRehearsal(edge, subject, depth),
  });
  const rehearsed: Rehearsed = { depth, outcome, reasons: reasons.map((why) => edge.redact(why)), figures };

  const told = await keepIssue(edge, subject, rehearsed);
  await recordPhase(edge, subject, 'rehearsal', {
    ...rehearsed,
    changed: told.change !== 'none',
    decisions,
    issue: told.url,
  });
  if (told.url !== null) edge.setOutput('issue', told.url);
  await edge.summary(rehearsalSummary(subject, rehearsed, told));
  refuseFailed(subject, rehearsed);
}

function refuseFailed({ environment }: Subject, { depth, outcome, reasons }: Rehearsed): void {
  if (outcome === 'passed' || outcome === 'nothing-to-do') return;
  throw new Error(
    [
      `The rehearsal (${depth}) of ${environment.name} ${outcome === 'failed' ? 'did not pass' : 'exceeds the downtime budget'}:`,
      ...reasons.map((why) => `  ${why}`),
    ].join('\n'),
  );
}
