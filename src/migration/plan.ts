import { createHash } from 'node:crypto';
import { z } from 'zod';
import { componentName } from '../digitalocean/app-spec.ts';
import type { VariableFate } from '../digitalocean/app-environment.ts';
import type { Catalogue } from '../digitalocean/prices.ts';
import { datacentreOf } from '../digitalocean/region.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import type { SchedulerJob } from '../heroku/scheduler.ts';
import type { DatabaseFacts } from '../postgres/facts.ts';
import type { LiveFacts } from '../postgres/live-facts.ts';
import type { RedisFacts } from '../redis/facts.ts';
import type { EnvironmentConfig, MigrationConfig } from './config.ts';
import { costBefore, costSchema, sameName, sumOf, type CostLine } from './cost.ts';
import { decisionsDigest } from './decisions.ts';
import { canonicalJson } from './json.ts';
import { findProblems } from './plan-problems.ts';
import { mergeSchedules } from './plan-schedule.ts';
import { POSTGRES_PRICES_AS_OF, POSTGRES_SIZES } from './postgres-offer.ts';
import { dropletFor, instanceFor, keyValueLimitBytes, postgresFor, postgresVersionFor } from './sizing.ts';
import { chooseStrategy, strategyChoiceSchema, type StrategyInput } from './strategy.ts';

const problemSchema = z.object({ what: z.string(), why: z.string(), remedy: z.string() });
/** Something that stands in the way, why, and what the person who reads it can do. */
export type PlanProblem = z.infer<typeof problemSchema>;

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
  traffic: z.enum(['dns']),
  domains: z.array(z.string()),
  dns: z.object({ zone: z.string(), ttl: z.number() }).nullable(),
  language: z.enum(['node', 'ruby', 'python']).nullable(),
  components: z.array(componentSchema),
  leftOut: z.array(z.object({ process: z.string(), why: z.string() })),
  cluster: z.object({
    engine: z.literal('pg'),
    version: z.string(),
    size: z.string(),
    usdPerMonth: z.number().nullable(),
    why: z.string(),
  }),
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
  costs: z.object({ before: costSchema, after: costSchema }),
  blockers: z.array(problemSchema),
  warnings: z.array(problemSchema),
});
/** What moves where, what it costs and what stands in the way. It holds no secret and no config value. */
export type Plan = z.infer<typeof planSchema>;

export interface PlanInput {
  config: MigrationConfig;
  environment: EnvironmentConfig;
  inventory: HerokuInventory;
  /** Absent: the database could not be read; `problems` says why. */
  database: DatabaseFacts | undefined;
  /** Whether changes could be captured; absent with the database. */
  live: LiveFacts | undefined;
  /** How quick an earlier practice copy of this environment was, when there was one. */
  measured?: StrategyInput['measured'];
  redis: RedisFacts | undefined;
  hasRedis: boolean;
  scheduler: { jobs: SchedulerJob[] } | { unknown: string };
  /** Absent: no token for DigitalOcean was given. */
  catalogue: Catalogue | undefined;
  variables: VariableFate[];
  /** What could not be read on the way here. */
  unknown: string[];
}

/** Droplet backups, weekly, cost a fifth of the droplet (DigitalOcean pricing, 2026-09). */
const BACKUP_SHARE = 0.2;

/**
 * Decides a target for everything. Pure: the same world gives the same plan. What it cannot place becomes a blocker, so
 * nothing is dropped in silence; sizes are never smaller than today's unless migration.yml says so, and then it warns.
 */
