import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { planSchema } from '../../src/migration/plan.ts';
import { addSection, emptyRecord, readRecord, writeRecord } from '../../src/migration/record.ts';
import { onlyReads } from '../support/only-reads.ts';
import {
  CONFIG,
  DIGITALOCEAN_TOKEN,
  HEROKU_TOKEN,
  MIGRATION_KEY,
  SECRET_VALUE,
  startSides,
  type PhaseRun,
  type Sides,
} from './played-sides.ts';

let sides: Sides;
let first: PhaseRun;

beforeAll(async () => {
  sides = await startSides();
  first = await sides.runPhase('assess');
});
afterAll(() => sides.stop());

function withoutMasks(log: string): string {
  return log
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');
}

function record(): string {
  return readFileSync(join(sides.directory, 'migration-record.json'), 'utf8');
}

test('assess finds a target and a price for everything, and says that it is ready', () => {
  expect(withoutMasks(first.log)).not.toContain('::error');
  expect(first.code).toBe(0);
  expect(first.outputs).toMatchObject({ outcome: 'ready', changed: 'false', blockers: '0' });
  expect(Number(first.outputs['cost-before'])).toBeGreaterThan(Number(first.outputs['cost-after']));
  for (const name of ['web', 'worker', 'release', 'nightly-report', 'Redis on a droplet', 'PostgreSQL']) {
    expect(first.summary).toContain(name);
  }
});

test('the same world gives the same digest', async () => {
  const again = await sides.runPhase('assess');
  expect(again.outputs['plan-digest']).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(again.outputs['plan-digest']).toBe(first.outputs['plan-digest']);
});

test('assess changes nothing anywhere', () => {
  const requests = [...sides.heroku.requests, ...sides.digitalOcean.requests];
  expect(
    requests.filter((request) => !onlyReads(request)).map(({ method, path }) => `${method} ${path}`),
  ).toEqual([]);
});

test('App Platform itself is asked whether it takes the app, and is told no config var', async () => {
  const asked = sides.digitalOcean.requests.filter(({ path }) => path.endsWith('/apps/propose'));
  const spec = z.looseObject({ spec: z.looseObject({ envs: z.array(z.unknown()) }) });
  expect(asked.map(({ body }) => spec.parse(body).spec.envs)).toEqual(asked.map(() => []));
  expect(first.summary).toMatch(/takes its spec \| asked of App Platform itself.*prices the app at \$\d+/);

  const kind = { status: 403, id: 'forbidden', message: '' };
  sides.digitalOcean.faults.inject({ method: 'POST', path: /\/apps\/propose$/, times: 1, kind });
  const unasked = await sides.runPhase('assess', { record: 'unasked.json' });
  expect(unasked.summary).toMatch(/not asked: whether App Platform takes the planned app.*app:read/);
  expect(unasked.outputs['plan-digest']).toBe(first.outputs['plan-digest']);
});

test('an app that App Platform refuses, or whose name is another team’s, is blocked with its words', async () => {
  const path = /\/apps\/propose$/;
  const kind = { status: 422, id: 'unprocessable_entity', message: 'instance size is not offered in fra' };
  sides.digitalOcean.faults.inject({ method: 'POST', path, times: 1, kind });
  const refused = await sides.runPhase('assess', { record: 'refused-app.json' });
  expect(refused.outputs.outcome).toBe('blocked');
  expect(refused.summary).toMatch(
    /App Platform does not take the planned app.*instance size is not offered in fra/,
  );

  sides.digitalOcean.faults.inject({
    method: 'POST',
    path,
    times: 1,
    kind: { ...kind, message: 'no such image' },
  });
  const standIn = await sides.runPhase('assess', { record: 'image.json' });
  expect(standIn.outputs.outcome).toBe('ready');

  sides.digitalOcean.played.appNamesOfOthers = ['shop-staging'];
  const taken = await sides.runPhase('assess', { record: 'taken.json' });
  sides.digitalOcean.played.appNamesOfOthers = [];
  expect(taken.outputs.outcome).toBe('blocked');
  expect(taken.summary).toContain('App Platform has an app named "shop-staging" already');
});

test('no token, key or config value is in the log, the summary or the record', () => {
  const visible = withoutMasks(first.log) + first.summary + record() + JSON.stringify(first.outputs);
  for (const secret of [
    HEROKU_TOKEN,
    DIGITALOCEAN_TOKEN,
    MIGRATION_KEY,
    SECRET_VALUE,
    'old-postgres',
    'old-redis',
  ]) {
    expect(visible).not.toContain(secret);
  }
});

test('without a token for DigitalOcean the plan is made and says what it does not know', async () => {
  const run = await sides.runPhase('assess', { 'digitalocean-token': '', record: 'without.json' });
  expect(run.code).toBe(0);
  expect(run.summary).toContain('no input digitalocean-token was given');
  expect(run.summary).toContain('at least $');
});

