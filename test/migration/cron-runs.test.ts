import { expect, test } from '@jest/globals';
import { cronRuns, isHourly } from '../../src/migration/cron-runs.ts';

const runsOf = (expression: string, from: string, until: string, timeZone = 'UTC'): string[] =>
  cronRuns({ expression, timeZone }, new Date(from), new Date(until)).map((at) =>
    at.toISOString().slice(0, 16),
  );

test('a job is due at the minutes of its fields, by the clocks of its time zone', () => {
  expect(runsOf('0 3 * * *', '2026-11-23T02:55:30Z', '2026-11-23T03:05:00Z')).toEqual(['2026-11-23T03:00']);
  expect(runsOf('0 3 * * *', '2026-11-23T03:00:01Z', '2026-11-24T02:59:00Z')).toEqual([]);
  expect(runsOf('0 3 * * *', '2026-11-23T01:55:00Z', '2026-11-23T02:05:00Z', 'Europe/Berlin')).toEqual([
    '2026-11-23T02:00',
  ]);
  expect(runsOf('*/20 4-5 * * *', '2026-11-23T03:00:00Z', '2026-11-23T05:10:00Z')).toEqual(
    ['04:00', '04:20', '04:40', '05:00'].map((time) => `2026-11-23T${time}`),
  );
  expect(runsOf('5,7 4 * * *', '2026-11-23T04:00:00Z', '2026-11-23T05:00:00Z')).toHaveLength(2);
});

test('days of the month, months and weekdays: by name, Sunday as 0 and 7, and either of two days', () => {
  const day = (date: string): [string, string] => [`${date}T00:00:00Z`, `${date}T23:59:00Z`];
  // 23 November 2026 is a Monday.
  expect(runsOf('0 3 * * mon', ...day('2026-11-23'))).toHaveLength(1);
  expect(runsOf('0 3 * * mon', ...day('2026-11-24'))).toHaveLength(0);
  for (const sunday of ['0', '7', 'sun', '6-7']) {
    expect(runsOf(`0 3 * * ${sunday}`, ...day('2026-11-22'))).toHaveLength(1);
  }
  expect(runsOf('0 3 1 * *', ...day('2026-12-01'))).toHaveLength(1);
  expect(runsOf('0 3 1 nov *', ...day('2026-12-01'))).toHaveLength(0);
  expect(runsOf('0 3 */2 * *', ...day('2026-11-23'))).toHaveLength(1);
  expect(runsOf('0 3 1 * mon', ...day('2026-11-23'))).toHaveLength(1);
  expect(runsOf('0 3 1 * mon', ...day('2026-11-24'))).toHaveLength(0);
});

test('what runs in every hour is told from what runs rarer', () => {
  expect(['*/10 * * * *', '30 * * * *', '0 */1 * * *'].map(isHourly)).toEqual([true, true, true]);
  expect(['0 3 * * *', '0 */2 * * *'].map(isHourly)).toEqual([false, false]);
});
