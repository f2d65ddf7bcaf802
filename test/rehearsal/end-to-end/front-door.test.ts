import { afterAll, beforeAll, expect } from '@jest/globals';
import type { LoadReport } from '../../../rehearsal/load/report.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { testInFull } from '../../support/or-skipped.ts';
import {
  at,
  catchUp,
  cutOver,
  errorsOf,
  expectConclusion,
  expectReached,
  full,
  herokuServesAsBefore,
  isWhere,
  letLeaseExpire,
  logOf,
  nothingIsLost,
  openShop,
  prepare,
  rollBack,
  serves,
  stateOfHeroku,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

// One shop that is moved through the front door and back, under load from outside. What it rests on is in the verdict.
let shop: Shop;
/** Before anything, and once the new side is built and follows. */
let untouched: Record<string, unknown>;
let before: Record<string, unknown>;
let prepared: WorkflowResult;

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({
    ...{ environments: ['production'], schedules: false },
    ...{ strategy: 'live', traffic: 'front-door' },
  });
  shop.world.github.configureEnvironment('production', {});
  untouched = await stateOfHeroku(shop);
  prepared = await prepare(shop);
  expectConclusion(prepared, 'success');
  before = await stateOfHeroku(shop);
}, 300_000);

afterAll(async () => {
  if (full) await shop.close();
});

/** Nobody should wait longer for us than this: webhook senders give up at 5 s. */
const LONGEST_HOLD_MS = 4000;

/** How long the dynos took that were told to end while visitors waited: the old release's own time, not ours. */
function shutdownMs(log: string): number {
  const [, seconds = ''] = /dynos of the old release had ended after ([\d.]+) s/.exec(log) ?? [];
  expect(seconds).not.toBe('');
  return Number(seconds) * 1000;
}

function tell(report: LoadReport, what: string): void {
  process.stderr.write(
    `front-door, ${what}: longest hold ${report.longestHoldMs} ms, ${report.refusedRequests} of ${report.requests} requests refused, ${JSON.stringify(report.statuses)}, webhooks ${JSON.stringify(report.webhooks)}\n`,
  );
}

function expectNobodyTurnedAway(report: LoadReport, allowedMs: number): void {
  const outages = report.outages.map((one) => ({ ...one, statuses: report.statuses }));
  expect(outages).toEqual([]);
  expect(report).toMatchObject({ refusedRequests: 0, forgottenOrders: 0 });
  expect(report.webhooks).toMatchObject({ outstanding: 0, givenUp: 0 });
  expect(report.longestHoldMs).toBeLessThanOrEqual(LONGEST_HOLD_MS + allowedMs);
}

/**
 * Where the old code comes back its release phase and its boot are waited for, too, and webhook senders give up at 5 s:
 * everything they send is acknowledged in the end, and no outage lasts longer than a request may wait in the forwarder.
 */
function expectNothingLost(report: LoadReport): void {
  expect(report.forgottenOrders).toBe(0);
  expect(report.webhooks.outstanding).toBe(0);
  expect(report.downtimeMs).toBeLessThanOrEqual(25_000);
}

testInFull(
  'provision has built the forwarder on an app without dynos, once, and a second run builds nothing',
  async () => {
    const forwarder = shop.world.heroku.appNames().find((name) => name.startsWith('h2d-shop-'));
    expect(forwarder).toBeDefined();
    const app = shop.world.heroku.app(forwarder ?? '');
    await app.settled();
    expect(app.dynos()).toEqual([]);
    const builds = () =>
      shop.world.heroku.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/builds'))
        .length;
    expect(builds()).toBe(1);
    expect(shop.side.app.releases().filter(({ description }) => /front door/.test(description))).toEqual([]);
    // The log holds neither the secret nor the addresses to which code is uploaded.
    expect(logOf(prepared)).not.toMatch(/source-blobs/);
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    expect(builds()).toBe(1);
  },
  300_000,
);

