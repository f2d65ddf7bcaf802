import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../../src/clock.ts';
import { silentLog } from '../../../src/log.ts';
import {
  bringBackJobs,
  quietSidekiq,
  readSidekiq,
  setAsideJobs,
  waitUntilIdle,
} from '../../../src/redis/jobs/sidekiq.ts';
import { twoRedis } from '../two-sides.ts';

const identity = 'worker.1:4:0123456789ab';

async function enqueue(redis: Redis): Promise<void> {
  await redis.sadd('queues', 'default', 'mailers');
  await redis.lpush('queue:default', '{"jid":"1"}', '{"jid":"2"}');
  await redis.zadd('retry', 1, '{"jid":"3"}');
  await redis.zadd('schedule', 2, '{"jid":"4"}');
  await redis.sadd('cron_jobs', 'cron_job:nightly');
  await redis.hset('cron_job:nightly', 'cron', '0 3 * * *');
}

/** Does what a Sidekiq process does to Redis with each heartbeat: a report, then a look at its signals. */
async function beat(redis: Redis, state: { jobs: number; quiet: boolean }): Promise<void> {
  await redis.sadd('processes', identity);
  await redis.hset(identity, 'busy', state.jobs, 'quiet', String(state.quiet));
  await redis.del(`${identity}:work`);
  for (let job = 0; job < state.jobs; job += 1) await redis.hset(`${identity}:work`, `thread ${job}`, '{}');
  if ((await redis.rpop(`${identity}-signals`)) === 'TSTP') state.quiet = true;
}

test('queues, sets, processes and what they run are read', async () => {
  const { from } = await twoRedis();
  expect((await readSidekiq(from)).present).toBe(false);
  await enqueue(from);
  await beat(from, { jobs: 2, quiet: false });
  await from.sadd('processes', 'dead:1:ba9876543210');
  expect(await readSidekiq(from)).toEqual({
    present: true,
    processes: [{ identity, busy: 2, quiet: false, signalPending: false }],
    busy: 2,
    queues: [
      { name: 'default', size: 2 },
      { name: 'mailers', size: 0 },
    ],
    retry: 1,
    schedule: 1,
    dead: 0,
    cron: 1,
  });
});

test('a process is told once to go quiet, and idle is only what stays quiet with nothing running', async () => {
  const { from } = await twoRedis();
  const state = { jobs: 1, quiet: false };
  await beat(from, state);
  expect(await quietSidekiq(from)).toBe(1);
  expect(await quietSidekiq(from)).toBe(0);
  const early = await waitUntilIdle(from, { limitMs: 300, log: silentLog, clock: systemClock });
  expect(early).toMatchObject({ idle: false, busy: 1 });
  const worker = (async () => {
    for (let beats = 0; beats < 40; beats += 1) {
      await beat(from, state);
      if (beats === 4) state.jobs = 0;
      await delay(100);
    }
  })();
  const idle = await waitUntilIdle(from, { limitMs: 20_000, log: silentLog, clock: systemClock });
  await worker;
  expect(idle).toMatchObject({ idle: true, busy: 0 });
  expect(state.quiet).toBe(true);
});

test('without any worker there is nothing to wait for', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  const idle = await waitUntilIdle(from, { limitMs: 10_000, log: silentLog, clock: systemClock });
  expect(idle).toMatchObject({ idle: true, busy: 0 });
});

test('jobs are set aside in one step, so that an old worker finds none, and brought back whole', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  await from.set('session:1', 'stays');
  const dump = async (): Promise<unknown> => ({
    queue: await from.lrange('queue:default', 0, -1),
    retry: await from.zrange('retry', '0', '-1', 'WITHSCORES'),
    names: (await from.keys('*')).sort(),
  });
  const before = await dump();
  expect(await setAsideJobs(from, 'shop-test')).toBe(6);
  expect((await readSidekiq(from)).present).toBe(false);
  expect((await from.keys('*')).filter((key) => !key.startsWith('heroku-to-digitalocean:'))).toEqual([
    'session:1',
  ]);
  expect(await setAsideJobs(from, 'shop-test')).toBe(0);
  expect(await bringBackJobs(from, 'shop-test')).toBe(6);
  expect(await dump()).toEqual(before);
  expect(await bringBackJobs(from, 'shop-test')).toBe(0);
});

test('jobs enqueued on the old side after they were set aside are not overwritten', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  await setAsideJobs(from, 'shop-test');
  await enqueue(from);
  await expect(setAsideJobs(from, 'shop-test')).rejects.toThrow(/Nothing was renamed/);
  await expect(bringBackJobs(from, 'shop-test')).rejects.toThrow(/Nothing was renamed/);
  expect((await readSidekiq(from)).queues[0]).toEqual({ name: 'default', size: 2 });
});
