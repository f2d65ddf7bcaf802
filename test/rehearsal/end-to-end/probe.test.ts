import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { readRecord } from '../../../src/migration/record.ts';
import {
  cutOver,
  errorsOf,
  expectConclusion,
  full,
  logOf,
  openShop,
  prepare,
  type Shop,
} from './shop-under-migration.ts';

// probe.yml as it is shipped, with the bundles, beside a shop that is prepared for its cutover; what it answers decides
// about that. In `npm test` it is only read.
let shop: Shop;
let prepared: WorkflowResult;

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({ environments: ['production', 'staging'], schedules: false });
  // Without reviewers the second dispatch is the approval.
  shop.world.github.configureEnvironment('production', {});
}, 240_000);
afterAll(async () => {
  if (full) await shop.close();
});

const inFull = full ? test : test.skip;
const probe = (inputs: Record<string, string | boolean> = {}): Promise<WorkflowResult> =>
  shop.run('probe.yml', {
    inputs: { application: 'shop', environment: 'staging', 'dry-run': false, ...inputs },
  });
const answers = async (result: WorkflowResult): Promise<Record<string, string>> => {
  const path = join(result.artifacts, 'migration-record-staging-probe', 'migration-record.json');
  const { probes } = (await readRecord(path)).sections.at(-1)?.data as {
    probes: { id: string; result: string }[];
  };
  return Object.fromEntries(probes.map(({ id, result }) => [id, result]));
};
const ofTheProbes = (): string[] => [
  ...shop.world.heroku.appNames().filter((name) => name.startsWith('h2d-')),
  ...[...shop.world.digitalOcean.clusters(), ...shop.world.digitalOcean.droplets()]
    .map(({ name }) => name)
    .filter((name) => name.includes('-probe')),
];

inFull(
  'a cutover warns of probes that were never run, and begins',
  async () => {
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    const looked = await cutOver(shop, prepared, { dryRun: true });
    expectConclusion(looked, 'success');
    expect(logOf(looked, 'cutover')).toMatch(
      /probes without an answer: default-credential was never run;.*Run probe\.yml/,
    );
  },
  300_000,
);

inFull(
  'the workflow makes nothing in a dry run',
  async () => {
    const before = shop.world.digitalOcean.pricePerMonth();
    expectConclusion(await probe({ 'dry-run': true }), 'success');
    expect(shop.world.digitalOcean.pricePerMonth()).toBe(before);
    expect(ofTheProbes()).toEqual([]);
  },
  240_000,
);

inFull(
  'all of them pass in the rehearsal’s world, nothing is left, and the cutover finds them',
  async () => {
    const result = await probe();
    expectConclusion(result, 'success');
    expect(new Set(Object.values(await answers(result)))).toEqual(new Set(['passed']));
    expect(ofTheProbes()).toEqual([]);
    const looked = await cutOver(shop, prepared, { dryRun: true });
    expectConclusion(looked, 'success');
    const log = logOf(looked, 'cutover');
    expect(log).toMatch(/ok {2}probes that passed: default-credential, .*plain-domain/);
    expect(log).not.toContain('probes without an answer');
  },
  400_000,
);

inFull(
  'one that the cutover needs and that fails refuses it, before anything is touched',
  async () => {
    shop.world.heroku.played.otherwise = ['empty-slugs-keep-the-code'];
    const failed = await probe({ probes: 'empty-slug' });
    expectConclusion(failed, 'failure');
    expect(await answers(failed)).toEqual({ 'empty-slug': 'failed' });
    expect(ofTheProbes()).toEqual([]);
    shop.world.heroku.played.otherwise = [];
    const releases = shop.side.app.releases();
    const refused = await cutOver(shop, prepared);
    expectConclusion(refused, 'failure');
    expect(errorsOf(refused)).toMatch(
      /probe empty-slug: failed .* ago: a dyno that started on the empty slug still found the application code/,
    );
    expect(shop.side.app.releases()).toEqual(releases);
    expect(shop.side.app.maintenance()).toBe(false);
  },
  300_000,
);

inFull(
  'a run whose machine dies leaves nothing: the second job sweeps',
  async () => {
    let made: string[] = [];
    const died = await shop.run('probe.yml', {
      inputs: { application: 'shop', environment: 'staging', 'dry-run': false, probes: 'doadmin' },
      killStep: (job, _step, line) => {
        if (job !== 'probe' || !line.includes('doadmin: passed')) return false;
        made = ofTheProbes();
        return 'runner';
      },
    });
    expectConclusion(died, 'failure');
    expect(made).toEqual(['shop-staging-probe']);
    expect(ofTheProbes()).toEqual([]);
  },
  300_000,
);

if (!full) test('the probes make real servers: they belong to the full run', () => undefined);