export function buildPlan(input: PlanInput): Plan {
  const { config, environment } = input;
  const datacentre = datacentreOf(environment.region);
  const schedules = mergeSchedules(config.schedule, input.scheduler);
  const { components, leftOut, blockers: tooLarge } = placeProcesses(input, schedules.jobs);
  const cluster = placePostgres(input);
  const redis = input.hasRedis ? placeRedis(input, datacentre) : null;
  const language = config.language ?? languageOf(input.inventory.buildpacks);
  const strategyChoice = chooseStrategy({
    wanted: config.strategy,
    budgetMs: config.downtimeBudgetMs,
    dnsTtlMs: config.dns && environment.domains.length > 0 ? config.dns.ttl * 1000 : undefined,
    database: input.database,
    live: input.live,
    redisBytes: input.redis?.usedMemoryBytes ?? 0,
    ...(input.measured === undefined ? {} : { measured: input.measured }),
  });
  const problems = findProblems({
    ...input,
    schedules,
    language,
    components,
    cluster,
    droplet: redis,
    strategyChoice,
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
    traffic: 'dns',
    domains: environment.domains,
    dns: config.dns === undefined ? null : { zone: config.dns.zone, ttl: config.dns.ttl },
    language,
    components,
    leftOut,
    cluster,
    redis,
    variables: input.variables,
    costs: { before: costBefore(input.inventory), after: sumOf(costAfter(components, cluster, redis)) },
    blockers: [...problems.blockers, ...tooLarge],
    warnings: problems.warnings,
  };
}

/**
 * The digest that an approval is for: over every decision that changes what happens and nothing else. Measured sizes,
 * prices and texts are left out, so the same decisions have the same digest on another day.
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
    domains: plan.domains,
    dns: plan.dns,
    language: plan.language,
    components: plan.components.map(({ name, kind, command, instanceSize, count, schedule }) => ({
      name,
      kind,
      command,
      instanceSize,
      count,
      schedule,
    })),
    leftOut: plan.leftOut.map(({ process }) => process),
    cluster: { engine: plan.cluster.engine, version: plan.cluster.version, size: plan.cluster.size },
    redis: plan.redis && { size: plan.redis.size, port: plan.redis.port },
    variables: plan.variables.map(({ name, fate }) => ({ name, fate })),
    blockers: plan.blockers.map(({ what }) => what),
  };
  return `sha256:${createHash('sha256').update(canonicalJson(decisions)).digest('hex')}`;
}

function placeProcesses(
  input: PlanInput,
  scheduled: { name: string; command: string; cron: string; timeZone: string }[],
): { components: PlanComponent[]; leftOut: Plan['leftOut']; blockers: PlanProblem[] } {
  const { inventory, catalogue } = input;
  const components: PlanComponent[] = [];
  const leftOut: Plan['leftOut'] = [];
  const blockers: PlanProblem[] = [];
  const smallest =
    instanceFor({ memoryMib: 512, dedicated: false }, 1, catalogue)?.slug ?? 'apps-s-1vcpu-0.5gb';

  for (const [type, command] of Object.entries(inventory.processTypes ?? {})) {
    if (type === 'release') {
      components.push(component(type, 'release', command, 'release phase', smallest, 1, 0, null));
      continue;
    }
    const formation = inventory.formation.find((process) => process.type === type);
    if (formation === undefined || formation.quantity === 0) {
      leftOut.push({
        process: type,
        why: 'it has no dyno today, and App Platform has no component with none',
      });
      continue;
    }
    const from = `${formation.quantity} × ${formation.size}`;
    const dyno = inventory.dynoSizes.find(({ name }) => sameName(name, formation.size));
    const size = instanceFor(dyno ?? { memoryMib: 512, dedicated: false }, formation.quantity, catalogue);
    if (size === undefined || dyno === undefined) {
      blockers.push({
        what: `${type} (${from}) has no instance size`,
        why:
          dyno === undefined
            ? `Heroku does not say how large a ${formation.size} dyno is`
            : `App Platform offers nothing with ${dyno.memoryMib} MiB${dyno.dedicated ? ' and dedicated CPU' : ''}`,
        remedy: 'Spread the process over more, smaller dynos first, or run it on a droplet of its own.',
      });
      continue;
    }
    const price = size.usdPerMonth === null ? null : size.usdPerMonth * formation.quantity;
    const kind = type === 'web' ? 'service' : 'worker';
    components.push(component(type, kind, command, from, size.slug, formation.quantity, price, null));
  }
  for (const job of scheduled) {
    const { name, command, cron, timeZone } = job;
    components.push(component(name, 'scheduled', command, 'Scheduler', smallest, 1, 0, { cron, timeZone }));
  }
  return { components, leftOut, blockers };
}

function component(
  process: string,
  kind: PlanComponent['kind'],
  command: string,
  from: string,
  instanceSize: string,
  count: number,
  usdPerMonth: number | null,
  schedule: PlanComponent['schedule'],
): PlanComponent {
  return { name: componentName(process), kind, command, from, instanceSize, count, usdPerMonth, schedule };
}

function placePostgres(input: PlanInput): Plan['cluster'] {
  const { config, database, catalogue, inventory } = input;
  const plan = inventory.addOns.find(({ service }) => service === 'heroku-postgresql')?.plan ?? 'unknown';
  const chosen = postgresFor(plan, database?.sizeBytes ?? 0, database?.connectionLimit ?? null, catalogue);
  const size = config.postgres.size ?? chosen?.size.slug ?? '';
  const price = POSTGRES_SIZES.find(({ slug }) => slug === size)?.usdPerMonth ?? null;
  return {
    engine: 'pg',
    version: postgresVersionFor(database?.major ?? 0, catalogue?.postgres.versions) ?? '',
    size,
    usdPerMonth: price,
    why:
      config.postgres.size === undefined
        ? (chosen?.why ?? 'no size is large enough')
        : 'migration.yml says so',
  };
}

function placeRedis(input: PlanInput, datacentre: string): Plan['redis'] {
  const { config, redis, catalogue, inventory } = input;
  const plan = inventory.addOns.find(({ service }) => service === 'heroku-redis')?.plan ?? '';
  const needs = {
    limitBytes: redis?.maxmemoryBytes ?? keyValueLimitBytes(plan),
    usedBytes: redis?.usedMemoryBytes ?? 0,
  };
  const chosen = dropletFor(needs, datacentre, catalogue);
  const wanted = config.redis.size;
  const named = catalogue?.dropletSizes.find(({ slug }) => slug === wanted);
  const size = wanted ?? chosen?.size.slug ?? '';
  const price = (wanted === undefined ? chosen?.size.usdPerMonth : named?.usdPerMonth) ?? null;
  return {
    size,
    port: config.redis.port,
    memoryMib: (wanted === undefined ? chosen?.size.memoryMib : named?.memoryMib) ?? memoryFromSlug(size),
    usdPerMonth: price,
    why: wanted === undefined ? (chosen?.why ?? 'no droplet is large enough') : 'migration.yml says so',
  };
}

/** `s-1vcpu-2gb` names its memory. */
function memoryFromSlug(slug: string): number {
  const match = /-(\d+)(mb|gb)(?:-|$)/.exec(slug);
  return match === null ? 1024 : Number(match[1]) * (match[2] === 'gb' ? 1024 : 1);
}

function costAfter(components: PlanComponent[], cluster: Plan['cluster'], redis: Plan['redis']): CostLine[] {
  const lines: CostLine[] = components.map(({ name, kind, count, instanceSize, usdPerMonth }) => ({
    what: `${name}: ${count} × ${instanceSize}`,
    usd: usdPerMonth,
    note:
      kind === 'release' || kind === 'scheduled'
        ? 'billed only while it runs'
        : usdPerMonth === null
          ? 'unknown: no token for DigitalOcean was given'
          : "DigitalOcean's price, read live",
  }));
  lines.push({
    what: `PostgreSQL ${cluster.version}: ${cluster.size}`,
    usd: cluster.usdPerMonth,
    note:
      cluster.usdPerMonth === null
        ? 'unknown: DigitalOcean has no API for database prices'
        : `pricing page as of ${POSTGRES_PRICES_AS_OF} (there is no API for it)`,
  });
  if (redis !== null) {
    const { usdPerMonth } = redis;
    const unknown = 'unknown: no token for DigitalOcean was given';
    lines.push(
      {
        what: `Redis droplet: ${redis.size}`,
        usd: usdPerMonth,
        note: usdPerMonth === null ? unknown : "DigitalOcean's price, read live",
      },
      {
        what: 'Backups of the droplet',
        usd: usdPerMonth === null ? null : usdPerMonth * BACKUP_SHARE,
        note: usdPerMonth === null ? unknown : 'weekly, a fifth of its price',
      },
    );
  }
  return lines;
}

function languageOf(buildpacks: string[]): Plan['language'] {
  const names = buildpacks.join(' ').toLowerCase();
  // The last buildpack is the application's own; a Rails app often has Node before it for its assets.
  if (names.includes('ruby')) return 'ruby';
  if (names.includes('python')) return 'python';
  return names.includes('node') ? 'node' : null;
}
