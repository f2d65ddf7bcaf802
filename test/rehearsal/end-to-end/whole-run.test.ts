import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endState, shopEnvironments } from '../../../rehearsal/end-state.ts';
import { judge } from '../../../rehearsal/load/judge.ts';
import { startLoad, type Load } from '../../../rehearsal/load/load.ts';
import { MIGRATION_KEY, type PipelineOptions } from '../../../rehearsal/pipeline.ts';
import { z } from 'zod';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { conclude } from '../../../rehearsal/verdict.ts';
import { hostNameOf } from '../../../rehearsal/world.ts';
import { latestSection, readRecord } from '../../../src/migration/record.ts';
import { requireMigrationKey } from '../../../src/migration/secrets.ts';
import { redisSecrets } from '../../../src/migration/target.ts';
import { faultsOf } from '../../report/evidence/well-formed.ts';
import {
  AFTER,
  accessOfTheRunner,
  at,
  changesAmong,
  errorsOf,
  expectConclusion,
  findSecrets,
  isWhere,
  logOf,
  openShop,
  pick,
  seed,
  stateOfHeroku,
  type Shop,
} from './shop-under-migration.ts';

// One run of migrate.yml under load, with debug logging on: refused, interrupted, killed and then completed.
let shop: Shop;
let load: Load;
let before: Record<string, unknown>;
let latest: WorkflowResult;
let secrets: Record<string, string>;

/** Config vars as awkward as people's are. */
const canaries = {
  CANARY_PLAIN: 'canary-plain-6b1f0e5d',
  CANARY_QUOTED: `canary "quoted' & <odd> \\ 50% $HOME \`id\` ü`,
  CANARY_LINES: '-----BEGIN CANARY-----\ncanary-line-two-77\n-----END CANARY-----\n',
  CANARY_URL: 'https://canary:s%40cret-word@example.com/hook?key=canary-query-11',
};

