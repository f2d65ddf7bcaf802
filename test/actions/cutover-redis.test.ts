import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { copyForPractice } from '../../actions/migrate-db/copy-window.ts';
import { copyLive } from '../../actions/migrate-db/copy-live.ts';
import { copySummary } from '../../actions/migrate-db/summary.ts';
import { UndoneError } from '../../src/migration/saga.ts';
import { CONFIG } from './played-sides.ts';
import { movingSides, stopHeroku, type MovingOptions, type MovingSides } from './moving-sides.ts';

// The cutover's own steps, in this process, on real databases and the played Heroku, up to the setting aside of the
// old jobs: what comes after does not concern Redis.

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(stopHeroku);

const JOB = JSON.stringify({ class: 'Mail', jid: 'a1', args: [1], queue: 'default' });
const ASIDE = 'heroku-to-digitalocean:shop-staging:';

/** Sidekiq's own keys with two jobs and one that waits for its time, beside plain keys. */
async function open(options: MovingOptions = {}): Promise<MovingSides> {
  sides = await movingSides(options);
  const { from } = sides;
  await from.sadd('queues', 'default');
  await from.rpush('queue:default', JOB, JOB);
  await from.zadd('schedule', 1.9e9, JOB);
  await from.mset('session:1', 'ada', 'session:2', 'alan', 'cache:page', 'x');
  return sides;
}

const failure = (run: Promise<unknown>): Promise<Error> =>
  run.then(
    () => Promise.reject(new Error('It was expected to fail.')),
    (error: unknown) => error as Error,
  );

async function expectHerokuAsBefore({ app, from }: MovingSides): Promise<void> {
  await app.settled();
  expect(app.maintenance()).toBe(false);
  expect(app.formation()).toMatchObject({ web: { quantity: 1 }, worker: { quantity: 1 } });
  expect(await from.llen('queue:default')).toBeGreaterThanOrEqual(2);
  expect(await from.keys('heroku-to-digitalocean:*')).toEqual([]);
  // Nobody is held any more.
  await Promise.race([
    from.set('session:1', 'ada again'),
    delay(10_000).then(() => Promise.reject(new Error('Writers are still held.'))),
  ]);
}

describe('Redis in a cutover', () => {
  test.each(['window', 'live'] as const)(
    '%s: what changes after it was followed moves inside the fence, and nothing else does',
    async (strategy) => {
      const { from, to, cutOver, parties } = await open();
      if (strategy === 'live') await copyLive(parties);
      const results = await cutOver({
        strategy,
        before: {
          'return-taken-jobs': async () => {
            await from.set('session:2', 'changed late', 'PX', 3_600_000);
            await from.del('session:1');
            await from.rpush('queue:default', JOB);
          },
        },
      });
      expect(results['follow-redis']).toMatchObject({ caughtUp: { compared: 6 } });
      const step = strategy === 'window' ? 'parity' : 'final-drain';
      expect(JSON.stringify(results[step])).toContain('"keys":{"compared":3,"different":0}');
      expect(results[step]).toMatchObject({
        redis: { how: 'changes', reason: null, paused: true, keys: 2, deleted: 1 },
      });
      expect(results['count-jobs']).toEqual({
        counts: expect.arrayContaining([
          { name: 'default', size: 3 },
          { name: 'schedule', size: 1 },
        ]) as unknown,
      });
      expect(await to.get('session:2')).toBe('changed late');
      expect(await to.pttl('session:2')).toBeGreaterThan(3_500_000);
      expect(await to.exists('session:1')).toBe(0);
      expect(await to.lrange('queue:default', 0, -1)).toEqual([JOB, JOB, JOB]);
      // An old worker that is started by mistake finds nothing, and writers are not held for ever.
      expect(await from.exists('queues', 'queue:default', 'schedule')).toBe(0);
      expect(await from.llen(`${ASIDE}queue:default`)).toBe(3);
      await from.set('somebody', 'writes');
    },
    120_000,
  );

  test('a job that a dead worker had taken waits in its queue again, on the new side', async () => {
    const { from, to, cutOver } = await open();
    await from.rpush('queue:sq|worker.1:4:9a8b7c|default', JSON.stringify({ class: 'Taken', jid: 'b2' }));
    const results = await cutOver();
    expect(results['return-taken-jobs']).toEqual({ jobs: 1 });
    expect(await to.lrange('queue:default', 0, -1)).toContainEqual(expect.stringContaining('Taken'));
    expect(await to.exists('queue:sq|worker.1:4:9a8b7c|default')).toBe(0);
  });

  test('jobs in another logical database are counted and set aside there', async () => {
    const { from, to, cutOver } = await open();
    await from.select(3);
    await from.sadd('queues', 'mail');
    await from.rpush('queue:mail', JOB);
    const results = await cutOver();
    expect(results['count-jobs']).toEqual({
      counts: expect.arrayContaining([
        { name: 'default', size: 2 },
        { name: 'db3 mail', size: 1 },
      ]) as unknown,
    });
    expect(await from.exists('queue:mail')).toBe(0);
    expect(await from.llen(`${ASIDE}queue:mail`)).toBe(1);
    await to.select(3);
    expect(await to.llen('queue:mail')).toBe(1);
  });

  test('an application without a Redis passes all of its steps', async () => {
    const { cutOver } = await open({ withoutRedis: true });
    expect(await cutOver()).toMatchObject({
      'follow-redis': null,
      'return-taken-jobs': { jobs: 0 },
      parity: { keys: { compared: 0, different: 0 }, redis: null },
      'count-jobs': { counts: [] },
      'set-old-jobs-aside': { keys: 0 },
    });
  });
});

