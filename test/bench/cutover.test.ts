import { expect, test } from '@jest/globals';
import type { CutoverResult } from '../../bench/cutover.ts';
import { cutoverJson, cutoverLines } from '../../bench/cutover/report.ts';
import { spreadOf } from '../../bench/measure.ts';

const result: CutoverResult = {
  environment: { cores: 2 },
  failed: { 'window-dns 500 MB': 'The rehearsal ended with 1' },
  sizes: [
    {
      sizeMb: 500,
      variants: {
        'by-hand': {
          ...{ downtimeMs: spreadOf([9_000, 10_000, 12_000]), longestHoldMs: spreadOf([90, 80, 70]) },
          refusedRequests: spreadOf([90, 100, 120]),
        },
        'live-front-door': {
          ...{ downtimeMs: spreadOf([0, 0, 0]), longestHoldMs: spreadOf([3_000.4, 3_100, 2_900]) },
          ...{
            refusedRequests: spreadOf([0, 0, 0]),
            oldReleaseEndedAfterMs: spreadOf([1_000, 1_250, 1_100]),
          },
          vsByHand: spreadOf([0, 0, 0]),
        },
      },
    },
  ],
};

test('the result is told by size, strategy and traffic mode, with downtime and longest hold; what was not measured is null', () => {
  const json = JSON.parse(JSON.stringify(cutoverJson(result))) as { sizes: Record<string, object>[] };
  expect(json).toMatchObject({
    environment: { cores: 2 },
    played: expect.stringContaining('names are kept 4.5 s, a deployment takes 2 s'),
    failed: { 'window-dns 500 MB': 'The rehearsal ended with 1' },
    sizes: [
      {
        sizeMb: 500,
        'by-hand': {
          ...{ strategy: 'pg_dump | pg_restore', traffic: 'maintenance mode' },
          ...{ downtimeMs: 10_000, downtimeMsSpread: { least: 9_000, most: 12_000 } },
          ...{ longestHoldMs: 80, refusedRequests: 100, oldReleaseEndedAfterMs: null, vsByHand: null },
        },
        'live-front-door': {
          ...{ strategy: 'live', traffic: 'front-door', downtimeMs: 0, refusedRequests: 0, vsByHand: 0 },
          ...{ longestHoldMs: 3_000, longestHoldMsSpread: { least: 2_900, most: 3_100 } },
          ...{ oldReleaseEndedAfterMs: 1_100, oldReleaseEndedAfterMsSpread: { least: 1_000, most: 1_250 } },
        },
        'window-dns': { strategy: 'window', traffic: 'dns', downtimeMs: null, longestHoldMs: null },
        'live-dns': { strategy: 'live', traffic: 'dns', downtimeMs: null, downtimeMsSpread: null },
      },
    ],
  });
  const [size] = json.sizes;
  const { sizeMb, ...ways } = size ?? {};
  expect(sizeMb).toBe(500);
  // Each way has the same names, whatever became of it.
  const names = Object.values(ways).map((way) => Object.keys(way));
  expect(new Set(names.map((of) => of.join())).size).toBe(1);
});

test('the lines for people name the same figures in seconds, and what they rest on', () => {
  const told = cutoverLines(result).join('\n');
  expect(told).toMatch(/500 MB, by-hand: downtime, s +10\.00 +\(9\.00 to 12\.00\)/);
  expect(told).toMatch(/500 MB, live-front-door: longest hold, s +3\.00 +\(2\.90 to 3\.10\)/);
  expect(told).toMatch(/500 MB, live-front-door: until the old release had ended, s +1\.10 /);
  expect(told).not.toMatch(/window-dns|live-dns/);
  expect(told).toMatch(/played: names are kept 4\.5 s/);
});
