import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { startGitHub } from '../../rehearsal/github/world.ts';
import type { GitHubWorld } from '../../rehearsal/github/world.ts';
import type { RunWorkflowOptions, WorkflowResult } from '../../rehearsal/runner/options.ts';
import { runWorkflow } from '../../rehearsal/runner/run-workflow.ts';
import { silentLog } from '../../src/log.ts';

// The shipped workflows as they are, over actions that only write down that they were called.
const root = join(import.meta.dirname, '../..');
const secretsOf = (place: string) => ({
  HEROKU_TOKEN: `heroku-token-of-${place}`,
  DIGITALOCEAN_TOKEN: `digitalocean-token-of-${place}`,
  MIGRATION_KEY: `migration-key-of-${place}`,
});

const scribe = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
const { env } = process;
const input = (name) => env['INPUT_' + name.toUpperCase()];
const phase = env.GITHUB_ACTION_PATH.split('/').at(-1);
const record = existsSync('migration-record.json') ? JSON.parse(readFileSync('migration-record.json', 'utf8')) : [];
if (!['assess', 'roll-back', 'probe'].includes(phase) && record.length === 0 && !['catch-up', 'destroy', 'guard', 'finalize'].includes(input('command'))) throw new Error('no record');
if (!existsSync('migration.yml')) throw new Error('no checkout');
if (['cutover', 'verify'].includes(phase) && input('dry-run') !== 'true') writeFileSync('migration-evidence.html', '<p>evidence</p>');
if (input('command') === 'propose-files') {
  mkdirSync('proposed');
  writeFileSync('proposed/Dockerfile', 'FROM scratch');
  appendFileSync(env.GITHUB_OUTPUT, 'files=proposed\\n');
}
const name = [phase, input('stage') ?? input('command') ?? input('gate')].filter(Boolean).join(' ');
record.push({ name, environment: input('environment'), heroku: (input('heroku-token') ?? '').length, confirm: input('confirm'), dryRun: input('dry-run'), digest: input('plan-digest'), image: input('image'), base: input('heroku-api-url'), attempt: env.GITHUB_RUN_ATTEMPT });
writeFileSync('migration-record.json', JSON.stringify(record));
appendFileSync(env.GITHUB_OUTPUT, 'plan-digest=sha256:' + input('environment') + '\\ndowntime-ms=1200\\n');
if (env.GITHUB_JOB === 'look' && existsSync('staging-has-moved')) appendFileSync(env.GITHUB_OUTPUT, 'moved=true\\n');
console.log('done ' + name + ' for ' + input('environment') + ' with ' + input('heroku-token'));
if (existsSync('fail-' + phase + '-' + env.GITHUB_RUN_ATTEMPT)) process.exit(1);
`;

let directory: string;
let github: GitHubWorld;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'shipped-workflows-'));
  cpSync(join(root, '.github'), join(directory, 'project/.github'), { recursive: true });
  for (const phase of [
    'assess',
    'provision',
    'migrate-db',
    'cutover',
    'verify',
    'roll-back',
    'rehearsal',
    'probe',
  ]) {
    const folder = join(directory, 'project/actions', phase);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'action.yml'), `name: ${phase}\nruns: { using: node24, main: index.mjs }\n`);
    writeFileSync(join(folder, 'index.mjs'), scribe);
  }
  cpSync(join(root, 'examples'), join(directory, 'shop/.github/workflows'), { recursive: true });
  writeFileSync(join(directory, 'shop/migration.yml'), 'application: shop\n');
  writeFileSync(join(directory, 'shop/Dockerfile'), 'FROM scratch\n');
  github = await startGitHub({
    log: silentLog,
    repository: 'acme/shop',
    directory: join(directory, 'github'),
  });
  github.configureEnvironment('staging', {});
  github.configureEnvironment('production-prepare', {});
  github.configureEnvironment('production', {
    reviewers: ['grace'],
    preventSelfReview: true,
    branchPolicy: 'protected',
  });
});

afterEach(async () => {
  await github.stop();
  rmSync(directory, { recursive: true, force: true });
});

function start(file: string, change: Partial<RunWorkflowOptions> = {}): Promise<WorkflowResult> {
  return runWorkflow({
    file: join(directory, file),
    projectRoot: join(directory, 'project'),
    workspace: join(directory, 'shop'),
    event: 'workflow_dispatch',
    inputs: { application: 'shop' },
    actor: 'ada',
    vars: { IMAGE_REPOSITORY: 'registry.example.com/acme/shop', HEROKU_API_URL: 'http://127.0.0.1:1' },
    repositorySecrets: {},
    environments: Object.fromEntries(
      ['staging', 'production-prepare', 'production-rehearsal', 'production'].map((place) => [
        place,
        { secrets: secretsOf(place) },
      ]),
    ),
    approve: () => Promise.resolve({ approved: true, by: 'grace' }),
    github,
    env: {},
    directory: join(directory, 'runs'),
    ...change,
  });
}

interface Entry {
  name: string;
  heroku: number;
  digest?: string;
  confirm?: string;
  dryRun?: string;
  image?: string;
  base: string;
  attempt: string;
}

function record(result: WorkflowResult, environment: string): Entry[] {
  const path = join(result.artifacts, `migration-record-${environment}`, 'migration-record.json');
  return JSON.parse(readFileSync(path, 'utf8')) as Entry[];
}

const ends = (result: WorkflowResult) =>
  Object.fromEntries(result.jobs.map(({ id, conclusion }) => [id, conclusion]));
const preparation = [
  ...['assess', 'provision try-image', 'provision infrastructure', 'migrate-db copy'],
  'provision application',
  'verify compare',
];
const migrate = 'project/.github/workflows/migrate.yml';

test('staging is moved and verified, production prepared, approved, cut over and verified, with one record for each', async () => {
  const asked: string[] = [];
  const result = await start(migrate, {
    approve: (environment, job) => {
      asked.push(`${environment} ${job.id} ${job.needs.production?.outputs['plan-digest'] ?? ''}`);
      return Promise.resolve({ approved: true, by: 'grace' });
    },
  });
  expect(result.conclusion).toBe('success');
  // One review lets in the cutover and its guard.
  expect(asked).toEqual(['production cutover sha256:production']);
  expect(ends(result)).toMatchObject({ 'staging-guard': 'success', guard: 'success' });
  expect(record(result, 'production-guard').map(({ name }) => name)).toEqual(['roll-back guard']);
  const staging = record(result, 'staging');
  const production = record(result, 'production');
  expect(staging.map(({ name }) => name)).toEqual([...preparation, 'cutover none', 'verify']);
  expect(production.map(({ name }) => name)).toEqual([...preparation, 'cutover environment', 'verify']);
  expect(production.find(({ name }) => name.startsWith('cutover'))?.digest).toBe('sha256:production');
  // Each job has the tokens of its own environment only.
  expect(production.map(({ heroku }) => heroku)).toEqual(
    [...preparation.map(() => 'production-prepare'), 'production', 'production-prepare'].map(
      (place) => secretsOf(place).HEROKU_TOKEN.length,
    ),
  );
  const images = [...staging, ...production].flatMap(({ image = '' }) => (image === '' ? [] : [image]));
  // Tried and deployed, in each environment.
  expect(images).toHaveLength(4);
  expect(new Set(images).size).toBe(1);
  expect(images[0]).toMatch(/^registry\.example\.com\/acme\/shop@sha256:[0-9a-f]{64}$/u);
  expect(production[0]?.base).toBe('http://127.0.0.1:1');
});

test('through staging and through prepare stop there, and nobody is asked', async () => {
  const approve = () => Promise.reject(new Error('nobody may be asked'));
  const staging = await start(migrate, { approve, inputs: { application: 'shop', through: 'staging' } });
  expect(staging.conclusion).toBe('success');
  expect(staging.jobs.filter(({ conclusion }) => conclusion === 'skipped').map(({ id }) => id)).toEqual(
    expect.arrayContaining(['production', 'cutover', 'verify']),
  );
  const prepared = await start(migrate, { approve, inputs: { application: 'shop', through: 'prepare' } });
  expect(prepared.conclusion).toBe('success');
  expect(record(prepared, 'production').map(({ name }) => name)).toEqual(preparation);
  expect(ends(prepared)).toMatchObject({ cutover: 'skipped', verify: 'skipped' });
});

test('a refused approval starts no step of the cutover and fails the run', async () => {
  const result = await start(migrate, { approve: () => Promise.resolve({ approved: false, by: 'grace' }) });
  expect(result.conclusion).toBe('failure');
  expect(ends(result)).toMatchObject({
    'production / application': 'success',
    cutover: 'failure',
    guard: 'failure',
    verify: 'skipped',
  });
  expect(record(result, 'production').map(({ name }) => name)).toEqual(preparation);
});

test('a failure on staging keeps production untouched and its record is kept', async () => {
  writeFileSync(join(directory, 'shop/fail-migrate-db-1'), '');
  const result = await start(migrate);
  expect(result.conclusion).toBe('failure');
  expect(ends(result)).toMatchObject({
    'staging / copy': 'failure',
    'staging / application': 'skipped',
    'staging-cutover': 'skipped',
    production: 'skipped',
    cutover: 'skipped',
    verify: 'skipped',
  });
  expect(record(result, 'staging').at(-1)?.name).toBe('migrate-db copy');
});

test('a failed cutover is continued by "Re-run failed jobs": nothing before it runs again', async () => {
  writeFileSync(join(directory, 'shop/fail-cutover-1'), '');
  const first = await start(migrate, { inputs: { application: 'shop', through: 'staging' } });
  expect(ends(first)).toMatchObject({ 'staging-cutover': 'failure', 'staging-verify': 'skipped' });
  const second = await start(migrate, {
    inputs: { application: 'shop', through: 'staging' },
    rerunOf: first,
  });
  expect(second.conclusion).toBe('success');
  expect(record(second, 'staging').map(({ name, attempt }) => `${name} ${attempt}`)).toEqual([
    ...preparation.map((name) => `${name} 1`),
    'cutover none 1',
    'cutover none 2',
    'verify 2',
  ]);
});

test('the second way: another person cuts over with the digest, from the record of the run that prepared', async () => {
  const prepared = await start(migrate, { inputs: { application: 'shop', through: 'prepare' } });
  github.configureEnvironment('production', {});
  const result = await start('shop/.github/workflows/cutover.yml', {
    actor: 'grace',
    inputs: { 'plan-digest': 'sha256:production', 'prepare-run-id': String(prepared.runId) },
  });
  expect(result.conclusion).toBe('success');
  expect(record(result, 'production').map(({ name }) => name)).toEqual([
    ...preparation,
    'cutover second-dispatch',
    'verify',
  ]);
});

test('from another repository the examples run the same workflows, on a schedule too', async () => {
  github.settings.private = false;
  const called = await start('shop/.github/workflows/migrate.yml', { inputs: { through: 'staging' } });
  expect(ends(called)).toMatchObject({
    'migrate / staging / assess': 'success',
    'migrate / staging-verify': 'success',
    attest: 'skipped',
  });
  const scheduled = await start('shop/.github/workflows/rehearse-staging.yml', { event: 'schedule' });
  expect(scheduled.conclusion).toBe('success');
  expect(record(scheduled, 'staging').map(({ name }) => name)).toEqual([
    ...preparation,
    'cutover none',
    'verify',
    'roll-back',
    'provision destroy',
    'rehearsal',
  ]);
  const caughtUp = await start('shop/.github/workflows/catch-up.yml', { event: 'schedule' });
  expect(record(caughtUp, 'production').map(({ name }) => name)).toEqual([
    'migrate-db catch-up',
    'verify watch',
  ]);
  const back = await start('shop/.github/workflows/roll-back.yml', { inputs: { environment: 'staging' } });
  expect(record(back, 'staging').map(({ name }) => name)).toEqual(['roll-back']);
});

test('the examples that only look, that propose, and that end the way back run the shipped workflows, too', async () => {
  const example = (name: string, inputs: Record<string, unknown> = {}) =>
    start(`shop/.github/workflows/${name}.yml`, { inputs });
  const namesOf = (result: WorkflowResult, environment: string) =>
    record(result, environment).map(({ name }) => name);

  const assessed = await example('assess');
  expect([assessed.conclusion, namesOf(assessed, 'production')]).toEqual(['success', ['assess']]);

  const proposed = await example('propose-files', { environment: 'staging' });
  expect(ends(proposed)).toEqual({ 'propose / assess': 'success', 'propose / propose': 'success' });
  const files = join(proposed.artifacts, 'files-for-the-repository-staging/Dockerfile');
  expect(readFileSync(files, 'utf8')).toBe('FROM scratch');

  const listed = await example('probe', { environment: 'production' });
  expect(ends(listed)).toEqual({ 'probe / probe': 'success', 'probe / sweep': 'skipped' });
  const probed = await example('probe', { environment: 'staging', 'dry-run': false });
  expect(ends(probed)).toEqual({ 'probe / probe': 'success', 'probe / sweep': 'success' });
  expect(record(probed, 'staging-probe')).toMatchObject([{ name: 'probe', dryRun: 'false' }]);

  const ended = await example('finalize', {
    ...{ environment: 'production', confirm: 'production', 'dry-run': false },
  });
  expect(record(ended, 'production')).toMatchObject([
    { name: 'roll-back finalize', confirm: 'production', dryRun: 'false' },
  ]);
});

test('the example signs the record of a production that has moved, and of nothing else', async () => {
  const migrated = (inputs: Record<string, unknown>) =>
    start('shop/.github/workflows/migrate.yml', { inputs });
  // Where GitHub would keep no attestation.
  expect(ends(await migrated({ through: 'production' }))).toMatchObject({
    ...{ 'migrate / cutover': 'success', attest: 'skipped' },
  });
  github.settings.private = false;
  const tried = await migrated({ through: 'production', 'dry-run': true });
  expect([tried.conclusion, ends(tried).attest]).toEqual(['success', 'skipped']);
  const moved = await migrated({ through: 'production' });
  expect([moved.conclusion, ends(moved)['attest / attest']]).toEqual(['success', 'success']);
  const signed = moved.jobs
    .filter(({ id }) => id === 'attest / attest')
    .flatMap(({ steps }) => steps.map(({ log }) => readFileSync(log, 'utf8')))
    .join('');
  expect(signed).toMatch(/migration-record\.json has sha256:[0-9a-f]{64}/);
  expect(signed).toMatch(/migration-evidence\.html has sha256:[0-9a-f]{64}/);
});

test('of the schedules of the example that rehearses, Monday moves staging and back, and Saturday is the shadow', async () => {
  github.configureEnvironment('production-rehearsal', {});
  const due = async (cron: string) =>
    ends(await start('shop/.github/workflows/rehearse-staging.yml', { event: 'schedule', cron }));
  const { on } = parse(readFileSync(join(root, 'examples/rehearse-staging.yml'), 'utf8')) as {
    on: { schedule: { cron: string }[] };
  };
  const [monday = '', saturday = ''] = on.schedule.map(({ cron }) => cron);
  expect(await due(monday)).toMatchObject({
    'rehearse / full / staging-cutover': 'success',
    'rehearse / throw-away': 'skipped',
  });
  expect(await due(saturday)).toMatchObject({ 'rehearse / throw-away': 'success' });
});

test('a shadow copies production where nobody approves, takes its target away, and is judged whatever became of it', async () => {
  github.configureEnvironment('production-rehearsal', {});
  const inputs = { application: 'shop', depth: 'shadow' };
  const rehearse = () => start('project/.github/workflows/rehearse-staging.yml', { inputs });
  const passed = await rehearse();
  expect(passed.conclusion).toBe('success');
  expect(record(passed, 'production-shadow').map(({ name }) => name)).toEqual([
    'provision destroy',
    'assess',
    'provision infrastructure',
    'migrate-db copy',
    'migrate-db catch-up',
    'provision destroy',
    'rehearsal',
  ]);
  writeFileSync(join(directory, 'shop/fail-migrate-db-1'), '');
  const failed = await rehearse();
  expect(failed.conclusion).toBe('failure');
  expect(ends(failed)).toMatchObject({ 'throw-away': 'failure', 'take-away': 'success', report: 'success' });
  expect(record(failed, 'production-shadow').map(({ name }) => name)).toEqual([
    'provision destroy',
    'assess',
    'provision infrastructure',
    'migrate-db copy',
    'provision destroy',
    'rehearsal',
  ]);
});

test('a full rehearsal of a staging that has moved brings it back first, and leaves it moved', async () => {
  writeFileSync(join(directory, 'shop/staging-has-moved'), '');
  const inputs = { application: 'shop', depth: 'full' };
  const result = await start('project/.github/workflows/rehearse-staging.yml', { inputs });
  expect(result.conclusion).toBe('success');
  expect(ends(result)).toMatchObject({
    'bring-back': 'success',
    'full / staging-cutover': 'success',
    'full / staging-verify': 'success',
    'full / cutover': 'skipped',
    'go-back': 'skipped',
    'throw-away': 'skipped',
    report: 'success',
  });
  expect(record(result, 'staging-brought-back').map(({ name }) => name)).toEqual(['roll-back']);
  expect(record(result, 'staging').map(({ name }) => name)).toEqual([
    ...preparation,
    'cutover none',
    'verify',
    'rehearsal',
  ]);
});

test('taking the new side away waits for the environment of its name, and says what was typed', async () => {
  const asked: string[] = [];
  const approve = (environment: string) => {
    asked.push(environment);
    return Promise.resolve({ approved: true, by: 'grace' });
  };
  const inputs = { environment: 'production', confirm: 'production', 'dry-run': 'false' };
  const gone = await start('shop/.github/workflows/destroy.yml', { inputs, approve });
  expect(gone.conclusion).toBe('success');
  expect(asked).toEqual(['production']);
  expect(record(gone, 'production')).toMatchObject([
    { name: 'provision destroy', environment: 'production', confirm: 'production', dryRun: 'false' },
  ]);
  const listed = await start('shop/.github/workflows/destroy.yml', { inputs: { environment: 'staging' } });
  expect(listed.conclusion).toBe('success');
  const log = listed.jobs
    .flatMap(({ steps }) => steps.map((step) => readFileSync(step.log, 'utf8')))
    .join('');
  expect(log).toContain('done provision destroy for staging');
});

test("this repository's own schedules do nothing until a variable names an application", async () => {
  for (const name of ['rehearse-staging.yml', 'catch-up.yml']) {
    const result = await start(`project/.github/workflows/${name}`, { event: 'schedule' });
    expect([...new Set(result.jobs.map(({ conclusion }) => conclusion))]).toEqual(['skipped']);
  }
  const caughtUp = await start('project/.github/workflows/catch-up.yml', {
    event: 'schedule',
    vars: { MIGRATION_APPLICATION: 'shop' },
  });
  expect(caughtUp.conclusion).toBe('success');
});

test('no token is found in any log, summary or artifact of a whole run', async () => {
  const result = await start(migrate);
  const logs = result.jobs
    .flatMap(({ steps }) => steps.map(({ log, summary }) => readFileSync(log, 'utf8') + summary))
    .join('');
  const kept = logs + JSON.stringify([record(result, 'staging'), record(result, 'production')]);
  expect(kept).toContain('done cutover environment for production with ***');
  for (const place of ['staging', 'production-prepare', 'production']) {
    for (const secret of Object.values(secretsOf(place))) expect(kept).not.toContain(secret);
  }
});
