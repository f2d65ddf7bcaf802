import { execFileSync } from 'node:child_process';
import { globSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeExampleRepository } from '../../../rehearsal/example-repository.ts';
import type { PipelineOptions } from '../../../rehearsal/pipeline.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { readRecord, recordedPlanDigest } from '../../../src/migration/record.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  accessOfTheRunner,
  errorsOf,
  expectConclusion,
  isWhere,
  logOf,
  nothingIsLost,
  openShop,
  serves,
  tellFigures,
  underLoad,
  type Shop,
} from './shop-under-migration.ts';

// The repository of a team that copied examples/: each workflow in it is started as its people would, over the shipped
// workflows and bundles, with the example's migration.yml, and the shop really moves, comes back, and moves for good.
let shop: Shop;
let workspace: string;
const started = new Set<string>();

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({ environments: ['staging', 'production'], schedules: false, strategy: 'auto' });
  workspace = writeExampleRepository(shop.world, join(shop.directory, 'examples'));
  shop.world.github.settings.private = false;
  shop.world.github.settings.workflows.mayCreatePullRequests = true;
}, 240_000);

afterAll(async () => {
  if (full) await shop.close();
});

function run(
  name: string,
  inputs: Record<string, unknown> = {},
  options: Partial<PipelineOptions> = {},
): Promise<WorkflowResult> {
  started.add(name);
  const at = options.workspace ?? workspace;
  return shop.run(join(at, '.github', 'workflows', name), { workspace: at, inputs, ...options });
}

const conclusions = ({ jobs }: WorkflowResult) =>
  Object.fromEntries(jobs.map(({ id, conclusion }) => [id, conclusion]));

const recordOf = (result: WorkflowResult) =>
  readRecord(join(result.artifacts, 'migration-record-production', 'migration-record.json'));

const clusters = (): string[] => shop.world.digitalOcean.clusters().map(({ name }) => name);

testInFull(
  'assess.yml, propose-files.yml and probe.yml look and propose, and nothing is made',
  async () => {
    const assessed = await run('assess.yml');
    expectConclusion(assessed, 'success');
    expect((await recordOf(assessed)).sections.map(({ phase }) => phase)).toEqual(['assess']);
    // Its Dockerfile is proposed to a repository that has none, and that is one of git.
    const young = writeExampleRepository(shop.world, join(shop.directory, 'without-dockerfile'));
    rmSync(join(young, 'Dockerfile'));
    writeFileSync(join(young, 'package.json'), JSON.stringify({ engines: { node: '24.x' } }));
    writeFileSync(join(young, 'package-lock.json'), '{}');
    execFileSync('git', ['init', '--quiet'], { cwd: young });
    const proposed = await run('propose-files.yml', { environment: 'production' }, { workspace: young });
    expectConclusion(proposed, 'success');
    expect(readdirSync(join(proposed.artifacts, 'files-for-the-repository-production'))).toContain(
      'Dockerfile',
    );
    expect(shop.world.github.pullRequests()).toMatchObject([{ state: 'open', base: 'main' }]);
    expectConclusion(await run('probe.yml', { environment: 'production' }), 'success');
    expect(clusters()).toEqual([]);
    expect(shop.world.digitalOcean.pricePerMonth()).toBe(0);
  },
  200_000,
);

testInFull(
  'rehearse-staging.yml on its Monday moves staging and back, and nothing of its new side is left',
  async () => {
    const cron = '23 4 * * 1';
    const result = await run('rehearse-staging.yml', {}, { event: 'schedule', cron });
    expectConclusion(result, 'success');
    expect(conclusions(result)).toMatchObject({ 'rehearse / full / staging-cutover': 'success' });
    expect(clusters()).toEqual([]);
  },
  400_000,
);

testInFull(
  'migrate.yml moves production after an approval, nothing is lost, and the job beside it signs the record',
  async () => {
    const report = await underLoad(shop, async () => {
      const result = await run('migrate.yml', { through: 'production' });
      expectConclusion(result, 'success');
      expect(conclusions(result)).toMatchObject({
        'migrate / staging-verify': 'success',
        'migrate / cutover': 'success',
        'migrate / guard': 'success',
        'migrate / verify': 'success',
        'attest / attest': 'success',
      });
      expect(logOf(result, 'attest / attest')).toMatch(
        /migration-record\.json has sha256:[0-9a-f]{64}[^]*migration-evidence\.html has sha256:[0-9a-f]{64}/,
      );
    });
    tellFigures('the example of migrate.yml', report);
    await isWhere(shop, 'digitalocean');
    await nothingIsLost(shop, 'digitalocean');
    expect(await accessOfTheRunner(shop)).toEqual([]);
  },
  500_000,
);

testInFull(
  'catch-up.yml follows on its schedule, and roll-back.yml takes everything back',
  async () => {
    const cron = '17 * * * *';
    expectConclusion(await run('catch-up.yml', {}, { event: 'schedule', cron }), 'success');
    await serves(shop, 'digitalocean');
    for (const environment of ['production', 'staging'])
      expectConclusion(await run('roll-back.yml', { environment }), 'success');
    await shop.side.app.settled();
    await isWhere(shop, 'heroku');
    await serves(shop, 'heroku');
  },
  400_000,
);

testInFull(
  'destroy.yml takes away what staging left, cutover.yml moves production the second way, and finalize.yml ends the way back',
  async () => {
    const named = { environment: 'staging', confirm: 'staging', 'dry-run': false };
    expectConclusion(await run('destroy.yml', named), 'success');
    expect(clusters()).toEqual(['shop-production']);
    expectConclusion(
      await run('destroy.yml', { ...named, environment: 'production', confirm: 'production' }),
      'success',
    );
    expect(clusters()).toEqual([]);

    const prepared = await run('migrate.yml', { through: 'prepare' });
    expectConclusion(prepared, 'success');
    // No required reviewers: another person's dispatch with the digest is the approval.
    shop.world.github.configureEnvironment('production', {});
    const digest = recordedPlanDigest(await recordOf(prepared));
    const given = { 'plan-digest': digest, 'prepare-run-id': String(prepared.runId) };
    const alone = await run('cutover.yml', given);
    expectConclusion(alone, 'failure');
    expect(errorsOf(alone)).toMatch(/alex/);
    expectConclusion(await run('cutover.yml', given, { actor: 'robin' }), 'success');
    await isWhere(shop, 'digitalocean');
    await serves(shop, 'digitalocean');

    const ended = await run('finalize.yml', {
      ...{ environment: 'production', confirm: 'production', 'dry-run': false },
    });
    expectConclusion(ended, 'success');
    await serves(shop, 'digitalocean');
    expectConclusion(await run('roll-back.yml', { environment: 'production' }), 'failure');
  },
  700_000,
);

testInFull('every example was started', () => {
  const examples = globSync('*.yml', { cwd: join(import.meta.dirname, '../../../examples') });
  expect([...started].sort()).toEqual(examples.filter((name) => name !== 'migration.yml').sort());
});

if (!full) test('the examples move real servers: they belong to the full run', () => undefined);
