import { beforeEach, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { runningShop, until, type RunningShop } from './running-shop.ts';

let shop: RunningShop;

beforeEach(async () => {
  shop = await runningShop();
});

/** As a Rails application would push it. */
function aJob(name: string, ...args: unknown[]) {
  const jid = randomBytes(12).toString('hex');
  const now = Date.now() / 1000;
  const payload = {
    retry: true,
    queue: 'default',
    class: name,
    args,
    jid,
    created_at: now,
    enqueued_at: now,
  };
  return { jid, payload: JSON.stringify(payload) };
}

function runsOf(jid: string): Promise<{ attempt: number }[]> {
  return shop.database.query<{ attempt: number }>(
    'select attempt from job_runs where jid = $1 order by attempt',
    [jid],
  );
}

function hasRun(jid: string): Promise<void> {
  return until(async () => (await runsOf(jid)).length > 0, `job ${jid} has run`);
}

function heartbeat(identity: string): Promise<Record<string, string>> {
  return shop.redis.hgetall(identity);
}

test('queued and scheduled jobs run once; a job that fails the first time is retried', async () => {
  const queued = aJob('ReceiptJob', crypto.randomUUID());
  const failing = aJob('FraudCheckJob', crypto.randomUUID());
  const scheduled = aJob('ShipmentJob', crypto.randomUUID());
  await shop.redis.lpush('queue:default', queued.payload, failing.payload);
  await shop.redis.zadd('schedule', Date.now() / 1000 + 1, scheduled.payload);
  const { process: worker, identity } = await shop.worker();
  await Promise.all([queued, failing, scheduled].map(({ jid }) => hasRun(jid)));

  expect(await runsOf(queued.jid)).toEqual([{ attempt: 1 }]);
  expect(await runsOf(failing.jid)).toEqual([{ attempt: 2 }]);
  expect(await runsOf(scheduled.jid)).toEqual([{ attempt: 1 }]);
  await worker.stop();
  expect(await shop.redis.get('stat:processed')).toBe('4');
  expect(await shop.redis.get('stat:failed')).toBe('1');
  expect(await shop.redis.exists('processes', identity, `${identity}:work`)).toBe(0);
});

test('TSTP in the signals list quiets a worker: it finishes what it runs, says so, and fetches nothing more', async () => {
  const { identity } = await shop.worker();
  const running = aJob('SlowJob', 3000);
  await shop.redis.lpush('queue:default', running.payload);
  await until(async () => (await heartbeat(identity))['busy'] === '1', 'the worker is busy');
  const work = Object.values(await shop.redis.hgetall(`${identity}:work`));
  expect(JSON.parse(work[0] ?? '{}')).toMatchObject({ queue: 'default', payload: running.payload });

  await shop.redis.lpush(`${identity}-signals`, 'TSTP');
  await until(async () => (await heartbeat(identity))['quiet'] === 'true', 'the worker is quiet');
  const later = aJob('SlowJob', 1);
  await shop.redis.lpush('queue:default', later.payload);
  await until(async () => (await heartbeat(identity))['busy'] === '0', 'the worker is idle');
  expect(await runsOf(running.jid)).toHaveLength(1);
  await delay(1500);
  expect(await shop.redis.lrange('queue:default', 0, -1)).toEqual([later.payload]);
});

test('SIGTERM: a job that cannot be finished in time is pushed back as it was, and runs once elsewhere', async () => {
  const { process: worker } = await shop.worker({ SIDEKIQ_TIMEOUT: '1' });
  const long = aJob('SlowJob', 20_000);
  const short = aJob('SlowJob', 900);
  await shop.redis.lpush('queue:default', long.payload, short.payload);
  await until(async () => (await shop.redis.llen('queue:default')) === 0, 'both were fetched');
  await worker.stop();

  expect(await worker.exited).toBe(0);
  expect(await runsOf(short.jid)).toHaveLength(1);
  expect(await runsOf(long.jid)).toHaveLength(0);
  expect(await shop.redis.lrange('queue:default', 0, -1)).toEqual([long.payload]);
});

test('a worker that loses its database keeps the job for a retry', async () => {
  const { lines } = await shop.worker();
  const job = aJob('SlowJob', 5000);
  await shop.redis.lpush('queue:default', job.payload);
  await until(async () => (await shop.redis.llen('queue:default')) === 0, 'the job was fetched');
  await shop.database.server.kill9();
  await until(async () => (await shop.redis.zcard('retry')) === 1, 'the job waits for its retry', lines);
  await shop.database.server.restart();
  await hasRun(job.jid);
  const [run, ...more] = await runsOf(job.jid);
  expect(run?.attempt).toBeGreaterThan(1);
  expect(more).toEqual([]);
});
