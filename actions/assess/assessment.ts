import type { Catalogue } from '../../src/digitalocean/prices.ts';
import { datacentreOf } from '../../src/digitalocean/region.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import type { readSchedulerJobs } from '../../src/heroku/scheduler.ts';
import { addressItems } from '../../src/migration/address-items.ts';
import { withoutSecretsInCommands } from '../../src/migration/command-secrets.ts';
import { appVariables, plannedAddresses } from '../../src/migration/app-variables.ts';
import { configFor, type EnvironmentConfig, type MigrationConfig } from '../../src/migration/config.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { equivalentsIn } from '../../src/migration/dyno-metadata.ts';
import { inventoryItems } from '../../src/migration/inventory-items.ts';
import { decide, type Item } from '../../src/migration/item.ts';
import { ownPostgresOf, type PlannedCluster } from '../../src/migration/own-postgres.ts';
import { placePostgres, placeRedis } from '../../src/migration/placement.ts';
import { buildPlan, languageOf, planDigest, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import { postgresItems } from '../../src/migration/postgres-items.ts';
import type { ActivityReading } from '../../src/migration/quiet-hours.ts';
import { offerFor } from '../../src/migration/recorded-offer.ts';
import { redisItems } from '../../src/migration/redis-items.ts';
import { plannedRedis } from '../../src/migration/redis-target.ts';
import type { AssessFacts } from '../../src/postgres/assess-facts.ts';
import type { DatabaseFacts } from '../../src/postgres/facts.ts';
import type { RedisAssessFacts } from '../../src/redis/assess-facts.ts';
import type { RedisFacts } from '../../src/redis/facts.ts';
import { waitingLanguageOf } from '../../src/repository/language.ts';
import type { RepositoryFacts } from '../../src/repository/read-repository.ts';
import { checkoutItems } from './checkout.ts';
import type { AppFound } from './read-app.ts';

/** Everything known of one app of one environment after assessing it. No secret and no config value is in it. */
export interface Assessment {
  /** What the user decided; made from what was found while there is no migration.yml: then `proposed` is true. */
  config: MigrationConfig;
  environment: EnvironmentConfig;
  proposed: boolean;
  /** The app's stage in its pipeline; null: it belongs to none. */
  stage: string | null;
  inventory: HerokuInventory;
  plan: Plan;
  /** Of the plan. */
  digest: string;
  /** `brief`: one of the other apps of a run, whose databases were not looked into and whose repository was not read. */
  depth: 'full' | 'brief';
  /** `undefined` in these: there is none, or it could not be read and the plan's items say why. */
  database: DatabaseFacts | undefined;
  databaseInDepth: AssessFacts | undefined;
  activity: ActivityReading | undefined;
  redis: RedisFacts | undefined;
  redisInDepth: RedisAssessFacts | undefined;
  repository: RepositoryFacts | undefined;
  scheduler: Awaited<ReturnType<typeof readSchedulerJobs>>;
  /** `undefined`: no token for DigitalOcean, or it could not be read. */
  catalogue: Catalogue | undefined;
}

/** Whose app it is, and what holds for all apps of a run. */
export interface AssessedUnder
  extends
    Pick<Assessment, 'config' | 'environment' | 'proposed' | 'catalogue'>,
    Pick<PlanInput, 'measured' | 'recordedOffers'> {
  /** What could not be read of all that is not the app's own: `what: why`. */
  unknown: readonly string[];
  /** What DigitalOcean answered when it was asked about the plan itself. */
  answer?: readonly Item[];
  now: Date;
}

/** Decides a target for everything that was found of one app. Pure: the same world gives the same plan and digest. */
export function assessmentOf(all: AppFound, under: AssessedUnder): Assessment {
  const { found, declared, items } = withoutSecretsInCommands(all, under.config.schedule);
  const { inventory, source, database, redis, checkout } = found;
  const { environment, catalogue } = under;
  const config = configFor(under.config, environment);
  const answers = answersOf(config, environment);
  const hasRedis =
    source?.redis !== undefined || inventory.addOns.some(({ service }) => service === 'heroku-redis');
  const { cluster, offer } = placePostgres(
    { config, inventory, catalogue, database: database?.database, live: database?.live },
    answers,
    datacentreOf(environment.region),
  );
  const ownPostgres = ownPostgresOf(inventory, database);
  // Behind a pool clients share the cluster's connections, however many they are.
  const isHeldAgainst = ownPostgres === 'there' && config.postgres.pool === undefined;
  const connections = isHeldAgainst ? offer?.connections : undefined;
  const repositoryLanguage =
    checkout !== undefined && 'facts' in checkout ? waitingLanguageOf(checkout.facts.languages) : null;
  const codeItems = checkout === undefined ? [] : checkoutItems(checkout, inventory, connections);
  const { fates } = appVariables({
    configVars: source?.configVars ?? {},
    addOns: inventory.addOns,
    config,
    answers,
    appName: environment.migrationId,
    addresses: plannedAddresses(hasRedis, config.postgres.pool !== undefined, ownPostgres !== 'none'),
    dynoMetadata: {
      names: equivalentsIn(codeItems, answers),
      herokuApp: environment.herokuApp,
      imageDigest: 'later',
      commit: 'later',
    },
  });
  const plan = buildPlan({
    config: { ...config, schedule: declared },
    environment,
    inventory,
    database: database?.database,
    live: database?.live,
    ...('measured' in under ? { measured: under.measured } : {}),
    activity: database?.inDepth?.activity ?? undefined,
    recordedOffers: under.recordedOffers ?? [],
    redis: redis?.server,
    hasRedis,
    scheduler: found.scheduler,
    catalogue,
    variables: fates,
    repositoryLanguage,
    found: [
      ...addressItems(source?.unmoved ?? []),
      ...items,
      ...inventoryItems(inventory, under.now),
      ...codeItems,
      ...(database?.inDepth === undefined ? [] : itemsOfDatabase(database.inDepth, cluster, found, under)),
      ...(redis?.inDepth === undefined
        ? []
        : itemsOfRedis(redis.inDepth, inventory, under, repositoryLanguage)),
      ...(under.answer ?? []),
      ...(found.depth === 'brief' ? [onlyBriefly(environment.herokuApp)] : []),
      ...(found.depth === 'full' && under.proposed ? [notDecided(environment)] : []),
    ],
    unknown: [...found.unknown, ...under.unknown],
  });
  return {
    config,
    environment,
    proposed: under.proposed,
    stage: inventory.pipeline?.stage ?? null,
    inventory,
    plan,
    digest: planDigest(plan),
    depth: found.depth,
    database: database?.database,
    databaseInDepth: database?.inDepth,
    activity: database?.activity,
    redis: redis?.server,
    redisInDepth: redis?.inDepth,
    repository: checkout !== undefined && 'facts' in checkout ? checkout.facts : undefined,
    scheduler: found.scheduler,
    catalogue,
  };
}

/** The database in depth, against what the new one will be. */
function itemsOfDatabase(
  facts: AssessFacts,
  { version, engine }: PlannedCluster,
  { inventory }: AppFound,
  { config, environment, recordedOffers = [] }: AssessedUnder,
): Item[] {
  const major = version === '' ? null : Number(version);
  const own = [config.application, environment.herokuApp, ...inventory.formation.map(({ type }) => type)];
  return postgresItems(facts, offerFor(recordedOffers, major, engine), own);
}

/** Redis in depth, against the one that provision will make. */
function itemsOfRedis(
  facts: RedisAssessFacts,
  inventory: HerokuInventory,
  { config: file, environment, catalogue }: AssessedUnder,
  repositoryLanguage: Plan['language'],
): Item[] {
  const config = configFor(file, environment);
  const { size, memoryMib } = placeRedis(
    { config, redis: facts.server, catalogue, inventory },
    datacentreOf(environment.region),
  );
  return redisItems(facts, {
    target: plannedRedis(size === '' ? null : memoryMib, config.redis.image),
    skip: config.redis.skip,
    language: config.language ?? languageOf(inventory.buildpacks) ?? repositoryLanguage,
  });
}

/** What nobody looked at is no pass: an app that was only looked at briefly is never ready. */
function onlyBriefly(app: string): Item {
  return decide({
    id: 'app/not-read/in-depth',
    area: 'app',
    what: `${app} was looked at briefly, as one of several apps`,
    question: 'Has it been assessed by itself?',
    options: ['assess-it'],
    why: 'what its databases hold in detail, who else uses them and what is in its repository are not known',
    remedy: `Run assess for ${app}.`,
  });
}

/** A plan that rests on nobody's decisions is not ready, however little stands in its way. */
function notDecided({ name, region }: EnvironmentConfig): Item {
  return decide({
    id: 'app/migration-yml',
    area: 'app',
    what: `there is no migration.yml: environment ${name}, region ${region} and all else that it decides are proposed`,
    question: 'Is what is proposed right?',
    options: ['write-migration-yml'],
    why: 'what it holds are decisions that nobody has taken yet',
    remedy: 'Let `init: true` propose the file, or write one (docs/migration-yml.md).',
  });
}
