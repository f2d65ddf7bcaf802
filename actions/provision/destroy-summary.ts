import { heading, list, paragraph, table } from '../../src/report/summary.ts';
import type { Subject } from '../subject.ts';
import { totalOf, type Owned } from './resource.ts';

const VERDICTS = {
  planned: 'This was a dry run: nothing was removed. This carries the mark of the migration and would go:',
  destroyed: 'Everything that carried the mark of the migration is gone:',
  unchanged: 'Nothing on DigitalOcean carries the mark of this migration.',
};

/** Verdict, what goes or went with its mark, what stops costing, and what of it stays. */
export function destroySummary(
  { config, environment }: Subject,
  outcome: keyof typeof VERDICTS,
  owned: readonly Owned[],
  { refusal, stays = [] }: { refusal?: string | undefined; stays?: readonly string[] },
): string {
  return [
    heading(`Destroy ${config.application} (${environment.name}): ${outcome}`, 2),
    ...(refusal === undefined ? [] : [paragraph(`It would be refused: ${refusal}.`)]),
    paragraph(outcome === 'planned' && owned.length === 0 ? VERDICTS.unchanged : VERDICTS[outcome]),
    ...(owned.length === 0 ? [] : [ownedTable(owned)]),
    ...(stays.length === 0 ? [] : [heading('What stays', 3), list(stays)]),
  ].join('\n\n');
}

function ownedTable(owned: readonly Owned[]): string {
  return table(
    ['What', 'Name', 'Mark', 'Note', { title: 'USD a month that end', align: 'right' }],
    [
      ...owned.map(({ kind, name, mark, note, usdPerMonth }) => [
        kind,
        name,
        mark,
        note ?? '',
        usdPerMonth === null ? 'unknown' : usdPerMonth.toFixed(2),
      ]),
      ['Total', '', '', '', totalOf(owned).toFixed(2)],
    ],
  );
}
