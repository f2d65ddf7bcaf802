import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { SILENCE_MS } from '../../../actions/roll-back/judge-cutover.ts';
import { readLedger } from '../../../rehearsal/load/ledger.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  accessOfTheRunner,
  at,
  cutOver,
  expectConclusion,
  expectReached,
  herokuServesAsBefore,
  isWhere,
  logOf,
  openShop,
  pick,
  prepare,
  rollBack,
  serves,
  stateOfHeroku,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

// The machine of a roll-back dies while neither side serves, nobody runs anything again, and one side serves all the same.
const MOVES = [
  {
    ...({ strategy: 'window', traffic: 'dns' } as const),
    closed: ['forget-old-jobs', 'unpark', 'start-workers', 'maintenance-mode'],
  },
  { ...({ strategy: 'live', traffic: 'front-door' } as const), closed: ['forget-old-jobs', 'unpark'] },
] as const;
/** From when the new side is closed until Heroku may write. */
const BEFORE = ['keep-running-jobs', 'final-drain', 'carry-jobs', 'count-jobs'];

/** After the last renewal of a lease it has expired in a minute; the guard looks every 3 s, and reads the journal then. */
const NOTICED_WITHIN_MS = SILENCE_MS + 5_000;
/** Its rights are given back in a second or two. A request without an answer is given up after half a minute, and asked again. */
const OPENED_WITHIN_MS = 35_000;
/** A release, its release phase, the boot of the dynos, and names that lead back. */
const HEROKU_WITHIN_MS = 40_000;

describe.each(MOVES)('$strategy, $traffic', ({ strategy, traffic, closed }) => {
  let shop: Shop;
  let before: Record<string, unknown>;
  let prepared: WorkflowResult;
  let last: WorkflowResult;

  beforeAll(async () => {
    if (!full) return;
    shop = await openShop({ environments: ['production'], schedules: false, strategy, traffic });
    shop.world.github.configureEnvironment('production', {});
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    before = await stateOfHeroku(shop);
    expectConclusion(await cutOver(shop, prepared), 'success');
    await delay(shop.world.ttl.playedMs);
    await isWhere(shop, 'digitalocean');
  }, 400_000);

  afterAll(async () => {
    if (full) await shop.close();
  });

  /** A roll-back beside its guard whose machine dies there, under load; how long nobody could write. */
  async function dieAt(
    step: string,
    rerunOf?: WorkflowResult,
  ): Promise<{ died: WorkflowResult; noticedMs: number; neitherMs: number; servedBy: object }> {
    const death = at(step, 'runner', 'roll-back');
    const seen = { died: 0, noticed: 0 };
    let died: WorkflowResult | undefined;
    const report = await underLoad(shop, async () => {
      died = await rollBack(shop, {
        without: [],
        ...(rerunOf === undefined ? {} : { rerunOf }),
        killStep: (job, name, line) => {
          if (job === 'guard' && /undoing what was abandoned|going on from there/.test(line))
            seen.noticed ||= Date.now();
          const act = death.killStep(job, name, line);
          if (act !== false) seen.died = Date.now();
          return act;
        },
      });
      await shop.side.app.settled();
      await delay(shop.world.ttl.playedMs);
    });
    if (died === undefined) throw new Error('The roll-back did not run.');
    expectReached(death, died);
    expectConclusion(died, 'failure');
    expect(Object.fromEntries(died.jobs.map(({ id, conclusion }) => [id, conclusion]))).toEqual({
      'roll-back': 'failure',
      guard: 'failure',
    });
    expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
    // A side that is closed goes on answering what only reads.
    const written = readLedger(report.ledger).find((write) => write.at > seen.died);
    if (written === undefined) throw new Error('Nothing was written after the death.');
    const figures = { noticedMs: seen.noticed - seen.died, neitherMs: written.at - seen.died };
    process.stderr.write(
      `guard of the way back, ${strategy} + ${traffic}, died at ${step}: noticed after ${figures.noticedMs} ms, first write ${figures.neitherMs} ms after the death\n`,
    );
    return { died, ...figures, servedBy: report.servedBy };
  }

  const early = pick(BEFORE, 5);
  testInFull(
    `the runner dies at ${early}, before Heroku may write: the guard opens the new side again within its limit`,
    async () => {
      const { died, noticedMs, neitherMs, servedBy } = await dieAt(early);
      last = died;
      expect(logOf(died, 'guard')).toMatch(
        /The roll-back was abandoned before Heroku might write; the guard has undone it/,
      );
      expect(noticedMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS);
      // Nobody wrote before the guard came, or this would measure nothing.
      expect(neitherMs).toBeGreaterThan(noticedMs);
      expect(neitherMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS + OPENED_WITHIN_MS);
      expect(servedBy).toMatchObject({ heroku: 0 });
      await isWhere(shop, 'digitalocean');
      await serves(shop, 'digitalocean');
    },
    400_000,
  );

  const late = pick(closed, 6);
  testInFull(
    `the next attempt dies at ${late}, when only Heroku may write: the guard leads it to its end`,
    async () => {
      const { died, noticedMs, neitherMs } = await dieAt(late, last);
      expect(logOf(died, 'guard')).toMatch(
        /The roll-back stopped on its way; the guard has led it to its end/,
      );
      expect(noticedMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS);
      // Nobody wrote before the guard came, or this would measure nothing.
      expect(neitherMs).toBeGreaterThan(noticedMs);
      expect(neitherMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS + HEROKU_WITHIN_MS);
      await isWhere(shop, 'heroku');
      await serves(shop, 'heroku');

      // Nothing is left to be done, which both say; what the dead runner could not close is closed.
      const again = await rollBack(shop, { rerunOf: died, without: [] });
      expectConclusion(again, 'success');
      expect(logOf(again, 'roll-back')).toMatch(/Heroku serves: nothing-to-do/);
      expect(logOf(again, 'guard')).not.toMatch(/undoing what was abandoned|going on from there/);
      await herokuServesAsBefore(shop, before);
      expect(await accessOfTheRunner(shop)).toEqual([]);
    },
    400_000,
  );

  testInFull(
    'beside a roll-back that ends by itself the guard is not needed, and ends with it; beside one that is only tried there is none',
    async () => {
      expectConclusion(await cutOver(shop, prepared), 'success');
      await delay(shop.world.ttl.playedMs);
      const tried = await rollBack(shop, { dryRun: true, without: [] });
      expectConclusion(tried, 'success');
      expect(tried.jobs.find(({ id }) => id === 'guard')?.conclusion).toBe('skipped');
      const back = await rollBack(shop, { without: [] });
      expectConclusion(back, 'success');
      expect(logOf(back, 'roll-back')).toMatch(/##\[group\]2\/\d+ guard-watches/);
      expect(logOf(back, 'guard')).not.toMatch(/undoing what was abandoned|going on from there/);
      await delay(shop.world.ttl.playedMs);
      await herokuServesAsBefore(shop, before);
    },
    400_000,
  );
});
