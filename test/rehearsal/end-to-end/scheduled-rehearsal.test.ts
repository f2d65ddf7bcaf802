import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import type { EnvironmentName, StrategyName } from '../../../rehearsal/world.ts';
import { readRecord } from '../../../src/migration/record.ts';
import {
  accessOfTheRunner,
  changesAmong,
  cutOver,
  errorsOf,
  expectConclusion,
  full,
  logOf,
  openShop,
  pick,
  prepare,
  stateOfHeroku,
  type Shop,
} from './shop-under-migration.ts';

// rehearse-staging.yml as it is shipped, with the bundles, at each depth, on both strategies; in `npm test` it is only read.
const strategies: readonly StrategyName[] = full ? ['window', 'live'] : [];

if (!full) test('the rehearsals take minutes: they belong to the full run', () => undefined);

for (const strategy of strategies) describeShop(strategy);

function describeShop(strategy: StrategyName): void {
  let shop: Shop;
  let before: Record<EnvironmentName, Record<string, unknown>>;

  beforeAll(async () => {
    shop = await openShop({ environments: ['staging', 'production'], schedules: false, strategy });
    before = { staging: await heroku('staging'), production: await heroku('production') };
  }, 240_000);
  afterAll(() => shop.close());

  const heroku = (environment: EnvironmentName): Promise<Record<string, unknown>> => {
    const side = shop.world.oldSides.get(environment);
    if (side === undefined) throw new Error(`There is no ${environment}.`);
    return stateOfHeroku({ ...shop, environment, side });
  };

  const rehearse = (depth: string, options: Parameters<Shop['run']>[1] = {}): Promise<WorkflowResult> =>
    shop.run('rehearse-staging.yml', { ...options, inputs: { application: 'shop', depth } });

  const recordIn = (result: WorkflowResult, name: string) =>
    readRecord(join(result.artifacts, name, 'migration-record.json'));

  const ended = async (result: WorkflowResult, name: string): Promise<unknown> =>
    (await recordIn(result, name)).sections.at(-1)?.data;

  /** On either side. */
  async function nothingIsLeft(): Promise<void> {
    const { digitalOcean } = shop.world;
    expect(digitalOcean.clusters().map(({ name }) => name)).toEqual([]);
    expect(digitalOcean.droplets().map(({ name }) => name)).toEqual([]);
    expect(digitalOcean.pricePerMonth()).toEqual(0);
    for (const { app } of shop.world.oldSides.values()) await app.settled();
    expect({ staging: await heroku('staging'), production: await heroku('production') }).toEqual(before);
    expect(await accessOfTheRunner(shop)).toEqual([]);
  }

  const open = () =>
    shop.world.github.issues().flatMap(({ title, state }) => (state === 'open' ? [title] : []));

  test(`${strategy}, copy: staging's data to a target that is gone afterwards, with its figures and its cost`, async () => {
    const releases = shop.side.app.releases();
    const result = await rehearse('copy');
    expectConclusion(result, 'success');
    expect(await ended(result, 'migration-record-staging-copy')).toMatchObject({
      depth: 'copy',
      outcome: 'passed',
      figures: { cost: { hours: 1, complete: true }, forecast: { budget: 300_000 } },
    });
    expect(shop.side.app.releases()).toEqual(releases);
    await nothingIsLeft();
    expect(open()).toEqual([]);
  }, 200_000);

  test(`${strategy}, shadow: production's data, without any change on Heroku, and the next one says how far off it was`, async () => {
    const asked = shop.world.heroku.requests.length;
    const first = await rehearse('shadow');
    expectConclusion(first, 'success');
    expect(changesAmong(shop.world.heroku.requests.slice(asked))).toEqual([]);
    await nothingIsLeft();
    const second = await rehearse('shadow');
    expectConclusion(second, 'success');
    expect(await ended(second, 'migration-record-production-shadow')).toMatchObject({
      outcome: 'passed',
      figures: { previous: { outcome: 'passed', expected: expect.any(Number) } },
    });
    await nothingIsLeft();
  }, 300_000);

  test(`${strategy}, a shadow that fails opens an issue and takes everything away; the next green one closes it`, async () => {
    const interrupted = { now: false };
    const result = await rehearse('shadow', {
      killStep: (job, _step, line) => {
        if (interrupted.now || job !== 'throw-away' || !/^##\[group\]\d+\/\d+ copy\b/.test(line))
          return false;
        interrupted.now = true;
        return pick(['runner', 'interrupt'] as const, 1);
      },
    });
    expect(interrupted.now).toBe(true);
    expectConclusion(result, 'failure');
    expect(open()).toEqual(['Rehearsal (shadow) of shop production: did not pass']);
    await nothingIsLeft();
    expectConclusion(await rehearse('shadow'), 'success');
    expect(open()).toEqual([]);
    await nothingIsLeft();
  }, 400_000);

  test(`${strategy}, full: staging moves and comes back, and nothing of its new side is left`, async () => {
    const result = await rehearse('full');
    expectConclusion(result, 'success');
    const { sections } = await recordIn(result, 'migration-record-staging');
    expect(sections.map(({ phase }) => phase).slice(-5)).toEqual([
      ...['cutover', 'verify', 'roll-back', 'provision', 'rehearsal'],
    ]);
    expect(sections.at(-1)?.data).toMatchObject({
      depth: 'full',
      outcome: 'passed',
      figures: { downtimeMs: expect.any(Number), off: expect.any(Number) },
    });
    await nothingIsLeft();
  }, 400_000);

  test(`${strategy}: production's gate finds the full rehearsal of that other run`, async () => {
    const prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    shop.world.github.configureEnvironment('production', {});
    const moved = await cutOver(shop, prepared);
    expectConclusion(moved, 'success');
    const { sections } = await recordIn(moved, 'migration-record-production');
    const { gate } = sections.find(({ phase }) => phase === 'cutover')?.data as {
      gate: { checks: { what: string; found: string }[] };
    };
    expect(gate.checks.find(({ what }) => what === 'full rehearsal')?.found).toMatch(
      /^staging moved and went back, verified/,
    );
    // What has moved has nothing on Heroku to copy: that is told, and is no failure.
    const shadow = await rehearse('shadow');
    expect(errorsOf(shadow)).not.toMatch(/##\[error\]/);
    expectConclusion(shadow, 'success');
    expect(logOf(shadow, 'report')).not.toContain('did not pass');
    expect(await ended(shadow, 'migration-record-production-shadow')).toMatchObject({
      outcome: 'nothing-to-do',
    });
  }, 400_000);
}
