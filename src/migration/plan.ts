import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { VariableFate } from '../digitalocean/app-environment.ts';
import type { Catalogue } from '../digitalocean/prices.ts';
import { datacentreOf } from '../digitalocean/region.ts';
import { FRONT_DOOR_SECRET } from '../front-door/secret.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import type { SchedulerJob } from '../heroku/scheduler.ts';
import type { DatabaseFacts } from '../postgres/facts.ts';
import type { LiveFacts } from '../postgres/live-facts.ts';
import type { RedisFacts } from '../redis/facts.ts';
import { addOnItems } from './add-on-items.ts';
import { appItems } from './app-items.ts';
import { configFor, type EnvironmentConfig, type MigrationConfig } from './config.ts';
import { costAfter, costBefore, costSchema, notInTheCost } from './cost.ts';
import { databaseItems } from './database-items.ts';
import { answersOf, applyAnswers, decisionsDigest } from './decisions.ts';
import {
  answeredIn,
  blockersIn,
  itemSchema,
  mergeItems,
  undecidedIn,
  verdictOf,
  verdicts,
  type Item,
} from './item.ts';
import { canonicalJson } from './json.ts';
import { withoutOverlaps } from './overlaps.ts';
import { ownPostgresOf, type OwnPostgres } from './own-postgres.ts';
import { isPassing } from './passing.ts';
import { placePostgres, placeProcesses, placeRedis, type PlacedPostgres } from './placement.ts';
import { mergeSchedules, type MergedSchedules } from './plan-schedule.ts';
import type { RecordedOffer } from './recorded-offer.ts';
import { rehearsalItems } from './rehearsal-items.ts';
import { makeRoadmap, roadmapSchema } from './roadmap.ts';
import { chooseStrategy, strategyChoiceSchema, type StrategyInput } from './strategy.ts';
import { sourceBuildItems } from './source-build-items.ts';
import { strategyItems } from './strategy-items.ts';
import { trafficItems } from './traffic-items.ts';
import { unknownItems } from './unknown-items.ts';

const componentSchema = z.object({
  /** The component's name on App Platform. */
  name: z.string(),
  kind: z.enum(['service', 'worker', 'release', 'scheduled']),
  command: z.string(),
  /** What it is on Heroku: `2 × Standard-1X`, or `Scheduler`. */
  from: z.string(),
  instanceSize: z.string(),
  count: z.number(),
  usdPerMonth: z.number().nullable(),
  schedule: z.object({ cron: z.string(), timeZone: z.string() }).nullable(),
  /** The evidence for its size. */
  why: z.string(),
});
export type PlanComponent = z.infer<typeof componentSchema>;

export const planSchema = z.object({
  version: z.literal(1),
  /** Digest of what migration.yml decides for this environment. */
  decisions: z.string(),
  migrationId: z.string(),
  application: z.string(),
  herokuApp: z.string(),
  region: z.string(),
  datacentre: z.string(),
  strategy: z.enum(['window', 'live']),
  /** Why that strategy, with the arithmetic. */
  strategyChoice: strategyChoiceSchema,
  traffic: z.enum(['dns', 'front-door', 'cdn']),
  domains: z.array(z.string()),
  dns: z.object({ zone: z.string(), ttl: z.number() }).nullable(),
  language: z.enum(['node', 'ruby', 'python']).nullable(),
  components: z.array(componentSchema),
  leftOut: z.array(z.object({ process: z.string(), why: z.string() })),
  /** Scheduled jobs that sidekiq-cron starts in a worker: they have no component. */
  sidekiqCron: z
    .array(z.object({ name: z.string(), command: z.string(), cron: z.string(), timeZone: z.string() }))
    .default([]),
  /** Null: the app has no Postgres, or none that is known of. */
  cluster: z
    .object({
      engine: z.enum(['pg', 'advanced_pg']),
      version: z.string(),
      size: z.string(),
      /** More than one: the others are standbys. */
      nodes: z.number(),
      /** Disk in MiB, when it is not what the size includes. */
      storageMib: z.number().nullable().default(null),
      /** The connection pool between the application and Postgres; `size` in connections to Postgres. */
      pool: z
        .object({ mode: z.enum(['transaction', 'session']), size: z.number() })
        .nullable()
        .default(null),
      /** All nodes together. */
      usdPerMonth: z.number().nullable(),
      why: z.string(),
    })
    .nullable(),
  redis: z
    .object({
      size: z.string(),
      port: z.number(),
      memoryMib: z.number(),
      usdPerMonth: z.number().nullable(),
      why: z.string(),
    })
    .nullable(),
  variables: z.array(
    z.object({
      name: z.string(),
      fate: z.enum(['kept', 'replaced', 'dropped', 'added']),
      reason: z.string(),
    }),
  ),
  costs: z.object({
    before: costSchema,
    after: costSchema,
    /** What the comparison cannot know, one sentence each. */
    notKnown: z.array(z.string()),
  }),
  roadmap: roadmapSchema,
  verdict: z.enum(verdicts),
  /** Everything that was found and what becomes of it, with the answers of migration.yml laid over. */
  items: z.array(itemSchema),
});
/** What moves where, what it costs and what stands in the way. It holds no secret and no config value. */
export type Plan = z.infer<typeof planSchema>;

