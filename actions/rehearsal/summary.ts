import type { ToldInIssue } from '../../src/github/rehearsal-issue.ts';
import { formatDuration } from '../../src/report/format.ts';
import { details, heading, link, list, paragraph, raw, table } from '../../src/report/summary.ts';
import type { Subject } from '../subject.ts';
import type { Rehearsed } from './rehearsal.ts';

/** Verdict, why, how far off the forecast was, what it cost, and what each phase took folded below. */
export function rehearsalSummary(subject: Subject, rehearsed: Rehearsed, told: ToldInIssue): string {
  const { application } = subject.config;
  const { name } = subject.environment;
  const { depth, outcome, reasons, figures } = rehearsed;
  return [
    heading(`Rehearsal (${depth}) of ${application} (${name}): ${outcome}`, 2),
    paragraph(verdictOf(rehearsed)),
    ...(reasons.length === 0 ? [] : [list(reasons.slice(0, 20))]),
    ...comparisons(rehearsed).map((line) => paragraph(line)),
    paragraph(costLine(rehearsed)),
    ...(told.url === null ? [] : [paragraph(raw(`${link('The issue', told.url).raw} was ${told.change}.`))]),
    ...(figures.timings.length === 0 ? [] : [details('What each phase took', timingTable(rehearsed))]),
  ].join('\n');
}

const VERDICTS: Record<Rehearsed['outcome'], string> = {
  passed: 'Everything that this depth tries went well.',
  'over-budget': 'It went well, and takes longer than `downtime-budget` allows:',
  failed: 'It did not pass:',
  'nothing-to-do': 'The environment has moved: there is nothing on Heroku to rehearse with.',
};

export function verdictOf({ outcome }: Rehearsed): string {
  return VERDICTS[outcome];
}

/** What was forecast and what it took, and how both differ from the last time. */
export function comparisons({ depth, figures }: Pick<Rehearsed, 'depth' | 'figures'>): string[] {
  const { forecast, downtimeMs, previous, off } = figures;
  if (forecast === null) return [];
  const range = `${formatDuration(forecast.expected)} (${formatDuration(forecast.low)} to ${formatDuration(forecast.high)})`;
  return [
    downtimeMs === null
      ? `A cutover would take ${range} of downtime; the budget is ${formatDuration(forecast.budget)}.`
      : `The forecast was ${range}, and it took ${formatDuration(downtimeMs)}${off === null ? '' : `: ${inPercent(off)}`}.`,
    ...(previous === null ? [] : [previousLine(depth, figures)]),
  ];
}

function previousLine(
  depth: Rehearsed['depth'],
  { previous, forecast, downtimeMs }: Rehearsed['figures'],
): string {
  const then = depth === 'full' ? previous?.downtimeMs : previous?.expected;
  const now = depth === 'full' ? downtimeMs : (forecast?.expected ?? null);
  const when = previous?.at.slice(0, 10) ?? '';
  if (then === null || then === undefined || now === null || then <= 0)
    return `The last one (${when}) is "${previous?.outcome ?? ''}".`;
  return `The last one (${when}) said ${formatDuration(then)}: this is ${inPercent(now / then)}.`;
}

function inPercent(ratio: number): string {
  const percent = Math.round(Math.abs(ratio - 1) * 100);
  if (percent === 0) return 'the same';
  return `${percent} % ${ratio > 1 ? 'more' : 'less'}`;
}

function costLine({ figures: { cost } }: Rehearsed): string {
  if (cost === null) return 'Nothing was made on DigitalOcean for it.';
  return (
    `The rehearsal itself cost ${cost.complete ? '' : 'at least '}$${cost.usd.toFixed(2)}: ` +
    `${cost.hours} begun ${cost.hours === 1 ? 'hour' : 'hours'} of what costs $${cost.usdPerMonth.toFixed(2)} a month.`
  );
}

function timingTable({ figures }: Rehearsed): string {
  return table(
    ['Phase', { title: 'Until its end', align: 'right' }],
    figures.timings.map(({ what, milliseconds }) => [what, formatDuration(milliseconds)]),
  );
}
