import type { Probed } from '../../src/probe/probe-record.ts';
import { probes } from '../../src/probe/probes.ts';
import { formatDuration } from '../../src/report/format.ts';
import { heading, list, paragraph, table } from '../../src/report/summary.ts';
import type { Subject } from '../subject.ts';
import { runCost, type OrderLine } from './order.ts';

export type ProbeOutcome = 'passed' | 'failed' | 'incomplete';

const VERDICTS: Record<ProbeOutcome, string> = {
  passed: 'The platforms do what is believed of them, as far as this asked.',
  failed:
    'A platform does otherwise than is believed. A cutover that needs it is refused until the probe passes.',
  incomplete:
    'Not every probe had an answer. What was not asked is not known: run this again when the reason is mended.',
};

/** Verdict first, then what each probe saw, what was left, and what it cost. */
export function probeSummary(
  { config, environment }: Subject,
  outcome: ProbeOutcome,
  {
    probed,
    lines,
    left,
  }: { probed: readonly Probed[]; lines: readonly OrderLine[]; left: readonly string[] },
): string {
  return [
    heading(`Probes for ${config.application} (${environment.name}): ${outcome}`, 2),
    paragraph(VERDICTS[outcome]),
    table(
      ['Probe', 'Result', 'What was claimed', 'What was seen', 'Took'],
      probed.map(({ id, result, seen, milliseconds }) => [
        id,
        result,
        probes[id].claim,
        seen,
        formatDuration(milliseconds),
      ]),
    ),
    ...(left.length === 0
      ? []
      : [heading('What is left, and costs on', 3), list([...left]), paragraph(LEFT)]),
    paragraph(costLine(lines)),
  ].join('\n\n');
}

const LEFT = 'Run this again with `command: sweep`.';

/** What would be made, and what it would cost. */
export function orderSummary(
  { config, environment }: Subject,
  lines: readonly OrderLine[],
  left: readonly string[],
): string {
  return [
    heading(`Probes for ${config.application} (${environment.name}): planned`, 2),
    paragraph('This was a dry run: nothing was made. A run would make, try, and take away again:'),
    table(
      ['What', 'For', { title: 'USD a month', align: 'right' }],
      lines.map(({ what, for: ids, usdPerMonth }) => [
        what,
        ids.join(', '),
        usdPerMonth === null ? 'unknown' : usdPerMonth.toFixed(2),
      ]),
    ),
    paragraph(costLine(lines)),
    ...(left.length === 0 ? [] : [heading('What an earlier run left', 3), list([...left])]),
  ].join('\n\n');
}

export function costLine(lines: readonly OrderLine[]): string {
  const cost = runCost(lines);
  return cost === null
    ? 'What a run costs is not known: a price could not be read.'
    : `A run of an hour costs ${cost.toFixed(2)} USD at most.`;
}
