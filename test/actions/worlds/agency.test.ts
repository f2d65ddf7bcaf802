import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { full } from '../../support/or-skipped.ts';
import { agency, CMS, SITES, UNREADABLE, WITHOUT_DYNOS } from '../../worlds/agency.ts';
import { CANARY, startGround, type Ground } from '../../worlds/ground.ts';
import { openWorld, tracesOf, type Assessed, type World } from '../../worlds/world.ts';
import { asked, censusOf, droppedFrom, inventedIn } from './census.ts';

let ground: Ground;
let world: World;
let before: unknown;
let run: Assessed;

interface Line {
  app: string;
  stage: string;
  verdict: string;
  before: { usdPerMonth: number; complete: boolean };
  after: { usdPerMonth: number; complete: boolean };
}

function pipelineOf({ section }: Assessed): {
  name: string;
  apps: Line[];
  notRead: string[];
  reviewApps: number;
} {
  return section['pipeline'] as ReturnType<typeof pipelineOf>;
}

// Twelve apps, looked at twice.
(full ? describe : describe.skip)('an agency with twelve apps', () => {
  beforeAll(async () => {
    ground = await startGround();
    world = await openWorld(ground, agency);
    before = await tracesOf(world);
    run = await world.assess('production', { 'all-in-pipeline': 'true' });
  });
  afterAll(async () => {
    await world.stop();
    await ground.stop();
  });

  test('every app of the pipeline has a line, but the one that may not be seen, which is told', () => {
    const { name, apps, notRead, reviewApps } = pipelineOf(run);
    expect(name).toBe('acme');
    expect([...apps.map(({ app }) => app), CMS].sort()).toEqual(
      [
        CMS,
        'acme-cms-staging',
        WITHOUT_DYNOS,
        ...SITES.flatMap((site) => [`${site}-production`, `${site}-staging`]),
      ].sort(),
    );
    expect(reviewApps).toBe(2);
    expect(notRead.join()).toMatch(/the production app [0-9a-f-]{36} of the pipeline/);
    expect(run.visible).not.toContain(UNREADABLE);
  });

  test('an app without dynos has a line, and costs nothing', () => {
    const line = pipelineOf(run).apps.find(({ app }) => app === WITHOUT_DYNOS);
    expect(line).toMatchObject({ stage: 'development', before: { usdPerMonth: 0, complete: true } });
  });

  test('a site without a database is blocked, and no cluster is in its price nor in the sum', () => {
    const { apps } = pipelineOf(run);
    const line = apps.find(({ app }) => app === 'bakery-staging');
    expect(line?.verdict).toBe('blocked');
    // One instance in the place of a Basic dyno.
    expect(line?.after).toEqual({ usdPerMonth: 5, complete: true });
    const sum = apps.reduce((all, { after }) => all + after.usdPerMonth, run.plan.costs.after.usdPerMonth);
    expect(Number(run.outputs['cost-after'])).toBeCloseTo(sum, 2);
  });

  test('whoever lives on add-ons of another app is named on both sides', () => {
    expect(asked(run.items, 'blocked').sort()).toEqual([
      'add-on/shared/gym-production/redis',
      'add-on/shared/museum-production/pages',
    ]);
    const verdict = (app: string): string | undefined =>
      pipelineOf(run).apps.find((line) => line.app === app)?.verdict;
    expect(verdict('gym-production')).toBe('decisions-needed');
    expect(verdict('museum-production')).toBe('decisions-needed');
    expect(verdict('bakery-production')).not.toBe('blocked');
  });

  test('the outputs speak of all apps where it is about money, and of the one that was asked for where it is about verdicts', () => {
    expect(run.outputs['verdict']).toBe('blocked');
    const sum = pipelineOf(run).apps.reduce((all, line) => all + line.before.usdPerMonth, 0);
    expect(Number(run.outputs['cost-before'])).toBe(sum + run.plan.costs.before.usdPerMonth);
  });

  test('the app itself is told whole, and nothing is told that it has not', async () => {
    const census = await censusOf(world, CMS);
    expect(droppedFrom(census, run)).toEqual([]);
    expect(inventedIn(census, run)).toEqual([]);
  });

  test('twelve apps looked at again are as they were, with the same digest, and show no secret', async () => {
    const again = await world.assess('production', { 'all-in-pipeline': 'true' });
    expect(again.outputs['plan-digest']).toBe(run.outputs['plan-digest']);
    expect(pipelineOf(again).apps).toEqual(pipelineOf(run).apps);
    expect(await tracesOf(world)).toEqual(before);
    expect(run.visible + again.visible).not.toContain(CANARY);
  });
});
