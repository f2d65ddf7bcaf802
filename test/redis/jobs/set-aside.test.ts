import type { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import {
  bringBackJobs,
  dropSetAside,
  quietJobs,
  readJobs,
  readLateJobs,
  setAsideJobs,
} from '../../../src/redis/jobs/index.ts';
import { clientOf, twoRedis } from '../two-sides.ts';

const job = (jid: string): string => JSON.stringify({ jid, class: 'Mail', args: [] });

async function enqueue(redis: Redis): Promise<void> {
  await redis.sadd('queues', 'default', 'größe');
  await redis.lpush('queue:default', job('1'), job('2'));
  await redis.lpush('queue:größe', job('5'));
  await redis.zadd('retry', 1, job('3'));
  await redis.zadd('schedule', 2, job('4'));
  await redis.sadd('cron_jobs:default', 'cron_job:default:nightly');
  await redis.hset('cron_job:default:nightly', 'cron', '0 3 * * *');
  await redis.zadd('cron_job:default:nightly:enqueued', 1, '2026-11-23T03:00:00Z');
  await redis.rpush('queue:sq|worker.1:4:0123456789ab|default', job('6'));
  await redis.set('stat:processed', 7);
}

/** Every key of the database with its payload. */
async function everything(redis: Redis): Promise<Record<string, string>> {
  const names = (await redis.keys('*'))
    .filter((name) => name !== 'heroku-to-digitalocean:job-systems')
    .sort();
  const all: Record<string, string> = {};
  for (const name of names) all[name] = (await redis.dumpBuffer(name)).toString('hex');
  return all;
}

async function inPlace(redis: Redis): Promise<string[]> {
  return (await redis.keys('*')).filter((key) => !key.startsWith('heroku-to-digitalocean:')).sort();
}

test('jobs are set aside in one step, so that an old worker finds none, and brought back whole', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  const before = await everything(from);
  expect(await setAsideJobs(from, 'shop-test')).toBe(9);
  expect((await readJobs(from)).present).toBe(false);
  expect(await inPlace(from)).toEqual(['stat:processed']);
  expect(await setAsideJobs(from, 'shop-test')).toBe(0);
  expect(await bringBackJobs(from, 'shop-test')).toBe(9);
  expect(await everything(from)).toEqual(before);
  expect(await bringBackJobs(from, 'shop-test')).toBe(0);
  expect(await everything(from)).toEqual(before);
});

test('locks of unique jobs move with the jobs, and stay in their place when these are set aside', async () => {
  const { from, to, copy, compare } = await twoRedis();
  await enqueue(from);
  // Those of sidekiq-unique-jobs and of Sidekiq Enterprise.
  await from.hset('uniquejobs:4c1b', '1', '1763888400.5');
  await from.hset('uniquejobs:4c1b:LOCKED', '1', '1763888400.5');
  await from.zadd('uniquejobs:digests', 1763888400.5, 'uniquejobs:4c1b');
  await from.set('unique:9f2e', '1', 'PX', 3_600_000);
  const locks = ['unique:9f2e', 'uniquejobs:4c1b', 'uniquejobs:4c1b:LOCKED', 'uniquejobs:digests'];
  await copy();
  expect(await to.exists(...locks)).toBe(4);
  expect(
    Math.abs((await from.pexpiretime('unique:9f2e')) - (await to.pexpiretime('unique:9f2e'))),
  ).toBeLessThan(1_000);
  expect(await compare()).toMatchObject({ equal: true });
  expect(await setAsideJobs(from, 'shop-test')).toBe(9);
  expect(await inPlace(from)).toEqual(['stat:processed', ...locks]);
});

test('whenever the connection is lost, all jobs are in their place or all are set aside', async () => {
  const { from, source } = await twoRedis();
  await enqueue(from);
  const before = await everything(from);
  const outcomes = new Set<string>();
  for (let commands = 1; commands <= 80; commands += 1) {
    const doomed = clientOf(source);
    await doomed.ping();
    cutAfter(doomed, commands);
    const forth = await setAsideJobs(doomed, 'shop-test').then(
      () => 'done',
      () => 'cut',
    );
    const places = await inPlace(from);
    outcomes.add(`${forth} ${places.length}`);
    if (places.length > 1) expect(await everything(from)).toEqual(before);
    else expect(places).toEqual(['stat:processed']);
    // The run that continues finishes it, whatever the first one did.
    await setAsideJobs(from, 'shop-test');
    expect(await inPlace(from)).toEqual(['stat:processed']);
    await bringBackJobs(from, 'shop-test');
    expect(await everything(from)).toEqual(before);
    if (forth === 'done') break;
  }
  expect([...outcomes].sort()).toEqual([`cut ${Object.keys(before).length}`, 'done 1']);
});

test('whoever enqueues all the time does not win against it, nor do two who set aside at once', async () => {
  const { from, source } = await twoRedis();
  await enqueue(from);
  const other = clientOf(source);
  let [enqueued, isEnd] = [0, false];
  const writer = (async () => {
    while (!isEnd) await other.lpush('queue:default', job(`late ${(enqueued += 1)}`));
  })();
  while (enqueued < 20) await other.ping();
  const both = await Promise.all([
    setAsideJobs(from, 'shop-test'),
    setAsideJobs(clientOf(source), 'shop-test'),
  ]);
  isEnd = true;
  await writer;
  expect(both.sort()).toEqual([0, 9]);
  const aside = await from.llen('heroku-to-digitalocean:shop-test:queue:default');
  expect(aside).toBeGreaterThan(20);
  expect(aside + (await from.llen('queue:default'))).toBe(2 + enqueued);
});

