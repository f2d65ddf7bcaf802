import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { shopEnvironments } from '../../../rehearsal/end-state.ts';
import { readWaiting } from '../../../rehearsal/load/jobs-found.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { openRedis } from '../../../rehearsal/shop/redis.ts';
import { systemClock } from '../../../src/clock.ts';
import { readScopes } from '../../../src/digitalocean/access.ts';
import { UNSEEN_SCOPES } from '../../../src/doctor/digitalocean-checks.ts';
import { createHeroku } from '../../../src/heroku/client.ts';
import { silentLog } from '../../../src/log.ts';
import { deployNewCode } from '../../heroku/support/deploy.ts';
import { FAULTS } from './faults.ts';
import {
  AFTER,
  BACK,
  BACK_AFTER,
  BEFORE,
  accessOfTheRunner,
  at,
  catchUp,
  askDigitalOcean,
  askHeroku,
  changesAmong,
  changesOfApps,
  contentsOf,
  cutOver,
  cutsOverWithoutDeployment,
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
  pick,
  prepare,
  rollBack,
  serves,
  stateOfHeroku,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

const SHOP_CODE = join(import.meta.dirname, '../../../rehearsal/shop');

// One shop without schedules goes there and back again, by the second dispatch, with the shipped workflows and bundles.
let shop: Shop;
let before: Record<string, unknown>;
let prepared: WorkflowResult;

beforeAll(async () => {
  shop = await openShop({ environments: ['production'], schedules: false });
  shop.world.github.configureEnvironment('production', {});
  before = await stateOfHeroku(shop);
  prepared = await prepare(shop);
  expectConclusion(prepared, 'success');
}, 300_000);

afterAll(() => shop.close());

/** Names are kept by resolvers for as long as their record says. */
const untilNamesExpire = () => delay(shop.world.ttl.playedMs);

test('who prepared may not dispatch the cutover, nor may anybody for another plan; nothing is touched', async () => {
  const asked = shop.world.heroku.requests.length;
  const releases = shop.side.app.releases();
  const own = await cutOver(shop, prepared, { actor: 'alex' });
  expectConclusion(own, 'failure');
  expect(errorsOf(own)).toMatch(/a second person must dispatch the cutover/);
  const other = await cutOver(shop, prepared, { digest: `sha256:${'0'.repeat(64)}` });
  expectConclusion(other, 'failure');
  expect(errorsOf(other)).toMatch(/the approval is for the plan sha256:0000/);
  expect(changesAmong(shop.world.heroku.requests.slice(asked))).toEqual([]);
  expect(shop.side.app.releases()).toEqual(releases);
  expect(await stateOfHeroku(shop)).toEqual(before);
  expect(await accessOfTheRunner(shop)).toEqual([]);
}, 240_000);

test('a Heroku token that may only read: the cutover stops before anything is touched', async () => {
  const { heroku } = shop.world;
  heroku.tokens.add('HRKU-may-only-read-0001', ['read-protected']);
  const releases = shop.side.app.releases();
  const result = await cutOver(shop, prepared, { secrets: { HEROKU_TOKEN: 'HRKU-may-only-read-0001' } });
  expectConclusion(result, 'failure');
  expect(errorsOf(result)).toMatch(/scope/);
  expect(logOf(result)).not.toMatch(/##\[group\].*quiet-workers/);
  expect(shop.side.app.releases()).toEqual(releases);
  await herokuServesAsBefore(shop, before);
}, 240_000);

test('a DigitalOcean token that may not change the new app, which the way back does: the cutover stops before anything is touched', async () => {
  const { digitalOcean } = shop.world;
  // All that a migration needs, but for this.
  const scopes = [...readScopes, ...UNSEEN_SCOPES.migration].filter((scope) => scope !== 'app:update');
  digitalOcean.tokens.add('dop_v1_cannot_change_apps', scopes);
  const [ofHeroku, ofDigitalOcean] = [shop.world.heroku.requests.length, digitalOcean.requests.length];
  const secrets = { DIGITALOCEAN_TOKEN: 'dop_v1_cannot_change_apps' };
  const result = await cutOver(shop, prepared, { secrets });
  expectConclusion(result, 'failure');
  expect(errorsOf(result)).toMatch(/may change the new app: no\. .*lacks the scope `app:update`/);
  expect(logOf(result)).not.toMatch(/##\[group\].*stand-still/);
  // Writes what stands there, to see whether it may.
  expect(changesAmong(shop.world.heroku.requests.slice(ofHeroku))).toEqual([
    `PATCH /apps/${shop.side.app.name}`,
  ]);
  expect(changesOfApps(shop, ofDigitalOcean)).toEqual([]);
  await herokuServesAsBefore(shop, before);
}, 240_000);

(full ? test : test.skip)(
  'while one run acts no other does, whatever group it is in: each phase says who acts, and changes nothing',
  async () => {
    const cluster = shop.world.digitalOcean.clusters().find(({ name }) => name === 'shop-production');
    const acting = await cluster?.query(
      'migration_journal',
      `update journal.lease
          set token = gen_random_uuid(), run_id = '99', run_attempt = 1, actor = 'kim',
              run_url = 'https://github.com/acme/shop/actions/runs/99',
              renewed_at = clock_timestamp(), expires_at = clock_timestamp() + interval '1 hour'
        returning token`,
    );
    expect(acting).toHaveLength(1);
    const contents = await contentsOf(shop);
    const asked = shop.world.heroku.requests.length;
    const inputs = {
      application: 'shop',
      environment: 'production',
      confirm: 'production',
      'dry-run': false,
    };
    const phases: Record<string, () => Promise<WorkflowResult>> = {
      prepare: () => prepare(shop),
      uninstall: () => catchUp(shop, 'uninstall'),
      cutover: () => cutOver(shop, prepared),
      'roll-back': () => rollBack(shop),
      finalize: () => shop.run('finalize.yml', { inputs }),
      destroy: () => shop.run('destroy.yml', { inputs }),
    };
    for (const [phase, run] of Object.entries(phases)) {
      const result = await run();
      expect([phase, result.conclusion]).toEqual([phase, 'failure']);
      expect([phase, errorsOf(result)]).toEqual([
        phase,
        expect.stringMatching(
          /Another run is working on shop-production: https:\/\/github\.com\/acme\/shop\/actions\/runs\/99 \(started by kim\)/,
        ),
      ]);
    }
    expect(changesAmong(shop.world.heroku.requests.slice(asked))).toEqual([]);
    expect(await contentsOf(shop)).toEqual(contents);
    await letLeaseExpire(shop);
    await herokuServesAsBefore(shop, before);
  },
  300_000,
);

test('a dry run of either way looks, tells what to expect and changes nothing; where a check fails it fails', async () => {
  const { heroku, digitalOcean } = shop.world;
  const zone = () => askDigitalOcean<unknown>(shop, 'GET', '/domains/example.com/records?per_page=200');
  const [contents, records] = [await contentsOf(shop), await zone()];
  const [ofHeroku, ofDigitalOcean] = [heroku.requests.length, digitalOcean.requests.length];
  const dry = await cutOver(shop, prepared, { dryRun: true });
  expectConclusion(dry, 'success');
  const told = logOf(dry, 'cutover');
  expect(told).toMatch(
    /To expect, once workers are quiet[^]*at 0\.0 s {2}Heroku: maintenance mode[^]*Downtime forecast/,
  );
  expect(told).toMatch(/This was a dry run: everything was looked at, nothing was changed/);
  expect(told).not.toMatch(/##\[group\]\d+\/\d+ /);
  const back = await rollBack(shop, { dryRun: true });
  expectConclusion(back, 'success');
  expect(logOf(back)).toMatch(/Would do nothing/);
  expect(await stateOfHeroku(shop)).toEqual(before);

  // What the plan did not see.
  const app = `/apps/${shop.side.app.name}`;
  await askHeroku(shop, 'PATCH', `${app}/formation`, { updates: [{ type: 'web', quantity: 3 }] });
  const drifted = await cutOver(shop, prepared, { dryRun: true });
  await askHeroku(shop, 'PATCH', `${app}/formation`, { updates: [{ type: 'web', quantity: 2 }] });
  expectConclusion(drifted, 'failure');
  expect(errorsOf(drifted)).toMatch(/web=2:Standard-1X worker=1:Standard-1X has become web=3/);

  // The token is asked whether it may change the app by writing what stands there; the rest are this test's own.
  const changes = changesAmong(heroku.requests.slice(ofHeroku));
  expect(changes.filter((one) => one !== `PATCH ${app}/formation`)).toEqual([`PATCH ${app}`, `PATCH ${app}`]);
  expect(changes.filter((one) => one === `PATCH ${app}/formation`)).toHaveLength(2);
  // The runner's own address is let in and taken out, and a record by which it is seen that the zone may be written to.
  const asked = changesAmong(digitalOcean.requests.slice(ofDigitalOcean));
  expect(asked.filter((one) => !/firewall|^POST .*\/records$|^DELETE .*\/records\/\d+$/.test(one))).toEqual(
    [],
  );
  expect(await zone()).toEqual(records);
  expect(await contentsOf(shop)).toEqual(contents);
  await herokuServesAsBefore(shop, before);
}, 240_000);

test('a migration that is pending on the new side blocks the cutover: its release phase cannot write there', async () => {
  const { digitalOcean } = shop.world;
  const cluster = digitalOcean.clusters().find(({ name }) => name === 'shop-production');
  const app = digitalOcean.apps().find(({ name }) => name === 'shop-production');
  if (cluster === undefined || app === undefined) throw new Error('The new side is not there.');
  const deploy = async (): Promise<string> => {
    await askDigitalOcean(shop, 'POST', `/apps/${app.id}/deployments`, { force_build: false });
    await digitalOcean
      .apps()
      .find(({ id }) => id === app.id)
      ?.settled();
    return digitalOcean.apps().find(({ id }) => id === app.id)?.phase ?? '';
  };
  const newest = await cluster.query<{ version: string }>(
    'shop',
    'DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations) RETURNING version',
  );
  expect(newest).toHaveLength(1);
  const releases = shop.side.app.releases();
  const asked = digitalOcean.requests.length;
  const failed = await deploy();
  const result = await cutOver(shop, prepared);
  // As before, for the tests that follow.
  await cluster.query('shop', 'INSERT INTO schema_migrations (version) VALUES ($1)', [newest[0]?.version]);
  expect([failed, await deploy()]).toEqual(['ERROR', 'ACTIVE']);
  // Ours alone: what looks for deployments at the cutover sees them.
  expect(changesOfApps(shop, asked)).toHaveLength(2);
  expect(app.logs('release').join('\n')).toMatch(/The release failed: .*permission denied/);
  expectConclusion(result, 'failure');
  expect(errorsOf(result)).toMatch(
    /Heroku has run what the new side has not: \d+ \(public\.schema_migrations\)/,
  );
  expect(shop.side.app.releases()).toEqual(releases);
  await herokuServesAsBefore(shop, before);
}, 240_000);

test.each(
  full
    ? FAULTS
    : [
        pick(
          FAULTS.filter(({ slow }) => slow !== true),
          0,
        ),
      ],
)(
  '$what: everything is undone, Heroku serves as before, and a fresh run succeeds',
  async ({ step, strike, forgotten }) => {
    const fault = at(step, () => strike(shop));
    const result = await cutOver(shop, prepared, fault);
    shop.world.heroku.faults.clear();
    shop.world.digitalOcean.faults.clear();
    expectReached(fault, result);
    expectConclusion(result, 'failure');
    expect(errorsOf(result)).toMatch(/Heroku serves as before/);
    await herokuServesAsBefore(shop, before);
    if (!full) return;
    let next = await cutOver(shop, prepared);
    if (forgotten && next.conclusion === 'failure') {
      expect(errorsOf(next)).toMatch(/Heroku serves as before. Run it again to begin anew/);
      await herokuServesAsBefore(shop, before);
      next = await cutOver(shop, prepared);
    }
    expectConclusion(next, 'success');
    await isWhere(shop, 'digitalocean');
    expectConclusion(await rollBack(shop), 'success');
    await untilNamesExpire();
    await herokuServesAsBefore(shop, before);
  },
  300_000,
);

(full ? test : test.skip)(
  'an autoscaler that adds a dyno inside the fence stops the cutover before its point of no return, and Heroku serves as before',
  async () => {
    const app = `/apps/${shop.side.app.name}`;
    const autoscaler = at('count-jobs', () => {
      void askHeroku(shop, 'PATCH', `${app}/formation`, { updates: [{ type: 'web', quantity: 1 }] });
    });
    const result = await cutOver(shop, prepared, autoscaler);
    expectReached(autoscaler, result);
    expectConclusion(result, 'failure');
    expect(errorsOf(result)).toMatch(/Somebody scaled shop-production on Heroku during the cutover \(web=1/);
    expect(errorsOf(result)).toMatch(/Heroku serves as before/);
    await herokuServesAsBefore(shop, before);
  },
  240_000,
);

// What `npm test` draws by the seed, one step at a time, is here for every step.
const ofTheFullRun = <T>(steps: readonly T[]): readonly T[] => (full ? steps : []);

for (const step of ofTheFullRun(BEFORE)) {
  test(`interrupted at ${step}: everything is undone and Heroku serves as before`, async () => {
    const interrupt = at(step, 'interrupt');
    const result = await cutOver(shop, prepared, interrupt);
    expectReached(interrupt, result);
    expectConclusion(result, 'failure');
    await herokuServesAsBefore(shop, before);
  }, 240_000);
}

for (const step of ofTheFullRun([...BEFORE, 'point-of-no-return', ...AFTER])) {
  test(`a runner that dies at ${step}: re-run failed jobs completes the cutover; without new writes it is rolled back`, async () => {
    const kill = at(step, 'runner');
    const first = await cutOver(shop, prepared, kill);
    expectReached(kill, first);
    expectConclusion(first, 'failure');
    expectConclusion(await cutOver(shop, prepared, { rerunOf: first }), 'success');
    await isWhere(shop, 'digitalocean');
    await nothingIsLost(shop, 'digitalocean');
    expectConclusion(await rollBack(shop), 'success');
    await untilNamesExpire();
    await herokuServesAsBefore(shop, before);
  }, 240_000);
}

for (const step of ofTheFullRun([...BEFORE, 'point-of-no-return'])) {
  test(`a runner that dies at ${step}: a roll-back after its lease undoes all`, async () => {
    const kill = at(step, 'runner');
    const result = await cutOver(shop, prepared, kill);
    expectReached(kill, result);
    expectConclusion(result, 'failure');
    await letLeaseExpire(shop);
    expectConclusion(await rollBack(shop), 'success');
    await herokuServesAsBefore(shop, before);
  }, 240_000);
}

test('a runner that dies before the point of no return: a roll-back waits for its lease, then undoes all; again is nothing', async () => {
  const kill = at(
    pick(['maintenance-mode', 'park', 'fence', 'copy', 'parity', 'point-of-no-return'], 1),
    'runner',
  );
  const result = await cutOver(shop, prepared, kill);
  expectReached(kill, result);
  expectConclusion(result, 'failure');

  const early = await rollBack(shop);
  expectConclusion(early, 'failure');
  expect(errorsOf(early)).toMatch(/Another run is working on shop-production/);

  await letLeaseExpire(shop);
  const back = await rollBack(shop);
  expectConclusion(back, 'success');
  expect(logOf(back)).toMatch(/Heroku serves: undone/);
  await herokuServesAsBefore(shop, before);

  const again = await rollBack(shop);
  expectConclusion(again, 'success');
  expect(logOf(again)).toMatch(/Heroku serves: nothing-to-do/);
}, 240_000);

test('a cancelled cutover ends with Heroku serving as before', async () => {
  const cancel = new AbortController();
  const step = at(pick(BEFORE.slice(2), 2), () => cancel.abort());
  const result = await cutOver(shop, prepared, { ...step, signal: cancel.signal });
  expect(result.conclusion).not.toBe('success');
  expectReached(step, result);
  await herokuServesAsBefore(shop, before);
}, 240_000);

test('a runner that dies before the point of no return: re-run failed jobs completes the cutover', async () => {
  const kill = at(pick(BEFORE, 3), 'runner');
  const first = await cutOver(shop, prepared, kill);
  expectReached(kill, first);
  expectConclusion(first, 'failure');
  expectConclusion(await cutOver(shop, prepared, { rerunOf: first }), 'success');
  await isWhere(shop, 'digitalocean');
  await nothingIsLost(shop, 'digitalocean');
  expect(await accessOfTheRunner(shop)).toEqual([]);
}, 240_000);

test('a finished cutover without new writes is rolled back, twice in a row', async () => {
  const back = await rollBack(shop);
  expectConclusion(back, 'success');
  expect(logOf(back)).toMatch(/Heroku serves: rolled-back/);
  await untilNamesExpire();
  await herokuServesAsBefore(shop, before);
  const again = await rollBack(shop);
  expectConclusion(again, 'success');
  expect(logOf(again)).toMatch(/Heroku serves: nothing-to-do/);
}, 240_000);

test('after a roll-back it moves again, also when the runner dies after the point of no return, and loses nothing', async () => {
  const kill = at(pick(AFTER, 4), 'runner');
  const first = await cutOver(shop, prepared, kill);
  expectReached(kill, first);
  expectConclusion(first, 'failure');
  expectConclusion(await cutOver(shop, prepared, { rerunOf: first }), 'success');
  await isWhere(shop, 'digitalocean');
  await untilNamesExpire();
  await serves(shop, 'digitalocean');
  expect(await accessOfTheRunner(shop)).toEqual([]);
  // With the window strategy, too, the schedule keeps the way back short and open.
  const follows = await catchUp(shop);
  expectConclusion(follows, 'success');
  expect(logOf(follows)).toMatch(/Drained [\d,]+ rows from DigitalOcean back to Heroku/);
}, 240_000);

for (const step of full ? BACK : [pick(BACK, 5)]) {
  test(`a roll-back that is interrupted at ${step}: the new side serves on as before, and no job runs twice`, async () => {
    const interrupt = at(step, 'interrupt', 'roll-back');
    const back = await rollBack(shop, interrupt);
    expectReached(interrupt, back);
    expectConclusion(back, 'failure');
    expect(errorsOf(back)).toMatch(/Everything is as it was before/);
    await isWhere(shop, 'digitalocean');
    await serves(shop, 'digitalocean');
    expect(await accessOfTheRunner(shop)).toEqual([]);
  }, 240_000);
}

for (const step of full ? [...BACK, ...BACK_AFTER] : []) {
  test(`a runner that dies in a roll-back at ${step}: run again it goes on, everything is on Heroku once, and it moves again`, async () => {
    const kill = at(step, 'runner', 'roll-back');
    const back = await rollBack(shop, kill);
    expectReached(kill, back);
    expectConclusion(back, 'failure');
    await letLeaseExpire(shop);
    expectConclusion(await rollBack(shop), 'success');
    await untilNamesExpire();
    await herokuServesAsBefore(shop, before);
    expectConclusion(await cutOver(shop, prepared), 'success');
    await isWhere(shop, 'digitalocean');
    await untilNamesExpire();
    await serves(shop, 'digitalocean');
  }, 240_000);
}

test('after writes and jobs on the new side a roll-back brings all of them to Heroku, once, and nothing is left behind', async () => {
  // In the full run for a minute, and jobs of every kind still wait when the roll-back begins.
  const waiting = full ? await aMinuteOnTheNewSide(shop) : [];
  const back = await rollBack(shop);
  expectConclusion(back, 'success');
  expect(logOf(back)).toMatch(/Heroku serves: rolled-back/);
  await untilNamesExpire();
  await herokuServesAsBefore(shop, before);
  expect(await accessOfTheRunner(shop)).toEqual([]);
  const ran = await shop.side.postgres.query<{ jid: string; side: string }>(
    `d${shop.environment}`,
    `SELECT jid, side FROM job_runs WHERE jid = ANY ('{${waiting.join(',')}}') ORDER BY jid`,
  );
  expect(ran).toEqual(waiting.toSorted().map((jid) => ({ jid, side: 'heroku' })));
}, 240_000);

test('and then it moves forward again, with what Heroku has taken meanwhile, and workers run there', async () => {
  await cutsOverWithoutDeployment(shop, prepared);
  await isWhere(shop, 'digitalocean');
  await untilNamesExpire();
  await serves(shop, 'digitalocean');
}, 240_000);

(full ? test : test.skip)(
  'a deploy between the approval and the fence stops the cutover; Heroku serves what was deployed',
  async () => {
    expectConclusion(await rollBack(shop), 'success');
    await untilNamesExpire();
    await herokuServesAsBefore(shop, before);
    const { world, side } = shop;
    const heroku = createHeroku({
      ...{ token: world.tokens.heroku, apiUrl: world.heroku.apiUrl, dataApiUrl: world.heroku.dataApiUrl },
      ...{ log: silentLog, clock: systemClock },
    });
    // The same programs, by their full paths: other code all the same, by its slug.
    const code = { web: `node ${SHOP_CODE}/web.ts`, worker: `node ${SHOP_CODE}/worker.ts` };
    const deploy = at('stop-workers', () => void deployNewCode(heroku, side.app.name, code));
    const result = await cutOver(shop, prepared, deploy);
    expectReached(deploy, result);
    expectConclusion(result, 'failure');
    expect(errorsOf(result)).toMatch(
      /The code of shop-production is not the plan's: v\d+ was deployed since/,
    );
    expect(errorsOf(result)).toMatch(/Heroku serves as before/);
    // The deployed code has no release phase any more.
    const { web, worker } = before['formation'] as Record<string, unknown>;
    await herokuServesAsBefore(shop, { ...before, formation: { web, worker } });
    const deployed = side.app.releases().find(({ description }) => /^Deploy 1f2e3d4c/.test(description));
    expect(side.app.releases().at(-1)?.description).toBe(
      `heroku-to-digitalocean: the code of v${deployed?.version ?? 0} again`,
    );
  },
  240_000,
);

/**
 * Visitors for a minute. At its end the workers there take no more jobs, as before a deploy, so that some of them wait in
 * a queue, some for their time and some for their next try; what waits is returned by its ids.
 */
async function aMinuteOnTheNewSide(visited: Shop): Promise<string[]> {
  const { digitalocean } = shopEnvironments(visited.world, visited.environment);
  if (digitalocean === undefined) throw new Error('The new side is not there.');
  const redis = openRedis(digitalocean);
  try {
    await underLoad(visited, async () => {
      await delay(60_000);
      // One that has failed is tried again a second later; the signal is read within one.
      while ((await redis.zcard('retry')) === 0) await delay(20);
      for (const identity of await redis.smembers('processes'))
        await redis.lpush(`${identity}-signals`, 'TSTP');
    });
    const kinds = {
      queues: (await redis.llen('queue:default')) + (await redis.llen('queue:critical')),
      schedule: await redis.zcard('schedule'),
      retry: await redis.zcard('retry'),
    };
    process.stderr.write(`waiting on the new side when the roll-back begins: ${JSON.stringify(kinds)}\n`);
    for (const [kind, size] of Object.entries(kinds)) expect([kind, size > 0]).toEqual([kind, true]);
    return [...(await readWaiting(redis)).waiting];
  } finally {
    redis.disconnect();
  }
}
