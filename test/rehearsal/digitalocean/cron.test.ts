import { expect, test } from '@jest/globals';
import { cronProblem, fires } from '../../../rehearsal/digitalocean/apps/cron.ts';

const at = (text: string): Date => new Date(`${text}Z`);

test.each([
  ['* * * * *', '2026-01-05T00:00', true],
  ['*/10 * * * *', '2026-01-05T00:20', true],
  ['*/10 * * * *', '2026-01-05T00:21', false],
  ['5/15 * * * *', '2026-01-05T00:35', true],
  ['0 3 * * *', '2026-01-05T03:00', true],
  ['0 3 * * *', '2026-01-05T04:00', false],
  ['15,45 8-10 * * *', '2026-01-05T09:45', true],
  ['0 0 * * 1-5', '2026-01-04T00:00', false],
  ['0 0 * * 7', '2026-01-04T00:00', true],
  ['0 0 1 * 1', '2026-01-05T00:00', true],
  ['0 0 1 * 1', '2026-01-06T00:00', false],
])('%s at %s: %s', (cron, time, expected) => {
  expect(fires(cron, 'UTC', at(time))).toBe(expected);
});

test('a schedule is read in its own time zone', () => {
  expect(fires('0 3 * * *', 'Europe/Berlin', at('2026-01-05T02:00'))).toBe(true);
  expect(fires('0 3 * * *', 'Europe/Berlin', at('2026-07-05T01:00'))).toBe(true);
});

test.each(['* * * *', '60 * * * *', '* 24 * * *', '*/0 * * * *', '5-1 * * * *', 'x * * * *'])(
  '%s is refused',
  (cron) => {
    expect(cronProblem(cron)).toBeDefined();
  },
);
