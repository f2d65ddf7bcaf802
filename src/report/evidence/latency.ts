import type { MigrationRecord } from '../../migration/record.ts';
import { formatDuration } from '../format.ts';
import { readChecks } from './checks.ts';
import type { Section } from './document.ts';
import { tableOf } from './document.ts';

/** How long answers took on the new side, beside the old side's in the same run where both were asked. */
export function latencySection(record: MigrationRecord): Section | undefined {
  const timed = readChecks(record).checks.flatMap(({ what, milliseconds }) =>
    milliseconds === undefined ? [] : [{ what, ...milliseconds }],
  );
  if (timed.length === 0) return undefined;
  const both = timed.filter(({ oldSide }) => oldSide !== undefined);
  return {
    id: 'latency',
    title: 'Latency, old against new',
    blocks: [
      {
        kind: 'text',
        text:
          both.length === 0
            ? 'Measured by the runner, of the new side only: the old side was not asked in this run.'
            : 'Measured by the runner, both sides in the same run.',
      },
      ...tableOf(
        [
          { title: 'Asked' },
          { title: 'Heroku', align: 'right' },
          { title: 'DigitalOcean', align: 'right' },
          { title: 'New to old', align: 'right' },
        ],
        timed.map(({ what, newSide, oldSide }) => [
          what,
          oldSide === undefined ? '–' : formatDuration(oldSide),
          formatDuration(newSide),
          ratioOf(newSide, oldSide),
        ]),
      ),
    ],
  };
}

function ratioOf(newSide: number, oldSide: number | undefined): string {
  return oldSide === undefined || oldSide <= 0 ? '–' : `${(newSide / oldSide).toFixed(1)} ×`;
}
