import { z } from 'zod';

import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { readCatalogue, type Catalogue } from '../../src/digitalocean/prices.ts';
import { datacentreOf } from '../../src/digitalocean/region.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { readInventory, type HerokuInventory } from '../../src/heroku/inventory.ts';
import { readSchedulerJobs } from '../../src/heroku/scheduler.ts';
import { appVariables, plannedAddresses } from '../../src/migration/app-variables.ts';
import { savingPercent } from '../../src/migration/cost.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { inventoryItems } from '../../src/migration/inventory-items.ts';
import { blockersIn, undecidedIn, worthKnowingIn, type Item } from '../../src/migration/item.ts';
import { parseDuration } from '../../src/migration/duration.ts';
import { placePostgres, placeRedis } from '../../src/migration/placement.ts';
import { documentedOffer, postgresItems } from '../../src/migration/postgres-items.ts';
import { buildPlan, languageOf, planDigest, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import {
  activitySchema,
  heatMapOf,
  type ActivityReading,
  type HeatMap,
} from '../../src/migration/quiet-hours.ts';
import { latestSection } from '../../src/migration/record.ts';
import { plannedRedis, redisItems } from '../../src/migration/redis-items.ts';
import { readSource, requirePostgres, type Source } from '../../src/migration/source.ts';
import { readActivity } from '../../src/postgres/activity.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readAssessFacts, type AssessFacts } from '../../src/postgres/assess-facts.ts';
import type { DatabaseFacts } from '../../src/postgres/facts.ts';
import type { LiveFacts } from '../../src/postgres/live-facts.ts';
import { readFence } from '../../src/postgres/fence.ts';
import { readRedisAssessFacts, type RedisAssessFacts } from '../../src/redis/assess-facts.ts';
import { withRedis } from '../../src/redis/connect.ts';
import type { RedisFacts } from '../../src/redis/facts.ts';
import { heading } from '../../src/report/summary.ts';
import { herokuOf } from '../parties.ts';
import { readSubject, recordPhase, type Subject } from '../subject.ts';
import { checkoutItems } from './checkout.ts';
import { assessSummary } from './summary.ts';

/**
 * Reads everything on the old side, decides a target for each thing, prices both sides and names what stands in the
 * way and what a person must decide. It changes nothing, anywhere. Whether blockers or open decisions fail the job is
 * the input `fail-on`; the record and the summary are written before.
 */
export async function assess(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const failOn = edge.inputs.choice('fail-on', ['blocked', 'decisions', 'never']);
  const heroku = herokuOf(edge);
  const unknown: string[] = [];

  const source = await orTell(unknown, 'config vars', () =>
    readSource(heroku, subject.environment.herokuApp, edge),
  );
  const inventory = await edge.log.group(`Inventory of ${subject.environment.herokuApp}`, () =>
    readInventory(heroku, subject.environment.herokuApp, source?.configVars, {
      unofficial: {
        token: edge.inputs.secret('heroku-token'),
        metricsUrl: edge.inputs.url('heroku-metrics-url'),
        githubUrl: edge.inputs.url('heroku-github-url'),
      },
    }),
  );
  if (inventory.parked && (await hasMoved(edge, subject, source))) {
    return tellMoved(edge, subject, inventory);
  }
  edge.setOutput('moved', false);
  const [database, redis, scheduler, catalogue] = await edge.log.group('Databases, schedule and prices', () =>
    Promise.all([
      orTell(unknown, 'the database', () => databaseFacts(edge, source)),
      orTell(unknown, 'Redis', () => redisFacts(edge, source)),
      schedulerJobs(edge, inventory),
      orTell(unknown, "DigitalOcean's offers", () => catalogueOf(edge)),
    ]),
  );

  const found = [
    ...inventoryItems(inventory, edge.clock.now()),
    ...((await orTell(unknown, 'the repository', () => checkoutItems(edge, inventory))) ?? []),
    ...(database === undefined ? [] : assessedItems(database.assessed, subject, inventory, catalogue)),
    ...(redis === undefined ? [] : assessedRedisItems(redis, subject, inventory, catalogue)),
  ];
  const plan = makePlan({
    subject,
    source,
    inventory,
    ...database,
    redis: redis?.server,
    scheduler,
    catalogue,
    found,
    unknown,
  });
  const digest = planDigest(plan);
  tell(edge, plan, digest);

  await recordPhase(edge, subject, 'assess', {
    outcome: plan.verdict,
    changed: false,
    planDigest: digest,
    plan,
    inventory,
    database: database?.database ?? null,
    redis: redis?.server ?? null,
    ...(database === undefined ? {} : { activity: database.activity }),
  });
  setOutputs(edge, plan, digest);
  await edge.summary(
    assessSummary({
      plan,
      digest,
      inventory,
      database: database?.database,
      redis: redis?.server,
      activity: activityOf(subject),
    }),
  );
  failWhen(failOn, plan);
}

function setOutputs(edge: Edge, plan: Plan, digest: string): void {
  const { items, costs, strategy, strategyChoice } = plan;
  const { before, after } = costs;
  const open = undecidedIn(items).length;
  const blockers = blockersIn(items).length;
  const expected = strategyChoice.forecasts?.[strategy];
  edge.setOutput('verdict', plan.verdict);
  edge.setOutput('items-automatic', items.length - open - blockers);
  edge.setOutput('items-decide', open);
  edge.setOutput('items-blocked', blockers);
  edge.setOutput('plan-digest', digest);
  edge.setOutput('strategy', strategy);
  edge.setOutput('blockers', blockers);
  edge.setOutput('warnings', worthKnowingIn(items).length + open);
  edge.setOutput('cost-before', before.usdPerMonth);
  edge.setOutput('cost-after', after.usdPerMonth);
  edge.setOutput('saving-percent', savingPercent(before, after) ?? '');
  edge.setOutput('downtime-expected-ms', expected?.expected ?? '');
  edge.setOutput('downtime-at-most-ms', expected?.high ?? '');
}

/** Whether the cutover has passed its point of no return: then there is nothing left to plan. */
async function hasMoved(edge: Edge, subject: Subject, source: Source | undefined): Promise<boolean> {
  const { herokuApp, migrationId } = subject.environment;
  if (source === undefined) return false;
  return (
    (await readFence(requirePostgres(source, herokuApp), migrationId, { signal: edge.signal })) === 'closed'
  );
}

async function tellMoved(edge: Edge, subject: Subject, inventory: HerokuInventory): Promise<void> {
  const { herokuApp } = subject.environment;
  edge.log.info(
    `${herokuApp} has moved: Heroku is fenced and parked. Nothing is planned, nothing was changed.`,
  );
  await recordPhase(edge, subject, 'assess', { outcome: 'moved', changed: false, inventory });
  edge.setOutput('moved', true);
  await edge.summary(
    [
      heading(`${herokuApp} has moved to DigitalOcean`, 2),
      'Heroku is fenced and parked since its cutover. Nothing is left to plan, and nothing was changed.',
    ].join('\n\n'),
  );
}

function makePlan(found: {
  subject: Subject;
  source: Source | undefined;
  inventory: HerokuInventory;
  database?: DatabaseFacts;
  live?: LiveFacts;
  redis: RedisFacts | undefined;
  scheduler: Awaited<ReturnType<typeof schedulerJobs>>;
  catalogue: Catalogue | undefined;
  found: Item[];
  unknown: string[];
}): Plan {
  const { subject, source, inventory } = found;
  const hasRedis =
    source?.redis !== undefined || inventory.addOns.some(({ service }) => service === 'heroku-redis');
  const { fates } = appVariables({
    configVars: source?.configVars ?? {},
    addOns: inventory.addOns,
    config: subject.config,
    answers: answersOf(subject.config, subject.environment),
    appName: subject.environment.migrationId,
    addresses: plannedAddresses(hasRedis),
  });
  return buildPlan({
    config: subject.config,
    environment: subject.environment,
    inventory,
    database: found.database,
    live: found.live,
    ...measuredBefore(subject),
    redis: found.redis,
    hasRedis,
    scheduler: found.scheduler,
    catalogue: found.catalogue,
    variables: fates,
    found: found.found,
    unknown: found.unknown,
  });
}

/** The database in depth, against what the new one will be: asked of its maker's documentation while there is none. */
function assessedItems(
  facts: AssessFacts,
  { config, environment }: Subject,
  inventory: HerokuInventory,
  catalogue: Catalogue | undefined,
): Item[] {
  const { database, live } = facts;
  const { cluster } = placePostgres(
    { config, inventory, catalogue, database, live },
    answersOf(config, environment),
  );
  const major = cluster.version === '' ? null : Number(cluster.version);
  const own = [config.application, environment.herokuApp, ...inventory.formation.map(({ type }) => type)];
  return postgresItems(facts, documentedOffer(major), own);
}

/** Redis in depth, against the one that provision will make. */
function assessedRedisItems(
  facts: RedisAssessFacts,
  { config, environment }: Subject,
  inventory: HerokuInventory,
  catalogue: Catalogue | undefined,
): Item[] {
  const { size, memoryMib } = placeRedis(
    { config, redis: facts.server, catalogue, inventory },
    datacentreOf(environment.region),
  );
  return redisItems(facts, {
    target: plannedRedis(size === '' ? null : memoryMib),
    skip: config.redis.skip,
    language: config.language ?? languageOf(inventory.buildpacks),
  });
}

/** An earlier practice copy tells more than any assumption; there is one when assess runs again on its record. */
function measuredBefore({ record }: Subject): Pick<PlanInput, 'measured'> {
  const copied = latestSection(record, 'migrate-db', copySpeed);
  return copied === undefined ? {} : { measured: copied.speed };
}

const copySpeed = z.object({
  speed: z.object({ copyBytesPerSecond: z.number(), parityBytesPerSecond: z.number() }),
});

/** Whatever phase of this record read how busy the database was: scheduled runs see the hours of the week. */
function activityOf({ record }: Subject): HeatMap | null {
  const readings = record.sections.flatMap(({ data }) => {
    const sampled = z.object({ activity: activitySchema }).safeParse(data);
    return sampled.success ? [sampled.data.activity] : [];
  });
  return readings.length < 2 ? null : heatMapOf(readings);
}

interface DatabaseRead {
  database: DatabaseFacts;
  live: LiveFacts;
  assessed: AssessFacts;
  activity: ActivityReading;
}

/** Reads only, with a limit per statement and none in front of anybody's lock: assess may run against a busy production. */
async function databaseFacts(edge: Edge, source: Source | undefined): Promise<DatabaseRead | undefined> {
  if (source?.postgres === undefined) return undefined;
  const sampleMs = parseDuration(edge.inputs.required('sample'));
  if (sampleMs === undefined)
    throw new ConfigurationError('The input sample must be a duration such as 5s or 1m.');
  const { log, clock, signal } = edge;
  const options = { applicationName: 'h2d assess', log, statementTimeoutMs: 30_000, signal };
  return withConnection(source.postgres, options, async (client) => {
    const assessed = await readAssessFacts(client, { sampleMs, clock, signal });
    const { database, live } = assessed;
    return { database, live, assessed, activity: await readActivity(client) };
  });
}

/** Without any effect on it: assess may run beside a busy production, or a cutover. */
async function redisFacts(edge: Edge, source: Source | undefined): Promise<RedisAssessFacts | undefined> {
  if (source?.redis === undefined) return undefined;
  const { log, signal } = edge;
  return withRedis(source.redis, { log, signal }, (redis) => readRedisAssessFacts(redis, { signal }));
}

async function schedulerJobs(edge: Edge, inventory: HerokuInventory): ReturnType<typeof readSchedulerJobs> {
  if (!inventory.hasScheduler) return { jobs: [] };
  const answer = await readSchedulerJobs({
    schedulerUrl: edge.inputs.url('scheduler-api-url'),
    token: edge.inputs.secret('heroku-token'),
    appId: inventory.app.id,
    signal: edge.signal,
  });
  if ('unknown' in answer) edge.log.warning(`Heroku Scheduler's jobs are not known: ${answer.unknown}.`);
  return answer;
}

async function catalogueOf(edge: Edge): Promise<Catalogue | undefined> {
  const token = edge.inputs.optionalSecret('digitalocean-token');
  if (token === undefined) return undefined;
  const { log, clock, signal } = edge;
  const client = createDigitalOcean({
    token,
    apiUrl: edge.inputs.url('digitalocean-api-url'),
    log,
    clock,
    signal,
  });
  return readCatalogue(client);
}

/** Partial access gives a partial report: what the user can mend is named in it, anything else ends the run. */
async function orTell<T>(unknown: string[], what: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    // A wrong token or an app that nobody knows leaves nothing to report on.
    if (/does not know the token|knows no app/.test(error.message)) throw error;
    unknown.push(`${what}: ${error.message}`);
    return undefined;
  }
}