export interface PlanInput {
  config: MigrationConfig;
  environment: EnvironmentConfig;
  inventory: HerokuInventory;
  /** Absent: the database could not be read; `unknown` says why. */
  database: DatabaseFacts | undefined;
  /** Whether changes could be captured; absent with the database. */
  live: LiveFacts | undefined;
  /** How quick an earlier practice copy of this environment was, when there was one. */
  measured?: StrategyInput['measured'];
  /** How busy the database was while it was looked at; absent when nobody looked. */
  activity?: StrategyInput['activity'];
  /** What clusters of ours answered when they were asked what they offer. */
  recordedOffers?: readonly RecordedOffer[];
  redis: RedisFacts | undefined;
  hasRedis: boolean;
  scheduler: { jobs: SchedulerJob[] } | { unknown: string };
  /** Absent: no token for DigitalOcean was given. */
  catalogue: Catalogue | undefined;
  variables: VariableFate[];
  /** What other readers found: the repository, the databases in depth, clients of the database. */
  found: Item[];
  /** Of the checkout; null: it holds none in which processes can wait, or several. */
  repositoryLanguage?: Plan['language'];
  /** What could not be read on the way here: `what: why`. */
  unknown: string[];
}

/** What the items are made from: what was read, and where each thing was placed. */
export interface PlanFacts extends PlanInput {
  answers: Readonly<Record<string, string>>;
  schedules: MergedSchedules;
  language: Plan['language'];
  components: PlanComponent[];
  leftOut: Plan['leftOut'];
  ownPostgres: OwnPostgres;
  /** Of an app without a database it says nothing. */
  postgres: PlacedPostgres;
  droplet: Plan['redis'];
  datacentre: string;
  strategyChoice: Plan['strategyChoice'];
}

/**
 * Decides a target for everything. Pure: the same world gives the same plan, in whatever order it was read. What it
 * cannot place is an item that blocks, so nothing is dropped in silence; sizes are never smaller than today's use with
 * headroom unless migration.yml says so, and then an item tells it.
 */
