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
import { twoRedis } from '../two-sides.ts';

/** Keys as BullMQ writes them. */
async function queueOf(redis: Redis, version = 'bullmq:5.81.5'): Promise<void> {
  await redis.hset('bull:emails:meta', 'opts.maxLenEvents', 10_000, 'version', version);
  await redis.lpush('bull:emails:wait', '1', '2');
  await redis.zadd('bull:emails:delayed', 4096 * 5_000, '3');
  for (const id of ['1', '2', '3', '4', '5']) await redis.hset(`bull:emails:${id}`, 'data', '{}');
  await redis.set('bull:emails:id', 5);
  await redis.zadd('bull:emails:marker', 0, '0');
}

test('a queue is found by its meta, whatever its prefix; a hash of that name alone is none', async () => {
  const { from } = await twoRedis();
  await queueOf(from);
  await from.hset('{shop}:reports:meta', 'version', 'bullmq:6.7.0');
  await from.hset('page:17:meta', 'title', 'About us');
  await from.set('bull:old:id', 3);
  await from.lpush('bull:old:wait', '3');
  await from.set('bull:terrier:id', 3);
  const { processes, counts } = await readJobs(from);
  expect(processes.map(({ identity, deaf }) => [identity, deaf])).toEqual([
    ['bull:emails', false],
    ['{shop}:reports', false],
    ['bull:old', true],
  ]);
  expect(counts).toContainEqual({ name: 'emails', size: 2 });
  expect(counts).toContainEqual({ name: 'emails delayed', size: 1 });
});

test('a queue is paused until its running jobs have ended, and what is carried is not paused', async () => {
  const { from } = await twoRedis();
  await queueOf(from);
  await from.rpush('bull:emails:active', '4', '5');
  await from.set('bull:emails:5:lock', 'token', 'PX', 60_000);
  expect(await quietJobs(from)).toBe(1);
  expect(await quietJobs(from)).toBe(0);
  expect(await from.hget('bull:emails:meta', 'paused')).toBe('1');
  expect(await from.exists('bull:emails:marker')).toBe(0);
  // 4 has no lock: nobody runs it.
  const early = await waitUntilIdle(from, { limitMs: 100, log: silentLog, clock: systemClock });
  expect(early).toMatchObject({ idle: false, busy: 1 });
  await from.pexpire('bull:emails:5:lock', 1_500);
  const idle = await waitUntilIdle(from, { limitMs: 20_000, log: silentLog, clock: systemClock });
  expect(idle).toMatchObject({ idle: true, busy: 0 });

  // Meanwhile the site adds jobs: while a queue is paused, BullMQ 5 adds them here.
  await from.lpush('bull:emails:paused', '6', '7');
  expect((await readJobs(from)).counts).toContainEqual({ name: 'emails', size: 4 });
  expect(await returnInProgress(from)).toBe(0);
  expect(await resumeJobs(from)).toBe(1);
  expect(await resumeJobs(from)).toBe(0);
  expect(await from.hexists('bull:emails:meta', 'paused')).toBe(0);
  expect(await from.lrange('bull:emails:wait', 0, -1)).toEqual(['7', '6', '2', '1']);
  expect(await from.exists('bull:emails:paused')).toBe(0);
  expect(await from.zrange('bull:emails:marker', '0', '-1', 'WITHSCORES')).toEqual(['0', '0']);
  // BullMQ itself puts back what nobody runs, and counts how often.
  expect(await from.lrange('bull:emails:active', 0, -1)).toEqual(['4', '5']);
  const events = (await from.xrange('bull:emails:events', '-', '+')).map(([, fields]) => fields);
  expect(events).toEqual([
    ['event', 'paused'],
    ['event', 'resumed'],
  ]);
});

test('many jobs added during the pause come behind the others, in their order', async () => {
  const { from } = await twoRedis();
  await queueOf(from);
  await quietJobs(from);
  const added = Array.from({ length: 2_500 }, (_none, index) => String(100 + index));
  await from.lpush('bull:emails:paused', ...added);
  await resumeJobs(from);
  expect((await from.lrange('bull:emails:wait', 0, -1)).reverse()).toEqual(['1', '2', ...added]);
});

test('a queue without jobs is woken when its next delayed job is due', async () => {
  const { from } = await twoRedis();
  await queueOf(from);
  await from.del('bull:emails:wait');
  await quietJobs(from);
  await resumeJobs(from);
  expect(await from.zrange('bull:emails:marker', '0', '-1', 'WITHSCORES')).toEqual(['1', '5000']);
});

test('what a person has paused stays paused, and versions that were not read are not paused by us', async () => {
  const { from } = await twoRedis();
  await queueOf(from);
  await from.hset('bull:emails:meta', 'paused', 1);
  for (const version of ['bullmq:4.18.3', 'bullmq:7.0.0', 'bullmq-pro:7.8.0'])
    await from.hset(`bull:${version}:meta`, 'version', version);
  expect(await quietJobs(from)).toBe(0);
  expect(await resumeJobs(from)).toBe(0);
  expect(await from.hget('bull:emails:meta', 'paused')).toBe('1');
  expect(await from.hexists('bull:bullmq:7.0.0:meta', 'paused')).toBe(0);
});

test('set aside, an old worker finds no job, and a new job does not take an old one’s name', async () => {
  const { from } = await twoRedis();
  await queueOf(from);
  expect(await setAsideJobs(from, 'shop-test')).toBe(3);
  for (const list of ['wait', 'delayed', 'active', 'marker'])
    expect(await from.exists(`bull:emails:${list}`)).toBe(0);
  // Far ahead: what is enqueued here meanwhile has a name of its own when those of the new side come back.
  expect(await from.get('bull:emails:id')).toBe('1000000000005');
  expect(await bringBackJobs(from, 'shop-test')).toBe(3);
  expect(await from.lrange('bull:emails:wait', 0, -1)).toEqual(['2', '1']);
});
