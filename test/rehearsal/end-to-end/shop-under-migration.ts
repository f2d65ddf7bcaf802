import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { z } from 'zod';
import { endState, shopEnvironments } from '../../../rehearsal/end-state.ts';
import { accessOfTheRunner as leftAccess } from '../../../rehearsal/left-behind.ts';
import { judge } from '../../../rehearsal/load/judge.ts';
import { startLoad } from '../../../rehearsal/load/load.ts';
import type { LoadReport } from '../../../rehearsal/load/report.ts';
import { runPipeline, type PipelineOptions } from '../../../rehearsal/pipeline.ts';
import type { RecordedRequest } from '../../../rehearsal/recorded-request.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { openRedis } from '../../../rehearsal/shop/redis.ts';
import {
  hostNameOf,
  startWorld,
  type EnvironmentName,
  type OldSide,
  type StrategyName,
  type TrafficName,
  type World,
  type ZoneServer,
} from '../../../rehearsal/world.ts';
import { silentLog } from '../../../src/log.ts';
import { readRecord } from '../../../src/migration/record.ts';
import { onlyReads } from '../../support/only-reads.ts';
import { searchFor } from '../../../rehearsal/secret-forms.ts';
import { stepsOfCutover, stepsOfRollBack } from './steps-of-a-move.ts';

/** Printed, and taken from TEST_SEED to see a failure again. */
export const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1_000_000));
export const full = process.env.TEST_FULL === '1';
process.stderr.write(`${basename(expect.getState().testPath ?? '')}: TEST_SEED=${seed}\n`);

/** One of several by the seed; `draw` tells the draws of one run apart. */
export function pick<T>(choices: readonly T[], draw: number): T {
  const chosen = choices[(seed + 7919 * draw) % choices.length];
  if (chosen === undefined) throw new Error('There is nothing to choose from.');
  return chosen;
}

/** Longer than any test: nothing is ever due. */
const NEVER_MS = 2 ** 31 - 1;

const WINDOW = stepsOfCutover('window', 'dns');
const LIVE = stepsOfCutover('live', 'dns');
const WAY_BACK = stepsOfRollBack('window', 'dns');

/** The steps before the point of no return, and after it, of the window strategy. */
export const BEFORE = WINDOW.before;
export const AFTER = WINDOW.after;
/** Those of the live strategy. */
export const BEFORE_LIVE = LIVE.before;
export const AFTER_LIVE = LIVE.after;
/** Of a way back that carries something: before its own point of no return and at it, and after. */
export const BACK = [...WAY_BACK.before, WAY_BACK.pointOfNoReturn];
export const BACK_AFTER = WAY_BACK.after;

/** A shop in its world, the environment that is looked at, and what visitors were told was done. */
export interface Shop {
  world: World;
  directory: string;
  environment: EnvironmentName;
  side: OldSide;
  /** Ledgers of everything that was ever acknowledged there. */
  ledgers: string[];
  /** Every run so far, for what they may have left behind. */
  runs: WorkflowResult[];
  run(file: string, options: Partial<PipelineOptions>): Promise<WorkflowResult>;
  close(): Promise<void>;
}

export async function openShop(options: {
  environments: readonly EnvironmentName[];
  schedules: boolean;
  strategy?: StrategyName;
  traffic?: TrafficName;
  runners?: number;
  serves?: ZoneServer;
}): Promise<Shop> {
  const directory = temporaryDirectory('end-to-end');
  const world = await startWorld({
    log: silentLog,
    environments: options.environments,
    sizeMb: 1,
    seed,
    directory,
    ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
    ...(options.traffic === undefined ? {} : { traffic: options.traffic }),
    ...(options.runners === undefined ? {} : { runners: options.runners }),
    ...(options.serves === undefined ? {} : { serves: options.serves }),
    ...(options.schedules ? {} : { schedulerMinuteMs: NEVER_MS }),
  });
  for (const { app } of world.oldSides.values()) await app.settled();
  const environment = 'production';
  const side = world.oldSides.get(environment);
  if (side === undefined) throw new Error('These tests look at production.');
  const runs: WorkflowResult[] = [];
  return {
    world,
    directory,
    environment,
    side,
    ledgers: [],
    runs,
    run: async (file, wanted) => {
      const result = await runPipeline(world, {
        file,
        actor: 'alex',
        approve: true,
        directory: join(directory, 'runner'),
        inputs: {},
        ...wanted,
      });
      runs.push(result);
      return result;
    },
    close: async () => {
      await world.stop();
      await stopAll();
    },
  };
}

