import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { availableParallelism } from 'node:os';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endState, shopEnvironments } from '../../../rehearsal/end-state.ts';
import { judge } from '../../../rehearsal/load/judge.ts';
import { startLoad, type Load } from '../../../rehearsal/load/load.ts';
import { FRONT_DOOR_RESTS_ON } from '../../../rehearsal/heroku/unproved.ts';
import { MIGRATION_KEY, type PipelineOptions } from '../../../rehearsal/pipeline.ts';
import { z } from 'zod';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { conclude } from '../../../rehearsal/verdict.ts';
import { hostNameOf } from '../../../rehearsal/world.ts';
import { latestSection, readRecord } from '../../../src/migration/record.ts';
import { plantCanaries, type Canaries } from './canaries.ts';
import { faultsOf } from '../../report/evidence/well-formed.ts';
import {
  accessOfTheRunner,
  at,
  changesAmong,
  errorsOf,
  expectConclusion,
  expectReached,
  isWhere,
  logOf,
  openShop,
  pick,
  seed,
  stateOfHeroku,
  tellFigures,
  type Shop,
} from './shop-under-migration.ts';

// One run of migrate.yml under load, with debug logging on, through the front door of a shop that is followed: refused,
// interrupted, killed and then completed, and no visitor ever turned away.
let shop: Shop;
let load: Load;
let before: Record<string, unknown>;
/** With the capture installed. */
let followed: Record<string, unknown>;
let latest: WorkflowResult;
let canaries: Canaries;

beforeAll(async () => {
  shop = await openShop({
    ...{ environments: ['staging', 'production'], schedules: true },
    ...{ strategy: 'live', traffic: 'front-door' },
  });
  const { world, side } = shop;
  canaries = await plantCanaries(shop, { migrationKey: MIGRATION_KEY });
  before = await stateOfHeroku(shop);
  load = startLoad({
    hostName: side.hostName,
    proxyUrl: world.proxyUrl(''),
    caPem: world.authority.pem,
    rate: 5,
    seed,
    directory: shop.directory,
  });
}, 240_000);

afterAll(async () => {
  await canaries.close();
  await shop.close();
});

async function migrate(options: Partial<PipelineOptions> = {}): Promise<WorkflowResult> {
  latest = await shop.run('migrate.yml', {
    // A guard would wait a minute for each cutover that dies here.
    inputs: { application: 'shop', through: 'production', guard: false },
    ...canaries.options,
    ...options,
  });
  return latest;
}

const conclusions = ({ jobs }: WorkflowResult) =>
  Object.fromEntries(jobs.map(({ id, conclusion }) => [id, conclusion]));

const recordOf = (result: WorkflowResult, environment: string) =>
  readRecord(join(result.artifacts, `migration-record-${environment}`, 'migration-record.json'));

/** While the site serves: what fails then, visitors do not notice. */
const WHILE_SERVING = ['catch-up', 'follow-redis', 'quiet-workers', 'stop-workers'];
/** Once visitors are led to the new side. */
const ONCE_LED = ['smoke', 'settle', 'dns'];

test('a refused approval: staging has moved, production is prepared, and nothing on its source has changed but what captures its changes', async () => {
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
  expect(changes.filter((change) => change.includes('/shop-production'))).toEqual([]);
  expect(changes).not.toEqual([]);
  followed = await stateOfHeroku(shop);
  expect(followed).toEqual({ ...before, schema: followed.schema });
  expect(shop.side.app.releases()).toEqual(releases);
  await shop.side.app.settled();
  await isWhere(shop, 'heroku');
  expect(await accessOfTheRunner(shop)).toEqual([]);
  // The public never noticed.
  expect(load.current()).toMatchObject({ refusedRequests: 0, forgottenOrders: 0 });
  const { authoritative, conditions } = await endState(shop.world, 'staging');
  expect(authoritative).toBe('digitalocean');
  expect(conditions.filter(({ holds }) => !holds)).toEqual([]);
}, 240_000);

test('interrupted while the site serves, under load: everything is undone and Heroku serves as before', async () => {
  const interrupt = at(pick(WHILE_SERVING, 3), 'interrupt');
  const result = await migrate({ rerunOf: latest, ...interrupt });
  expectReached(interrupt, result);
  expectConclusion(result, 'failure');
  expect(errorsOf(result)).toMatch(/Heroku serves as before/);
  await shop.side.app.settled();
  await isWhere(shop, 'heroku');
  expect(await stateOfHeroku(shop)).toEqual(followed);
  expect(await accessOfTheRunner(shop)).toEqual([]);
}, 240_000);

test('a runner that dies once visitors are led on, then re-run failed jobs: the run completes, nobody was turned away or waited longer than promised, the record holds', async () => {
  const kill = at(pick(ONCE_LED, 5), 'runner');
  const died = await migrate({ rerunOf: latest, ...kill });
  expectReached(kill, died);
  expectConclusion(died, 'failure');
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
    ...{ strategy: shop.world.strategy, traffic: shop.world.traffic },
    ...{ namesKeptMs: shop.world.ttl.playedMs, disturbed: false },
    processors: availableParallelism(),
    phasesMs: {},
    record: '',
    evidence: null,
    conditions,
  });
  expect(reasons).toEqual([]);
  expect(verdict.verdict).toBe('passed');
  tellFigures(`live and front-door, the old release ended in ${verdict.oldReleaseEndedAfterMs} ms`, report);
  expect(verdict).toMatchObject({ downtimeMs: 0, refusedRequests: 0, restsOn: FRONT_DOOR_RESTS_ON });
  // One section of every phase that ended, in order, each sealed by the next: reading proved the chain. The cutover that
  // was undone stands there with its reason; a runner that died could write none.
  const outcomes = z.object({ outcome: z.string() });
  expect(
    record.sections.map(({ phase, data }) => [phase, phase === 'cutover' && outcomes.parse(data).outcome]),
  ).toEqual([
    ['assess', false],
    // The registry is made and the image tried first, and both sides' answers are compared last, before anything is held.
    ['provision', false],
    ['provision', false],
    ['provision', false],
    ['migrate-db', false],
    ['provision', false],
    ['verify', false],
    ['cutover', 'undone'],
    ['cutover', 'moved'],
    ['verify', false],
  ]);
  // The account had no registry: the one that the image was pushed to is that which was made, and the image bears the mark.
  const [registry] = shop.world.digitalOcean.registries.view();
  expect(registry).toEqual({ name: 'acme', repositories: { shop: [expect.anything()] } });
  expect(registry?.repositories.shop?.[0]?.tags).toContainEqual(
    expect.stringMatching(/^heroku-to-digitalocean\.shop\.[0-9]{8}T[0-9]{6}Z$/),
  );
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
}, 300_000);

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
}, 240_000);

test('no secret of the world is in anything that was written, left behind or asked of others, with debug logging on, whether a run succeeded, failed or died', async () => {
  expect(shop.runs.map((run) => logOf(run)).join('')).toContain('##[debug]');
  expect(await canaries.leaks()).toEqual([]);
  // How the eyes are known to see is in canaries.test.ts; here, that there was something to look at everywhere.
  const looked = canaries.lookedAt();
  for (const place of [
    'output',
    'machine',
    'logs',
    'summaries',
    'artifacts',
    'journal',
    'heroku',
    'digitalocean',
  ])
    expect({ place, looked: looked[place] ?? 0 }).not.toEqual({ place, looked: 0 });
});
