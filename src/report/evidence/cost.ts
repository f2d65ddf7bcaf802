import { z } from 'zod';

import { costSchema, savingOf, type Cost } from '../../migration/cost.ts';
import type { MigrationRecord } from '../../migration/record.ts';
import { latestSection } from '../../migration/record.ts';
import type { Block, Cell, Section } from './document.ts';
import { tableOf } from './document.ts';

const priced = z.object({
  plan: z.object({
    costs: z.object({ before: costSchema, after: costSchema, notKnown: z.array(z.string()) }),
  }),
});

export function costsOf(record: MigrationRecord): z.infer<typeof priced>['plan']['costs'] | undefined {
  return latestSection(record, 'assess', priced)?.plan.costs;
}

/** A month before and after, line by line, and what the comparison cannot know. */
export function costSection(record: MigrationRecord): Section | undefined {
  const costs = costsOf(record);
  if (costs === undefined) return undefined;
  const { before, after, notKnown } = costs;
  return {
    id: 'cost',
    title: 'Cost, before and after',
    blocks: [
      {
        kind: 'text',
        text: `A month costs ${sumOf(before)} on Heroku and ${sumOf(after)} on DigitalOcean: it ${saving(before, after)}.`,
      },
      {
        kind: 'amounts',
        amounts: [
          { label: 'Heroku', value: before.usdPerMonth, told: sumOf(before) },
          { label: 'DigitalOcean', value: after.usdPerMonth, told: sumOf(after) },
        ],
      },
      folded('Heroku, line by line', before),
      folded('DigitalOcean, line by line', after),
      ...(notKnown.length === 0
        ? []
        : [
            {
              kind: 'folded',
              title: 'What this does not count',
              blocks: [{ kind: 'list', items: notKnown }],
            } as const,
          ]),
    ],
  };
}

function saving(before: Cost, after: Cost): string {
  const told = savingOf(before, after);
  return told === 'not all prices are known'
    ? 'cannot be told what is saved, since not all prices are known'
    : told;
}

/** "$140.00", or "at least $140.00" where a price is missing. */
export function sumOf({ usdPerMonth, complete }: Pick<Cost, 'usdPerMonth' | 'complete'>): string {
  return `${complete ? '' : 'at least '}${money(usdPerMonth)}`;
}

function folded(title: string, { lines }: Cost): Block {
  return {
    kind: 'folded',
    title,
    blocks: tableOf(
      [{ title: 'What' }, { title: 'A month', align: 'right' }, { title: 'How it is known' }],
      lines.map(({ what, usd, atLeast, note }): Cell[] => [
        what,
        usd === null ? 'not known' : `${atLeast ? 'from ' : ''}${money(usd)}`,
        note,
      ]),
    ),
  };
}

function money(usd: number): string {
  return `$${usd.toFixed(2)}`;
}
