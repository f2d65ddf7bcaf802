import { z } from 'zod';

import type { Forecast } from '../../src/migration/forecast.ts';
import type { MigrationRecord } from '../../src/migration/record.ts';
import {
  judgeCopy,
  judgeFull,
  type Depth,
  type Judged,
  type RehearsalOutcome,
} from '../../src/migration/rehearsal-record.ts';
import type { RehearsedDecisions } from '../../src/migration/rehearsed-decisions.ts';
import { formatDuration } from '../../src/report/format.ts';
import type { Subject } from '../subject.ts';

export interface Judging {
  depth: Depth;
  /** Every job ended well. */
  succeeded: boolean;
  decisions: RehearsedDecisions;
  forecast: Forecast | undefined;
}

/**
 * Whether a rehearsal passed. What the record does not show did not happen: a proven copy, a cutover that was verified,
 * and for a throw-away target that it is gone.
 */
export function judge(
  { record, config }: Pick<Subject, 'record' | 'config'>,
  judging: Judging,
): { outcome: RehearsalOutcome; reasons: string[] } {
  const { depth, succeeded } = judging;
  if (succeeded && depth !== 'full' && hasMoved(record)) return { outcome: 'nothing-to-do', reasons: [] };
  const reasons = depth === 'full' ? fullReasons(record, judging) : throwAwayReasons(record);
  const failed = [
    ...reasons,
    ...(succeeded || reasons.length > 0 ? [] : ['a job failed before it could record why: its log tells']),
  ];
  if (!succeeded || failed.length > 0)
    return { outcome: 'failed', reasons: [...reasonsToldIn(record), ...failed] };
  const over = overBudget(record, judging, config.downtimeBudgetMs);
  return over === undefined
    ? { outcome: 'passed', reasons: [] }
    : { outcome: 'over-budget', reasons: [over] };
}

function fullReasons(record: MigrationRecord, { decisions }: Judging): string[] {
  const judged = judgeFull(record, { decisions, mustEnd: false });
  return judged.verdict === 'passed' ? [] : [wordsOf(judged, 'a cutover')];
}

function throwAwayReasons(record: MigrationRecord): string[] {
  const copy = judgeCopy(record);
  return [
    ...(copy.verdict === 'passed' ? [] : [wordsOf(copy, 'a copy')]),
    ...(isTakenAway(record) ? [] : ['the record does not show that the throw-away target was taken away']),
  ];
}

function wordsOf(judged: Judged, what: string): string {
  switch (judged.verdict) {
    case 'failed':
      return judged.why;
    case 'other':
      return 'migration.yml decides something else than it did when the rehearsal began';
    default:
      return `the record holds no ${what.replace(/^a /, '')}`;
  }
}

const destroyed = z.object({ command: z.literal('destroy'), outcome: z.enum(['destroyed', 'unchanged']) });

/** After everything that could have made something. */
function isTakenAway({ sections }: MigrationRecord): boolean {
  const lastMade = sections.findLastIndex(
    ({ phase, data }) =>
      phase === 'migrate-db' || (phase === 'provision' && !destroyed.safeParse(data).success),
  );
  return sections.some(
    ({ phase, data }, index) =>
      index > lastMade && phase === 'provision' && destroyed.safeParse(data).success,
  );
}

function hasMoved({ sections }: MigrationRecord): boolean {
  const moved = z.object({ outcome: z.literal('moved') });
  const assessed = sections.findLast(({ phase }) => phase === 'assess');
  return assessed !== undefined && moved.safeParse(assessed.data).success;
}

const told = z.object({ outcome: z.string(), reason: z.string() });
const looked = z.object({
  failures: z.array(z.string()).optional(),
  checks: z.array(z.object({ state: z.string(), what: z.string(), found: z.string() })).default([]),
});

/** What the phases that failed said themselves. */
function reasonsToldIn({ sections }: MigrationRecord): string[] {
  return sections.flatMap(({ phase, data }) => {
    const failed = told.safeParse(data).data;
    if (failed !== undefined) return [`${phase}: ${failed.reason}`];
    const { failures, checks = [] } = looked.safeParse(data).data ?? {};
    const lines =
      failures ??
      checks.filter(({ state }) => state === 'failed').map(({ what, found }) => `${what}: ${found}`);
    return lines.map((line) => `${phase}: ${line}`);
  });
}

/** A cutover by what it took, a copy by what the cutover would take. */
function overBudget(
  record: MigrationRecord,
  { depth, forecast }: Judging,
  budgetMs: number,
): string | undefined {
  const budget = formatDuration(budgetMs);
  if (depth === 'full') {
    const took = downtimeIn(record);
    return took === undefined || took <= budgetMs
      ? undefined
      : `the downtime was ${formatDuration(took)}, and the budget is ${budget}`;
  }
  if (forecast === undefined) return 'nothing was measured, so no downtime could be forecast';
  return forecast.fits
    ? undefined
    : `the forecast goes up to ${formatDuration(forecast.high)}, and the budget is ${budget}`;
}

const cutOver = z.object({ downtimeMs: z.number() });

/** What the last cutover in the record took, in milliseconds. */
export function downtimeIn({ sections }: MigrationRecord): number | undefined {
  const section = sections.findLast(
    ({ phase, data }) => phase === 'cutover' && cutOver.safeParse(data).success,
  );
  return section && cutOver.parse(section.data).downtimeMs;
}
