import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import {
  at,
  cutOver,
  expectConclusion,
  expectReached,
  full,
  isWhere,
  logOf,
  openShop,
  pick,
  prepare,
  serves,
  stateOfHeroku,
  type Shop,
} from './shop-under-migration.ts';

// The machine of the cutover dies, nobody runs anything again, and Heroku serves all the same: a real minute later.
const whenFull = full ? test : test.skip;
const STEPS = ['maintenance-mode', 'park', 'fence', 'copy', 'parity', 'count-jobs'] as const;
let shop: Shop;
let before: Record<string, unknown>;
let prepared: WorkflowResult;

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({ environments: ['production'], schedules: false });
  shop.world.github.configureEnvironment('production', {});
  before = await stateOfHeroku(shop);
  prepared = await prepare(shop);
  expectConclusion(prepared, 'success');
}, 180_000);

afterAll(async () => {
  if (full) await shop.close();
});

const step = pick(STEPS, 3);
whenFull(
  `the runner dies at ${step}: the guard brings Heroku back, and the next attempt moves the shop`,
  async () => {
    const death = at(step, 'runner');
    const died = await cutOver(shop, prepared, { ...death, without: [] });
    expectReached(death, died);
    expectConclusion(died, 'failure');
    expect(Object.fromEntries(died.jobs.map(({ id, conclusion }) => [id, conclusion]))).toMatchObject({
      cutover: 'failure',
      guard: 'failure',
    });
    expect(logOf(died, 'guard')).toMatch(/The cutover was abandoned; the guard has undone it/);
    await shop.side.app.settled();
    await isWhere(shop, 'heroku');
    expect(await stateOfHeroku(shop)).toEqual(before);
    await serves(shop, 'heroku');

    const again = await cutOver(shop, prepared, { rerunOf: died, without: [] });
    expectConclusion(again, 'success');
    expect(logOf(again, 'guard')).not.toMatch(/undoing what was abandoned/);
    await isWhere(shop, 'digitalocean');
    await serves(shop, 'digitalocean');
  },
  400_000,
);