test('without scripts a job enqueued in the very moment is set aside too, never half of it', async () => {
  const { from, source } = await twoRedis();
  await from.call('ACL', 'SETUSER', 'plain', 'on', 'nopass', '~*', '&*', '+@all', '-@scripting');
  const plain = clientOf(source);
  await plain.call('AUTH', 'plain', 'any');
  await enqueue(from);
  const other = clientOf(source);
  let enqueued = 0;
  const original = plain.exists.bind(plain);
  // Somebody enqueues between our look and our step, three times.
  plain.exists = ((...keys: string[]) =>
    enqueued < 3
      ? other.lpush('queue:default', job(`late ${(enqueued += 1)}`)).then(() => original(...keys))
      : original(...keys)) as typeof plain.exists;
  await setAsideJobs(plain, 'shop-test');
  expect(enqueued).toBe(3);
  expect(await inPlace(from)).toEqual(['stat:processed']);
  expect(await from.llen('heroku-to-digitalocean:shop-test:queue:default')).toBe(5);
});

test('jobs enqueued on the old side after they were set aside are told, and kept behind the others', async () => {
  const { from } = await twoRedis();
  await quietJobs(from);
  await enqueue(from);
  expect(await readLateJobs(from, 'shop-test')).toEqual([]);
  await setAsideJobs(from, 'shop-test');
  expect(await readLateJobs(from, 'shop-test')).toEqual([]);
  await from.sadd('queues', 'default', 'new');
  await from.lpush('queue:default', job('late 1'), job('late 2'));
  await from.lpush('queue:new', job('late 3'));
  await from.zadd('schedule', 9, job('late 4'));
  expect(await readLateJobs(from, 'shop-test')).toEqual([
    { name: 'default', size: 2 },
    { name: 'new', size: 1 },
    { name: 'schedule', size: 1 },
  ]);
  // A continued run does not stop at them, nor does it touch them.
  expect(await setAsideJobs(from, 'shop-test')).toBe(0);
  expect(await from.llen('queue:default')).toBe(2);

  await bringBackJobs(from, 'shop-test');
  expect(await from.lrange('queue:default', 0, -1)).toEqual(['late 2', 'late 1', '2', '1'].map(job));
  expect(await from.zrange('schedule', '0', '-1', 'WITHSCORES')).toEqual([job('4'), '2', job('late 4'), '9']);
  expect((await from.smembers('queues')).sort()).toEqual(['default', 'größe', 'new']);
  expect(await from.keys('heroku-to-digitalocean:shop-test*')).toEqual([]);
});

test('a key that became something else is not merged: nothing is changed and the person is told', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  await setAsideJobs(from, 'shop-test');
  await from.set('retry', 'a string');
  const before = await everything(from);
  await expect(bringBackJobs(from, 'shop-test')).rejects.toThrow(
    /retry on the old Redis .*Nothing was changed/,
  );
  expect(await everything(from)).toEqual(before);
});

test('the old side counts jobs of BullMQ far ahead, so that a late one never has the name of a new one', async () => {
  for (const scripts of [true, false]) {
    const { from, source } = await twoRedis();
    await from.hset('bull:mail:meta', 'version', 'bullmq:5.1.0');
    await from.set('bull:mail:id', 7);
    let redis = from;
    if (!scripts) {
      await from.call('ACL', 'SETUSER', 'plain', 'on', 'nopass', '~*', '&*', '+@all', '-@scripting');
      redis = clientOf(source);
      await redis.call('AUTH', 'plain', 'any');
    }
    // Also where not one job waits, and once only.
    await setAsideJobs(redis, 'shop-test');
    await setAsideJobs(redis, 'shop-test');
    expect(await from.incr('bull:mail:id')).toBe(1_000_000_000_008);
    await from.lpush('bull:mail:wait', '1000000000008');
    await from.hset('bull:mail:1000000000008', 'name', 'late');
    expect(await readLateJobs(from, 'shop-test')).toMatchObject([{ size: 1 }]);
    await bringBackJobs(redis, 'shop-test');
    expect(await from.get('bull:mail:id')).toBe('8');
    expect(await from.lrange('bull:mail:wait', 0, -1)).toEqual(['1000000000008']);
    expect(await from.keys('heroku-to-digitalocean:shop-test*')).toEqual([]);
  }
});

test('what is set aside is dropped without touching what stands in its place', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  await setAsideJobs(from, 'shop-test');
  await enqueue(from);
  const present = await inPlace(from);
  expect(await dropSetAside(from, 'shop-test')).toBe(9);
  expect(await dropSetAside(from, 'shop-test')).toBe(0);
  expect(await from.keys('heroku-to-digitalocean:shop-test*')).toEqual([]);
  expect(await inPlace(from)).toEqual(present);
  expect(await bringBackJobs(from, 'shop-test')).toBe(0);
});

/** The connection ends when it would send its next command but `count`. */
function cutAfter(redis: Redis, count: number): void {
  const send = redis.sendCommand.bind(redis);
  let left = count;
  redis.sendCommand = (...sent: Parameters<typeof send>) => {
    left -= 1;
    if (left === -1) redis.disconnect();
    return send(...sent);
  };
}