/** A run ends without undoing anything, and whatever it had open is cut, as with its process: its hold lasts. */
async function dieInsideTheFence({ from, to, cutOver }: MovingSides): Promise<void> {
  await cutOver({ last: 'count-jobs' });
  for (const redis of [from, to]) await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
}

describe('before the point of no return', () => {
  test('a stray write after the last pass stops the cutover, and everything is undone', async () => {
    const moving = await open({ withoutPause: true });
    const { from, cutOver } = moving;
    const error = await failure(
      cutOver({ before: { 'point-of-no-return': () => from.set('session:2', 'a stray write') } }),
    );
    expect(error).toBeInstanceOf(UndoneError);
    expect(error.message).toMatch(/point-of-no-return.*1 keys differ[^]*Heroku serves as before/);
    await expectHerokuAsBefore(moving);
  });

  test('writers that are held write as soon as the cutover is undone', async () => {
    const moving = await open();
    const { from, to, cutOver } = moving;
    let written: Promise<unknown> = Promise.resolve();
    const error = await failure(
      cutOver({
        before: {
          'point-of-no-return': async () => {
            written = from.set('session:2', 'held');
            await delay(100);
            expect(await to.get('session:2')).toBe('alan');
            throw new Error('the line is cut');
          },
        },
      }),
    );
    expect(error.message).toMatch(/the line is cut/);
    await written;
    expect(await from.get('session:2')).toBe('held');
    await expectHerokuAsBefore(moving);
  });

  test('a cancelled cutover lets writers go at once', async () => {
    const moving = await open();
    const cancel = new AbortController();
    const error = await failure(
      moving.cutOver({
        signal: cancel.signal,
        before: {
          'count-jobs': () => {
            cancel.abort(new Error('cancelled by a person'));
            return Promise.resolve();
          },
        },
      }),
    );
    expect(error.message).toMatch(/cancelled by a person/);
    await expectHerokuAsBefore(moving);
  });

  test('queues that do not hold as many jobs on both sides stop the cutover', async () => {
    const moving = await open();
    const error = await failure(
      moving.cutOver({ before: { 'count-jobs': () => moving.to.rpush('queue:default', JOB) } }),
    );
    expect(error).toBeInstanceOf(UndoneError);
    expect(error.message).toMatch(/count-jobs.*The jobs on both sides are not the same:[^]*default/);
    await expectHerokuAsBefore(moving);
  });

  test('a run that died inside the fence, with writers held, is continued by another', async () => {
    const moving = await open();
    const { from, to, cutOver } = moving;
    await dieInsideTheFence(moving);
    const started = Date.now();
    const results = await cutOver();
    expect(Date.now() - started).toBeLessThan(27_000);
    expect(results['follow-redis']).toMatchObject({ copied: { keys: 0 } });
    expect(results['parity']).toMatchObject({ redis: { how: 'changes' } });
    expect(await to.llen('queue:default')).toBe(2);
    expect(await from.llen(`${ASIDE}queue:default`)).toBe(2);
  }, 120_000);

  test('what a run that died inside the fence had held is let go by whoever undoes it', async () => {
    const moving = await open();
    await dieInsideTheFence(moving);
    const started = Date.now();
    expect(await moving.undo()).toContain('parity');
    expect(Date.now() - started).toBeLessThan(27_000);
    await expectHerokuAsBefore(moving);
  });
});

