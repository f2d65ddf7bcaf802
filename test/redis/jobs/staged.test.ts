import type { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import { findPlaces } from '../../../src/redis/jobs/find.ts';
import { dropSetAside, readJobsAt, setAsideJobs } from '../../../src/redis/jobs/index.ts';
import { lateObstacles, placeJobs } from '../../../src/redis/jobs/place.ts';
import {
  dropStaged,
  jobPatterns,
  proveStaged,
  stagedUnder,
  stageJobs,
} from '../../../src/redis/jobs/staged.ts';
import { clientOf, twoRedis } from '../two-sides.ts';

// The new side's jobs come back to a Redis on which strangers go on enqueuing.

const ID = 'shop-test';
const job = (jid: string): string => JSON.stringify({ jid, class: 'Mail', args: [] });

/** `from`, the new side, has jobs; on `to`, the old one, those of the switch are set aside. */
async function moved() {
  const { from, to, target } = await twoRedis();
  await to.sadd('queues', 'default');
  await to.lpush('queue:default', job('of the switch'));
  await to.hset('bull:mail:meta', 'version', 'bullmq:5.1.0');
  await to.set('bull:mail:id', 1);
  await to.lpush('bull:mail:wait', '1');
  await to.hset('bull:mail:1', 'name', 'of the switch');
  await setAsideJobs(to, ID);

  await from.sadd('queues', 'default', 'slow');
  await from.lpush('queue:default', job('1'), job('2'));
  await from.zadd('schedule', 5, job('3'));
  await from.hset('bull:mail:meta', { version: 'bullmq:5.1.0', 'opts.maxLenEvents': 9 });
  await from.set('bull:mail:id', 2);
  await from.lpush('bull:mail:wait', '2');
  await from.hset('bull:mail:2', 'name', 'of the new side');
  await from.set('bull:mail:2:lock', 'token', 'PX', 60_000);
  const places = [...(await findPlaces(from)), ...(await findPlaces(to))];
  return { from, to, target, options: { migrationId: ID, places, skip: [] } };
}

async function strangers(redis: Redis, name: string): Promise<void> {
  await redis.sadd('queues', 'default', 'new');
  await redis.lpush('queue:default', job(`late ${name}`));
  await redis.lpush('queue:new', job(`new ${name}`));
  await redis.zadd('schedule', 9, job(`scheduled ${name}`));
  const id = String(await redis.incr('bull:mail:id'));
  await redis.hset(`bull:mail:${id}`, 'name', `late ${name}`);
  await redis.lpush('bull:mail:wait', id);
}

/** Each job that waits, by what it is. */
async function jobsOn(redis: Redis): Promise<string[]> {
  const queues = await redis.smembers('queues');
  const lists = await Promise.all(queues.map((name) => redis.lrange(`queue:${name}`, 0, -1)));
  const texts = [...lists.flat(), ...(await redis.zrange('schedule', '0', '-1'))];
  const bull = await redis.lrange('bull:mail:wait', 0, -1);
  const names = await Promise.all(bull.map((id) => redis.hget(`bull:mail:${id}`, 'name')));
  return [...texts.map((text) => (JSON.parse(text) as { jid: string }).jid), ...names.map(String)].sort();
}

const OF_THE_NEW_SIDE = ['1', '2', '3', 'of the new side'];
const late = (name: string): string[] => [`late ${name}`, `late ${name}`, `new ${name}`, `scheduled ${name}`];
const ours = (redis: Redis): Promise<string[]> => redis.keys(`heroku-to-digitalocean:${ID}*`);

test('whoever enqueues on the old Redis, before, while or after jobs come back, finds every job there once', async () => {
  const { from, to, options } = await moved();
  await strangers(to, 'before');
  await stageJobs(from, to, options);
  await strangers(to, 'meanwhile');
  await proveStaged(from, to, options);
  await dropSetAside(to, ID);
  await strangers(to, 'after');
  const done = await placeJobs(to, options);
  expect(done.late).toBe(9);
  expect(await jobsOn(to)).toEqual(
    [...OF_THE_NEW_SIDE, ...late('before'), ...late('meanwhile'), ...late('after')].sort(),
  );
  // Behind those that came, the oldest first in line.
  expect(
    (await to.lrange('queue:default', 0, -1)).map((text) => (JSON.parse(text) as { jid: string }).jid),
  ).toEqual(['late after', 'late meanwhile', 'late before', '2', '1']);
  expect(await to.get('bull:mail:id')).toBe('2');
  expect(await to.pttl('bull:mail:2:lock')).toBeGreaterThan(50_000);
  // What was done long ago is no more.
  expect(await to.exists('bull:mail:1')).toBe(0);
  expect(await ours(to)).toEqual([]);
});

test('undone, what strangers enqueued stands where they put it, and nothing of ours is left', async () => {
  const { from, to, options } = await moved();
  await strangers(to, 'before');
  await stageJobs(from, to, options);
  await strangers(to, 'meanwhile');
  await dropStaged(to, ID);
  expect(await jobsOn(to)).toEqual([...late('before'), ...late('meanwhile')].sort());
  expect((await ours(to)).filter((name) => name.includes('-back'))).toEqual([]);
});

test('ten thousands of late jobs join, page by page', async () => {
  const { from, to, options } = await moved();
  await to.sadd('queues', 'default');
  for (let page = 0; page < 25; page += 1)
    await to.lpush('queue:default', ...Array.from({ length: 1_000 }, (_, n) => job(`late ${page}-${n}`)));
  await stageJobs(from, to, options);
  await dropSetAside(to, ID);
  expect((await placeJobs(to, options)).late).toBeGreaterThanOrEqual(25_000);
  expect(await to.llen('queue:default')).toBe(25_002);
  expect(await to.lindex('queue:default', -1)).toBe(job('1'));
  expect(await to.lindex('queue:default', -3)).toBe(job('late 0-0'));
});

test('wherever its connection is lost, another run ends it with every job there once', async () => {
  const { from, to, target, options } = await moved();
  let cuts = 0;
  for (let commands = 1; commands < 200; commands += 3) {
    await to.flushall();
    // As the switch has left it.
    await to.set('bull:mail:id', 1_000_000_000_001);
    await stageJobs(from, to, options);
    await strangers(to, 'x');
    const doomed = clientOf(target);
    await doomed.ping();
    cutAfter(doomed, commands);
    const first = await placeJobs(doomed, options).then(
      () => 'done',
      () => 'cut',
    );
    await strangers(to, 'y');
    await placeJobs(to, options);
    // Once it is through, what comes later stands in its place already.
    expect(await jobsOn(to)).toEqual([...OF_THE_NEW_SIDE, ...late('x'), ...late('y')].sort());
    expect(await ours(to)).toEqual([]);
    if (first === 'done') break;
    cuts += 1;
  }
  expect(cuts).toBeGreaterThan(5);
});

test('what waits for its place is counted like what it was made from, and a difference is named', async () => {
  const { from, to, options } = await moved();
  await stageJobs(from, to, options);
  const places = await findPlaces(from);
  const here = await readJobsAt(from, places);
  expect((await readJobsAt(to, places, stagedUnder(ID))).counts).toEqual(here.counts);
  await from.lpush('queue:default', job('somebody still writes'));
  await expect(proveStaged(from, to, options)).rejects.toThrow(
    /"queue:default": the content of the list differs/,
  );
});

test('keys of the application that no job system owns are not among them', async () => {
  const { options } = await moved();
  const patterns = jobPatterns(options.places);
  expect(patterns).toContain('queue:*');
  expect(patterns).toContain('bull:mail:*');
  expect(patterns).not.toContain('*');
});

test('what cannot stand beside what comes is told before anything is touched', async () => {
  const { from, to } = await moved();
  expect(await lateObstacles(from, to)).toEqual([]);
  await strangers(to, 'x');
  expect(await lateObstacles(from, to)).toEqual([]);
  // As an earlier version left it, which did not count ahead.
  await to.lpush('bull:mail:wait', '2');
  await to.del('schedule');
  await to.set('schedule', 'a plain value');
  const found = await lateObstacles(from, to);
  expect(found).toEqual([
    'schedule is a string on the old Redis and a zset on the new one',
    'the job 2 under bull:mail: has the name of another job of the new side',
  ]);
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
