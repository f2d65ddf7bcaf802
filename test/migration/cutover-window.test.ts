import { expect, test } from '@jest/globals';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { nextOpening, type CutoverWindow } from '../../src/migration/cutover-window.ts';

const MINUTE = 60_000;
const NIGHT: CutoverWindow = {
  notBefore: '02:00',
  notAfter: '05:00',
  timeZone: 'Europe/Berlin',
  days: [],
};

function opening(window: CutoverWindow, now: string, neededMs = 5 * MINUTE): string {
  const found = nextOpening(window, new Date(now), neededMs);
  if (found === undefined) return 'never';
  const times = `${found.opens.toISOString()} – ${found.closes.toISOString()}`;
  return found.opens.getTime() <= Date.parse(now) ? `open ${times}` : times;
}

test('inside its hours a window is open, before them it opens today, after them tomorrow', () => {
  // Berlin is an hour ahead of UTC in winter.
  const today = '2026-11-23T01:00:00.000Z – 2026-11-23T04:00:00.000Z';
  expect(opening(NIGHT, '2026-11-23T00:59:59Z')).toBe(today);
  expect(opening(NIGHT, '2026-11-23T01:00:00Z')).toBe(`open ${today}`);
  expect(opening(NIGHT, '2026-11-23T04:00:01Z')).toBe('2026-11-24T01:00:00.000Z – 2026-11-24T04:00:00.000Z');
});

test('a cutover that would not be over in time waits for the next window; one longer than any has none', () => {
  const now = '2026-11-23T03:56:00Z';
  expect(opening(NIGHT, now, 4 * MINUTE)).toMatch(/^open /);
  expect(opening(NIGHT, now, 4 * MINUTE + 1)).toMatch(/^2026-11-24T01:00/);
  expect(opening(NIGHT, now, 181 * MINUTE)).toBe('never');
});

test('over midnight it belongs to the day on which it opens', () => {
  const late: CutoverWindow = { ...NIGHT, notBefore: '23:00', notAfter: '01:00', days: ['tuesday'] };
  const tuesday = '2026-11-24T22:00:00.000Z – 2026-11-25T00:00:00.000Z';
  // A Monday, half past midnight: Sunday's window is none.
  expect(opening(late, '2026-11-22T23:30:00Z')).toBe(tuesday);
  expect(opening(late, '2026-11-24T23:30:00Z')).toBe(`open ${tuesday}`);
  expect(opening(late, '2026-11-25T00:00:01Z')).toBe('2026-12-01T22:00:00.000Z – 2026-12-02T00:00:00.000Z');
});

test('its hours are those of the clocks when these are changed', () => {
  const early: CutoverWindow = { ...NIGHT, notBefore: '01:00' };
  // On 28 March 2027 the clocks go from 02:00 to 03:00: three hours from 01:00 to 05:00, and needed are four.
  expect(opening(early, '2027-03-27T12:00:00Z', 180 * MINUTE)).toBe(
    '2027-03-28T00:00:00.000Z – 2027-03-28T03:00:00.000Z',
  );
  expect(opening(early, '2027-03-27T12:00:00Z', 240 * MINUTE)).toBe(
    '2027-03-28T23:00:00.000Z – 2027-03-29T03:00:00.000Z',
  );
});

test('migration.yml declares it for an environment, and a window that is none is refused with its line', () => {
  const file = (window: string): string => `application: shop
environments:
  production:
    heroku-app: shop
    region: fra
    window: ${window}
`;
  const read = (window: string) => parseMigrationConfig(file(window), 'migration.yml');
  expect(
    read('{ not-before: 02:00, not-after: 05:00, time-zone: Europe/Berlin, days: [tuesday] }').environments[
      'production'
    ]?.window,
  ).toEqual({ ...NIGHT, days: ['tuesday'] });
  expect(read('{ not-before: 02:00, not-after: 05:00 }').environments['production']?.window?.timeZone).toBe(
    'UTC',
  );
  expect(() => read('{ not-before: 25:00, not-after: 05:00 }')).toThrow(/line 6: .*not-before.*02:30/);
  expect(() => read('{ not-before: 05:00, not-after: 05:00 }')).toThrow(
    /line 6: .*opens and closes at 05:00/,
  );
  expect(() => read('{ not-before: 02:00, not-after: 05:00, time-zone: Berlin }')).toThrow(
    /time zone such as/,
  );
  expect(() => read('{ not-before: 02:00, not-after: 05:00, days: [tue] }')).toThrow(/line 6/);
});