/** Everything before the cutover, as migrate.yml calls it for production. */
export function prepare(shop: Shop, options: Partial<PipelineOptions> = {}): Promise<WorkflowResult> {
  return shop.run('prepare.yml', {
    event: 'workflow_call',
    ...options,
    inputs: { environment: 'production', 'github-environment': 'production-prepare' },
  });
}

/**
 * The second way to the cutover: started by another person than who prepared, with the digest of the plan. Without its
 * guard, unless `without` is given: what dies is to be found as it was left.
 */
export function cutOver(
  shop: Shop,
  prepared: WorkflowResult,
  options: Partial<PipelineOptions> & { digest?: string; dryRun?: boolean } = {},
): Promise<WorkflowResult> {
  return shop.run('cutover.yml', {
    actor: 'robin',
    without: ['guard'],
    ...options,
    inputs: {
      application: 'shop',
      'plan-digest': options.digest ?? prepared.outputs['plan-digest'] ?? '',
      'prepare-run-id': String(prepared.runId),
      guard: options.without !== undefined && !options.without.includes('guard'),
      ...(options.dryRun === true ? { 'dry-run': true } : {}),
    },
  });
}

/** As on its schedule, or with a command given by hand. */
export function catchUp(shop: Shop, command: 'catch-up' | 'uninstall' = 'catch-up'): Promise<WorkflowResult> {
  return shop.run('catch-up.yml', { inputs: { application: 'shop', command } });
}

/** Without its guard unless `without` is given, as `cutOver`. */
export function rollBack(
  shop: Shop,
  options: Partial<PipelineOptions> & { dryRun?: boolean } = {},
): Promise<WorkflowResult> {
  return shop.run('roll-back.yml', {
    without: ['guard'],
    ...options,
    inputs: {
      application: 'shop',
      environment: 'production',
      guard: options.without !== undefined && !options.without.includes('guard'),
      ...(options.dryRun === true ? { 'dry-run': true } : {}),
    },
  });
}

type KillStep = NonNullable<PipelineOptions['killStep']>;

/** Fails with what the run itself says when it ended before that step. */
export function expectReached(step: { reached: () => boolean }, result: WorkflowResult): void {
  const told = step.reached() ? '' : errorsOf(result).slice(0, 4000);
  expect({ reached: step.reached(), told }).toEqual({ reached: true, told: '' });
}

/** Does that once to production's cutover (or its way back), where a step begins; `reached` tells whether it began. */
export function at(
  step: string,
  act: 'interrupt' | 'runner' | (() => void),
  inJob: 'cutover' | 'roll-back' = 'cutover',
): { killStep: KillStep; reached: () => boolean } {
  let reached = false;
  return {
    reached: () => reached,
    killStep: (job, _name, line) => {
      if (reached || job !== inJob || !new RegExp(String.raw`^##\[group\]\d+/\d+ ${step}\b`).test(line))
        return false;
      reached = true;
      if (typeof act === 'string') return act;
      act();
      return false;
    },
  };
}

/** Everything on Heroku that a migration might change, but for the shop's own rows and keys. */
export async function stateOfHeroku({ world, side, environment }: Shop): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)(
    join(world.postgres.bin, 'pg_dump'),
    ['--schema-only', side.postgres.url(`d${environment}`)],
    { env: { ...process.env, ...world.postgres.environment }, maxBuffer: 64 * 1024 * 1024 },
  );
  const redis = openRedis({ REDIS_URL: side.redisUrl });
  const ours = await redis.keys('heroku-to-digitalocean*').finally(() => redis.disconnect());
  return {
    // Newer versions guard their output with a random word.
    schema: stdout.replaceAll(/^\\(un)?restrict .*$/gm, ''),
    ourRedisKeys: ours,
    formation: side.app.formation(),
    maintenance: side.app.maintenance(),
    config: side.app.config(),
    domains: side.app.dnsTargets(),
    dns: world.lookUp(hostNameOf(environment)),
  };
}

