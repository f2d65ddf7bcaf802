import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { UndoneError, UnfinishedError } from '../../src/migration/saga.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import { redisIs } from '../../src/redis/rights.ts';
import { testInFull } from '../support/or-skipped.ts';
import { movingSides, stopHeroku, type MovingOptions, type MovingSides } from './moving-sides.ts';

// The way back's own steps, in this process, on real databases and the played Heroku, after a cutover by its own steps.

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(stopHeroku);

/** Seconds of stopping and starting each. */

const job = (jid: string): string => JSON.stringify({ class: 'Mail', jid, args: [1], queue: 'default' });
const CONFIG = `application: shop
strategy: window
traffic: dns
environments:
  staging: { heroku-app: shop-staging, region: fra }
workers: { quiet-timeout: 1s }
`;
const WORKER = 'worker.1:4:9a8b7c6d5e4f';

/** Moved and opened: the new side has taken a row and a job since. */
async function moved(options: MovingOptions = {}): Promise<MovingSides> {
  sides = await movingSides({ config: CONFIG, ...options });
  const { from, to, cutOver, postgres } = sides;
  if (options.withoutRedis !== true) {
    await from.sadd('queues', 'default');
    await from.rpush('queue:default', job('a1'));
  }
  await cutOver({ last: 'open-new-side' });
  await postgres.onTarget("insert into orders (note) values ('of the new side')");
  if (options.withoutRedis !== true) await to.lpush('queue:default', job('b2'));
  return sides;
}

/** A Sidekiq process of the new side, as it reports itself: busy with these jobs, or with none. */
async function worker({ to }: MovingSides, jobs: string[], quiet = true): Promise<void> {
  await to.sadd('processes', WORKER);
  await to.hset(WORKER, { info: '{}', busy: jobs.length, beat: Date.now() / 1000, quiet: String(quiet) });
  for (const [index, payload] of jobs.entries())
    await to.hset(
      `${WORKER}:work`,
      `t${index}`,
      JSON.stringify({ queue: 'default', payload, run_at: Math.floor(Date.now() / 1000) }),
    );
}

/** A minute after a side was closed nothing tells of its workers any more: they may not write. */
async function fallSilent({ to }: MovingSides): Promise<void> {
  await to.del(WORKER, `${WORKER}:work`);
}

const failure = (run: Promise<unknown>): Promise<Error> =>
  run.then(
    () => Promise.reject(new Error('It was expected to fail.')),
    (error: unknown) => error as Error,
  );

async function isOpen({ parties: { newSide } }: MovingSides): Promise<boolean> {
  if (newSide.redis === undefined) throw new Error('There is no Redis here.');
  return (await redisIs(newSide.redis.admin, newSide.redis.appUser)) === 'open';
}

