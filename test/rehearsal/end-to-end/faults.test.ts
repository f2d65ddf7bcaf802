import { afterAll, beforeAll, expect } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import { FAULTS_AFTER, OUTLASTED } from './faults.ts';
import {
  at,
  cutOver,
  errorsOf,
  expectConclusion,
  expectReached,
  herokuServesAsBefore,
  isWhere,
  nothingIsLost,
  openShop,
  prepare,
  rollBack,
  stateOfHeroku,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

// What breaks for a moment, and what breaks after the point of no return. What breaks before it, and is undone, is in
// cutover-and-back.test.ts. Visitors come all the while.
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
}, 240_000);

afterAll(async () => {
  if (full) await shop.close();
});

/** All that was acknowledged is on the new side; and, nothing being broken any more, the way back is open. */
async function newSideServesAndCanGoBack(): Promise<void> {
  await isWhere(shop, 'digitalocean');
  await nothingIsLost(shop, 'digitalocean');
  expectConclusion(await rollBack(shop), 'success');
  await delay(shop.world.ttl.playedMs);
  await herokuServesAsBefore(shop, before);
}

for (const { what, step, strike } of OUTLASTED) {
  testInFull(
    `${what}: it is waited for, and the cutover succeeds`,
    async () => {
      const report = await underLoad(shop, async () => {
        const fault = at(step, () => strike(shop));
        const result = await cutOver(shop, prepared, fault);
        expectReached(fault, result);
        expectConclusion(result, 'success');
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      await newSideServesAndCanGoBack();
    },
    480_000,
  );
}

for (const { what, step, strike } of FAULTS_AFTER) {
  testInFull(
    `${what}: nothing is undone, and the same job run again ends it`,
    async () => {
      const report = await underLoad(shop, async () => {
        const fault = at(step, () => strike(shop));
        const first = await cutOver(shop, prepared, fault);
        shop.world.digitalOcean.faults.clear();
        expectReached(fault, first);
        expectConclusion(first, 'failure');
        expect(errorsOf(first)).toMatch(
          /after the point of no return: [^]*What was done stays done[^]*run the same job again/,
        );
        expect(errorsOf(first)).not.toMatch(/Heroku serves as before/);
        expectConclusion(await cutOver(shop, prepared, { rerunOf: first }), 'success');
      });
      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      await newSideServesAndCanGoBack();
    },
    480_000,
  );
}
