import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { inventoryItems } from '../../src/migration/inventory-items.ts';
import type { Item } from '../../src/migration/item.ts';
import { buildPlan, type PlanInput } from '../../src/migration/plan.ts';
import { documentedOffer, postgresItems } from '../../src/migration/postgres-items.ts';
import { redisItems } from '../../src/migration/redis-items.ts';
import { plannedRedis } from '../../src/migration/redis-target.ts';
import { readAssessFacts, type AssessFacts } from '../../src/postgres/assess-facts.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readRedisAssessFacts } from '../../src/redis/assess-facts.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { readRepository } from '../../src/repository/read-repository.ts';
import { repositoryItems, type AppKnown } from '../../src/repository/repository-items.ts';
import { twoSides } from '../postgres/two-sides.ts';
import { clientOf } from '../redis/two-sides.ts';
import { app, checkout } from '../repository/support/checkout.ts';
import { testRedis } from '../support/servers.ts';
import { addOn, config, database, domain, GIB, input, inventory, live } from './support/assessed-app.ts';

// What has hurt others on this way, one test each: assess sees it in the smallest world that has it, says what to do,
// or the engine is proven elsewhere. docs/pains.md is the table, and test/docs/pains.test.ts keeps both in step.

/** `told`: automatic, and something that a reviewer should know. */
type Seen = 'automatic' | 'told' | 'decide' | 'blocked';

function expectSeen(items: readonly Item[], id: string, seen: Seen, says: RegExp): void {
  const item = items.find((one) => one.id === id);
  if (item === undefined) throw new Error(`No item ${id} among ${items.map((one) => one.id).join(', ')}`);
  const { verdict, remedy, what, question, becomes, why } = item;
  expect(`${id} ${verdict === 'automatic' && remedy !== null ? 'told' : verdict}`).toBe(`${id} ${seen}`);
  expect([what, question, becomes, why, remedy].join('\n')).toMatch(says);
}