testInFull(
  'a failure while visitors are held: everything is undone, Heroku serves as before, and nothing is lost',
  async () => {
    const report = await underLoad(shop, async () => {
      const lost = at('front-door', () =>
        shop.world.heroku.faults.inject({
          ...{ method: 'POST', path: /\/apps\/shop-production\/releases$/, times: 1, kind: 'truncate' },
        }),
      );
      const first = await cutOver(shop, prepared, lost);
      shop.world.heroku.faults.clear();
      expectReached(lost, first);
      expectConclusion(first, 'failure');
      expect(errorsOf(first)).toMatch(/Heroku serves as before/);

      const interrupt = at('fence', 'interrupt');
      const second = await cutOver(shop, prepared, interrupt);
      expectReached(interrupt, second);
      expectConclusion(second, 'failure');
      await shop.side.app.settled();
    });
    tell(report, 'undone');
    expectNothingLost(report);
    await herokuServesAsBefore(shop, before);
  },
  480_000,
);

testInFull(
  'a runner that dies while visitors are held: a roll-back undoes it, and Heroku serves as before',
  async () => {
    const kill = at('final-drain', 'runner');
    const died = await cutOver(shop, prepared, kill);
    expectReached(kill, died);
    expectConclusion(died, 'failure');
    await letLeaseExpire(shop);
    expectConclusion(await rollBack(shop), 'success');
    await herokuServesAsBefore(shop, before);
  },
  300_000,
);

testInFull(
  'moved under load: no request is refused, nobody waits 4 s longer than the old release takes to end, nothing is lost',
  async () => {
    expectConclusion(await catchUp(shop), 'success');
    let log = '';
    const report = await underLoad(shop, async () => {
      const result = await cutOver(shop, prepared);
      log = logOf(result);
      expectConclusion(result, 'success');
    });
    tell(report, `moved (the old release ended in ${shutdownMs(log)} ms)`);
    expect(log).toMatch(/room for visitors who wait: [\d.]+ requests a second now, about \d+ of which/);
    expectNobodyTurnedAway(report, shutdownMs(log));
    expect(report.servedBy.digitalocean).toBeGreaterThan(0);
    await isWhere(shop, 'digitalocean');
    await nothingIsLost(shop, 'digitalocean');
    await serves(shop, 'digitalocean');
    // Run again, it changes nothing.
    const again = await cutOver(shop, prepared);
    expectConclusion(again, 'success');
  },
  480_000,
);

testInFull(
  'and back under load: visitors wait again, all that the new side took is on Heroku, once, and nothing of ours is left',
  async () => {
    const report = await underLoad(shop, async () => {
      const back = await rollBack(shop);
      expectConclusion(back, 'success');
      expect(logOf(back)).toMatch(/Heroku serves: rolled-back/);
      await shop.side.app.settled();
    });
    tell(report, 'rolled back');
    expectNothingLost(report);
    await nothingIsLost(shop, 'heroku');
    await herokuServesAsBefore(shop, before);
  },
  480_000,
);

testInFull(
  'destroy takes the forwarder and the throw-away app with the new side; Heroku serves on, with nothing of ours',
  async () => {
    const { heroku, digitalOcean } = shop.world;
    const ours = (): string[] => heroku.appNames().filter((name) => name.startsWith('h2d-'));
    expect(ours()).toHaveLength(1);
    const inputs = { application: 'shop', environment: 'production', confirm: 'production' };
    const listed = await shop.run('destroy.yml', { inputs: { ...inputs, 'dry-run': true } });
    expectConclusion(listed, 'success');
    expect(logOf(listed)).toContain(`Would remove: Forwarder on Heroku ${ours()[0] ?? ''}`);
    expect(ours()).toHaveLength(1);

    expectConclusion(await shop.run('destroy.yml', { inputs: { ...inputs, 'dry-run': false } }), 'success');
    expect(ours()).toEqual([]);
    expect([digitalOcean.apps(), digitalOcean.clusters(), digitalOcean.droplets()]).toEqual([[], [], []]);
    expect(await stateOfHeroku(shop)).toEqual(untouched);
    await serves(shop, 'heroku');
  },
  300_000,
);
