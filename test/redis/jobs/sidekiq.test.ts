import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../../src/clock.ts';
import { silentLog } from '../../../src/log.ts';
import {
  countDifferences,
  quietJobs,
  readJobs,
  returnInProgress,
  setAsideJobs,
  waitUntilIdle,
} from '../../../src/redis/jobs/index.ts';
import { chooseKeys } from '../../../src/redis/key-choice.ts';
import { twoRedis } from '../two-sides.ts';

const identity = 'worker.1:4:0123456789ab';
const job = (jid: string): string => JSON.stringify({ jid, class: 'Mail', args: [], queue: 'default' });

async function enqueue(redis: Redis, prefix = ''): Promise<void> {
  await redis.sadd(`${prefix}queues`, 'default', 'mailers');
  await redis.lpush(`${prefix}queue:default`, job('1'), job('2'));
  await redis.zadd(`${prefix}retry`, 1, job('3'));
  await redis.zadd(`${prefix}schedule`, 2, job('4'));
}

/** Does what a Sidekiq process does to Redis with each heartbeat: a report, then a look at its signals. */
async function beat(redis: Redis, state: { jobs: number; quiet: boolean }): Promise<void> {
  const report = redis.multi().sadd('processes', identity);
  report.hset(identity, 'busy', state.jobs, 'quiet', String(state.quiet)).del(`${identity}:work`);
  for (let n = 0; n < state.jobs; n += 1) report.hset(`${identity}:work`, `thread ${n}`, '{}');
  await report.exec();
  if ((await redis.rpop(`${identity}-signals`)) === 'TSTP') state.quiet = true;
}

test('queues, sets, schedules, processes and what they run are read', async () => {
  const { from } = await twoRedis();
  expect(await readJobs(from)).toEqual({ present: false, processes: [], busy: 0, counts: [] });
  await enqueue(from);
  await from.sadd('cron_jobs', 'cron_job:nightly');
  await from.sadd('cron_jobs:default', 'cron_job:default:hourly');
  await beat(from, { jobs: 2, quiet: false });
  await from.sadd('processes', 'dead:1:ba9876543210');
  expect(await readJobs(from)).toEqual({
    present: true,
    processes: [{ identity, busy: 2, quiet: false, signalPending: false, deaf: false }],
    busy: 2,
    counts: [
      { name: 'default', size: 2 },
      { name: 'mailers', size: 0 },
      { name: 'retry', size: 1 },
      { name: 'schedule', size: 1 },
      { name: 'dead', size: 0 },
      { name: 'cron', size: 2 },
    ],
  });
});

test('a Sidekiq with a namespace is found by its queues, and keys that only look like one are not', async () => {
  const { from } = await twoRedis();
  await from.sadd('print:queues', 'laser', 'plotter');
  await from.zadd('retry', 1, 'a call that was not answered');
  await from.sadd('processes', 'weaving', 'dyeing');
  expect((await readJobs(from)).present).toBe(false);
  await enqueue(from, 'shop:');
  expect((await readJobs(from)).counts).toContainEqual({ name: 'default', size: 2 });
  await quietJobs(from);
  expect(await setAsideJobs(from, 'shop-test')).toBe(4);
  expect((await from.keys('*')).filter((key) => !key.startsWith('heroku-to-digitalocean:')).sort()).toEqual([
    'print:queues',
    'processes',
    'retry',
  ]);
});

test('a process is told once to go quiet, and idle is only what stays quiet with nothing running', async () => {
  const { from } = await twoRedis();
  const state = { jobs: 1, quiet: false };
  await beat(from, state);
  expect(await quietJobs(from)).toBe(1);
  expect(await quietJobs(from)).toBe(0);
  const early = await waitUntilIdle(from, { limitMs: 300, log: silentLog, clock: systemClock });
  expect(early).toMatchObject({ idle: false, busy: 1 });
  const told: string[] = [];
  const log = { ...silentLog, info: (line: string) => void told.push(line) };
  const waiting = { over: false };
  const worker = (async () => {
    for (let beats = 0; !waiting.over; beats += 1) {
      await beat(from, state);
      if (beats >= 4 && told.length > 0) state.jobs = 0;
      await delay(100);
    }
  })();
  const idle = await waitUntilIdle(from, { limitMs: 40_000, log, clock: systemClock });
  waiting.over = true;
  await worker;
  expect(idle).toMatchObject({ idle: true, busy: 0 });
  expect(state.quiet).toBe(true);
  // Counted down, each state once.
  expect(told.at(0)).toMatch(/^1 jobs running in 1 workers, [01] not quiet yet$/);
  expect(told.at(-1)).toBe('0 jobs running in 1 workers, 0 not quiet yet');
  expect(new Set(told).size).toBe(told.length);
});

