import { readFile, statfs } from 'node:fs/promises';

import { readDigitalOceanAccess, type DigitalOceanAccess } from '../../src/digitalocean/access.ts';
import { readCatalogue, type Catalogue } from '../../src/digitalocean/prices.ts';
import { missing, ok, unanswered, type Check } from '../../src/doctor/check.ts';
import { neededEnvironments, type GitHubFacts } from '../../src/doctor/github-checks.ts';
import type { DatabaseSeen, RunnerFacts } from '../../src/doctor/runner-checks.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { readRepositorySettings } from '../../src/github/repository-settings.ts';
import type { Edge } from '../../src/github/run.ts';
import { readHerokuAccess, type HerokuAccess } from '../../src/heroku/access.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { readInventory, type HerokuInventory } from '../../src/heroku/inventory.ts';
import { addressItems } from '../../src/migration/address-items.ts';
import {
  environmentOf,
  parseMigrationConfig,
  type EnvironmentConfig,
  type MigrationConfig,
} from '../../src/migration/config.ts';
import { lookAtSource } from '../../src/migration/source.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { digitalOceanOf, herokuOf } from '../parties.ts';

/** What migration.yml says, as far as there is one. */
export interface Declared {
  /** Undefined without a migration.yml that can be read. */
  config: MigrationConfig | undefined;
  /** Those that are looked at: all of migration.yml, or the one that the input names. */
  environments: EnvironmentConfig[];
  /** Names of their Heroku apps; without a migration.yml the one that the input names. */
  apps: string[];
  checks: Check[];
}

const INIT =
  'Run assess with `init: true`, which proposes one as a pull request, or write it (docs/migration-yml.md)';

export async function readDeclared(edge: Edge): Promise<Declared> {
  const path = edge.inputs.required('config');
  const wanted = edge.inputs.optional('environment');
  const app = edge.inputs.optional('heroku-app');
  const nothing = { config: undefined, environments: [], apps: app === undefined ? [] : [app] };
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) {
    return { ...nothing, checks: [missing('migration.yml', path, 'there is none in this checkout', INIT)] };
  }
  try {
    const config = parseMigrationConfig(text, path);
    const environments =
      wanted === undefined ? Object.values(config.environments) : [environmentOf(config, wanted)];
    const apps = environments.map(({ herokuApp }) => herokuApp);
    const named = environments.map(({ name }) => name).join(', ');
    return { config, environments, apps, checks: [ok('migration.yml', path, `names ${named}`)] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const mend = 'Correct the lines that the message names';
    return { ...nothing, checks: [missing('migration.yml', path, error.message, mend)] };
  }
}

export interface HerokuSeen {
  access: HerokuAccess | undefined;
  inventories: HerokuInventory[];
  databases: DatabaseSeen[];
  checks: Check[];
}

/** The token, what it may do, and of each app what a migration creates and connects to. */
export async function readHeroku(edge: Edge, { apps }: Declared): Promise<HerokuSeen> {
  const nothing: HerokuSeen = { access: undefined, inventories: [], databases: [], checks: [] };
  if (edge.inputs.optionalSecret('heroku-token') === undefined) return nothing;
  const client = herokuOf(edge);
  try {
    const access = await readHerokuAccess(client, apps);
    const seen = access.apps.filter(({ state }) => state === 'seen').map(({ app }) => app);
    const read = await Promise.all(seen.map((app) => readOneApp(edge, client, app)));
    return {
      access,
      inventories: read.flatMap(({ inventory }) => inventory ?? []),
      databases: read.flatMap(({ database }) => database ?? []),
      checks: read.flatMap(({ checks }) => checks),
    };
  } catch (error) {
    edge.signal.throwIfAborted();
    const again = 'Run this again; https://status.heroku.com tells of trouble';
    const check = unanswered('Heroku', 'Answers', messageOf(error), again);
    return {
      ...nothing,
      access: { known: true, scopes: undefined, account: undefined, apps: [] },
      checks: [check],
    };
  }
}

