import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { promisesBroken } from '../../../rehearsal/promised.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import {
  AFTER_LIVE,
  BEFORE_LIVE,
  at,
  catchUp,
  cutOver,
  cutsOverWithoutDeployment,
  errorsOf,
  expectAccessRested,
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
  tellFigures,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

// One shop that is followed while it serves, with the shipped workflows and bundles, by the second dispatch.
let shop: Shop;
/** Before anything, and with the capture installed. */
let untouched: Record<string, unknown>;
let followed: Record<string, unknown>;
let prepared: WorkflowResult;

beforeAll(async () => {
  shop = await openShop({ environments: ['production'], schedules: false, strategy: 'live' });
  shop.world.github.configureEnvironment('production', {});
  untouched = await stateOfHeroku(shop);
  prepared = await prepare(shop);
  expectConclusion(prepared, 'success');
  followed = await stateOfHeroku(shop);
}, 240_000);

afterAll(() => shop.close());

/** Names are kept by resolvers for as long as their record says. */
const untilNamesExpire = () => delay(shop.world.ttl.playedMs);

// What takes long and is not the story itself is absent from the short run.
const inTheFullRun: (name: string, body: () => Promise<void>, limitMs: number) => void = full
  ? test
  : () => undefined;

test('what visitors write while Heroku serves is drained by the scheduled catch-up, and the lag is told', async () => {
  await serves(shop, 'heroku');
  const result = await catchUp(shop);
  expectConclusion(result, 'success');
  const [, rows = '0'] = /Drained ([\d,]+) rows from Heroku to DigitalOcean/.exec(logOf(result)) ?? [];
  expect(Number(rows.replaceAll(',', ''))).toBeGreaterThan(0);
  expect(logOf(result)).toMatch(/lag: 0 rows/);
  expect(await stateOfHeroku(shop)).toEqual(followed);
}, 240_000);

inTheFullRun(
  'uninstalled, nothing is left on Heroku; copied again, it is followed again',
  async () => {
    expectConclusion(await catchUp(shop, 'uninstall'), 'success');
    expect(await stateOfHeroku(shop)).toEqual(untouched);
    const idle = await catchUp(shop);
    expectConclusion(idle, 'success');
    expect(logOf(idle)).toMatch(/Nothing is captured/);
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    // Another capture: its functions name the numbers of their own logs.
    followed = await stateOfHeroku(shop);
  },
  180_000,
);

for (const step of full ? BEFORE_LIVE : [pick(BEFORE_LIVE, 2)]) {
  test(`interrupted at ${step}: everything is undone, Heroku serves as before and is still followed`, async () => {
    const interrupt = at(step, 'interrupt');
    const result = await cutOver(shop, prepared, interrupt);
    expectReached(interrupt, result);
    expectConclusion(result, 'failure');
    expect(errorsOf(result)).toMatch(/Heroku serves as before/);
    await herokuServesAsBefore(shop, followed);
    expectConclusion(await catchUp(shop), 'success');
  }, 240_000);
}

for (const step of full ? [...BEFORE_LIVE, 'point-of-no-return', ...AFTER_LIVE] : []) {
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
    await herokuServesAsBefore(shop, followed);
  }, 240_000);
}

inTheFullRun(
  'a runner that dies before the point of no return: catch-up stands back until a roll-back has undone all',
  async () => {
    const kill = at('final-drain', 'runner');
    expectConclusion(await cutOver(shop, prepared, kill), 'failure');
    await letLeaseExpire(shop);
    // The dead runner's mark still stands in the trusted sources.
    const early = await catchUp(shop);
    expectConclusion(early, 'success');
    expect(logOf(early)).toMatch(/A cutover is at work \(run \d+/);
    expect(logOf(early)).not.toMatch(/Drained/);
    expectConclusion(await rollBack(shop), 'success');
    await herokuServesAsBefore(shop, followed);
    const afterwards = await catchUp(shop);
    expectConclusion(afterwards, 'success');
    expect(logOf(afterwards)).toMatch(/Drained/);
  },
  180_000,
);

test('under load the cutover drains what is left, and takes no longer than promised; afterwards Heroku follows, and a roll-back brings everything back, once', async () => {
  const seen = await underLoad(shop, () => cutsOverWithoutDeployment(shop, prepared));
  tellFigures('live and dns', seen);
  const { traffic, ttl } = shop.world;
  expect(
    promisesBroken({ traffic, load: seen, oldReleaseEndedAfterMs: null, namesKeptMs: ttl.playedMs }),
  ).toEqual([]);
  // Somebody came while nobody was served, or this would be a figure about nothing.
  expect(seen.downtimeMs).toBeGreaterThan(0);
  expect(seen).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
  await isWhere(shop, 'digitalocean');
  await serves(shop, 'digitalocean');

  const follows = await catchUp(shop);
  expectConclusion(follows, 'success');
  expect(logOf(follows)).toMatch(/Drained [\d,]+ rows from DigitalOcean back to Heroku/);
  await serves(shop, 'digitalocean');

  const back = await rollBack(shop);
  expectConclusion(back, 'success');
  expect(logOf(back)).toMatch(/Heroku serves: rolled-back/);
  await untilNamesExpire();
  await herokuServesAsBefore(shop, followed);
}, 240_000);

test('then forward again: what Heroku has taken meanwhile is drained, not copied; a catch-up that comes in the middle stands back', async () => {
  const follows = await catchUp(shop);
  expectConclusion(follows, 'success');
  expect(logOf(follows)).toMatch(/Drained [\d,]+ rows from Heroku to DigitalOcean/);
  let scheduled: Promise<WorkflowResult> | undefined;
  const inTheMiddle = at('fence', () => void (scheduled = catchUp(shop)));
  const moved = await cutOver(shop, prepared, { killStep: inTheMiddle.killStep });
  expectConclusion(moved, 'success');
  await expectAccessRested(shop, moved);
  if (scheduled === undefined) throw new Error('The catch-up did not run.');
  const stoodBack = await scheduled;
  expectConclusion(stoodBack, 'success');
  // Both its steps: the catch-up and the watch.
  expect(logOf(stoodBack).match(/A cutover is at work \(run \d+, for .*Nothing was touched/g)).toHaveLength(
    2,
  );
  await isWhere(shop, 'digitalocean');
  await untilNamesExpire();
  await serves(shop, 'digitalocean');
}, 240_000);
