import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PipelineOptions } from '../../../rehearsal/pipeline.ts';
import {
  changesAmong,
  errorsOf,
  expectConclusion,
  findSecrets,
  full,
  herokuServesAsBefore,
  isWhere,
  openShop,
  prepare,
  rollBack,
  seed,
  type Shop,
  stateOfHeroku,
} from './shop-under-migration.ts';

// What people get wrong, through the shipped workflow and bundles.
let shop: Shop;
let before: Record<string, unknown>;

beforeAll(async () => {
  shop = await openShop({ environments: ['production'], schedules: false });
  before = await stateOfHeroku(shop);
  const { heroku, digitalOcean } = shop.world;
  heroku.tokens.add('HRKU-of-a-stranger-0001', ['global'], []);
  heroku.tokens.add('HRKU-identity-only-0001', ['identity']);
  heroku.tokens.add('HRKU-reads-no-secrets-0001', ['read']);
  digitalOcean.tokens.add('dop_v1_account_only_0001', ['account:read']);
}, 240_000);

afterEach(() => {
  shop.side.proxies.postgres.knobs.refuse = false;
  shop.side.proxies.redis.knobs.refuse = false;
});

afterAll(() => shop.close());

/** A repository whose migration.yml is another. */
function repositoryWith(change: (text: string) => string): string {
  const workspace = join(shop.directory, `repository-${Math.random().toString(36).slice(2)}`);
  mkdirSync(workspace);
  cpSync(shop.world.workspace, workspace, { recursive: true });
  const file = join(workspace, 'migration.yml');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  return workspace;
}

interface Mistake {
  options?: () => Partial<PipelineOptions>;
  /** What the person reads. */
  says: RegExp;
}
const secret = (secrets: Record<string, string>) => () => ({ secrets });
const refuse = (what: 'postgres' | 'redis') => () => {
  shop.side.proxies[what].knobs.refuse = true;
  return {};
};

const MISTAKES: Record<string, Mistake> = {
  'no Heroku token': { options: secret({ HEROKU_TOKEN: '' }), says: /heroku-token/ },
  'a wrong Heroku token': {
    options: secret({ HEROKU_TOKEN: 'HRKU-nobody-knows-this-one' }),
    says: /Heroku does not know the token/,
  },
  'a Heroku token without the scope': {
    options: secret({ HEROKU_TOKEN: 'HRKU-identity-only-0001' }),
    says: /scope/,
  },
  'a Heroku token that may not read config vars': {
    options: secret({ HEROKU_TOKEN: 'HRKU-reads-no-secrets-0001' }),
    says: /read-protected/,
  },
  "somebody else's Heroku token": {
    options: secret({ HEROKU_TOKEN: 'HRKU-of-a-stranger-0001' }),
    says: /shop-production/,
  },
  'no DigitalOcean token': {
    options: secret({ DIGITALOCEAN_TOKEN: '' }),
    says: /digitalocean-token is empty/,
  },
  'a wrong DigitalOcean token': {
    options: secret({ DIGITALOCEAN_TOKEN: 'dop_v1_nobody_knows_this_one' }),
    says: /DigitalOcean.*token/,
  },
  'a DigitalOcean token without the scope': {
    options: secret({ DIGITALOCEAN_TOKEN: 'dop_v1_account_only_0001' }),
    says: /scope/,
  },
  'no migration key': { options: secret({ MIGRATION_KEY: '' }), says: /migration-key/ },
  'a migration key that could be guessed': {
    options: secret({ MIGRATION_KEY: 'hunter2' }),
    says: /openssl rand -hex 32/,
  },
  'an app that Heroku does not know': {
    options: () => ({
      workspace: repositoryWith((text) => text.replace('shop-production', 'shop-prodcution')),
    }),
    says: /shop-prodcution/,
  },
  'a migration.yml that is no YAML': {
    options: () => ({ workspace: repositoryWith((text) => `${text}\n  - [broken: "`) }),
    says: /migration\.yml/,
  },
  'a misspelt key in migration.yml': {
    options: () => ({ workspace: repositoryWith((text) => text.replace('strategy:', 'stratgey:')) }),
    says: /line 2: unknown key stratgey; did you mean \"strategy\"/,
  },
  'no migration.yml': {
    options: () => ({ workspace: emptyRepository() }),
    says: /There is no migration\.yml/,
  },
  'a database that nobody reaches': { options: refuse('postgres'), says: /127\.0\.0\.1:\d+/ },
  'a Redis that nobody reaches': { options: refuse('redis'), says: /Redis/ },
};

function emptyRepository(): string {
  const workspace = join(shop.directory, 'empty-repository');
  mkdirSync(workspace, { recursive: true });
  return workspace;
}

/** In the quick run every third, as the seed draws. */
const mistakes = Object.entries(MISTAKES).filter((_mistake, place) => full || (place + seed) % 3 === 0);

test.each(mistakes)(
  '%s: a clear error, nothing changed, nothing left behind',
  async (_what, { options, says }) => {
    const { heroku, digitalOcean } = shop.world;
    const asked = { heroku: heroku.requests.length, digitalOcean: digitalOcean.requests.length };
    const wanted = options?.() ?? {};
    const result = await prepare(shop, wanted);
    expectConclusion(result, 'failure');
    const told = errorsOf(result);
    expect(told).toMatch(says);
    // Told, not dumped: no stack, no internals.
    expect(told).not.toMatch(/^\s+at .*\(|node:internal/m);
    expect(changesAmong(heroku.requests.slice(asked.heroku))).toEqual([]);
    expect(changesAmong(digitalOcean.requests.slice(asked.digitalOcean))).toEqual([]);
    expect([digitalOcean.clusters(), digitalOcean.droplets(), digitalOcean.apps()]).toEqual([[], [], []]);
    const given = Object.fromEntries(
      Object.entries(wanted.secrets ?? {}).filter(([, value]) => value.length > 10),
    );
    expect(findSecrets([result.logs, result.summaries, result.artifacts], given)).toEqual([]);
  },
);

test('a wrong database password: a clear error, and nothing was changed', async () => {
  const alter = (password: string) =>
    shop.side.postgres.query('postgres', `alter role uproduction password '${password}'`);
  const right = decodeURIComponent(new URL(shop.side.databaseUrl).password);
  await alter('rotated-a-minute-ago');
  const result = await prepare(shop).finally(() => alter(right));
  expectConclusion(result, 'failure');
  expect(errorsOf(result)).toMatch(/password/);
  expect(shop.world.digitalOcean.clusters()).toEqual([]);
  expect(changesAmong(shop.world.heroku.requests)).toEqual([]);
});

test('a roll-back before anything was prepared: a clear error, and nothing was changed', async () => {
  shop.world.github.configureEnvironment('production', {});
  const result = await rollBack(shop);
  expectConclusion(result, 'failure');
  expect(errorsOf(result)).toMatch(/provision/);
  expect(shop.world.digitalOcean.clusters()).toEqual([]);
  expect(changesAmong(shop.world.heroku.requests)).toEqual([]);
});

test('after all of these Heroku serves as if nothing had been tried', async () => {
  await isWhere(shop, 'heroku');
  await herokuServesAsBefore(shop, before);
}, 240_000);