beforeAll(async () => {
  shop = await openShop({ environments: ['staging', 'production'], schedules: true });
  const { world, side } = shop;
  for (const { app } of world.oldSides.values()) {
    const answer = await fetch(`${world.heroku.apiUrl}/apps/${app.name}/config-vars`, {
      method: 'PATCH',
      headers: {
        accept: 'application/vnd.heroku+json; version=3',
        authorization: `Bearer ${world.tokens.heroku}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(canaries),
    });
    expect(answer.status).toBe(200);
    await app.settled();
  }
  secrets = secretsOf(shop);
  before = await stateOfHeroku(shop);
  load = startLoad({
    hostName: side.hostName,
    proxyUrl: world.proxyUrl(''),
    caPem: world.authority.pem,
    rate: 5,
    seed,
    directory: shop.directory,
  });
}, 60_000);

afterAll(() => shop.close());

/** All that nobody may read afterwards; what is short or a word of its own ("production") is no secret. */
function secretsOf({ world }: Shop): Record<string, string> {
  const found: Record<string, string> = {
    'Heroku token': world.tokens.heroku,
    'DigitalOcean token': world.tokens.digitalOcean,
    'migration key': MIGRATION_KEY,
    'second line of a config var': 'canary-line-two-77',
    'password in a config var': 's%40cret-word',
    'decoded password in a config var': 's@cret-word',
  };
  for (const [environment, { app, databaseUrl, redisUrl }] of world.oldSides) {
    for (const [name, value] of Object.entries(app.config())) {
      if (value.length >= 12) found[`${name} of ${environment}`] = value;
    }
    for (const url of [databaseUrl, redisUrl]) {
      found[`password of ${new URL(url).protocol} in ${environment}`] = new URL(url).password;
      found[`decoded password of ${new URL(url).protocol} in ${environment}`] = decodeURIComponent(
        new URL(url).password,
      );
    }
  }
  return found;
}

async function secretsOfTheNewSide({ world }: Shop): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const environment of world.oldSides.keys()) {
    const { adminPassword, appPassword } = redisSecrets({
      key: requireMigrationKey(MIGRATION_KEY),
      migrationId: `shop-${environment}`,
      mask: () => undefined,
    });
    found[`Redis administrator of ${environment}`] = adminPassword;
    found[`Redis user of ${environment}`] = appPassword;
  }
  const response = await fetch(`${world.digitalOcean.apiUrl}/v2/databases`, {
    headers: { authorization: `Bearer ${world.tokens.digitalOcean}` },
  });
  const { databases } = (await response.json()) as {
    databases: { name: string; users: { name: string; password?: string }[] }[];
  };
  for (const { name, users } of databases) {
    for (const user of users) {
      if (user.password !== undefined) found[`password of ${user.name} in ${name}`] = user.password;
    }
  }
  expect(Object.keys(found).length).toBeGreaterThan(6);
  return found;
}

async function migrate(options: Partial<PipelineOptions> = {}): Promise<WorkflowResult> {
  latest = await shop.run('migrate.yml', {
    // A guard would wait a minute for each cutover that dies here.
    inputs: { application: 'shop', through: 'production', guard: false },
    vars: { ACTIONS_STEP_DEBUG: 'true' },
    ...options,
  });
  return latest;
}

const conclusions = ({ jobs }: WorkflowResult) =>
  Object.fromEntries(jobs.map(({ id, conclusion }) => [id, conclusion]));

const recordOf = (result: WorkflowResult, environment: string) =>
  readRecord(join(result.artifacts, `migration-record-${environment}`, 'migration-record.json'));

test('a refused approval: staging has moved, production is prepared, and nothing on its source has changed', async () => {
  const asked = shop.world.heroku.requests.length;
  const releases = shop.side.app.releases();
  const result = await migrate({ approve: false });
  expectConclusion(result, 'failure');
  const told = conclusions(result)['staging-cutover'] === 'success' ? '' : errorsOf(result).slice(0, 4000);
  expect(told).toBe('');
  expect(conclusions(result)).toMatchObject({
    'staging-cutover': 'success',
    'staging-verify': 'success',
    'production / application': 'success',
    cutover: 'failure',
    verify: 'skipped',
  });
  const changes = changesAmong(shop.world.heroku.requests.slice(asked));
  expect(changes.filter((change) => change.includes('shop-production'))).toEqual([]);
  expect(changes).not.toEqual([]);
  expect(await stateOfHeroku(shop)).toEqual(before);
  expect(shop.side.app.releases()).toEqual(releases);
  await shop.side.app.settled();
  await isWhere(shop, 'heroku');
  expect(await accessOfTheRunner(shop)).toEqual([]);
  // The public never noticed.
  expect(load.current()).toMatchObject({ refusedRequests: 0, forgottenOrders: 0 });
  const { authoritative, conditions } = await endState(shop.world, 'staging');
  expect(authoritative).toBe('digitalocean');
  expect(conditions.filter(({ holds }) => !holds)).toEqual([]);
}, 120_000);

test('interrupted at the copy, under load: everything is undone and Heroku serves as before', async () => {
  const interrupt = at('copy', 'interrupt');
  const result = await migrate({ rerunOf: latest, ...interrupt });
  expectConclusion(result, 'failure');
  expect(interrupt.reached()).toBe(true);
  expect(errorsOf(result)).toMatch(/Heroku serves as before/);
  await shop.side.app.settled();
  await isWhere(shop, 'heroku');
  expect(await stateOfHeroku(shop)).toEqual(before);
  expect(await accessOfTheRunner(shop)).toEqual([]);
}, 90_000);

test('a runner that dies after the point of no return, then re-run failed jobs: the run completes, every figure is zero, the record holds', async () => {
  const kill = at(pick(AFTER, 5), 'runner');
  expectConclusion(await migrate({ rerunOf: latest, ...kill }), 'failure');
  expect(kill.reached()).toBe(true);
  const result = await migrate({ rerunOf: latest });
  expectConclusion(result, 'success');
  expect(conclusions(result)).toMatchObject({ cutover: 'success', verify: 'success' });

  await delay(shop.world.ttl.playedMs + 2000);
  const report = await load.stop();
  shop.ledgers.push(report.ledger);
  const sides = shopEnvironments(shop.world, 'production');
  if (sides.digitalocean === undefined) throw new Error('There is no new side.');
  const record = await recordOf(result, 'production');
  const { authoritative, conditions } = await endState(shop.world, 'production');
  const { verdict, reasons } = conclude({
    load: report,
    judgement: await judge({
      ledgers: shop.ledgers,
      authoritative: sides.digitalocean,
      other: sides.heroku,
    }),
    authoritative,
    expected: 'digitalocean',
    ended: true,
    sections: record.sections,
    phasesMs: {},
    record: '',
    evidence: null,
    conditions,
  });
  expect(reasons).toEqual([]);
  expect(verdict.verdict).toBe('passed');
  expect(verdict.downtimeMs).toBeGreaterThan(0);
  // One section of every phase that ended, in order, each sealed by the next: reading proved the chain. The cutover that
  // was undone stands there with its reason; a runner that died could write none.
  const outcomes = z.object({ outcome: z.string() });
  expect(
    record.sections.map(({ phase, data }) => [phase, phase === 'cutover' && outcomes.parse(data).outcome]),
  ).toEqual([
    ['assess', false],
    // The image is tried first, and both sides' answers are compared last, before anything is held.
    ['provision', false],
    ['provision', false],
    ['migrate-db', false],
    ['provision', false],
    ['verify', false],
    ['cutover', 'undone'],
    ['cutover', 'moved'],
    ['verify', false],
  ]);
  expect(await accessOfTheRunner(shop)).toEqual([]);

  // The page that was kept is of this very record, and is a page.
  const page = readFileSync(
    join(result.artifacts, 'migration-evidence-production/migration-evidence.html'),
    'utf8',
  );
  expect(page).toContain(record.sections.at(-1)?.digest);
  expect(page).toContain('robin approved the plan');
  expect(faultsOf(page)).toEqual([]);
  // What Heroku's database is asked most was asked of both sides, and all connections fit.
  const seen = latestSection(record, 'migrate-db', z.object({ checks: z.array(checkSeen) }))?.checks ?? [];
  expect(seen.filter(({ state }) => state === 'failed')).toEqual([]);
  expect(seen.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['capacity/reads', 'capacity/connections']),
  );
}, 150_000);

const checkSeen = z.object({ id: z.string(), state: z.string(), found: z.string() });

test('a second run over the finished migration changes nothing and says so', async () => {
  const { heroku, digitalOcean } = shop.world;
  const asked = { heroku: heroku.requests.length, digitalOcean: digitalOcean.requests.length };
  const names = () => ({
    clusters: digitalOcean.clusters().map(({ id }) => id),
    droplets: digitalOcean.droplets().map(({ id }) => id),
    price: digitalOcean.pricePerMonth(),
    dns: digitalOcean.dns.resolve(hostNameOf('production'), 'CNAME'),
  });
  const there = names();
  const result = await migrate();
  expectConclusion(result, 'success');
  // Reading the router's log begins with a request to be let in.
  const asks = changesAmong(heroku.requests.slice(asked.heroku));
  expect(asks.filter((change) => !change.endsWith('/log-sessions'))).toEqual([]);
  // Letting the runner in and out is all.
  const changes = changesAmong(digitalOcean.requests.slice(asked.digitalOcean));
  expect(changes.filter((change) => !/\/(databases\/[^/]+\/firewall|firewalls\/)/.test(change))).toEqual([]);
  expect(names()).toEqual(there);
  for (const environment of ['staging', 'production']) {
    const { sections } = await recordOf(result, environment);
    const told = sections.map(({ phase, data }) => [phase, (data as { changed?: unknown }).changed]);
    expect(told).toEqual([
      ['assess', false],
      ['verify', false],
    ]);
  }
  expect(logOf(result, 'production / assess')).toMatch(/shop-production has moved.* nothing was changed/);
  expect(conclusions(result)).toMatchObject({
    'staging-cutover': 'skipped',
    cutover: 'skipped',
    verify: 'success',
  });
  await isWhere(shop, 'digitalocean');
  expect(await accessOfTheRunner(shop)).toEqual([]);
}, 120_000);

test('no secret of the world stands in any log, summary, artifact or record, with debug logging on, whether a run succeeded or failed', async () => {
  expect(shop.runs.map((run) => logOf(run)).join('')).toContain('##[debug]');
  const folders = shop.runs.flatMap(({ logs, summaries, artifacts }) => [logs, summaries, artifacts]);
  secrets = { ...secrets, ...(await secretsOfTheNewSide(shop)) };
  // The search finds what is there.
  expect(findSecrets(folders, { 'the name of the app': 'shop-production' })).not.toEqual([]);
  expect(findSecrets(folders, secrets)).toEqual([]);
  const outputs = JSON.stringify(
    shop.runs.map(({ jobs, outputs: all }) => [all, jobs.map((job) => job.outputs)]),
  );
  for (const value of Object.values(secrets)) expect(outputs).not.toContain(value);
});
