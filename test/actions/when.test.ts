import { expect, test } from '@jest/globals';

import { when } from '../../actions/assess/when.ts';
import { heatMapOf, type ActivityReading } from '../../src/migration/quiet-hours.ts';

const MONDAY = Date.UTC(2026, 10, 23);

/** An hour apart; quiet in the hours that are named, counted from Monday at 0:00 UTC. */
function week(quiet: readonly number[]): ActivityReading[] {
  let [count, writes] = [0, 0];
  return Array.from({ length: 169 }, (_, hour) => {
    const found = { at: new Date(MONDAY + hour * 3_600_000).toISOString(), count, writes, queued: 3 };
    const perSecond = quiet.includes(hour) ? 2 : 40;
    [count, writes] = [count + perSecond * 3_600, writes + (perSecond / 4) * 3_600];
    return found;
  });
}

const text = (readings: ActivityReading[], note: string | null = null): string =>
  when({ map: heatMapOf(readings), note })
    .join('\n')
    .replaceAll('\\', '');

test('the quietest window is proposed with its hours, its time zone and what happens in it', () => {
  expect(text(week([51, 52]))).toContain(
    'Proposed window: Wednesday from 03:00 to 05:00 UTC; 2.0 transactions a second, 5 % of the average; ' +
      '0.5 rows written a second; 3.0 jobs waiting.',
  );
  expect(text(week([51, 52]))).toContain('in UTC; 100 % of the week has been sampled');
  const withRequests = week([51, 52]).map((reading) => ({ ...reading, requests: 7 }));
  expect(text(withRequests)).toContain('0.5 rows written a second; 7.0 requests a second; 3.0 jobs waiting.');
  expect(text(week([167, 0]))).toContain('Sunday from 23:00 to Monday 01:00 UTC');
});

test('too little proposes nothing, and what was not looked at is said', () => {
  expect(text(week([]).slice(0, 2), 'No permission.')).toMatch(
    /Not enough of the week.*\n[^]*No permission\./,
  );
  expect(when({ map: null, note: null })).toEqual([]);
  expect(when({ map: null, note: 'No permission.' }).join('')).toContain('No permission');
});