/**
 * A digest of every row of either side's database and of the journal, and the names of the new Redis's keys: what a run
 * that changes nothing leaves as it is.
 */
export async function contentsOf({ world, side, environment }: Shop): Promise<Record<string, unknown>> {
  const digests = `
    SELECT c.oid::regclass::text AS table,
           (xpath('/row/d/text()', query_to_xml(
             format('SELECT md5(string_agg(t::text, '','' ORDER BY t::text)) AS d FROM %s t', c.oid::regclass),
             true, false, '')))[1]::text AS digest
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
     ORDER BY 1`;
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${environment}`);
  const redis = openRedis(shopEnvironments(world, environment).digitalocean ?? {});
  try {
    return {
      heroku: await side.postgres.query(`d${environment}`, digests),
      digitalOcean: await cluster?.query('shop', digests),
      journal: await cluster?.query('migration_journal', digests),
      newRedis: (await redis.keys('*')).sort(),
    };
  } finally {
    redis.disconnect();
  }
}

/** Requests to a played company that asked for a change. Reading the router's log begins with a POST, to be let in. */
export function changesAmong(requests: readonly RecordedRequest[]): string[] {
  return requests
    .filter((request) => !onlyReads(request) && !request.path.endsWith('/log-sessions'))
    .map(({ method, path }) => `${method} ${path}`);
}

/** Where the runner's address still stands in DigitalOcean's lists. */
export function accessOfTheRunner({ world }: Shop): Promise<string[]> {
  return leftAccess(world);
}

/** A minute passes: the lease of a runner that died has expired. */
export async function letLeaseExpire({ world, environment }: Shop): Promise<void> {
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${environment}`);
  await cluster?.query('migration_journal', 'update journal.lease set expires_at = clock_timestamp()');
}

/** Visitors come for a moment; whatever they were told was done is then there, once, and every job has been run. */
export async function serves(shop: Shop, by: 'heroku' | 'digitalocean'): Promise<void> {
  const { world, environment } = shop;
  const directory = join(shop.directory, `visitors-${shop.ledgers.length}`);
  mkdirSync(directory, { recursive: true });
  const load = startLoad({
    hostName: hostNameOf(environment),
    proxyUrl: world.proxyUrl(''),
    caPem: world.authority.pem,
    rate: 20,
    webhookRate: 3,
    seed: seed + shop.ledgers.length,
    directory,
  });
  await delay(1500);
  const { statuses, connectionErrors, refusedRequests, forgottenOrders, webhooks, ledger } = await load.stop({
    graceMs: 30_000,
  });
  shop.ledgers.push(ledger);
  // On a busy machine a sender may give up after its 5 s, and comes again.
  const refused = refusedRequests - webhooks.givenUp;
  expect({ refused, forgottenOrders, outstanding: webhooks.outstanding, statuses, connectionErrors }).toEqual(
    {
      ...{ refused: 0, forgottenOrders: 0, outstanding: 0, statuses, connectionErrors },
    },
  );
  await nothingIsLost(shop, by);
}

/** What visitors notice from outside while that is done, and for as long afterwards as any client keeps a name. */
export async function underLoad(shop: Shop, body: () => Promise<void>): Promise<LoadReport> {
  const { world, environment } = shop;
  const directory = join(shop.directory, `visitors-${shop.ledgers.length}`);
  mkdirSync(directory, { recursive: true });
  const load = startLoad({
    hostName: hostNameOf(environment),
    proxyUrl: world.proxyUrl(''),
    caPem: world.authority.pem,
    ...{ rate: 10, webhookRate: 2, seed: seed + shop.ledgers.length, directory },
  });
  let report: LoadReport | undefined;
  try {
    await delay(1000);
    await body();
    await delay(world.ttl.playedMs + 1000);
  } finally {
    // A sender that was refused for a while asks again after up to 8 s, and waits 5 s for the answer.
    report = await load.stop({ graceMs: 30_000 });
    shop.ledgers.push(report.ledger);
  }
  return report;
}

