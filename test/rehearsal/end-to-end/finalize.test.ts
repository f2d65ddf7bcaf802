import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { judge, type Verdict } from '../../../rehearsal/load/judge.ts';
import { shopEnvironments } from '../../../rehearsal/end-state.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { readSchedulerJobs } from '../../../src/heroku/scheduler.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  accessOfTheRunner,
  catchUp,
  cutOver,
  errorsOf,
  expectConclusion,
  isWhere,
  logOf,
  openShop,
  prepare,
  rollBack,
  serves,
  stateOfHeroku,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

// A shop that stays: the shipped workflow ends its way back, and nothing of the migration is left on Heroku.
let shop: Shop;
let before: Record<string, unknown>;
let prepared: WorkflowResult;

async function open(options: Partial<Parameters<typeof openShop>[0]>): Promise<void> {
  shop = await openShop({ environments: ['production'], schedules: false, ...options });
  shop.world.github.configureEnvironment('production', {});
  before = await stateOfHeroku(shop);
  prepared = await prepare(shop);
  expectConclusion(prepared, 'success');
}

function finalize(inputs: Record<string, unknown>): Promise<WorkflowResult> {
  return shop.run('finalize.yml', {
    inputs: { application: 'shop', environment: 'production', ...inputs },
  });
}

async function schedules(): Promise<number> {
  const { heroku, tokens } = shop.world;
  const { schedulerUrl } = heroku;
  const found = await readSchedulerJobs({ schedulerUrl, token: tokens.heroku, appId: shop.side.app.id });
  if ('unknown' in found) throw new Error(found.unknown);
  return found.jobs.length;
}

/** Neither schema nor keys of ours, no schedule, and nobody's access. */
async function expectNothingLeft(): Promise<void> {
  const { schema, ourRedisKeys } = await stateOfHeroku(shop);
  expect({ schema, ourRedisKeys }).toEqual({ schema: before['schema'], ourRedisKeys: [] });
  expect(await schedules()).toBe(0);
  expect(await accessOfTheRunner(shop)).toEqual([]);
}

async function expectNoWayBack(): Promise<void> {
  const back = await rollBack(shop);
  expectConclusion(back, 'failure');
  expect(errorsOf(back)).toMatch(/The way back of production was ended on purpose at /);
  const follows = await catchUp(shop);
  expectConclusion(follows, 'success');
  expect(logOf(follows)).toMatch(/no way back is kept: there is nothing to follow/);
}

