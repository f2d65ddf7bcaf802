import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import { outagesOf, type Row } from './outages.ts';
import {
  accessOfTheRunner,
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
  seed,
  stateOfHeroku,
  tellFigures,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';
import { stepsOfRollBack } from './steps-of-a-move.ts';
import { startFromDigitalOcean, startFromHeroku } from './where-it-stands.ts';

// A party is gone for a moment where a step begins, at every step of each kind of move, with visitors beside it.
const MOVES = [
  { strategy: 'live', traffic: 'front-door', serves: 'digitalocean' },
  { strategy: 'live', traffic: 'dns', serves: 'digitalocean' },
  { strategy: 'window', traffic: 'cdn', serves: 'cloudflare' },
] as const;
/** How many of the outages each step meets in one full run. */
const aStep = Number(process.env['OUTAGES_A_STEP'] ?? 1);
/** “Re-run failed jobs”, as a patient person would. */
const MOST_RERUNS = 2;

function hasEnded(result: WorkflowResult): boolean {
  return result.conclusion === 'success' || /Heroku serves as before/.test(errorsOf(result));
}

describe.each(MOVES)('$strategy, $traffic', ({ strategy, traffic, serves }) => {
  let shop: Shop;
  let before: Record<string, unknown>;
  let prepared: WorkflowResult;

  beforeAll(async () => {
    if (!full) return;
    shop = await openShop({ environments: ['production'], schedules: false, strategy, traffic, serves });
    shop.world.github.configureEnvironment('production', {});
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    before = await stateOfHeroku(shop);
  }, 300_000);

  afterAll(async () => {
    if (full) await shop.close();
  });

  /** Until it has ended in one of the two states: undone, or with the new side serving. */
  async function cutOverThrough({ step, outage }: Row): Promise<'undone' | 'moved'> {
    const fault = at(step, outage.act(shop));
    let result = await cutOver(shop, prepared, fault);
    expectReached(fault, result);
    for (let rerun = 0; rerun < MOST_RERUNS && !hasEnded(result); rerun += 1)
      result = await cutOver(shop, prepared, { rerunOf: result });
    if (result.conclusion !== 'success' && hasEnded(result)) return 'undone';
    expectConclusion(result, 'success');
    return 'moved';
  }

  for (const row of outagesOf(strategy, traffic, { seed, aStep })) {
    testInFull(
      `${row.outage.what} at ${row.step}: ${row.ends}`,
      async () => {
        await startFromHeroku(shop);
        const ended: ('undone' | 'moved')[] = [];
        const report = await underLoad(shop, async () => {
          ended.push(await cutOverThrough(row));
          await shop.side.app.settled();
        });
        const [end = 'nowhere'] = ended;
        tellFigures(`${strategy} + ${traffic}, ${row.outage.what} at ${row.step}, ${end}`, report);
        expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
        if (row.ends === 'the new side serves') expect(end).toBe('moved');
        if (end === 'undone') {
          expect(report.servedBy.digitalocean).toBe(0);
          await herokuServesAsBefore(shop, before);
          return;
        }
        await isWhere(shop, 'digitalocean');
        expect(await accessOfTheRunner(shop)).toEqual([]);
        await nothingIsLost(shop, 'digitalocean');
      },
      480_000,
    );
  }

  if (traffic !== 'cdn') return;
  const back = stepsOfRollBack(strategy, traffic);
  const origin = [...back.before, ...back.after].find((step) => step.startsWith('cdn '));
  for (const act of ['interrupt', 'runner'] as const) {
    testInFull(
      `a way back that is ${act === 'runner' ? 'killed' : 'interrupted'} where the origin is switched: run again it ends, and nothing is lost`,
      async () => {
        await startFromDigitalOcean(shop, prepared);
        const report = await underLoad(shop, async () => {
          const fault = at(origin ?? 'none', act, 'roll-back');
          const first = await rollBack(shop, fault);
          expectReached(fault, first);
          await startFromHeroku(shop);
        });
        expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
        await herokuServesAsBefore(shop, before);
      },
      480_000,
    );
  }
});