/** The figures that people ask for, on standard error: a promise that was kept says nothing about by how much. */
export function tellFigures(
  what: string,
  figures: Pick<LoadReport, 'downtimeMs' | 'longestHoldMs' | 'refusedRequests'>,
): void {
  const { downtimeMs, longestHoldMs, refusedRequests } = figures;
  process.stderr.write(
    `${what}: ${downtimeMs} ms down, longest hold ${longestHoldMs} ms, ${refusedRequests} requests refused\n`,
  );
}

/** Of everything that was ever acknowledged. */
export async function nothingIsLost(shop: Shop, by: 'heroku' | 'digitalocean'): Promise<void> {
  const sides = shopEnvironments(shop.world, shop.environment);
  const authoritative = sides[by];
  const other = by === 'heroku' ? sides.digitalocean : sides.heroku;
  if (authoritative === undefined) throw new Error(`There is no database at ${by}.`);
  const verdict = await judge({
    ledgers: shop.ledgers,
    authoritative,
    ...(other === undefined ? {} : { other }),
  });
  expect(verdict.examples).toEqual({ missing: [], doubled: [], lost: [], twice: [] });
  expect(verdict.jobs).toMatchObject({ lost: 0, twice: 0, waiting: 0 });
  if (by === 'digitalocean') expect(verdict.stranded).toBe(0);
  if (shop.ledgers.length > 0) expect(verdict.writes.found).toBeGreaterThan(0);
}

/** As before the cutover: everything that was there is there, nothing else is, and the application really works. */
export async function herokuServesAsBefore(shop: Shop, before: Record<string, unknown>): Promise<void> {
  await shop.side.app.settled();
  await isWhere(shop, 'heroku');
  expect(await stateOfHeroku(shop)).toEqual(before);
  expect(await accessOfTheRunner(shop)).toEqual([]);
  const sessions = await shop.side.postgres.query(
    `d${shop.environment}`,
    `select application_name, state from pg_stat_activity where application_name like 'h2d%'`,
  );
  expect(sessions).toEqual([]);
  await serves(shop, 'heroku');
}

/** The databases themselves say which side counts, and all that must then hold does. */
export async function isWhere(shop: Shop, expected: 'heroku' | 'digitalocean'): Promise<void> {
  const { authoritative, conditions } = await endState(shop.world, shop.environment);
  expect({ authoritative, broken: conditions.filter(({ holds }) => !holds) }).toEqual({
    authoritative: expected,
    broken: [],
  });
}