/** The engine keeps this promise: its own test is there, by its title. */
function expectProven(path: string, title: string): void {
  expect(readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8')).toContain(title);
}

function plan(changes: Partial<PlanInput> = {}, decisions: Record<string, string> = {}): Item[] {
  return buildPlan(input({ config: { ...config, decisions }, ...changes })).items;
}

function heroku(changes: Partial<HerokuInventory>): Item[] {
  const changed = { ...inventory, ...changes };
  return plan({ inventory: changed, found: inventoryItems(changed) });
}

async function repository(files: Record<string, string>, known: Partial<AppKnown> = {}): Promise<Item[]> {
  return repositoryItems(await readRepository(await checkout(files)), app(known));
}

/** A real database, read as assess reads it; `superuser` is what only Heroku or its support can have made. */
async function postgres(
  sql: string,
  superuser?: (owner: string) => string,
  change: (facts: AssessFacts) => AssessFacts = (facts) => facts,
): Promise<Item[]> {
  const sides = await twoSides(sql);
  if (superuser !== undefined) await sides.onSource(superuser(sides.source.user));
  const facts = await withConnection(sides.source, { applicationName: 'h2d assess' }, (client) =>
    readAssessFacts(client, { sampleMs: 20, clock: systemClock }),
  );
  return postgresItems(change(facts), documentedOffer(16));
}

/** A real Redis, filled by these commands. */
async function redis(commands: string[][], lines: string[] = []): Promise<Item[]> {
  const { host, port } = await testRedis(lines);
  const client = clientOf({ host, port, tls: { mode: 'off' } });
  for (const [command = '', ...words] of commands) await client.call(command, ...words);
  const facts = await withRedis({ host, port, tls: { mode: 'off' } }, {}, (reader) =>
    readRedisAssessFacts(reader),
  );
  return redisItems(facts, { target: plannedRedis(1024), language: 'ruby' });
}

const ORDERS = 'CREATE TABLE orders (id bigserial PRIMARY KEY, email text);';
let ordinary: Promise<Item[]> | undefined;
/** A small database as Heroku makes them. */
function ordinaryPostgres(): Promise<Item[]> {
  ordinary ??= postgres(ORDERS);
  return ordinary;
}

test('pain 1: a restore that ends well and lacks tables', async () => {
  const items = await postgres(ORDERS, () => 'CREATE EXTENSION xml2');
  expectSeen(items, 'postgres/extension/xml2', 'blocked', /does not offer it.*DROP EXTENSION "xml2"/s);
  expectProven('test/postgres/restore-list.test.ts', 'an unknown entry in the restore list stops the run');
  expectProven('test/postgres/copy.test.ts', 'fails instead of arriving short');
});

test('pain 2: no logical replication, so that the downtime grows with the size', () => {
  const large = { database: { ...database, sizeBytes: 300 * GIB } };
  expectSeen(plan(large), 'postgres/strategy', 'automatic', /copied before the window and kept in step/);
  const owned = { ...large, live: { ...live, foreignTables: ['public.audits'] } };
  expectSeen(plan(owned), 'postgres/downtime-budget', 'told', /make smaller what takes longest/);
});

test('pain 3: heroku_ext, event triggers, owners and rights without a superuser', async () => {
  const items = await ordinaryPostgres();
  expectSeen(items, 'postgres/heroku-ext', 'automatic', /made on the target before the copy.*citext/s);
  expectSeen(items, 'postgres/extension/citext', 'automatic', /schema heroku_ext that is made for it/);
  expectSeen(items, 'postgres/event-trigger', 'automatic', /left out: only a superuser can make one/);
  expectSeen(items, 'postgres/credential', 'automatic', /owners are not carried over; grants .* rewritten/);
  const owned = await postgres(ORDERS, () => 'CREATE TABLE audits (id integer PRIMARY KEY)');
  expectSeen(owned, 'postgres/other-owner', 'blocked', /ALTER TABLE public\.audits OWNER TO/);
});

test('pain 4: sequences that lag behind their rows', async () => {
  const items = await postgres(`${ORDERS} CREATE SEQUENCE small AS smallint; SELECT setval('small', 32000)`);
  expectSeen(
    items,
    'postgres/sequences',
    'automatic',
    /set to where they stand on the source, after the last/,
  );
  expectSeen(items, 'postgres/sequence/public.small', 'decide', /ALTER SEQUENCE public\.small AS bigint/);
  expectProven('test/postgres/sequences.test.ts', 'sequences stand on the target where they stood');
});

test('pain 5: no way back once the new side has taken writes', () => {
  expectSeen(plan(), 'traffic/way-back', 'told', /roll-back carries the rows, keys and jobs.*turn back/s);
});

test('pain 6: the certificate of the new side takes an hour, while nobody is served', () => {
  const items = heroku({ domains: [domain('staging.example.com')] });
  const says = /does not begin before it is there.*may take an hour/s;
  expectSeen(items, 'domain/certificate/staging.example.com', 'automatic', says);
  expectProven('test/actions/provision.test.ts', 'its certificate there before DNS points to it');
});

test('pain 7: jobs that are lost, or run twice, when Redis moves', async () => {
  const job = JSON.stringify({ jid: 'a', class: 'Mail', args: [] });
  const items = await redis([
    ['SADD', 'queues', 'default'],
    ['LPUSH', 'queue:default', job],
    ['SADD', '_kombu.binding.celery', 'x'],
  ]);
  expectSeen(
    items,
    'redis/jobs/sidekiq',
    'automatic',
    /told to fetch no more before the window, and waited for/,
  );
  expectSeen(items, 'redis/jobs/celery', 'decide', /harmless to run twice, or stop its workers/);
});

test('pain 8: a schedule that fires on both sides, or on none', async () => {
  const later = { jobs: [{ command: 'rake nightly', dynoSize: '', every: 1440, at: 240 }] };
  expectSeen(plan({ scheduler: later }), 'schedule/nightly', 'decide', /Heroku Scheduler runs it at 0 4/);
  const unread = plan({ scheduler: { unknown: 'HTTP 404' } });
  expectSeen(unread, 'schedule/not-read', 'decide', /heroku addons:open scheduler/);
  const other = heroku({ addOns: [...inventory.addOns, addOn('crontogo', 'crontogo:x', 0)] });
  expectSeen(other, 'add-on/crontogo', 'decide', /fire on one side only.*Declare its jobs/s);
  const code = await repository({ Procfile: 'web: puma\n', Gemfile: 'gem "rufus-scheduler"\n' });
  expectSeen(code, 'repository/scheduler/rufus-scheduler', 'decide', /fire.*a process of its own/s);
});

test('pain 9: TLS that each driver takes in its own way', async () => {
  const node = { 'package.json': '{"dependencies":{"pg":"8.11.0","ioredis":"5.0.0"}}', 'index.js': '' };
  const items = await repository(node, { configVarNames: ['DATABASE_URL', 'REDIS_URL'] });
  expectSeen(items, 'repository/tls/postgres', 'decide', /ssl: \{ ca: process\.env\.DATABASE_CA_CERT \}/);
  expectSeen(items, 'repository/tls/redis', 'decide', /REDIS_CA_CERT/);
});

const metabase = {
  ...{ user: 'u1', application: 'Metabase', isOwner: true, kind: 'client backend', sessions: 1, looks: 1 },
  ...{ addresses: ['203.0.113.9'], addressCount: 1, hidden: false },
};

test('pain 10: trusted sources keep out whoever must get in', async () => {
  const items = await postgres(ORDERS, undefined, (facts) => ({
    ...facts,
    sessions: { ...(facts.sessions ?? nobody), clients: [metabase] },
  }));
  expectSeen(items, 'consumer/client/metabase', 'decide', /203\.0\.113\.9.*its address as a trusted source/s);
  expectProven(
    'test/actions/provision.test.ts',
    'closes everything to all but the private network at its end',
  );
});

const nobody: NonNullable<AssessFacts['sessions']> = {
  ...{ looks: 1, clients: [], connections: { all: 0, owner: 0 }, idleInTransaction: 0 },
  ...{ longestTransaction: null, hiddenUsers: [] },
};

test('pain 11: fewer connections, a pool that is not there, prepared statements', async () => {
  const busy = plan({ live: { ...live, freeConnections: 20 } });
  expectSeen(busy, 'postgres/connections', 'decide', /takes 97 connections.*Lower the pools/s);
  const attachment = {
    ...{ name: 'DATABASE_CONNECTION_POOL', namespace: 'connection-pooling:default', shared: false },
    ...{ addOn: 'postgresql-flat-1', owner: 'shop-staging' },
  };
  const pooled = heroku({ attachments: [attachment] });
  expectSeen(pooled, 'postgres/pooling', 'decide', /Set `postgres\.pool`.*without prepared statements/);
  const puma = {
    Procfile: 'web: puma\n',
    Gemfile: 'gem "pg"\n',
    'config/puma.rb': 'workers 9\nthreads 5, 9\n',
  };
  const known = { formation: [{ type: 'web', quantity: 2 }], connectionLimit: 97 };
  const items = await repository(puma, known);
  expectSeen(items, 'repository/connections', 'decide', /may open 162 connections/);
});

test('pain 12: a pg_dump that is older than the server', () => {
  // The runner's programs are none of the app's: whoever copies sees to them.
  expectProven('test/postgres/tools-install.test.ts', 'tools that are missing are installed');
  expectProven('test/postgres/tools-install.test.ts', 'never an older one');
});

test('pain 13: variables that only dynos have, addresses that are attachments, secrets that nobody set', async () => {
  const items = heroku({
    configVars: [],
    attachments: [
      { name: 'DATABASE', namespace: null, addOn: 'postgresql-flat-1', shared: false, owner: 'shop-staging' },
    ],
  });
  expectSeen(items, 'variable/SECRET_KEY_BASE', 'decide', /heroku run printenv SECRET_KEY_BASE/);
  expectSeen(items, 'add-on/attachment/DATABASE', 'automatic', /config vars of the new side/);
  expectSeen(items, 'variable/DATABASE_URL', 'automatic', /replaced/);
  const code = await repository({ 'lib/a.rb': 'A = ENV["HEROKU_SLUG_COMMIT"]\nB = ENV["DYNO"]\n' });
  expectSeen(code, 'repository/variable/HEROKU_SLUG_COMMIT', 'decide', /input `commit` of provision/);
  expectSeen(code, 'repository/variable/DYNO', 'decide', /HOSTNAME/);
});

test('pain 14: webhooks and logins that go on calling the old host', async () => {
  const code = await repository({
    Gemfile: 'gem "shopify_app"\n',
    'lib/a.rb': 'URL = "https://shop-1a2b3c.herokuapp.com/webhooks"\n',
  });
  expectSeen(code, 'repository/callback/shopify', 'decide', /Partner Dashboard.*must be changed there/s);
  expectSeen(code, 'repository/heroku-host/shop-1a2b3c.herokuapp.com', 'decide', /domain of your own/);
  const items = heroku({ configVars: [{ name: 'CALLBACK', class: 'host', leadsTo: 'own-heroku-host' }] });
  expectSeen(items, 'variable/CALLBACK/host', 'decide', /config\.set\.CALLBACK/);
});

test('pain 15: packages and programs that a buildpack brought', async () => {
  const code = await repository({ Procfile: 'web: puma\n', Aptfile: 'ffmpeg\nlibvips42\n' });
  expectSeen(code, 'repository/system-packages', 'decide', /apt-get install -y ffmpeg libvips42/);
  const items = heroku({
    buildpacks: ['https://github.com/acme/heroku-buildpack-wkhtmltopdf', 'heroku/ruby'],
  });
  expectSeen(items, 'app/buildpack/acme-heroku-buildpack-wkhtmltopdf', 'decide', /in the Dockerfile/);
});

test('pain 16: permission denied for schema public', async () => {
  expectSeen(await ordinaryPostgres(), 'postgres/schema-public', 'automatic', /gets USAGE and CREATE/);
});

test('pain 17: assets that nobody builds, settings that only the buildpack made', async () => {
  const code = await repository({
    Gemfile: 'ruby "3.3.0"\ngem "rails"\n',
    'Gemfile.lock': 'GEM\n  specs:\n    rails (7.1.0)\n',
    Dockerfile: 'FROM ruby:3.3\nCOPY . .\n',
  });
  expectSeen(
    code,
    'repository/build-step/assets',
    'decide',
    /SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets/,
  );
  expectSeen(code, 'repository/buildpack-variables/ruby', 'decide', /RAILS_SERVE_STATIC_FILES: 'enabled'/);
});

test('pain 18: instances with less memory than the dynos', () => {
  const web = (size: string): Item[] =>
    heroku({ formation: [{ type: 'web', quantity: 1, size, command: 'bin/web' }] });
  expectSeen(web('Performance-L'), 'process/web', 'automatic', /14336 MiB.*apps-d-4vcpu-16gb has 16384 MiB/);
  expectSeen(web('Performance-XL'), 'process/web', 'blocked', /nothing with 63488 MiB.*more, smaller dynos/s);
  const small = { ...config, postgres: { ...config.postgres, size: 'db-s-1vcpu-1gb' } };
  expectSeen(plan({ config: small }), 'postgres/memory', 'told', /1 GiB in place of 4 GiB/);
});

test('pain 19: a copy that breaks after hours, and begins anew', () => {
  const huge = plan({ database: { ...database, sizeBytes: 2_000 * GIB } });
  expectSeen(huge, 'postgres/runner-time', 'told', /ends after six hours.*gone on with.*self-hosted runner/s);
  expectProven('test/postgres/live-kill.test.ts', 'fifty kills at least');
  // As many runners as would do, and with them it is no longer told.
  const large = { database: { ...database, sizeBytes: 180 * GIB } };
  expectSeen(plan(large), 'postgres/runner-time', 'told', /`postgres: \{ runners: 2 \}`.*2 share it \(docs/s);
  const shared = { ...config, postgres: { ...config.postgres, runners: 2 } };
  expect(plan({ ...large, config: shared }).map(({ id }) => id)).not.toContain('postgres/runner-time');
  const larger = plan({ database: { ...database, sizeBytes: 350 * GIB } });
  expectSeen(larger, 'postgres/runner-time', 'told', /runners: 3 .*ends while it compares .*run again/s);
  expectProven(
    'test/postgres/copy.test.ts',
    'a copy that died between swap and load is finished by the next one',
  );
});

test('pain 20: tables without a key, generated columns, long transactions, changes of the schema meanwhile', async () => {
  const sql =
    'CREATE TABLE logs (line text); CREATE TABLE sums (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED)';
  const report = { milliseconds: 7_200_000, user: 'bi', application: 'Report', state: 'active' };
  const items = await postgres(sql, undefined, (facts) => ({
    ...facts,
    sessions: { ...nobody, longestTransaction: report },
  }));
  expectSeen(items, 'postgres/tables-without-key', 'told', /ALTER TABLE public\.logs ADD COLUMN id/);
  expectSeen(items, 'postgres/generated-column', 'automatic', /computed anew by the target/);
  expectSeen(items, 'postgres/long-transaction', 'told', /Keep such work out of the window/);
  expectProven(
    'test/postgres/live-interrupted.test.ts',
    'a schema change after an attempt that was given up is followed',
  );
});

test('pain 21: partners who let in one outgoing address', async () => {
  const fixed = addOn('quotaguardstatic', 'quotaguardstatic:micro', 1_900, ['QUOTAGUARDSTATIC_URL']);
  const items = heroku({ addOns: [...inventory.addOns, fixed] });
  expectSeen(items, 'add-on/quotaguardstatic', 'decide', /address that partners have let in/);
  const code = await repository({ 'lib/a.rb': 'PROXY = ENV["QUOTAGUARDSTATIC_URL"]\n' });
  expectSeen(code, 'repository/egress-proxy/QUOTAGUARDSTATIC_URL', 'decide', /tell the partners/);
});

test('pain 22: a Redis that throws jobs away, lives in many parts, or forgets when keys end', async () => {
  const evicting = await redis([['SET', 'cart:1', 'x', 'EX', '600']], ['maxmemory-policy allkeys-lru']);
  expectSeen(evicting, 'redis/eviction', 'decide', /never evicts.*Give cache keys an expiry/s);
  expectSeen(evicting, 'redis/expiry', 'automatic', /the same points in time/);
  const { redis: facts } = input();
  const cluster = plan({ ...(facts === undefined ? {} : { redis: { ...facts, cluster: true } }) });
  expectSeen(cluster, 'redis/cluster', 'blocked', /single-server plan/);
});

test('pain 23: a disk that is emptied, uploads and requests with a limit', async () => {
  const code = await repository({
    'Gemfile.lock': 'GEM\n  specs:\n    carrierwave (3.0.4)\n',
    Gemfile: 'gem "carrierwave"\n',
    'app/uploaders/photo.rb': 'class Photo < CarrierWave::Uploader::Base\n  storage :file\nend\n',
  });
  expectSeen(code, 'repository/local-disk/storage-:file', 'decide', /object storage/);
  expectSeen(code, 'repository/uploads', 'told', /within 100 seconds.*presigned/s);
});

test('pain 24: another order of texts, and unique indexes that are not unique', async () => {
  const changed = (facts: AssessFacts): AssessFacts => ({
    ...facts,
    database: { ...facts.database, collation: 'de_DE.UTF-8' },
    server: facts.server && { ...facts.server, collationVersion: { made: '2.28', now: '2.36' } },
  });
  const items = await postgres(
    `${ORDERS} CREATE INDEX orders_email ON orders (email); INSERT INTO orders (email) VALUES ('a'), ('a')`,
    () => `UPDATE pg_index SET indisunique = true WHERE indexrelid = 'orders_email'::regclass`,
    changed,
  );
  expectSeen(items, 'postgres/locale', 'told', /sort with COLLATE/);
  expectSeen(items, 'postgres/collation-version', 'told', /REINDEX DATABASE CONCURRENTLY/);
  expectSeen(items, 'postgres/duplicate-rows/public.orders_email', 'blocked', /remove all but one/);
});

test('pain 25: what is left over and goes on costing', () => {
  const addOns = [...inventory.addOns, addOn('papertrail', 'papertrail:choklad', 700)];
  const pipeline = {
    ...{ id: 'p', name: 'shop', stage: 'production', connectedToGithub: true },
    apps: [{ id: '1', name: 'shop', stage: 'production' }],
    reviewApps: { automatic: true, waitForCi: false, destroyStale: false, open: 3 },
  };
  const items = heroku({ addOns, pipeline, drains: [{ host: 'logs.example.com', addOn: null }] });
  expectSeen(items, 'app/review-apps', 'decide', /cost there, until somebody ends them/);
  expectSeen(items, 'traffic/drain/logs.example.com', 'decide', /log destination/);
  expectSeen(items, 'add-on/papertrail', 'decide', /before the Heroku app is deleted/);
  const { costs } = buildPlan(input({ inventory: { ...inventory, addOns } }));
  expect(costs.after.lines.find(({ what }) => what.includes('papertrail'))).toMatchObject({
    usd: 7,
    note: 'billed price, stays at Heroku',
  });
});
