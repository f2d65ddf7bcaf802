import type { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import { enqueueDueRun } from '../../../src/redis/jobs/due-run.ts';
import { clientOf, twoRedis } from '../two-sides.ts';

const DUE = new Date('2026-11-23T20:10:00.000Z');
const NOW = new Date('2026-11-23T20:11:30.500Z');
const CLOCK = { now: () => NOW, sleep: () => Promise.resolve() };
const NAMES = ['scheduled-report', 'report'];

async function schedule(
  redis: Redis,
  set: string,
  hash: string,
  fields: Record<string, string> = {},
): Promise<void> {
  await redis.sadd(set, hash);
  await redis.hset(hash, {
    name: 'scheduled-report',
    message: JSON.stringify({ retry: 0, queue: 'low', class: 'ScheduledCommandJob', args: ['report'] }),
    active_job: '0',
    ...fields,
  });
}

test.each([
  ['sidekiq-cron 1', 'cron_jobs', 'cron_job:scheduled-report'],
  ['sidekiq-cron 2', 'cron_jobs:default', 'cron_job:default:scheduled-report'],
])('%s: a run that was due is enqueued as it would have been, once', async (_version, set, hash) => {
  const { to } = await twoRedis();
  await to.sadd('queues', 'default');
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('no-schedule');
  await schedule(to, set, hash);
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('enqueued');
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('known');
  const jobs = await to.lrange('queue:low', 0, -1);
  expect(jobs.map((job) => JSON.parse(job) as unknown)).toEqual([
    {
      ...{ retry: 0, queue: 'low', class: 'ScheduledCommandJob', args: ['report'] },
      jid: expect.stringMatching(/^[0-9a-f]{24}$/),
      created_at: NOW.getTime() / 1000,
      enqueued_at: NOW.getTime() / 1000,
    },
  ]);
  expect(await to.smembers('queues')).toContain('low');
  // Another time is another run.
  expect(await enqueueDueRun(to, NAMES, new Date('2026-11-23T20:20:00Z'), CLOCK)).toBe('enqueued');
});

test('what sidekiq-cron has enqueued itself is not enqueued again, and what is no job of Sidekiq’s own is left alone', async () => {
  const { to } = await twoRedis();
  const hash = 'cron_job:scheduled-report';
  await to.sadd('queues', 'default');
  await schedule(to, 'cron_jobs', hash, { last_enqueue_time: '2026-11-23 20:10:04 UTC' });
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('known');
  // Its poller has noted the run, and enqueues it a moment later.
  await to.hset(hash, 'last_enqueue_time', '2026-11-23 20:00:04 UTC');
  await to.zadd(`${hash}:enqueued`, DUE.getTime() / 1000, '2026-11-23T20:10:00Z');
  const later = {
    now: () => NOW,
    sleep: async () => {
      await to.hset(hash, 'last_enqueue_time', '2026-11-23 20:10:31 UTC');
    },
  };
  expect(await enqueueDueRun(to, NAMES, DUE, later)).toBe('known');
  await to.hset(hash, { last_enqueue_time: '', active_job: '1' });
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('no-schedule');
  await to.hset(hash, { active_job: '0', message: 'no JSON' });
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('no-schedule');
  expect(await to.exists('queue:low')).toBe(0);
});

test.each([
  ['when it was loaded', NOW],
  ['by the poller, which then leaves it', DUE],
])('that its last run is noted (%s) is no sign that it was enqueued', async (_how, at) => {
  const { to } = await twoRedis();
  await to.sadd('queues', 'default');
  await schedule(to, 'cron_jobs', 'cron_job:scheduled-report');
  await to.zadd('cron_job:scheduled-report:enqueued', at.getTime() / 1000, '2026-11-23T20:10:00Z');
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('enqueued');
  expect(await enqueueDueRun(to, NAMES, DUE, CLOCK)).toBe('known');
  expect(await to.llen('queue:low')).toBe(1);
});

test('two that ask at the same moment enqueue it once', async () => {
  const { target, to } = await twoRedis();
  await to.sadd('queues', 'default');
  await schedule(to, 'cron_jobs', 'cron_job:scheduled-report');
  const others = [clientOf(target), clientOf(target), clientOf(target)];
  const found = await Promise.all(others.map((redis) => enqueueDueRun(redis, NAMES, DUE, CLOCK)));
  expect(found.sort()).toEqual(['enqueued', 'known', 'known']);
  expect(await to.llen('queue:low')).toBe(1);
});
