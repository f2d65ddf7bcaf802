import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { expect } from '@jest/globals';
import { keyValueStoreUrl } from '../../rehearsal/heroku/key-value-store.ts';
import { findRubySidekiq } from '../../rehearsal/servers/ruby-sidekiq.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { followRedis, type RedisFollow } from '../../src/redis/follow.ts';
import {
  countDifferences,
  dropSetAside,
  quietJobs,
  readJobs,
  readLateJobs,
  returnInProgress,
  setAsideJobs,
  waitUntilIdle,
} from '../../src/redis/jobs/index.ts';
import { OUR_PREFIX } from '../../src/redis/key-choice.ts';
import { compareRedis } from '../../src/redis/parity.ts';
import { closeRedis, openRedis } from '../../src/redis/rights.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
// What the test starts ends with it.
import '../support/servers.ts';
import { herokusRedis, provisionedRedis } from './herokus-and-provisioned.ts';
import { astray, missing, moved, running, sidesInTurn, type Entry, type Side } from './job-diary.ts';
import { rubyApplication, type RubyProcess } from './ruby-application.ts';
import { clientOf } from './two-sides.ts';

const MIGRATION = 'shop-test';
const settings = { migrationId: MIGRATION, skip: [], log: silentLog, clock: systemClock };

const rubySidekiq = await inFullRun(() => findRubySidekiq(silentLog));

testNeeding(
  [rubySidekiq],
  'jobs of a real Sidekiq wait, fail and fall due across a move and back: each ends once, none runs on both sides',
  async () => {
    const [{ address: source }, target] = await Promise.all([herokusRedis(), provisionedRedis(MIGRATION)]);
    const [old, fresh] = [clientOf(source), clientOf(target.admin)];
    const { worker, producer, diary } = rubyApplication(foundIn(rubySidekiq));
    const oldSide = { side: 'old', url: keyValueStoreUrl(source, source.password ?? '') } as const;
    const { ca, serverName } = target;
    const newSide = { side: 'new', url: urlOf(target.app), ca, serverName } as const;

    // The old side under load, while the new one follows it.
    const oldProducer = producer(oldSide);
    const oldWorkers = [worker(oldSide, { loadsSchedule: true }), worker(oldSide)];
    await until(() => runsAllKinds(diary(), 'old'), 'the old side runs jobs of all kinds');
    const there = await followRedis({ ...settings, source, target: target.admin });
    await there.catchUp();

    // The new side is closed: a process that writes while it boots dies, so workers wait; a plain Sidekiq lives.
    const newWorkers = [worker(newSide), worker(newSide, { waits: true })] as const;
    const [plain, waiting] = newWorkers;
    const loader = worker(newSide, { loadsSchedule: true });
    expect(await loader.exited).not.toBe(0);
    expect(loader.said()).toContain('NOPERM');

    // Quiet while the site serves, then stopped.
    expect(await quietJobs(old)).toBe(2);
    expect(await waitUntilIdle(old, { ...settings, limitMs: 30_000 })).toMatchObject({ idle: true, busy: 0 });
    expect(running(diary())).toEqual([]);
    const ranBefore = diary().filter(({ what }) => what === 'begun').length;
    await stopped(oldWorkers);
    expect(await returnInProgress(old)).toBe(0);

    // The fence.
    await stopped([oldProducer]);
    await finished(there, [old, source], [fresh, target.admin]);
    const waitingJobs = await jobsIn(fresh);
    expect(waitingJobs.default).toBeGreaterThan(100);
    expect(Math.min(waitingJobs.slow, waitingJobs.retry, waitingJobs.schedule)).toBeGreaterThan(3);
    await until(() => plain.said().includes('NOPERM'), 'the closed Sidekiq is refused');
    await until(() => waiting.said().includes('waiting until this side is open'), 'the other one waits');
    await there.assertStill();

    // The point of no return: an old worker that is started by mistake finds nothing.
    await there.close();
    expect(await setAsideJobs(old, MIGRATION)).toBeGreaterThan(5);
    expect(await jobKeysIn(old)).toEqual([]);
    expect(await jobsIn(fresh)).toEqual(waitingJobs);
    expect(diary().filter(({ what }) => what === 'begun')).toHaveLength(ranBefore);
    const mistaken = worker(oldSide);
    await openRedis(target.admin, target.appUser);
    const newProducer = producer(newSide);
    await until(() => runsAllKinds(diary(), 'new'), 'the new side runs jobs of all kinds');
    for (const { pid } of newWorkers)
      await until(() => diary().some((entry) => entry.pid === pid), 'each of its workers runs jobs');
    await until(async () => (await readJobs(old)).processes.length === 1, 'the old worker reports itself');
    // Its pollers begin up to 5 s after it.
    await delay(6_000);
    expect(diary().filter(({ pid }) => pid === mistaken.pid)).toEqual([]);
    await stopped([mistaken]);
    expect(await readLateJobs(old, MIGRATION)).toEqual([]);
    expect(await jobKeysIn(old)).toEqual([]);

    // The way back, with a job that does not end in time and goes back to its queue.
    const back = await followRedis({ ...settings, source: target.admin, target: source, onto: 'origin' });
    await back.catchUp();
    expect(await quietJobs(fresh)).toBe(2);
    expect(await waitUntilIdle(fresh, { ...settings, limitMs: 14_000 })).toMatchObject({
      idle: false,
      busy: 1,
    });
    expect(running(diary())).toEqual(['new-9-endless']);
    await stopped(newWorkers);
    expect(await returnInProgress(fresh)).toBe(0);
    expect(await fresh.lindex('queue:default', -1)).toContain('new-9-endless');
    await stopped([newProducer]);
    await closeRedis(target.admin, target.appUser);
    await finished(back, [fresh, target.admin], [old, source]);
    await back.assertStill();
    await back.close();
    expect(await dropSetAside(old, MIGRATION)).toBeGreaterThan(5);
    expect(await old.keys(`${OUR_PREFIX}${MIGRATION}*`)).toEqual([]);

    // New workers that are started by mistake find a closed side.
    const mistakes = [worker(newSide), worker(newSide, { waits: true })];
    const lastWorkers = [worker(oldSide), worker(oldSide)];
    await until(() => missing(diary()).length === 0, 'every job has ended', 90_000);
    // Without its schedule nothing is enqueued any more, and what was can be counted.
    await old.del('cron_jobs');
    await delay(2_000);
    await until(async () => (await jobsIn(old)).default === 0, 'the last jobs are run');
    await stopped([...lastWorkers, ...mistakes]);

    const entries = diary();
    expect(sidesInTurn(entries)).toEqual(['old', 'new', 'old']);
    expect(running(entries)).toEqual([]);
    expect(astray(entries)).toEqual([]);
    expect(entries.filter(({ what }) => what === 'cut').map(({ id }) => id)).toEqual(['new-9-endless']);
    for (const journey of [moved(entries, 'old', 'new'), moved(entries, 'new', 'old')])
      expect(Math.min(journey.enqueued, journey.failed)).toBeGreaterThan(3);
    // What is left is not due or dead, once each.
    expect(await jobsIn(old)).toEqual({ default: 0, slow: 0, retry: 0, schedule: 2, dead: 2 });
    expect(await idsIn(old, 'schedule')).toEqual(['new-10-far', 'old-10-far']);
    expect(await idsIn(old, 'dead')).toEqual(['new-8-dead', 'old-8-dead']);

    // By sidekiq-cron's own books no second of its schedule was enqueued twice, and what was enqueued has run.
    const history = await old.lrange('cron_job:tick:jid_history', 0, -1);
    const enqueued = history.map((line) => `tick-${(JSON.parse(line) as { jid: string }).jid}`);
    expect(ticksIn(entries).sort()).toEqual(enqueued.sort());
    // The second in which the schedule was loaded is entered, and not run.
    expect(await old.zcard('cron_job:tick:enqueued')).toBe(enqueued.length + 1);
    // Sidekiq counts what it has run, on whichever side.
    const begun = entries.filter(({ what }) => what === 'begun').length;
    expect(Number(await old.get('stat:processed'))).toBe(begun);
  },
  240_000,
);

