import { expect, test } from '@jest/globals';
import { processedJobs } from '../../actions/verify/function.ts';
import { silentLog } from '../../src/log.ts';
import { clientOf, twoRedis } from '../redis/two-sides.ts';

test("Sidekiq's counters count in whichever logical database it keeps its jobs, and none is no zero", async () => {
  const { target } = await twoRedis();
  const [first, second] = [clientOf(target), clientOf(target)];
  await second.select(1);
  const counted = (redis: typeof target | undefined): Promise<number | undefined> =>
    processedJobs(redis, { log: silentLog, signal: new AbortController().signal });
  expect(await counted(undefined)).toBeUndefined();
  await first.set('session:1', 'x');
  expect(await counted(target)).toBeUndefined();
  await second.set('stat:processed', '41');
  expect(await counted(target)).toBe(41);
  await first.set('stat:processed', '1');
  expect(await counted(target)).toBe(42);
});