describe('a job that never ends', () => {
  const WORKER = 'worker.1:4:abc';
  const LONG = JSON.stringify({ class: 'Export', jid: 'long', args: [1], queue: 'default' });
  const config = (whenBusy: string): string =>
    CONFIG.replace('\nchecks:', `\nworkers: { quiet-timeout: 1s, when-busy: ${whenBusy} }\nchecks:`);

  /** A Sidekiq process of Heroku that runs the job: Sidekiq keeps it in memory, and tells of it in its hash. */
  async function busy({ from }: MovingSides): Promise<void> {
    await from.sadd('processes', WORKER);
    await from.hset(WORKER, { info: '{}', busy: 1, beat: Date.now() / 1000, quiet: 'true' });
    const work = { queue: 'default', payload: LONG, run_at: Math.floor(Date.now() / 1000) };
    await from.hset(`${WORKER}:work`, 't0', JSON.stringify(work));
  }

  test('abort: the cutover is undone with what to do, before anybody could notice, and workers are started anew', async () => {
    const moving = await open({ config: config('abort') });
    await busy(moving);
    const workers = (): (number | undefined)[] =>
      moving.app.dynos().flatMap(({ type, pid }) => (type === 'worker' ? [pid] : []));
    const before = workers();
    const error = await failure(moving.cutOver());
    expect(error).toBeInstanceOf(UndoneError);
    expect(error.message).toMatch(
      /stopped at "quiet-workers": .*1 jobs were still running 1 s after .*Raise `workers\.quiet-timeout`.*`workers\.when-busy: go-on`/s,
    );
    await expectHerokuAsBefore(moving);
    expect(workers()).toHaveLength(1);
    expect(workers()).not.toEqual(before);
  });

  test('go-on: it is broken off as by a deploy, and waits once on the new side, first of its queue', async () => {
    const moving = await open({ config: config('go-on') });
    await busy(moving);
    const { from, to, cutOver, log } = moving;
    // What Sidekiq does on SIGTERM with a job that does not end in time, while its dyno is stopped.
    const putBack = async (): Promise<void> => {
      await from.multi().rpush('queue:default', LONG).del(WORKER, `${WORKER}:work`).exec();
    };
    const results = await cutOver({ before: { 'maintenance-mode': putBack } });
    expect(results['quiet-workers']).toMatchObject({ stillBusy: 1 });
    expect(log.lines.join('\n')).toMatch(/1 jobs were still running .* stopped all the same/);
    expect(await to.lrange('queue:default', 0, -1)).toEqual([JOB, JOB, LONG]);
    expect(await from.keys('queue:*')).toEqual([]);
  });
});

describe('the practice copy', () => {
  const config = CONFIG.replace('\nchecks:', "\nredis: { kind: droplet, skip: ['cache:*'] }\nchecks:");

  test('tells keys, rate, what stays behind on purpose, the jobs, and what the last pass will take', async () => {
    const { to, parties } = await open({ config });
    const copied = await copyForPractice(parties);
    expect(copied.redis).toMatchObject({
      keys: 5,
      carried: 5,
      skipped: 1,
      skip: ['cache:*'],
      feed: 'tracking',
      jobs: expect.arrayContaining([{ name: 'default', size: 2 }]) as unknown,
    });
    expect(copied.measured.map(({ name }) => name)).toEqual([
      'copy',
      'parity',
      'Redis, beyond what Postgres takes',
      'Redis: jobs are looked for and counted',
    ]);
    expect(await to.exists('cache:page')).toBe(0);
    const summary = copySummary(copied, undefined).replaceAll(/\\(?=[^\w\s])/g, '');
    expect(summary).toContain(
      '| Keys left behind on purpose: keys like cache:*, and heartbeats of workers | 1 |',
    );
    expect(copied.redis?.keysPerSecond).toBeGreaterThan(0);
    expect(summary).toContain(`| Keys carried in a second | ${copied.redis?.keysPerSecond} |`);
    expect(summary).toContain('by client tracking');
    expect(summary).toContain('| default | 2 |');
  });

  test('made again, carries only what differs', async () => {
    const { from, parties } = await open({ config });
    await copyForPractice(parties);
    await from.set('session:1', 'another');
    expect((await copyForPractice(parties)).redis).toMatchObject({ keys: 5, carried: 1 });
  });
});