describe('through a maintenance page and DNS', () => {
  beforeAll(async () => {
    if (full) await open({});
  }, 240_000);
  afterAll(async () => {
    if (full) await shop.close();
  });

  testInFull(
    'before a cutover there is nothing to end, and without the name typed nothing is touched',
    async () => {
      const early = await finalize({ 'dry-run': false, confirm: 'production' });
      expectConclusion(early, 'failure');
      expect(errorsOf(early)).toMatch(/no cutover has begun\. There is no way back to end/);
      const unnamed = await finalize({ 'dry-run': false, confirm: 'staging' });
      expectConclusion(unnamed, 'failure');
      expect(errorsOf(unnamed)).toMatch(/environment's name in the input `confirm` \(it is "staging"\)/);
      expect(await stateOfHeroku(shop)).toEqual(before);
    },
    240_000,
  );

  testInFull(
    'after it all of the migration is gone from Heroku, which roll-back and catch-up know',
    async () => {
      expectConclusion(await cutOver(shop, prepared), 'success');
      const listed = await finalize({});
      expectConclusion(listed, 'success');
      expect(logOf(listed)).toMatch(/Would remove: old Postgres: schema heroku_to_digitalocean/);
      expect(await schedules()).toBeGreaterThan(0);

      expectConclusion(await finalize({ 'dry-run': false, confirm: 'production' }), 'success');
      await expectNothingLeft();
      await serves(shop, 'digitalocean');
      await expectNoWayBack();

      const again = await finalize({ 'dry-run': false, confirm: 'production' });
      expectConclusion(again, 'success');
      expect(logOf(again)).toMatch(/nothing of the migration is left on either side: unchanged/);
    },
    400_000,
  );
});

describe('through the front door, with Heroku Scheduler', () => {
  beforeAll(async () => {
    if (full) await open({ strategy: 'live', traffic: 'front-door', schedules: true });
  }, 300_000);
  afterAll(async () => {
    if (full) await shop.close();
  });

  testInFull(
    'what Scheduler starts while the forwarder is released finds no code: each schedule fires on one side, each job runs once',
    async () => {
      const report = await underLoad(shop, async () => {
        expectConclusion(await cutOver(shop, prepared), 'success');
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      expect(report.refusedRequests).toBe(0);
      await isWhere(shop, 'digitalocean');
      const withoutCode = await eventually(() => {
        const lines = shop.side.app
          .logs()
          .filter((line) => /app\[scheduler\.\d+\].*Cannot find module/.test(line));
        return lines.length > 0 ? lines : undefined;
      });
      expect(withoutCode.join('\n')).toMatch(/job\.ts/);
      // Both fired before, or nothing would be known; and none of Heroku's came after the first of the new side's.
      const { schedules: fired, jobs } = await eventually(async () => {
        const verdict = await judged();
        return verdict.schedules.sideChanges > 0 ? verdict : undefined;
      });
      expect(fired.sideChanges).toBe(1);
      expect(jobs).toMatchObject({ lost: 0, twice: 0 });
      await serves(shop, 'digitalocean');
    },
    400_000,
  );

  testInFull(
    'after it neither row nor throw-away app is left, and whoever still comes by Heroku is led on without the old database',
    async () => {
      const ours = (): string[] => shop.world.heroku.appNames().filter((name) => name.startsWith('h2d-'));
      expect(ours()).toHaveLength(1);
      expectConclusion(await finalize({ 'dry-run': false, confirm: 'production' }), 'success');
      await expectNothingLeft();
      expect(ours()).toEqual([]);
      await shop.side.app.settled();
      expect(await sessionsOfTheForwarder()).toEqual([]);
      await serves(shop, 'digitalocean');

      // The database goes with its add-on some day, and dynos are started anew each day.
      shop.side.proxies.postgres.knobs.refuse = true;
      shop.side.proxies.postgres.cut();
      await restartDynos();
      for (const name of [shop.side.hostName, shop.side.app.webHost])
        expect([name, await askHeroku(name)]).toEqual([name, { status: 200, side: 'digitalocean' }]);
      shop.side.proxies.postgres.knobs.refuse = false;
      await expectNoWayBack();

      const releases = shop.side.app.releases().length;
      const again = await finalize({ 'dry-run': false, confirm: 'production' });
      expectConclusion(again, 'success');
      expect(logOf(again)).toMatch(/nothing of the migration is left on either side: unchanged/);
      expect(shop.side.app.releases()).toHaveLength(releases);
    },
    400_000,
  );
});

/** Asks every second for half a minute, longer than the rarest schedule that is waited for takes to fire. */
async function eventually<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 30; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(1000);
  }
  throw new Error('It has not come about in 30 s.');
}

function judged(): Promise<Verdict> {
  const { heroku, digitalocean } = shopEnvironments(shop.world, shop.environment);
  if (digitalocean === undefined) throw new Error('There is no database at DigitalOcean.');
  return judge({ ledgers: shop.ledgers, authoritative: digitalocean, other: heroku });
}

function sessionsOfTheForwarder(): Promise<unknown[]> {
  return shop.side.postgres.query(
    `d${shop.environment}`,
    `select application_name from pg_stat_activity where application_name like 'h2d%'`,
  );
}

async function restartDynos(): Promise<void> {
  const { heroku, tokens } = shop.world;
  const answer = await fetch(`${heroku.apiUrl}/apps/${shop.side.app.name}/dynos`, {
    method: 'DELETE',
    headers: {
      accept: 'application/vnd.heroku+json; version=3',
      authorization: `Bearer ${tokens.heroku}`,
    },
  });
  expect(answer.ok).toBe(true);
  await shop.side.app.settled();
}

/** As one does whose resolver has not followed: the name's address is Heroku's router still. */
function askHeroku(name: string): Promise<{ status: number | undefined; side: unknown }> {
  const { host, port } = shop.world.heroku.router.https;
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; side: unknown }>();
  const outgoing = request(
    {
      ...{ host, port, servername: name, path: '/health', headers: { host: name } },
      ...{ ca: shop.world.authority.pem, agent: false },
    },
    (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode, side: answer.headers['x-shop-side'] });
    },
  );
  outgoing.once('error', reject);
  outgoing.end();
  return promise;
}