/** Asks DigitalOcean's API as the operator would. */
export async function askDigitalOcean<T>(
  { world }: Shop,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${world.digitalOcean.apiUrl}/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${world.tokens.digitalOcean}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Changes something on Heroku as somebody else would: the operator, an autoscaler. */
export async function askHeroku(
  { world }: Shop,
  method: 'PATCH' | 'POST',
  path: string,
  body: unknown,
): Promise<void> {
  const response = await fetch(`${world.heroku.apiUrl}${path}`, {
    method,
    headers: {
      accept: 'application/vnd.heroku+json; version=3',
      authorization: `Bearer ${world.tokens.heroku}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}

/** The processes of the new app, and how often it was deployed. */
export async function deployedNow(shop: Shop): Promise<{ deployments: number; web: number[] }> {
  const [app] = shop.world.digitalOcean.apps().filter(({ name }) => name === `shop-${shop.environment}`);
  if (app === undefined) throw new Error('The new app is not there.');
  const { deployments } = await askDigitalOcean<{ deployments: unknown[] }>(
    shop,
    'GET',
    `/apps/${app.id}/deployments?per_page=200`,
  );
  const web = app.components.filter(({ kind }) => kind === 'service').flatMap(({ pids }) => pids);
  expect(web.length).toBeGreaterThan(0);
  return { deployments: deployments.length, web };
}

/** What App Platform was asked to change since so many requests. */
export function changesOfApps({ world }: Shop, since: number): string[] {
  return changesAmong(world.digitalOcean.requests.slice(since)).filter((change) =>
    /\/apps(\/|$)/.test(change),
  );
}

/** The times of production's last cutover, step by step, as its run has recorded them. */
async function timelineOf(
  shop: Shop,
  result: WorkflowResult,
): Promise<z.infer<typeof timelineSchema>['steps']> {
  const path = join(result.artifacts, `migration-record-${shop.environment}`, 'migration-record.json');
  const { sections } = await readRecord(path);
  return timelineSchema.parse(sections.findLast(({ phase }) => phase === 'cutover')?.data).steps;
}

/** Nobody was let in to the new databases, or taken out, from that cutover's fence to its smoke test. */
export async function expectAccessRested(shop: Shop, result: WorkflowResult): Promise<void> {
  const steps = await timelineOf(shop, result);
  const begun = steps.find(({ name }) => name === 'fence')?.begunAt ?? '';
  const ended = steps.find(({ name }) => name === 'smoke')?.finishedAt ?? '';
  expect(Date.parse(ended)).toBeGreaterThan(Date.parse(begun));
  const { requests } = shop.world.digitalOcean;
  const changes = changesAmong(requests).filter((change) => /\/firewall(s\/|$)/.test(change));
  // Jobs come and go: it would be seen.
  expect(changes.length).toBeGreaterThan(0);
  const during = requests.filter(
    ({ at }) => at.getTime() >= Date.parse(begun) && at.getTime() <= Date.parse(ended),
  );
  expect(changesAmong(during).filter((change) => changes.includes(change))).toEqual([]);
}

/**
 * A cutover that succeeds, opens the new side at once, and lets App Platform and the trusted sources alone: what was
 * deployed and warm before is what serves after it.
 */
export async function cutsOverWithoutDeployment(shop: Shop, prepared: WorkflowResult): Promise<void> {
  const before = await deployedNow(shop);
  const asked = shop.world.digitalOcean.requests.length;
  const result = await cutOver(shop, prepared);
  expectConclusion(result, 'success');
  expect(changesOfApps(shop, asked)).toEqual([]);
  expect(await deployedNow(shop)).toEqual(before);
  await expectAccessRested(shop, result);
  const opened = (await timelineOf(shop, result)).find(({ name }) => name === 'open-new-side');
  // Some milliseconds on an idle machine, seconds on one that is busy with other things; a deployment takes minutes.
  expect(Date.parse(opened?.finishedAt ?? '') - Date.parse(opened?.begunAt ?? '')).toBeLessThan(15_000);
}

const timelineSchema = z.looseObject({
  steps: z.array(z.object({ name: z.string(), begunAt: z.string(), finishedAt: z.string().nullable() })),
});

/** What a person reads of a run: for the message of a failed expectation, and to look for words in it. */
export function logOf({ jobs }: WorkflowResult, job?: string): string {
  return jobs
    .filter(({ id }) => job === undefined || id === job)
    .flatMap(({ steps }) => steps)
    .map(({ log }) => readFileSync(log, 'utf8'))
    .join('\n');
}

export function errorsOf(result: WorkflowResult): string {
  const log = logOf(result);
  return log.slice(Math.max(0, log.indexOf('##[error]')));
}

/** Fails with what the run itself says about it. */
export function expectConclusion(result: WorkflowResult, conclusion: WorkflowResult['conclusion']): void {
  const told = result.conclusion === conclusion ? '' : errorsOf(result).slice(0, 4000);
  expect({ conclusion: result.conclusion, told }).toEqual({ conclusion, told: '' });
}

/** Which of these values stand, as they are or encoded, in anything that was written below these folders. */
export function findSecrets(folders: readonly string[], secrets: Record<string, string>): string[] {
  const files = folders
    .flatMap((folder) => globSync(join(folder, '**')))
    .filter((file) => statSync(file).isFile());
  expect(files.length).toBeGreaterThan(0);
  const search = searchFor(secrets);
  return files.flatMap((file) => search(readFileSync(file, 'latin1')).map((name) => `${name} in ${file}`));
}
