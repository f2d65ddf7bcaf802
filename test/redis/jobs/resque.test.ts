import type { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../../src/clock.ts';
import { silentLog } from '../../../src/log.ts';
import {
  bringBackJobs,
  quietJobs,
  readJobs,
  resumeJobs,
  returnInProgress,
  setAsideJobs,
  waitUntilIdle,
} from '../../../src/redis/jobs/index.ts';
import { chooseKeys } from '../../../src/redis/key-choice.ts';
import { twoRedis } from '../two-sides.ts';

const worker = 'dyno-1:4:default';
const payload = { class: 'Mail', args: [1] };

/** Keys as Resque and resque-scheduler write them. */
async function resqueAt(redis: Redis, prefix: string): Promise<void> {
  await redis.sadd(`${prefix}queues`, 'default');
  await redis.rpush(`${prefix}queue:default`, JSON.stringify(payload), JSON.stringify(payload));
  await redis.rpush(`${prefix}failed`, '{}');
  await redis.sadd(`${prefix}workers`, worker);
  await redis.zadd(`${prefix}delayed_queue_schedule`, 1_900_000_000, '1900000000');
  await redis.rpush(`${prefix}delayed:1900000000`, JSON.stringify({ ...payload, queue: 'default' }));
  await redis.hset(`${prefix}persistent_schedules`, 'nightly', '{}');
}

function runs(redis: Redis, beganAt: number): Promise<unknown> {
  const job = { queue: 'default', run_at: new Date(beganAt).toISOString(), payload };
  return redis.set(`resque:worker:${worker}`, JSON.stringify(job));
}

test.each(['resque:', 'shop:'])('Resque under %s is found and counted', async (prefix) => {
  const { from } = await twoRedis();
  await resqueAt(from, prefix);
  expect((await readJobs(from)).counts).toEqual([
    { name: 'default', size: 2 },
    { name: 'delayed', size: 1 },
    { name: 'failed', size: 1 },
    { name: 'schedules', size: 1 },
  ]);
});

test('workers are paused by a key that is gone again before the last keys are carried', async () => {
  const { from } = await twoRedis();
  await resqueAt(from, 'resque:');
  await runs(from, Date.now());
  expect(await quietJobs(from)).toBe(1);
  expect(await quietJobs(from)).toBe(0);
  expect(await from.get('resque:pause-all-workers')).toBe('true');
  const early = await waitUntilIdle(from, { limitMs: 100, log: silentLog, clock: systemClock });
  expect(early).toMatchObject({ idle: false, busy: 1 });
  await from.del(`resque:worker:${worker}`);
  const idle = await waitUntilIdle(from, { limitMs: 20_000, log: silentLog, clock: systemClock });
  expect(idle).toMatchObject({ idle: true });
  expect(await resumeJobs(from)).toBe(1);
  expect(await from.exists('resque:pause-all-workers')).toBe(0);
});

test('a Resque that takes no notice of the pause is not waited for', async () => {
  const { from } = await twoRedis();
  await resqueAt(from, 'resque:');
  await quietJobs(from);
  await runs(from, Date.now() + 60_000);
  const waited = await waitUntilIdle(from, { limitMs: 10_000, log: silentLog, clock: systemClock });
  expect(waited).toMatchObject({ idle: true });
});

test('a pause that a person has set is left', async () => {
  const { from } = await twoRedis();
  await resqueAt(from, 'resque:');
  await from.set('resque:pause-all-workers', 'true');
  expect(await quietJobs(from)).toBe(0);
  expect(await resumeJobs(from)).toBe(0);
  expect(await from.get('resque:pause-all-workers')).toBe('true');
});

test('a job that was cut off is neither lost nor run again: it is among the failed, once', async () => {
  const { from } = await twoRedis();
  await resqueAt(from, 'resque:');
  await runs(from, Date.now());
  expect(await returnInProgress(from)).toBe(1);
  expect(await returnInProgress(from)).toBe(0);
  const [, failure] = await from.lrange('resque:failed', 0, -1);
  expect(JSON.parse(failure ?? '')).toMatchObject({ payload, queue: 'default', worker });
  expect(await from.llen('resque:queue:default')).toBe(2);
  expect(await from.exists(`resque:worker:${worker}`)).toBe(0);
});

test('jobs and schedules are set aside and brought back, and workers that ran stay behind', async () => {
  const { from, to } = await twoRedis();
  await resqueAt(from, 'resque:');
  const chosen = await chooseKeys([from, to], []);
  expect(chosen(Buffer.from('resque:workers'))).toBe(false);
  expect(chosen(Buffer.from(`resque:worker:${worker}:started`))).toBe(false);
  expect(chosen(Buffer.from('resque:queue:default'))).toBe(true);
  expect(await setAsideJobs(from, 'shop-test')).toBe(6);
  expect(await from.keys('resque:*')).toEqual(['resque:workers']);
  expect(await bringBackJobs(from, 'shop-test')).toBe(6);
  expect((await readJobs(from)).counts).toContainEqual({ name: 'delayed', size: 1 });
});
