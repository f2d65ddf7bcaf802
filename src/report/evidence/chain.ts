import { z } from 'zod';

import type { MigrationRecord } from '../../migration/record.ts';
import type { Cell, Section } from './document.ts';
import { tableOf } from './document.ts';

const outcome = z.object({ outcome: z.string() });

/** Every section of the record with who wrote it, in which run, and the digest that seals it and all before it. */
export function chainSection(record: MigrationRecord): Section {
  return {
    id: 'chain',
    title: 'The chain of digests',
    blocks: [
      {
        kind: 'text',
        text: 'Each phase seals what the phases before it wrote: a section that is altered, dropped or moved breaks the chain, and every action refuses such a record. This page is drawn from the record and from nothing else.',
      },
      ...tableOf(
        [
          { title: 'Phase' },
          { title: 'Ended as' },
          { title: 'When (UTC)' },
          { title: 'Run' },
          { title: 'Digest' },
        ],
        record.sections.map(({ phase, at, run, data, digest }): Cell[] => [
          phase,
          outcome.safeParse(data).data?.outcome ?? '–',
          `${at.slice(0, 10)} ${at.slice(11, 19)}`,
          {
            text: `${run.runId}${run.runAttempt === 1 ? '' : `, attempt ${run.runAttempt}`}, by ${run.actor}`,
            address: run.runUrl,
          },
          { text: digest, code: true },
        ]),
      ),
    ],
  };
}

/** The digest over everything; `undefined` of an empty record. */
export function headOf(record: MigrationRecord): string | undefined {
  return record.sections.at(-1)?.digest;
}