/** GitHub shows ten annotations of a level for each step; the last one then says how many there are. */
const MOST_ANNOTATIONS = 10;

function tell(edge: Edge, plan: Plan, digest: string): void {
  const blockers = blockersIn(plan.items);
  const shown = blockers.length > MOST_ANNOTATIONS ? blockers.slice(0, MOST_ANNOTATIONS - 1) : blockers;
  for (const { what, why, remedy } of shown)
    edge.annotate('error', `Blocked: ${what}`, `${why}. ${remedy ?? ''}`);
  if (shown.length < blockers.length) {
    edge.annotate('error', 'Blocked', `${blockers.length - shown.length} more: see the summary.`);
  }
  const open = undecidedIn(plan.items);
  for (const { id, question, options } of open) {
    edge.log.info(`Decide ${id}: ${question ?? ''} (${options.join(', ')})`);
  }
  if (open.length > 0) {
    edge.annotate(
      'notice',
      `${open.length === 1 ? 'One decision' : `${open.length} decisions`} needed`,
      `Answer under \`decisions\` in migration.yml: ${open.map(({ id }) => id).join(', ')}`,
    );
  }
  for (const { what, why } of worthKnowingIn(plan.items)) edge.log.info(`Note: ${what} (${why})`);
  for (const line of plan.strategyChoice.arithmetic) edge.log.info(line);
  edge.log.info(`Strategy ${plan.strategy}: ${plan.strategyChoice.why}`);
  edge.log.info(`Plan digest: ${digest}`);
}

function failWhen(failOn: 'blocked' | 'decisions' | 'never', plan: Plan): void {
  const blockers = blockersIn(plan.items);
  const open = undecidedIn(plan.items);
  if (failOn === 'never') return;
  if (blockers.length > 0) {
    throw new ConfigurationError(
      [
        `${plan.herokuApp} cannot move yet. Nothing was changed.`,
        ...blockers.map(({ what, why, remedy }) => `- ${what}: ${why}. ${remedy ?? ''}`),
      ].join('\n'),
    );
  }
  if (failOn === 'decisions' && open.length > 0) {
    throw new ConfigurationError(
      [
        `${plan.herokuApp} waits for decisions, and the input fail-on is "decisions". Nothing was changed.`,
        ...open.map(
          ({ id, question, options }) => `- ${id}: ${question ?? ''} Options: ${options.join(', ')}.`,
        ),
        'Answer them under `decisions` in migration.yml.',
      ].join('\n'),
    );
  }
}
