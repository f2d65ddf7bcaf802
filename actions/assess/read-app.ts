import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { readCatalogue, type Catalogue } from '../../src/digitalocean/prices.ts';
import type { Edge } from '../../src/github/run.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { readInventory, type HerokuInventory, type InventoryOptions } from '../../src/heroku/inventory.ts';
import { readSchedulerJobs } from '../../src/heroku/scheduler.ts';
import { lookAtSource, requirePostgres, sourceOf, type SeenSource } from '../../src/migration/source.ts';
import { READ_WHOLE } from '../../src/migration/unknown-items.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { readCheckout, type Checkout } from './checkout.ts';
import {
  readDatabase,
  readDatabaseBriefly,
  readRedis,
  readRedisBriefly,
  sampleOf,
  type DatabaseRead,
  type RedisRead,
} from './databases.ts';
import { createUnknowns } from './unknowns.ts';

/** Everything that was read of one app. Config values are in it, so it goes no further than to its assessment. */
export interface AppFound {
  /** `brief`: one of the other apps of a run. */
  depth: 'full' | 'brief';
  inventory: HerokuInventory;
  /** `undefined`: the token may not read the config vars. */
  source: SeenSource | undefined;
  /** `undefined` in these: there is none, or it is among the unknown. */
  database: DatabaseRead | undefined;
  redis: RedisRead | undefined;
  checkout: Checkout | undefined;
  scheduler: Awaited<ReturnType<typeof readSchedulerJobs>>;
  /** What could not be read beside the inventory's own gaps: `what: why`. */
  unknown: readonly string[];
}

/** The app has passed its point of no return: then there is nothing left to plan. */
export interface MovedApp {
  moved: true;
  inventory: HerokuInventory;
}

/**
 * Reads one app in depth: Heroku, its databases, its schedule and the checkout. Nothing is changed, and what cannot be
 * read is told instead of ending the run.
 *
 * @param migrationId by which a cutover that has passed is known; `undefined` while there is no migration.yml
 * @throws ConfigurationError when Heroku knows the token or the app not at all
 */
export async function readApp(
  edge: Edge,
  heroku: HerokuClient,
  { app, migrationId }: { app: string; migrationId: string | undefined },
): Promise<AppFound | MovedApp> {
  const sampleMs = sampleOf(edge);
  const unknowns = createUnknowns(edge);
  const source = await unknowns.orTell('config vars', () => lookAtSource(heroku, app, edge));
  const inventory = await edge.log.group(`Inventory of ${app}`, async () =>
    withReason(
      await readInventory(heroku, app, source?.configVars, { unofficial: unofficialOf(edge) }),
      unknowns.found,
    ),
  );
  if (inventory.parked && source !== undefined && migrationId !== undefined) {
    const fence = await unknowns.orTell('whether the app has moved', () =>
      readFence(requirePostgres(source, app), migrationId, { signal: edge.signal }),
    );
    if (fence === 'closed') return { moved: true, inventory };
  }
  const { postgres, redis } = source ?? {};
  const [database, redisRead, scheduler, checkout] = await edge.log.group(
    'Databases, schedule and repository',
    () =>
      Promise.all([
        postgres && unknowns.orTell(READ_WHOLE.postgres, () => readDatabase(edge, postgres, sampleMs)),
        redis && unknowns.orTell(READ_WHOLE.redis, () => readRedis(edge, redis)),
        schedulerJobs(edge, inventory),
        unknowns.orTell('the repository', () => readCheckout(edge)),
      ]),
  );
  return {
    depth: 'full',
    inventory,
    source,
    database,
    redis: redisRead,
    checkout,
    scheduler,
    unknown: unknowns.found,
  };
}

/** One of the other apps of a run, whose inventory is known: some statements of each database, and no checkout. */
export async function readAppBriefly(
  edge: Edge,
  inventory: HerokuInventory,
  configVars: Record<string, string> | undefined,
): Promise<AppFound> {
  const unknowns = createUnknowns(edge);
  const source = configVars && sourceOf(configVars);
  const { postgres, redis } = inventory.parked ? {} : (source ?? {});
  const [database, redisRead, scheduler] = await Promise.all([
    postgres && unknowns.orTell(READ_WHOLE.postgres, () => readDatabaseBriefly(edge, postgres)),
    redis && unknowns.orTell(READ_WHOLE.redis, () => readRedisBriefly(edge, redis)),
    schedulerJobs(edge, inventory),
  ]);
  return {
    depth: 'brief',
    inventory,
    source,
    database,
    redis: redisRead,
    checkout: undefined,
    scheduler,
    unknown: unknowns.found,
  };
}

/** What DigitalOcean offers, and why not when it is not known. Without a token nothing is asked, and that is no line. */
export async function readOffers(
  edge: Edge,
): Promise<{ catalogue: Catalogue | undefined; unknown: readonly string[] }> {
  const unknowns = createUnknowns(edge);
  const token = edge.inputs.optionalSecret('digitalocean-token');
  if (token === undefined) return { catalogue: undefined, unknown: [] };
  const { log, clock, signal } = edge;
  const apiUrl = edge.inputs.url('digitalocean-api-url');
  const catalogue = await unknowns.orTell("DigitalOcean's offers", () =>
    readCatalogue(
      createDigitalOcean({ token, apiUrl, log, clock, signal, redact: (text) => edge.redact(text) }),
    ),
  );
  return { catalogue, unknown: unknowns.found };
}

/** Addresses that Heroku's dashboard uses and its published API lacks. */
export function unofficialOf({ inputs }: Edge): NonNullable<InventoryOptions['unofficial']> {
  return {
    token: inputs.secret('heroku-token'),
    metricsUrl: inputs.url('heroku-metrics-url'),
    githubUrl: inputs.url('heroku-github-url'),
  };
}

/** The inventory was given no values; why the token got none is known here. */
function withReason(inventory: HerokuInventory, unknown: readonly string[]): HerokuInventory {
  const line = unknown.find((one) => one.startsWith(CONFIG_VARS));
  if (line === undefined) return inventory;
  const why = line.slice(CONFIG_VARS.length);
  return {
    ...inventory,
    unknown: inventory.unknown.map((gap) => (gap.what === 'config vars' ? { ...gap, why } : gap)),
  };
}

const CONFIG_VARS = 'config vars: ';

async function schedulerJobs(edge: Edge, inventory: HerokuInventory): Promise<AppFound['scheduler']> {
  if (!inventory.hasScheduler) return { jobs: [] };
  const answer = await readSchedulerJobs({
    schedulerUrl: edge.inputs.url('scheduler-api-url'),
    token: edge.inputs.secret('heroku-token'),
    appId: inventory.app.id,
    signal: edge.signal,
  });
  if ('unknown' in answer) {
    edge.log.info(`Heroku Scheduler's jobs of ${inventory.app.name} are not known: ${answer.unknown}.`);
  }
  return answer;
}
