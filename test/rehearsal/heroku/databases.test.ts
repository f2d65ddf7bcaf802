import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { keyValueStoreConfiguration, keyValueStoreUrl } from '../../../rehearsal/heroku/key-value-store.ts';
import { herokuPostgresSettings, prepareHerokuDatabase } from '../../../rehearsal/heroku/postgres.ts';
import { unverifiableCertificate } from '../../../rehearsal/heroku/unverifiable-certificate.ts';
import { findPostgres } from '../../../rehearsal/servers/binaries.ts';
import { startPostgres } from '../../../rehearsal/servers/postgres.ts';
import { startRedis } from '../../../rehearsal/servers/redis.ts';
import { silentLog } from '../../../src/log.ts';
import { ask, at, codeDirectory, items, playedHeroku, shop, text } from './played-heroku.ts';

const run = promisify(execFile);

async function herokuPostgres() {
  const binaries = await findPostgres(silentLog);
  const server = await startPostgres({
    name: 'heroku',
    binaries,
    tls: await unverifiableCertificate(),
    settings: herokuPostgresSettings(binaries),
  });
  const options = { database: 'd5k2', user: 'u7f1', password: 'p:w/d', connectionLimit: 20 };
  return { ...(await prepareHerokuDatabase(server, options)), server };
}