test('a Sidekiq inside a web process gets no signal, which would stop the web, and is not waited for', async () => {
  const { from } = await twoRedis();
  await beat(from, { jobs: 1, quiet: false });
  await from.hset(identity, 'info', JSON.stringify({ identity, embedded: true }));
  expect(await quietJobs(from)).toBe(0);
  expect(await from.exists(`${identity}-signals`)).toBe(0);
  const waited = await waitUntilIdle(from, { limitMs: 10_000, log: silentLog, clock: systemClock });
  expect(waited).toMatchObject({ idle: true });
});

test('without any worker there is nothing to wait for', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  const idle = await waitUntilIdle(from, { limitMs: 10_000, log: silentLog, clock: systemClock });
  expect(idle).toMatchObject({ idle: true, busy: 0 });
});

test('what reliable fetchers had taken goes back to its queue, first in line, and is not taken twice', async () => {
  const { from } = await twoRedis();
  await enqueue(from);
  await from.rpush('queue:sq|web|x.1:4:0123456789ab|default', job('never'));
  await from.rpush(`queue:sq|${identity}|default`, job('b'), job('a'));
  await from.rpush(`working:queue:low:prio:${identity}`, job('c'));
  await from.rpush('working:queue:low:host:12', job('d'));
  await from.rpush(`uniquejobs:working:${identity}`, JSON.stringify({ jid: 'e', queue: 'mailers' }));
  await from.rpush('working:memory', 'not a job');
  expect(await returnInProgress(from)).toBe(6);
  expect(await returnInProgress(from)).toBe(0);
  // Fetched from the right: a before b, and what was taken before what still waits.
  const waiting = (await from.lrange('queue:default', 0, -1)).map(
    (text) => (JSON.parse(text) as { jid: string }).jid,
  );
  expect(waiting).toEqual(['2', '1', 'b', 'a']);
  expect(await from.lrange('queue:x.1:4:0123456789ab|default', 0, -1)).toEqual([job('never')]);
  expect(await from.lrange('queue:low:prio', 0, -1)).toEqual([job('c')]);
  expect(await from.lrange('queue:low', 0, -1)).toEqual([job('d')]);
  expect(await from.llen('queue:mailers')).toBe(1);
  expect(await from.lrange('working:memory', 0, -1)).toEqual(['not a job']);
});

test('heartbeats stay behind; an application may call its own keys the same', async () => {
  const { from, to } = await twoRedis();
  await enqueue(from);
  await beat(from, { jobs: 1, quiet: false });
  await from.set('stat:processed', 7);
  const chosen = await chooseKeys([from, to], ['cache:*', '*:draft', 'sess?on:[0-9]']);
  const carried = (name: string): boolean => chosen(Buffer.from(name));
  for (const name of ['queue:default', 'retry', 'stat:processed', 'caches', 'session:a', 'worker.1'])
    expect([name, carried(name)]).toEqual([name, true]);
  for (const name of ['processes', identity, `${identity}:work`, `${identity}-signals`, 'dear-leader'])
    expect([name, carried(name)]).toEqual([name, false]);
  for (const name of ['cache:1', 'page:draft', 'session:1', 'heroku-to-digitalocean:x'])
    expect([name, carried(name)]).toEqual([name, false]);

  const other = await twoRedis();
  await other.from.sadd('processes', 'weaving');
  expect((await chooseKeys([other.from, other.to], []))(Buffer.from('processes'))).toBe(true);
});

test('counts that differ between the sides are told, and a moved set of queues is equal', async () => {
  const { from, to, copy } = await twoRedis();
  await enqueue(from);
  await copy();
  expect(countDifferences(await readJobs(from), await readJobs(to))).toEqual([]);
  await to.rpop('queue:default');
  await from.zadd('dead', 1, job('9'));
  expect(countDifferences(await readJobs(from), await readJobs(to))).toEqual([
    'default: 2 on the old side, 1 on the new one',
    'dead: 1 on the old side, 0 on the new one',
  ]);
});

test('a queue that is called like a set is counted by itself', async () => {
  const { from, to, copy } = await twoRedis();
  await enqueue(from);
  await from.sadd('queues', 'retry');
  await from.lpush('queue:retry', job('5'), job('6'));
  await copy();
  expect(countDifferences(await readJobs(from), await readJobs(to))).toEqual([]);
  await to.rpop('queue:retry');
  expect(countDifferences(await readJobs(from), await readJobs(to))).toEqual([
    'retry: 2 on the old side, 1 on the new one',
  ]);
});
