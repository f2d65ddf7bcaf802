import { afterAll, beforeAll, expect } from '@jest/globals';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { hostNameOf } from '../../../rehearsal/world.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  accessOfTheRunner,
  at,
  cutOver,
  errorsOf,
  expectConclusion,
  expectReached,
  herokuServesAsBefore,
  isWhere,
  letLeaseExpire,
  nothingIsLost,
  openShop,
  prepare,
  rollBack,
  serves,
  stateOfHeroku,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';
import { stepsOfCutover, stepsOfRollBack } from './steps-of-a-move.ts';
import { startFromDigitalOcean, startFromHeroku } from './where-it-stands.ts';

// Through the front door and back, stopped at every step of either, with visitors beside it.
const FORTH = stepsOfCutover('live', 'front-door');
const BACK = stepsOfRollBack('live', 'front-door');
const DEATHS_FORTH = [...FORTH.before, FORTH.pointOfNoReturn, ...FORTH.after];
const DEATHS_BACK = [...BACK.before, BACK.pointOfNoReturn, ...BACK.after];

let shop: Shop;
let before: Record<string, unknown>;
let prepared: WorkflowResult;

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({
    ...{ environments: ['production'], schedules: false },
    ...{ strategy: 'live', traffic: 'front-door' },
  });
  shop.world.github.configureEnvironment('production', {});
  prepared = await prepare(shop);
  expectConclusion(prepared, 'success');
  before = await stateOfHeroku(shop);
}, 300_000);

afterAll(async () => {
  if (full) await shop.close();
});

/** The new side has all of it, and its name leads there. */
async function newSideServes(): Promise<void> {
  await isWhere(shop, 'digitalocean');
  expect(shop.world.lookUp(hostNameOf(shop.environment))).toMatch(/\.ondigitalocean\.app$/);
  expect(await accessOfTheRunner(shop)).toEqual([]);
  await nothingIsLost(shop, 'digitalocean');
}

for (const step of FORTH.before) {
  testInFull(
    `interrupted at ${step}: everything is undone, and Heroku serves as before`,
    async () => {
      await startFromHeroku(shop);
      const report = await underLoad(shop, async () => {
        const interrupt = at(step, 'interrupt');
        const result = await cutOver(shop, prepared, interrupt);
        expectReached(interrupt, result);
        expectConclusion(result, 'failure');
        expect(errorsOf(result)).toMatch(/Heroku serves as before/);
        await shop.side.app.settled();
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      expect(report.servedBy.digitalocean).toBe(0);
      await herokuServesAsBefore(shop, before);
    },
    480_000,
  );
}

/** In turns, so that no way is gone only to come back. */
for (let turn = 0; turn < Math.max(DEATHS_FORTH.length, DEATHS_BACK.length); turn += 1) {
  const forth = DEATHS_FORTH[turn];
  if (forth !== undefined) diesOnTheWayForth(forth);
  const back = DEATHS_BACK[turn];
  if (back === undefined) continue;
  if (BACK.before.includes(back)) isInterruptedOnTheWayBack(back);
  diesOnTheWayBack(back);
}

function diesOnTheWayForth(step: string): void {
  testInFull(
    `a runner that dies at ${step}: re-run failed jobs completes the cutover, and nothing is lost`,
    async () => {
      await startFromHeroku(shop);
      const report = await underLoad(shop, async () => {
        const kill = at(step, 'runner');
        const died = await cutOver(shop, prepared, kill);
        expectReached(kill, died);
        expectConclusion(died, 'failure');
        expectConclusion(await cutOver(shop, prepared, { rerunOf: died }), 'success');
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      await newSideServes();
    },
    480_000,
  );
}

// From where visitors wait on.
for (const step of DEATHS_FORTH.slice(DEATHS_FORTH.indexOf('front-door-state'))) {
  testInFull(
    `a runner that dies at ${step}: a roll-back after its lease brings Heroku back, with all that was taken`,
    async () => {
      await startFromHeroku(shop);
      const report = await underLoad(shop, async () => {
        const kill = at(step, 'runner');
        const died = await cutOver(shop, prepared, kill);
        expectReached(kill, died);
        expectConclusion(died, 'failure');
        await letLeaseExpire(shop);
        expectConclusion(await rollBack(shop), 'success');
        await shop.side.app.settled();
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      await herokuServesAsBefore(shop, before);
    },
    480_000,
  );
}

function isInterruptedOnTheWayBack(step: string): void {
  testInFull(
    `a roll-back that is interrupted at ${step}: the new side serves on as before`,
    async () => {
      await startFromDigitalOcean(shop, prepared);
      const report = await underLoad(shop, async () => {
        const interrupt = at(step, 'interrupt', 'roll-back');
        const result = await rollBack(shop, interrupt);
        expectReached(interrupt, result);
        expectConclusion(result, 'failure');
        expect(errorsOf(result)).toMatch(/Everything is as it was before/);
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      expect(report.servedBy.heroku).toBe(0);
      await newSideServes();
      await serves(shop, 'digitalocean');
    },
    480_000,
  );
}

function diesOnTheWayBack(step: string): void {
  testInFull(
    `a runner that dies in a roll-back at ${step}: run again it goes on, and all of it is on Heroku, once`,
    async () => {
      await startFromDigitalOcean(shop, prepared);
      const report = await underLoad(shop, async () => {
        const kill = at(step, 'runner', 'roll-back');
        const died = await rollBack(shop, kill);
        expectReached(kill, died);
        expectConclusion(died, 'failure');
        await letLeaseExpire(shop);
        expectConclusion(await rollBack(shop), 'success');
        await shop.side.app.settled();
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      await herokuServesAsBefore(shop, before);
    },
    480_000,
  );
}
