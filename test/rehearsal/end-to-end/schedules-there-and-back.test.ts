import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { shopEnvironments } from '../../../rehearsal/end-state.ts';
import { judge, type Verdict } from '../../../rehearsal/load/judge.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  cutOver,
  expectConclusion,
  isWhere,
  openShop,
  prepare,
  rollBack,
  serves,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

// A shop whose schedules fire all the while is moved there, back, and there again: by what each firing left in the
// databases, one side fires at a time.
const MOVES = [
  { strategy: 'window', traffic: 'dns' },
  { strategy: 'live', traffic: 'front-door' },
] as const;

describe.each(MOVES)('$strategy, $traffic', ({ strategy, traffic }) => {
  let shop: Shop;
  let prepared: WorkflowResult;

  beforeAll(async () => {
    if (!full) return;
    shop = await openShop({ environments: ['production'], schedules: true, strategy, traffic });
    shop.world.github.configureEnvironment('production', {});
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    // Without a firing of Heroku's before the first move its side would not be known.
    await firings('heroku', ({ fired, sideChanges }) => fired > 0 && sideChanges === 0);
  }, 400_000);

  afterAll(async () => {
    if (full) await shop.close();
  });

  /** Looks each second for half a minute, longer than the rarest schedule that is waited for takes to fire. */
  async function firings(
    side: 'heroku' | 'digitalocean',
    awaited: (schedules: Verdict['schedules']) => boolean,
  ): Promise<Verdict> {
    const { heroku, digitalocean } = shopEnvironments(shop.world, shop.environment);
    const sides = { heroku, digitalocean };
    const [authoritative, other] = [sides[side], sides[side === 'heroku' ? 'digitalocean' : 'heroku']];
    if (authoritative === undefined || other === undefined) throw new Error('A side has no database.');
    let verdict: Verdict | undefined;
    for (let tries = 0; tries < 30; tries += 1) {
      verdict = await judge({ ledgers: shop.ledgers, authoritative, other });
      if (awaited(verdict.schedules)) return verdict;
      await delay(1000);
    }
    throw new Error(`No schedule has fired as awaited in 30 s: ${JSON.stringify(verdict?.schedules)}`);
  }

  /** The move itself, and then that the side which serves now is the one that fires, after exactly so many changes. */
  async function moves(
    to: 'heroku' | 'digitalocean',
    move: () => Promise<WorkflowResult>,
    changes: number,
  ): Promise<void> {
    const report = await underLoad(shop, async () => {
      expectConclusion(await move(), 'success');
      await shop.side.app.settled();
    });
    expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
    await isWhere(shop, to);
    const first = await firings(to, ({ sideChanges }) => sideChanges >= changes);
    // And the other side, whose turn it is not, fires no more.
    const later = await firings(to, ({ fired }) => fired >= first.schedules.fired + 2);
    expect(later.schedules.sideChanges).toBe(changes);
    expect(later.jobs).toMatchObject({ lost: 0, twice: 0 });
    await serves(shop, to);
  }

  testInFull('there', () => moves('digitalocean', () => cutOver(shop, prepared), 1), 400_000);
  testInFull('back', () => moves('heroku', () => rollBack(shop), 2), 400_000);
  testInFull('and there again', () => moves('digitalocean', () => cutOver(shop, prepared), 3), 400_000);
});
