import { expect, test } from '@jest/globals';
import type { LoadReport } from '../../../rehearsal/load/report.ts';
import { seenAround } from '../../../rehearsal/load/seen.ts';

const at = (time: string): number => Date.parse(`2026-11-23T23:${time}Z`);
const load = {
  endedAt: '2026-11-23T23:40:00.000Z',
  outages: [
    { client: 'one', from: at('37:10'), until: at('37:12'), refused: 2 },
    { client: 'two', from: at('37:59'), until: at('38:03'), refused: 5 },
    { client: 'one', from: at('38:01'), until: at('38:02'), refused: 1 },
  ],
  answers: [
    { from: at('37:09'), until: at('37:16') },
    { from: at('37:59'), until: at('38:02') },
    { from: at('38:05'), until: at('38:06') },
  ],
} as LoadReport;

test('what was under way when the cutover began counts with it, whole; what was over does not', () => {
  const { before, since } = seenAround(load, at('38:00'));
  expect(before).toEqual({ refusedRequests: 2, downtimeMs: 2_000, longestHoldMs: 7_000 });
  expect(since).toEqual({ refusedRequests: 6, downtimeMs: 4_000, longestHoldMs: 3_000 });
});

test('an outage that never ended lasts until the load does, whenever it began', () => {
  const never = { client: 'two', from: at('37:30'), until: null, refused: 9 };
  const { before, since } = seenAround({ ...load, outages: [never] }, at('38:00'));
  expect(before.refusedRequests).toBe(0);
  expect(since).toMatchObject({ refusedRequests: 9, downtimeMs: 150_000 });
});