/** Brings over what is left: then both sides hold the same, by counts and by content. */
async function finished(
  follow: RedisFollow,
  [from, source]: [Redis, RedisAddress],
  [to, target]: [Redis, RedisAddress],
): Promise<void> {
  await follow.finish();
  expect(countDifferences(await readJobs(from), await readJobs(to))).toEqual([]);
  expect(await compareRedis({ source, target, skip: [] })).toMatchObject({ equal: true, differences: [] });
}

/** SIGTERM to the first process only, as the platforms send it; each must end by itself. */
async function stopped(processes: readonly RubyProcess[]): Promise<void> {
  for (const { pid } of processes) process.kill(pid, 'SIGTERM');
  const ends = processes.map(({ exited }) => exited);
  const inTime = delay(20_000, undefined, { ref: false }).then(() => {
    throw new Error('A process did not end on SIGTERM.');
  });
  await Promise.race([Promise.all(ends), inTime]);
}

function runsAllKinds(entries: Entry[], side: Side): boolean {
  const of = (what: Entry['what']): Entry[] =>
    entries.filter((entry) => entry.side === side && entry.what === what);
  return of('ended').length > 100 && of('failed').length > 3 && ticksIn(of('ended')).length > 1;
}

function ticksIn(entries: Entry[]): string[] {
  return entries.filter(({ what, id }) => what === 'ended' && id.startsWith('tick-')).map(({ id }) => id);
}

async function jobsIn(
  redis: Redis,
): Promise<Record<'default' | 'slow' | 'retry' | 'schedule' | 'dead', number>> {
  return {
    default: await redis.llen('queue:default'),
    slow: await redis.llen('queue:slow'),
    retry: await redis.zcard('retry'),
    schedule: await redis.zcard('schedule'),
    dead: await redis.zcard('dead'),
  };
}

/** The keys that are there of those in which Sidekiq and sidekiq-cron look for work. */
async function jobKeysIn(redis: Redis): Promise<string[]> {
  const keys = await redis.keys('*');
  return keys
    .filter((key) => /^(queues?(:.*)?|retry|schedule|dead|cron_jobs|cron_job:[^:]*)$/.test(key))
    .sort();
}

async function idsIn(redis: Redis, set: 'schedule' | 'dead'): Promise<string[]> {
  const jobs = await redis.zrange(set, '0', '-1');
  return jobs.map((job) => (JSON.parse(job) as { args: [string] }).args[0]).sort();
}

function urlOf({ host, port, username = '', password = '' }: RedisAddress): string {
  return `rediss://${username}:${password}@${host}:${port}`;
}

async function until(isSo: () => boolean | Promise<boolean>, what: string, limitMs = 40_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`It did not come about in ${limitMs / 1000} s: ${what}.`);
    await delay(200);
  }
}
