import type { Forecast } from '../../src/migration/forecast.ts';
import { formatBytes, formatCount, formatDuration } from '../../src/report/format.ts';
import { details, heading, list, table } from '../../src/report/summary.ts';
import type { FailureWords } from '../failed-phase.ts';
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
    forecast === undefined ? measuredTable(copy) : forecastTable(forecast),
    ...(copy.removed.length === 0
      ? []
      : [details(`${copy.removed.length} entries left out, each with its reason`, list(copy.removed))]),
    ...(copy.movedOn.length === 0
      ? []
      : [details('Written on Heroku since the copy began', list(copy.movedOn))]),
  ].join('\n\n');
}

function measuredTable({ measured }: PracticeCopy): string {
  return table(
    ['Measured', { title: 'Took', align: 'right' }],
    measured.map(({ name, milliseconds }) => [name, formatDuration(milliseconds)]),
  );
}

function forecastTable({ phases }: Forecast): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  return table(
    ['Part of the window', right('At least'), right('Expected'), right('At most'), 'Why'],
    phases.map(({ name, low, expected, high, reason }) => [
      name,
      formatDuration(low),
      formatDuration(expected),
      formatDuration(high),
      reason,
    ]),
  );
}

/** What holds after a copy that failed. */
export const COPY_FAILED: FailureWords = {
  refused: {
    verdict: 'the copy did not begin',
    now: 'Nothing was touched by this run.',
  },
  undone: {
    verdict: 'the copy failed',
    now: 'Heroku serves and was only read. The new side may hold part of a copy and is closed; the next run replaces it.',
  },
  unfinished: {
    verdict: 'the copy failed',
    now: 'Heroku serves and was only read. Run it again.',
  },
  superseded: {
    verdict: 'another run has taken over',
    now: 'This run wrote nothing after it noticed. Look at the other run.',
  },
  stuck: {
    verdict: 'the copy failed, and the journal could not be brought up to date',
    now: 'Heroku serves and was only read. Run it again.',
  },
};
