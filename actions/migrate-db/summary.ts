import type { Forecast } from '../../src/migration/forecast.ts';
import { formatBytes, formatCount, formatDuration } from '../../src/report/progress.ts';
import { details, heading, table } from '../../src/report/summary.ts';
import type { PracticeCopy } from './migrate-db.ts';

/** What was copied, and what that promises for the cutover. */
export function copySummary(copy: PracticeCopy, forecast: Forecast | undefined): string {
  return [
    heading(
      `Copied ${formatCount(copy.tables)} tables (${formatBytes(copy.bytes)}) and ${formatCount(copy.keys)} Redis keys`,
      2,
    ),
    'The new side is closed for writes. This is a practice copy: the cutover copies again inside the fence and proves every row and key.',
    ...(forecast === undefined ? [] : [forecast.verdict]),
    table(
      ['Measured', { title: 'Took', align: 'right' }],
      copy.measured.map(({ name, milliseconds }) => [name, formatDuration(milliseconds)]),
    ),
    ...(copy.removed.length === 0
      ? []
      : [
          details(
            `${copy.removed.length} entries left out, each with its reason`,
            copy.removed.map((line) => `- ${line}`).join('\n'),
          ),
        ]),
    ...(copy.movedOn.length === 0
      ? []
      : [
          details(
            'Written on Heroku since the copy began',
            copy.movedOn.map((line) => `- ${line}`).join('\n'),
          ),
        ]),
  ].join('\n\n');
}
