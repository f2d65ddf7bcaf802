import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { LoadReport } from '../../../rehearsal/load/report.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { SILENCE_MS } from '../../../actions/roll-back/judge-cutover.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  accessOfTheRunner,
  at,
  cutOver,
  expectConclusion,
  expectReached,
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
import { stepsOfCutover } from './steps-of-a-move.ts';

// The machine of the cutover dies, nobody runs anything again, and one side serves all the same: a real minute later.
const MOVES = [
  { strategy: 'window', traffic: 'dns', closesAt: 'park' },
  { strategy: 'live', traffic: 'front-door', closesAt: 'stray-sessions' },
] as const;

/** After the last renewal of a lease it has expired in a minute; the guard looks every 3 s, and reads the journal then. */
const NOTICED_WITHIN_MS = SILENCE_MS + 5_000;
/** From the end of the undo: dynos boot, and somebody who was refused asks again. */
const BOOTED_WITHIN_MS = 10_000;
/** Opening, leading visitors over and the checks there; with `dns` also until resolvers have followed. */
const COMPLETED_WITHIN_MS = 45_000;

describe.each(MOVES)('$strategy, $traffic', ({ strategy, traffic, closesAt }) => {
  let shop: Shop;
  let before: Record<string, unknown>;
  let prepared: WorkflowResult;
  /** The last one that died. */
  let abandoned: WorkflowResult | undefined;

  beforeAll(async () => {
    if (!full) return;
    shop = await openShop({ environments: ['production'], schedules: false, strategy, traffic });
    shop.world.github.configureEnvironment('production', {});
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    before = await stateOfHeroku(shop);
  }, 300_000);

  afterAll(async () => {
    if (full) await shop.close();
  });

  testInFull.each(closedBefore(strategy, traffic, closesAt))(
    'the runner dies at %s: the guard brings Heroku back within its limit',
    async (step) => {
      const death = at(step, 'runner');
      const seen = { died: 0, noticed: 0, undone: 0 };
      let died: WorkflowResult | undefined;
      const report = await underLoad(shop, async () => {
        died = await cutOver(shop, prepared, {
          without: [],
          killStep: (job, name, line) => {
            if (job === 'guard' && /undoing what was abandoned/.test(line)) seen.noticed ||= Date.now();
            if (job === 'guard' && /The cutover was abandoned; the guard has undone it/.test(line))
              seen.undone ||= Date.now();
            const act = death.killStep(job, name, line);
            if (act !== false) seen.died = Date.now();
            return act;
          },
        });
        await shop.side.app.settled();
      });
      if (died === undefined) throw new Error('The cutover did not run.');
      expectReached(death, died);
      expectConclusion(died, 'failure');
      expect(Object.fromEntries(died.jobs.map(({ id, conclusion }) => [id, conclusion]))).toMatchObject({
        cutover: 'failure',
        guard: 'failure',
      });
      expect(logOf(died, 'guard')).toMatch(/The cutover was abandoned; the guard has undone it/);

      const noticedMs = seen.noticed - seen.died;
      const undoMs = seen.undone - seen.noticed;
      const neitherMs = firstGoodAfter(report, seen.noticed) - seen.died;
      process.stderr.write(
        `guard, ${strategy} + ${traffic}, died at ${step}: noticed after ${noticedMs} ms, undone in ${undoMs} ms, first good answer ${neitherMs} ms after the death\n`,
      );
      expect(noticedMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS);
      expect(neitherMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS + undoMs + BOOTED_WITHIN_MS);

      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      // All that was accepted is on Heroku, once, and nobody else ever answered.
      expect(report.servedBy.digitalocean).toBe(0);
      await isWhere(shop, 'heroku');
      expect(await stateOfHeroku(shop)).toEqual(before);
      await serves(shop, 'heroku');
      abandoned = died;
    },
    400_000,
  );

  testInFull(
    'the next attempt moves the shop',
    async () => {
      if (abandoned === undefined) throw new Error('No cutover was abandoned.');
      const again = await cutOver(shop, prepared, { rerunOf: abandoned, without: [] });
      expectConclusion(again, 'success');
      expect(logOf(again, 'guard')).not.toMatch(/undoing what was abandoned/);
      await isWhere(shop, 'digitalocean');
      await serves(shop, 'digitalocean');
      // What the dead runner could not close, the next attempt has.
      expect(await accessOfTheRunner(shop)).toEqual([]);
    },
    400_000,
  );

  const afterwards = pick(servedAfter(strategy, traffic), 4);
  testInFull(
    `the runner dies at ${afterwards}, when Heroku is closed for good: the guard leads the cutover to its end`,
    async () => {
      expectConclusion(await rollBack(shop), 'success');
      await delay(shop.world.ttl.playedMs);
      await isWhere(shop, 'heroku');
      const death = at(afterwards, 'runner');
      const seen = { died: 0, completed: 0 };
      let died: WorkflowResult | undefined;
      const report = await underLoad(shop, async () => {
        died = await cutOver(shop, prepared, {
          without: [],
          killStep: (job, name, line) => {
            if (job === 'guard' && /the guard has led it to its end/.test(line))
              seen.completed ||= Date.now();
            const act = death.killStep(job, name, line);
            if (act !== false) seen.died = Date.now();
            return act;
          },
        });
        await delay(shop.world.ttl.playedMs);
      });
      if (died === undefined) throw new Error('The cutover did not run.');
      expectReached(death, died);
      expectConclusion(died, 'failure');
      expect(logOf(died, 'guard')).toMatch(
        /stopped after its point of no return; the guard has led it to its end/i,
      );
      const completedMs = seen.completed - seen.died;
      process.stderr.write(
        `guard, ${strategy} + ${traffic}, died at ${afterwards}: led to its end ${completedMs} ms after the death, ${report.downtimeMs} ms down\n`,
      );
      expect(completedMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS + COMPLETED_WITHIN_MS);

      expect(report).toMatchObject({ forgottenOrders: 0, webhooks: { outstanding: 0 } });
      await isWhere(shop, 'digitalocean');
      await serves(shop, 'digitalocean');
      // Nothing is left to be done, and the attempt after it says so.
      const again = await cutOver(shop, prepared, { rerunOf: died, without: [] });
      expectConclusion(again, 'success');
      await serves(shop, 'digitalocean');
      expect(await accessOfTheRunner(shop)).toEqual([]);
    },
    400_000,
  );
});

/** From where on Heroku serves nobody, until the point of no return. */
function closedBefore(
  strategy: 'window' | 'live',
  traffic: 'dns' | 'front-door',
  closesAt: string,
): string[] {
  const { before } = stepsOfCutover(strategy, traffic);
  if (!before.includes(closesAt)) throw new Error(`No cutover has a step ${closesAt}.`);
  return before.slice(before.indexOf(closesAt));
}

/** From where on the new side is closed, or nobody is led to it, until the smoke test. */
function servedAfter(strategy: 'window' | 'live', traffic: 'dns' | 'front-door'): string[] {
  const { after } = stepsOfCutover(strategy, traffic);
  return after.slice(0, after.indexOf('smoke') + 1);
}

/** When the first of those who had been refused got an answer again; milliseconds since the epoch. */
function firstGoodAfter({ outages }: LoadReport, moment: number): number {
  const ends = outages.flatMap(({ until }) => (until !== null && until > moment ? [until] : []));
  // Without any the test would measure nothing: at these steps nobody is answered any more.
  expect(ends.length).toBeGreaterThan(0);
  return Math.min(...ends);
}