async function readOneApp(
  edge: Edge,
  client: HerokuClient,
  app: string,
): Promise<{ inventory?: HerokuInventory; database?: DatabaseSeen; checks: Check[] }> {
  const source = await orWhy(edge, () => lookAtSource(client, app, edge));
  const inventory = await orWhy(edge, () => readInventory(client, app, undefined));
  return {
    ...('value' in inventory ? { inventory: inventory.value } : {}),
    // Without the config vars nobody knows where the database is; the scope that is missing is told as such.
    ...('value' in source && source.value.postgres !== undefined
      ? { database: await majorOf(edge, app, source.value.postgres) }
      : {}),
    checks: [
      ...('why' in inventory
        ? [unanswered('Heroku', `Inventory of ${app}`, inventory.why, 'Mend what the message names')]
        : []),
      ...('value' in source ? addressItems(source.value.unmoved) : []).map(({ what, why, remedy }) =>
        missing('Heroku', `Databases of ${app}`, `${what}: ${why}`, remedy ?? ''),
      ),
    ],
  };
}

async function majorOf(
  edge: Edge,
  app: string,
  address: Parameters<typeof withConnection>[0],
): Promise<DatabaseSeen> {
  const read = await orWhy(edge, () =>
    withConnection(address, { applicationName: 'h2d doctor', signal: edge.signal }, async (connection) => {
      const { rows } = await connection.query<{ major: number }>(
        `select current_setting('server_version_num')::int / 10000 as major`,
      );
      return rows[0]?.major;
    }),
  );
  return 'why' in read ? { app, major: undefined, why: read.why } : { app, major: read.value, why: '' };
}

export interface DigitalOceanSeen {
  access: DigitalOceanAccess | undefined;
  /** Undefined without a token, or when the offers could not be read: `checks` then says why. */
  catalogue: Catalogue | undefined;
  checks: Check[];
}

/** The zone that DigitalOcean serves; others are looked at where they are served. */
export function zoneAtDigitalOcean(config: MigrationConfig | undefined): string | undefined {
  return config?.dns?.provider === 'digitalocean' ? config.dns.zone : undefined;
}

export async function readDigitalOcean(edge: Edge, { config }: Declared): Promise<DigitalOceanSeen> {
  if (edge.inputs.optionalSecret('digitalocean-token') === undefined) {
    return { access: undefined, catalogue: undefined, checks: [] };
  }
  const client = digitalOceanOf(edge);
  const access = await readDigitalOceanAccess(client, zoneAtDigitalOcean(config));
  if (!access.known) return { access, catalogue: undefined, checks: [] };
  const catalogue = await orWhy(edge, () => readCatalogue(client));
  if ('value' in catalogue) return { access, catalogue: catalogue.value, checks: [] };
  return {
    access,
    catalogue: undefined,
    checks: [
      unanswered(
        'DigitalOcean',
        'Offers and prices',
        catalogue.why,
        'Mend the scopes above, then run this again',
      ),
    ],
  };
}

/** While there is no migration.yml, what the shipped workflows name is looked for. */
const CUSTOMARY = [
  { name: 'staging', protected: false },
  { name: 'production', protected: true },
];

export async function readGitHub(edge: Edge, { environments }: Declared): Promise<GitHubFacts> {
  const { repository, runUrl, apiUrl } = edge.environment;
  const token = edge.inputs.optionalSecret('github-token');
  const needed = neededEnvironments(environments.length === 0 ? CUSTOMARY : environments);
  const server = repository === '' ? '' : new URL(runUrl).origin;
  const facts = { repository, server, environments: needed };
  if (token === undefined || repository === '') return { ...facts, settings: undefined };
  const settings = await readRepositorySettings({
    repository,
    apiUrl,
    token,
    environments: needed.map(({ name }) => name),
    signal: edge.signal,
  });
  return { ...facts, settings };
}

export async function readRunner(edge: Edge, databases: DatabaseSeen[]): Promise<RunnerFacts> {
  const newest = Math.max(1, ...databases.map(({ major }) => major ?? 1));
  const [tools, disk] = await Promise.all([
    orWhy(edge, () => findPostgresTools(newest)),
    statfs(edge.environment.temporaryDirectory).catch(() => undefined),
  ]);
  return {
    databases,
    tools: 'value' in tools ? { major: tools.value.major, why: '' } : { major: undefined, why: tools.why },
    installs: edge.environment.onHostedRunner,
    freeBytes: disk === undefined ? undefined : disk.bavail * disk.bsize,
  };
}

/** What one thing gives, or why it does not: the others are looked at all the same. */
async function orWhy<T>(edge: Edge, read: () => Promise<T>): Promise<{ value: T } | { why: string }> {
  try {
    return { value: await read() };
  } catch (error) {
    edge.signal.throwIfAborted();
    return { why: messageOf(error) };
  }
}
