import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { readSchedulerJobs } from '../../../src/heroku/scheduler.ts';
import {
  accessOfTheRunner,
  catchUp,
  cutOver,
  errorsOf,
  expectConclusion,
  full,
  logOf,
  openShop,
  prepare,
  rollBack,
  serves,
  stateOfHeroku,
  type Shop,
} from './shop-under-migration.ts';

// A shop that stays: the shipped workflow ends its way back, and nothing of the migration is left on Heroku.
const whenFull = full ? test : test.skip;

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

whenFull(
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
  120_000,
);

whenFull(
  'after it all of the migration is gone from Heroku, which roll-back and catch-up know',
  async () => {
    expectConclusion(await cutOver(shop, prepared), 'success');
    const listed = await finalize({});
    expectConclusion(listed, 'success');
    expect(logOf(listed)).toMatch(/Would remove: old Postgres: schema heroku_to_digitalocean/);
    expect(await schedules()).toBeGreaterThan(0);

    const done = await finalize({ 'dry-run': false, confirm: 'production' });
    expectConclusion(done, 'success');
    const { schema, ourRedisKeys } = await stateOfHeroku(shop);
    expect({ schema, ourRedisKeys }).toEqual({ schema: before['schema'], ourRedisKeys: [] });
    expect(await schedules()).toBe(0);
    await serves(shop, 'digitalocean');
    expect(await accessOfTheRunner(shop)).toEqual([]);

    const back = await rollBack(shop);
    expectConclusion(back, 'failure');
    expect(errorsOf(back)).toMatch(/The way back of production was ended on purpose at /);
    const follows = await catchUp(shop);
    expectConclusion(follows, 'success');
    expect(logOf(follows)).toMatch(/no way back is kept: there is nothing to follow/);

    const again = await finalize({ 'dry-run': false, confirm: 'production' });
    expectConclusion(again, 'success');
    expect(logOf(again)).toMatch(/nothing of the migration is left on either side: unchanged/);
  },
  400_000,
);