async function connected(url: string, ssl: pg.ClientConfig['ssl']) {
  const client = new pg.Client({ connectionString: url, ssl });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('the source database refuses what Heroku refuses, allows what Heroku allows, and contains what Heroku puts there', async () => {
  const { url, missingExtensions } = await herokuPostgres();
  await expect(connected(url, false)).rejects.toThrow(/pg_hba|no encryption/);
  await expect(connected(url, { rejectUnauthorized: true })).rejects.toThrow(/certificate/);
  const client = await connected(url, { rejectUnauthorized: false });

  const refused = {
    'SET session_replication_role = replica': /permission denied/,
    "SELECT pg_create_logical_replication_slot('s', 'pgoutput')": /permission denied|must be/,
    'CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION _heroku.create_ext()': /permission denied/,
    'CREATE EXTENSION adminpack': /permission denied|not allowed|not available|superuser/,
    'DROP FUNCTION _heroku.create_ext()': /must be owner/,
  };
  for (const [statement, reason] of Object.entries(refused)) {
    await expect(client.query(statement)).rejects.toThrow(reason);
  }
  await client.query(`
    CREATE SCHEMA side;
    CREATE TABLE orders (id bigint PRIMARY KEY);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();
    ALTER TABLE orders ENABLE ALWAYS TRIGGER t;
    REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON orders FROM u7f1;
    GRANT INSERT, UPDATE, DELETE, TRUNCATE ON orders TO u7f1;
  `);
  await client.query(
    'BEGIN; LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE; SELECT pg_export_snapshot(); COMMIT',
  );

  const one = async (sql: string) => (await client.query({ text: sql, rowMode: 'array' })).rows;
  expect(await one('SELECT evtname, evtowner::regrole::text FROM pg_event_trigger ORDER BY 1')).toEqual([
    ['extension_before_drop', 'heroku_admin'],
    ['log_create_ext', 'heroku_admin'],
    ['log_drop_ext', 'heroku_admin'],
    ['validate_extension', 'heroku_admin'],
  ]);
  const extensions = await one(
    "SELECT extname, extnamespace::regnamespace::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1",
  );
  const wanted = [
    ['citext', 'heroku_ext'],
    ['pg_stat_statements', 'public'],
    ['pg_trgm', 'heroku_ext'],
  ];
  expect(extensions).toEqual(wanted.filter(([name]) => !missingExtensions.includes(String(name))));
  expect(
    await one('SELECT rolsuper, rolreplication, rolconnlimit FROM pg_roles WHERE rolname = current_user'),
  ).toEqual([[false, false, 20]]);
  if (!missingExtensions.includes('citext')) expect(await one("SELECT 'A'::citext = 'a'")).toEqual([[true]]);
  await client.end();
});

test('a dump by its owner succeeds, and contains what cannot be restored elsewhere', async () => {
  const { url, server } = await herokuPostgres();
  const environment = { env: { ...server.binaries.environment, PGSSLMODE: 'require' } };
  const directory = codeDirectory();
  const dump = join(directory, 'heroku.dump');
  await run(join(server.binaries.bin, 'pg_dump'), ['-Fc', '-f', dump, url], environment);
  const { stdout } = await run(join(server.binaries.bin, 'pg_restore'), ['-l', dump], environment);
  expect(stdout.match(/ EVENT TRIGGER /g)).toHaveLength(4);
  expect(stdout).toMatch(/SCHEMA - _heroku heroku_admin/);
  expect(stdout).toMatch(/SCHEMA - heroku_ext u7f1/);
  expect(stdout).toMatch(/FUNCTION _heroku validate_extension\(\) heroku_admin/);
});

test('the source Redis speaks TLS only, has no CONFIG and needs its password', async () => {
  const tls = await unverifiableCertificate();
  const server = await startRedis({
    name: 'kvs',
    configuration: keyValueStoreConfiguration({ password: 'p:w' }),
    tls,
  });
  const options = { retryStrategy: () => null, lazyConnect: true, maxRetriesPerRequest: 0 };
  const url = keyValueStoreUrl(server, 'p:w');
  const verifying = new Redis(url, options);
  verifying.on('error', () => undefined);
  await expect(verifying.connect()).rejects.toThrow();
  const redis = new Redis(url, { ...options, tls: { rejectUnauthorized: false } });
  redis.on('error', () => undefined);
  await redis.connect();
  await expect(redis.config('GET', 'maxmemory')).rejects.toThrow('unknown command');
  expect(await redis.set('key', 'value')).toBe('OK');
  expect(await redis.dump('key')).not.toBeNull();
  expect(await redis.info('memory')).toContain('maxmemory_policy:noeviction');
  redis.disconnect();
  const anonymous = new Redis({
    ...options,
    host: server.host,
    port: server.port,
    tls: { rejectUnauthorized: false },
  });
  anonymous.on('error', () => undefined);
  await expect(anonymous.get('key')).rejects.toThrow('NOAUTH');
  anonymous.disconnect();
});

test('the data API tells size, tables and connections of the real server', async () => {
  const database = await herokuPostgres();
  const client = await connected(database.url, { rejectUnauthorized: false });
  await client.query('CREATE TABLE a (id int); CREATE TABLE b (id int)');
  const world = await playedHeroku();
  await shop(world, { formation: {}, postgres: { plan: 'standard-0', url: database.url } });
  const addOn = at((await ask(world, 'GET', '/apps/shop/addons')).body, '0');
  expect(addOn).toMatchObject({
    plan: { name: 'heroku-postgresql:standard-0' },
    billed_price: { cents: 5000, unit: 'month' },
    config_vars: expect.arrayContaining(['DATABASE_URL']),
  });
  const { body } = await ask(world, 'GET', `/client/v11/databases/${text(addOn, 'id')}`, undefined, {
    authorization: `Basic ${Buffer.from(':owner').toString('base64')}`,
  });
  const info = Object.fromEntries(
    items(at(body, 'info')).map((line) => [text(line, 'name'), text(line, 'values.0')]),
  );
  expect(info).toMatchObject({ Plan: 'Standard 0', Status: 'Available', Tables: '2' });
  expect(info['Connections']).toMatch(/^[12]\/120$/);
  expect(info['Data Size']).toMatch(/^[\d.]+ MB \/ 64 GB \(0\.\d\d%\)$/);
  expect(at(body, 'num_bytes')).toBeGreaterThan(1_000_000);
  expect((await ask(world, 'GET', '/apps/shop/config-vars')).body).toMatchObject({
    DATABASE_URL: database.url,
  });
  await client.end();
});