export function buildPlan(read: PlanInput): Plan {
  const { environment, inventory } = read;
  const config = configFor(read.config, environment);
  const input = { ...read, config, variables: [...read.variables, ...frontDoorVariables(config)] };
  const answers = answersOf(config, environment);
  const datacentre = datacentreOf(environment.region);
  const schedules = mergeSchedules(config.schedule, input.scheduler, answers);
  const { components, leftOut, sidekiqCron, homeless } = placeProcesses(input, schedules);
  const ownPostgres = ownPostgresOf(inventory, input.database);
  const postgres = placePostgres(input, answers, datacentre);
  const droplet = input.hasRedis ? placeRedis(input, datacentre) : null;
  const language = config.language ?? languageOf(inventory.buildpacks) ?? input.repositoryLanguage ?? null;
  const strategyChoice = chooseStrategy({
    wanted: config.strategy,
    budgetMs: config.downtimeBudgetMs,
    frontDoor: config.traffic === 'front-door',
    // Behind a CDN no resolver has to follow.
    dnsTtlMs:
      config.traffic !== 'cdn' && config.dns && environment.domains.length > 0
        ? config.dns.ttl * 1000
        : undefined,
    database: input.database,
    live: input.live,
    redisBytes: input.redis?.usedMemoryBytes ?? 0,
    quietTimeoutMs: config.workers.quietTimeoutMs,
    activity: input.activity,
    measured: input.measured,
    runners: config.postgres.runners,
  });
  const facts: PlanFacts = {
    ...input,
    answers,
    schedules,
    language,
    components,
    leftOut,
    ownPostgres,
    postgres,
    droplet,
    datacentre,
    strategyChoice,
  };
  const seen = mergeItems([
    homeless,
    appItems(facts),
    sourceBuildItems(facts),
    addOnItems(facts),
    trafficItems(facts),
    databaseItems(facts),
    strategyItems(facts),
    unknownItems(facts),
    rehearsalItems(facts),
    input.found,
  ]);
  const items = applyAnswers(withoutOverlaps(seen, inventory), config, environment);
  const before = costBefore(inventory);
  const placed = { components, cluster: ownPostgres === 'there' ? postgres.cluster : null, redis: droplet };
  const after = costAfter(placed, inventory, answers, {
    priceIsFrom: postgres.offer?.priceIsFrom ?? false,
    unread: input.database === undefined,
    ownPostgres,
  });

  return {
    version: 1,
    decisions: decisionsDigest(config, environment),
    migrationId: environment.migrationId,
    application: config.application,
    herokuApp: environment.herokuApp,
    region: environment.region,
    datacentre,
    strategy: strategyChoice.strategy,
    strategyChoice,
    traffic: config.traffic,
    domains: environment.domains,
    dns: config.dns === undefined ? null : { zone: config.dns.zone, ttl: config.dns.ttl },
    language,
    ...placed,
    leftOut,
    sidekiqCron,
    variables: [...input.variables].sort((a, b) => (a.name < b.name ? -1 : 1)),
    costs: { before, after, notKnown: notInTheCost(placed, before, after) },
    roadmap: makeRoadmap(placed, datacentre, input.catalogue),
    verdict: verdictOf(items),
    items,
  };
}

/**
 * The digest that an approval is for: over every decision that changes what happens and nothing else. Measured sizes,
 * prices, texts, the order in which the world was read and everything that passes with the moment (`passing.ts`) are left
 * out, so the same decisions have the same digest on another day. A question is in it with what becomes of the thing: its
 * answer, or its default for as long as nobody answers.
 */
export function planDigest(plan: Plan): string {
  const decisions = {
    version: plan.version,
    decisions: plan.decisions,
    migrationId: plan.migrationId,
    herokuApp: plan.herokuApp,
    region: plan.region,
    strategy: plan.strategy,
    traffic: plan.traffic,
    domains: [...plan.domains].sort(),
    dns: plan.dns,
    language: plan.language,
    components: plan.components
      .map(({ name, kind, command, instanceSize, count, schedule }) => ({
        name,
        kind,
        command,
        instanceSize,
        count,
        schedule,
      }))
      .sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1)),
    leftOut: plan.leftOut.map(({ process }) => process).sort(),
    ...(plan.sidekiqCron.length === 0
      ? {}
      : { sidekiqCron: [...plan.sidekiqCron].sort((a, b) => (a.name < b.name ? -1 : 1)) }),
    cluster: plan.cluster && {
      engine: plan.cluster.engine,
      version: plan.cluster.version,
      size: plan.cluster.size,
      nodes: plan.cluster.nodes,
    },
    redis: plan.redis && { size: plan.redis.size, port: plan.redis.port },
    variables: plan.variables
      .map(({ name, fate }) => ({ name, fate }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    blockers: blockersIn(plan.items.filter(({ id }) => !isPassing(id)))
      .map(({ id }) => id)
      .sort(),
    questions: [...undecidedIn(plan.items), ...answeredIn(plan.items)]
      .filter(({ id }) => !isPassing(id))
      .map(({ id, becomes }) => ({ id, becomes }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
  return `sha256:${createHash('sha256').update(canonicalJson(decisions)).digest('hex')}`;
}

/** What the new app gets beside the config vars when a forwarder leads visitors to it. */
export function frontDoorVariables({ traffic }: Pick<MigrationConfig, 'traffic'>): VariableFate[] {
  if (traffic !== 'front-door') return [];
  return [
    {
      name: FRONT_DOOR_SECRET,
      fate: 'added',
      reason: 'tells the forwarder on Heroku from anybody else who sends forwarded hosts and addresses',
    },
  ];
}

export function languageOf(buildpacks: string[]): Plan['language'] {
  const names = buildpacks.join(' ').toLowerCase();
  // The last buildpack is the application's own; a Rails app often has Node before it for its assets.
  if (names.includes('ruby')) return 'ruby';
  if (names.includes('python')) return 'python';
  return names.includes('node') ? 'node' : null;
}