describe('the way back', () => {
  test('rows and jobs of the new side are on Heroku, once, and nothing of ours is left there', async () => {
    const shop = await moved();
    await shop.goBack();
    expect(await shop.postgres.onSource('select note from orders order by id')).toEqual([
      { note: 'a' },
      { note: 'b' },
      { note: 'of the new side' },
    ]);
    expect(await shop.from.lrange('queue:default', 0, -1)).toEqual([job('b2'), job('a1')]);
    expect(await shop.from.keys('heroku-to-digitalocean*')).toEqual([]);
    expect(await isOpen(shop)).toBe(false);
    expect(shop.app.formation()).toMatchObject({ web: { quantity: 1 }, worker: { quantity: 1 } });
  });

  testInFull(
    'a run that died after it had closed the new side is gone on with, though its role may no longer lock there',
    async () => {
      const shop = await moved({ withoutRedis: true });
      await shop.goBack({ last: 'close-new-side' });
      await shop.goBack();
      expect(await shop.postgres.onSource('select note from orders order by id')).toEqual([
        { note: 'a' },
        { note: 'b' },
        { note: 'of the new side' },
      ]);
    },
  );

  testInFull('after a cutover that died before it opened the new side', async () => {
    sides = await movingSides({ config: CONFIG, withoutRedis: true });
    await sides.cutOver({ last: 'prove-closed' });
    await sides.goBack();
    expect(await sides.postgres.onSource('select count(*)::int as n from orders')).toEqual([{ n: 2 }]);
    expect(sides.app.formation()).toMatchObject({ web: { quantity: 1 }, worker: { quantity: 1 } });
  });

  testInFull(
    'workers are started anew although nothing names them any more once their side was closed',
    async () => {
      const shop = await moved();
      await worker(shop, []);
      await shop.goBack({ before: { unpark: () => fallSilent(shop) } });
      expect(shop.restarts).toEqual([['worker']]);
    },
  );

  test('so they are when a way back is undone long after it had closed their side', async () => {
    const shop = await moved();
    await worker(shop, []);
    const error = await failure(
      shop.goBack({
        before: {
          'final-drain': () => fallSilent(shop),
          'lift-fence': () => Promise.reject(new Error('given up')),
        },
      }),
    );
    expect(error).toBeInstanceOf(UndoneError);
    expect(await isOpen(shop)).toBe(true);
    expect(shop.restarts).toEqual([['worker']]);
    // The copies that Heroku had got already are gone again.
    expect(await shop.from.keys('queue*')).toEqual([]);
    expect(await shop.to.lrange('queue:default', 0, -1)).toEqual([job('b2'), job('a1')]);
  });

  test('a job that no worker ends in time runs again on Heroku: a closed worker can neither end nor retry it', async () => {
    const shop = await moved();
    await worker(shop, [job('long')]);
    const results = await shop.goBack();
    expect(results['keep-running-jobs']).toEqual({ jobs: 1 });
    // Fetched from the right: first of all.
    expect(await shop.from.lrange('queue:default', 0, -1)).toEqual([job('b2'), job('a1'), job('long')]);
    expect(await shop.to.keys('heroku-to-digitalocean:*-running')).toEqual([]);
    expect(shop.log.lines.join('\n')).toMatch(/1 jobs are still running 1 s after/);
  });

  test('a stranger who enqueues on the old Redis all through a way back loses no job, undone or not', async () => {
    const shop = await moved();
    const { from } = shop;
    const strangers: string[] = [];
    const enqueue = async (when: string): Promise<void> => {
      strangers.push(when);
      await from.sadd('queues', 'default');
      await from.lpush('queue:default', job(`stranger ${when}`));
    };
    const whenever = Object.fromEntries(
      ['late-jobs', 'follow-redis', 'quiet-workers', 'fence', 'final-drain', 'carry-jobs', 'count-jobs'].map(
        (step) => [step, () => enqueue(step)],
      ),
    );
    const error = await failure(
      shop.goBack({ before: { ...whenever, 'lift-fence': () => Promise.reject(new Error('given up')) } }),
    );
    expect(error).toBeInstanceOf(UndoneError);
    const names = (): string[] => strangers.map((when) => job(`stranger ${when}`)).toReversed();
    expect(await from.lrange('queue:default', 0, -1)).toEqual(names());
    expect(await isOpen(shop)).toBe(true);

    await shop.goBack({
      before: {
        ...Object.fromEntries(Object.keys(whenever).map((step) => [step, () => enqueue(`again, ${step}`)])),
        'forget-old-jobs': () => enqueue('again, at the very end'),
      },
    });
    expect(await from.lrange('queue:default', 0, -1)).toEqual([...names(), job('b2'), job('a1')]);
    expect(await from.keys('heroku-to-digitalocean*')).toEqual([]);
    expect(shop.log.lines.join('\n')).toMatch(
      /15 jobs that were enqueued on Heroku's Redis after the switch/,
    );
  }, 120_000);

  testInFull('undone, such a job stays where it runs', async () => {
    const shop = await moved();
    await worker(shop, [job('long')]);
    await failure(shop.goBack({ before: { 'lift-fence': () => Promise.reject(new Error('given up')) } }));
    expect(await shop.to.lrange('queue:default', 0, -1)).toEqual([job('b2'), job('a1')]);
    expect(await shop.to.keys('heroku-to-digitalocean:*-running')).toEqual([]);
  });

  testInFull('run again after its process died, it quiets workers that were started meanwhile', async () => {
    const shop = await moved();
    await shop.goBack({ last: 'quiet-workers' });
    await worker(shop, [], false);
    const asked = new Promise<void>((told) => {
      const look = setInterval(() => {
        void shop.to.llen(`${WORKER}-signals`).then(async (signals) => {
          if (signals === 0) return;
          clearInterval(look);
          await shop.to.hset(WORKER, 'quiet', 'true');
          told();
        });
      }, 50);
    });
    await shop.goBack();
    await asked;
    expect(await shop.from.llen('queue:default')).toBe(2);
  });

  test('a token that may not change the app refuses it before the new side is touched', async () => {
    const shop = await moved();
    shop.allow(['read', 'read-protected']);
    try {
      const error = await failure(shop.goBack());
      expect(error.message).toMatch(
        /The way back cannot begin; nothing was touched:\n.*may change the app: no/,
      );
      expect(await isOpen(shop)).toBe(true);
    } finally {
      shop.allow();
    }
  });

  test('a DigitalOcean token that may not start workers anew refuses it before they are quiet; one of which nothing is known is told', async () => {
    const shop = await moved();
    shop.mayChangeNewApp.status = 403;
    const refused = await failure(shop.goBack());
    expect(refused.message).toMatch(
      /The way back cannot begin; nothing was touched:\n.*may change the new app: no\. .*lacks the scope `app:update`/,
    );
    expect(await isOpen(shop)).toBe(true);
    expect(shop.changesOfTheNewSide).toEqual([]);

    shop.mayChangeNewApp.status = 404;
    await shop.goBack();
    expect(shop.log.lines.join('\n')).toMatch(/may change the new app: not known\. .*404/);
    expect(await isOpen(shop)).toBe(false);
  });

  test('an old Redis whose plan is too small by now refuses it while the new side goes on serving', async () => {
    const shop = await moved({ oldMaxMemory: '8mb' });
    for (let n = 0; n < 12; n += 1) await shop.to.set(`grown:${n}`, 'x'.repeat(1_000_000));
    const error = await failure(shop.goBack());
    expect(error.message).toMatch(/too small: .*heroku addons:upgrade/s);
    expect(await isOpen(shop)).toBe(true);
    expect(await shop.from.exists('grown:0')).toBe(0);
  });

  testInFull(
    'a release phase that fails leaves the data on Heroku and the new side closed; mended, the same run goes on from there',
    async () => {
      const shop = await moved({ withoutRedis: true, releasePhase: 'test -e may-pass' });
      const mayPass = join(shop.code, 'may-pass');
      rmSync(mayPass);
      const error = await failure(shop.goBack());
      expect(error).toBeInstanceOf(UnfinishedError);
      expect(error.message).toMatch(/stopped at "unpark".*Release v\d+ of shop-\w+ ended as failed/s);
      const notes = [{ note: 'a' }, { note: 'b' }, { note: 'of the new side' }];
      expect(await shop.postgres.onSource('select note from orders order by id')).toEqual(notes);
      expect(await writesAre(shop.parties.newSide.owner)).toBe('closed');
      expect(shop.app.formation()).toMatchObject({ worker: { quantity: 0 } });
      const drained = (await shop.journal.steps('roll-back')).find(({ name }) => name === 'final-drain');

      // Run again before that is mended it stops at the same place, with nothing lost and nothing done twice.
      expect(await failure(shop.goBack())).toBeInstanceOf(UnfinishedError);
      writeFileSync(mayPass, '');
      await shop.goBack();
      expect(await shop.postgres.onSource('select note from orders order by id')).toEqual(notes);
      const history = (await shop.journal.history()).filter(({ name }) => name === 'final-drain');
      expect(history.filter(({ phase }) => phase === 'roll-back').map(({ id }) => id)).toEqual([drained?.id]);
      expect(shop.app.releases().at(-1)?.status).toBe('succeeded');
      expect(shop.app.formation()).toMatchObject({ web: { quantity: 1 }, worker: { quantity: 1 } });
    },
  );

  testInFull('an application without a Redis goes back', async () => {
    const shop = await moved({ withoutRedis: true });
    await shop.goBack();
    expect(await shop.postgres.onSource('select count(*)::int as n from orders')).toEqual([{ n: 3 }]);
  });
});