test('a wrong token for Heroku is told as such, without a stack', async () => {
  const run = await sides.runPhase('assess', { 'heroku-token': 'HRKU-wrong-token', record: 'wrong.json' });
  expect(run.code).toBe(1);
  expect(run.log).toContain('::error::Heroku does not know the token');
  expect(run.log).not.toContain('    at ');
});

test('a token without the scope gives a partial report that names the scope', async () => {
  sides.heroku.tokens.add('HRKU-reads-only-what-is-open', ['read']);
  const run = await sides.runPhase('assess', {
    'heroku-token': 'HRKU-reads-only-what-is-open',
    record: 'partial.json',
  });
  expect(run.code).toBe(1);
  expect(run.outputs.outcome).toBe('blocked');
  expect(run.summary).toContain('read-protected');
  expect(run.summary).toContain('Standard-1X');
});

test('an unknown app is told with what to check', async () => {
  writeFileSync(join(sides.directory, 'unknown.yml'), CONFIG.replace('shop-staging', 'shpo-staging'));
  const run = await sides.runPhase('assess', { config: 'unknown.yml', record: 'unknown.json' });
  expect(run.code).toBe(1);
  expect(run.log).toContain('no app "shpo-staging"');
});

test('extensions are held against what our cluster said that it offers, as soon as one was asked', async () => {
  const { plan } = z
    .object({ plan: planSchema })
    .parse((await readRecord(join(sides.directory, 'migration-record.json'))).sections[0]?.data);
  const offered = { engine: 'pg', major: Number(plan.cluster?.version), extensions: { citext: '9.9' } };
  const { migrationId, application } = plan;
  const provisioned = addSection(
    emptyRecord({ migrationId, application, environment: 'staging' }),
    'provision',
    {
      at: new Date(),
      run: { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' },
      data: { stage: 'infrastructure', offered },
    },
  );
  await writeRecord(join(sides.directory, 'asked.json'), provisioned);
  expect(first.summary).toContain('list of supported extensions (2025-11-26)');
  const run = await sides.runPhase('assess', { record: 'asked.json' });
  expect(run.summary).toContain(`9.9 from the list that the cluster of ${migrationId} gave itself`);
  expect(run.log).toMatch(/::error.*Blocked%3A the extension pg_trgm/);
});

test('all environments of migration.yml stand in one report, also where no pipeline joins their apps', async () => {
  await sides.heroku.createApp({
    name: 'shop-live',
    code: sides.directory,
    onPaper: true,
    processTypes: { web: 'node web.mjs' },
    formation: { web: { quantity: 2, size: 'Standard-2X' } },
    config: { KEY: 'seen-by-nobody-2' },
    domains: [],
    postgres: { plan: 'standard-0', url: sides.app.config().DATABASE_URL ?? '' },
  });
  const environments = `  production: { heroku-app: shop-live, region: fra }
  demo: { heroku-app: shop-gone, region: fra, protected: false }
dns:`;
  writeFileSync(join(sides.directory, 'three.yml'), CONFIG.replace('dns:', environments));
  const run = await sides.runPhase('assess', {
    config: 'three.yml',
    record: 'three.json',
    'all-environments': 'true',
  });
  expect(run.summary).toContain('Looked at together: 2 apps');
  expect(run.summary).toMatch(/\| shop-staging \| staging \| ready /);
  expect(run.summary).toMatch(/\| shop-live \| production \| (blocked|decisions needed) /);
  expect(run.summary).toMatch(/the app shop-gone: .*no app "shop-gone"/);
  expect(Number(run.outputs['cost-before'])).toBeCloseTo(Number(first.outputs['cost-before']) + 2 * 50 + 50);
  // What could not be read is missing in the sum, and verdict and digest are those of the environment that was asked for.
  expect(run.summary).toMatch(/\| Together \|.* at least \$/);
  expect(run.outputs).toMatchObject({ verdict: 'ready', 'plan-digest': first.outputs['plan-digest'] });
  expect(withoutMasks(run.log) + run.summary).not.toContain('seen-by-nobody-2');
});

test('an unreachable source database is named as a blocker', async () => {
  const app = sides.app.config();
  expect(app.DATABASE_URL).toContain('127.0.0.1');
  await sides.source.query('postgres', "ALTER ROLE jgyrcngmdqfmnl PASSWORD 'rotated'");
  const run = await sides.runPhase('assess', { record: 'refused.json' });
  expect(run.code).toBe(1);
  expect(run.summary).toContain('the database could not be read');
  await sides.source.query('postgres', "ALTER ROLE jgyrcngmdqfmnl PASSWORD 'old-postgres'");
});

test('a declared schedule that Heroku does not have is told, and a job that only Heroku has is not lost', async () => {
  writeFileSync(
    join(sides.directory, 'schedule.yml'),
    CONFIG.replaceAll('node job.mjs nightly', 'node job.mjs weekly'),
  );
  const run = await sides.runPhase('assess', { config: 'schedule.yml', record: 'schedule.json' });
  expect(run.code).toBe(0);
  expect(run.summary).toContain('which migration.yml does not declare');
  expect(run.summary).toContain('Heroku Scheduler does not run it');
  expect(run.summary).toContain('node-job-mjs-nightly');
});
