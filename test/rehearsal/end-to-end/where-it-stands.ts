import { setTimeout as delay } from 'node:timers/promises';
import { endState } from '../../../rehearsal/end-state.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { cutOver, expectConclusion, letLeaseExpire, rollBack, type Shop } from './shop-under-migration.ts';

// A test that is run alone, or after one that failed, first goes where it begins.

/** Which side counts, or `undefined` while something is half-done there. */
export async function standsAt(shop: Shop): Promise<'heroku' | 'digitalocean' | undefined> {
  const { authoritative, conditions } = await endState(shop.world, shop.environment);
  return conditions.every(({ holds }) => holds) ? authoritative : undefined;
}

export async function startFromHeroku(shop: Shop): Promise<void> {
  if ((await standsAt(shop)) === 'heroku') return;
  await letLeaseExpire(shop);
  expectConclusion(await rollBack(shop), 'success');
  await shop.side.app.settled();
  await delay(shop.world.ttl.playedMs);
}

export async function startFromDigitalOcean(shop: Shop, prepared: WorkflowResult): Promise<void> {
  if ((await standsAt(shop)) === 'digitalocean') return;
  await startFromHeroku(shop);
  expectConclusion(await cutOver(shop, prepared), 'success');
  await delay(shop.world.ttl.playedMs);
}
