import { afterAll, expect, test } from '@jest/globals';
import { benchAssess, type EntryResult } from '../../bench/assess.ts';
import { missedGoals } from '../../bench/assess/goals.ts';
import { spreadOf } from '../../bench/measure.ts';
import { parseOptions } from '../../bench/options.ts';
import { stopAll } from '../../rehearsal/servers/process.ts';
import { silentLog } from '../../src/log.ts';
import { testInFull } from '../support/or-skipped.ts';

afterAll(() => stopAll());

function measured(seconds: number[], megabytes: number[]): EntryResult {
  return {
    seconds: spreadOf(seconds),
    peakBytes: spreadOf(megabytes.map((one) => one * 1e6)),
    ...{ requests: 822, apps: 40, tables: 1_000, sampleSeconds: 5 },
  };
}

test('one round that takes too long, or too much memory, misses the goal', () => {
  expect(missedGoals({ bundle: measured([6, 29.9, 7], [150, 199.9, 151]) })).toEqual({});
  expect(missedGoals({ bundle: measured([6, 31, 7], [150, 151, 152]) })).toEqual({
    'goal of time': '31.0 s, and below 30 s is promised',
  });
  expect(missedGoals({ bundle: measured([6, 7, 8], [150, 201, 150]) })).toEqual({
    'goal of memory': '201.0 MB, and below 200 MB is promised',
  });
  expect(missedGoals({})).toEqual({});
});

testInFull(
  'forty apps and a thousand tables are assessed in less than 30 s and 200 MB',
  async () => {
    const result = await benchAssess({ ...parseOptions(['assess']), rounds: 1 }, silentLog);
    expect(result.failed).toEqual({});
    expect(result.bundle).toMatchObject({ apps: 40, tables: 1_000 });
  },
  240_000,
);
