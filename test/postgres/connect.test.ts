import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { startPostgres } from '../../rehearsal/servers/postgres.ts';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { connect, describeAddress, parsePostgresUrl, withConnection } from '../../src/postgres/connect.ts';
import { readDatabaseFacts } from '../../src/postgres/facts.ts';
import { applicationName, terminateStale } from '../../src/postgres/settle.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { freshDatabase, testPostgres } from '../support/servers.ts';
import { twoSides } from './two-sides.ts';

const off = { mode: 'off' } as const;
const session = { applicationName: 'test' };

test('an address is read with its escapes, sslmode is ignored, and the password is never shown', () => {
  const address = parsePostgresUrl(
    'postgres://us%40er:p%2Fw@db.example.com:6543/my%20db?sslmode=require',
    off,
  );
  expect(address).toEqual({
    host: 'db.example.com',
    port: 6543,
    database: 'my db',
    user: 'us@er',
    password: 'p/w',
    tls: off,
  });
  expect(describeAddress(address)).toBe('us@er@db.example.com:6543/my db');
  for (const bad of ['mysql://u:s3cret@h/d', 'postgres://h', 's3cret', 'postgres://u:s3cret%@h/d']) {
    expect(() => parsePostgresUrl(bad, off)).toThrow(ConfigurationError);
    expect(() => parsePostgresUrl(bad, off)).not.toThrow(/s3cret/);
  }
});

test('a refused connection says what to do and shows no password', async () => {
  const fresh = await freshDatabase();
  const address = parsePostgresUrl(fresh.url, off);
  const wrong = connect({ ...address, password: 'not-the-one' }, session);
  await expect(wrong).rejects.toBeInstanceOf(ConfigurationError);
  await expect(wrong).rejects.toThrow(/password was refused.*28P01/);
  await expect(wrong).rejects.not.toThrow(/not-the-one/);
  await expect(connect({ ...address, database: 'nowhere' }, session)).rejects.toThrow(/no such database/);
  await expect(connect({ ...address, tls: { mode: 'unverified' } }, session)).rejects.toThrow(
    /does not offer TLS/,
  );
  const proxy = await startTcpProxy({ target: () => address, admit: () => false });
  await expect(connect({ ...address, port: proxy.port }, session)).rejects.toBeInstanceOf(ConfigurationError);
  await proxy.close();
  await expect(connect({ ...address, port: proxy.port }, session)).rejects.toThrow(/nothing listens there/);
});

test('TLS: an unverifiable certificate is accepted only where told, a verified one only from the given CA', async () => {
  const [ours, theirs] = [await createAuthority('ours'), await createAuthority('theirs')];
  const server = await startPostgres({ name: 'tls', tls: await ours.issue(['127.0.0.1']) });
  const url = server.url('postgres');
  const ask = async (tls: Parameters<typeof parsePostgresUrl>[1]): Promise<unknown> =>
    withConnection(parsePostgresUrl(url, tls), session, async (client) => {
      const { rows } = await client.query<{ ssl: boolean }>(
        'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      );
      return rows[0]?.ssl;
    });
  expect(await ask({ mode: 'unverified' })).toBe(true);
  expect(await ask({ mode: 'verify', ca: ours.pem })).toBe(true);
  await expect(ask({ mode: 'verify', ca: theirs.pem })).rejects.toThrow(/not signed by the CA/);
  await expect(ask(off)).rejects.toBeInstanceOf(ConfigurationError);
});

test('a session pins what values look like, and what the application gets is still told', async () => {
  const { source } = await twoSides();
  await withConnection(source, { ...session, statementTimeoutMs: 5000 }, async (client) => {
    const { rows } = await client.query(`
      SELECT current_setting('search_path') AS path, current_setting('row_security') AS rls,
             current_setting('statement_timeout') AS timeout, current_setting('TimeZone') AS zone`);
    expect(rows).toEqual([{ path: '', rls: 'off', timeout: '5s', zone: 'UTC' }]);
    expect((await readDatabaseFacts(client)).searchPath).toBe('"$user", public, heroku_ext');
  });
});

test('a connection lost between two statements is an error, not the end of the process', async () => {
  const fresh = await freshDatabase();
  const proxy = await startTcpProxy({ target: () => fresh.server });
  await expect(
    withConnection({ ...parsePostgresUrl(fresh.url, off), port: proxy.port }, session, async (client) => {
      proxy.cut();
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.query('SELECT 1');
    }),
  ).rejects.toThrow(fresh.database);
  await proxy.close();
});

test('an aborted run ends what the server is doing for it', async () => {
  const fresh = await freshDatabase();
  const abort = new AbortController();
  const long = withConnection(
    parsePostgresUrl(fresh.url, off),
    { ...session, signal: abort.signal },
    (client) => {
      setTimeout(() => abort.abort(new Error('cancelled')), 50);
      return client.query('SELECT pg_sleep(60)');
    },
  );
  await expect(long).rejects.toThrow('cancelled');
});

test('facts: tables with their keys, extensions with their schema, what Heroku added is left out', async () => {
  const { source } = await twoSides(`
    CREATE TABLE a (id integer PRIMARY KEY, x text); CREATE TABLE b (x text, y text);
    CREATE TABLE c ("the id" integer NOT NULL, "Y" text NOT NULL, UNIQUE ("Y", "the id"));
    CREATE TABLE d (x integer UNIQUE); CREATE SEQUENCE s; SELECT lo_create(0)`);
  const facts = await withConnection(source, session, readDatabaseFacts);
  expect(facts).toMatchObject({
    encoding: 'UTF8',
    schemas: ['heroku_ext', 'public'],
    extensions: [
      { name: 'citext', schema: 'heroku_ext' },
      { name: 'pgcrypto', schema: 'public' },
    ],
    sequences: 1,
    largeObjects: 1,
    connectionLimit: null,
    settings: { search_path: '"$user", public, heroku_ext' },
  });
  expect(Object.fromEntries(facts.tables.map((table) => [table.name, table.key]))).toEqual({
    a: ['id'],
    b: null,
    c: ['Y', 'the id'],
    d: null,
  });
});

test('sessions of an older epoch are ended, those of this one and of others are not', async () => {
  const fresh = await freshDatabase();
  const address = parsePostgresUrl(fresh.url, off);
  const [old, same, other] = await Promise.all([
    connect(address, { applicationName: applicationName('shop-test', 3) }),
    connect(address, { applicationName: applicationName('shop-test', 4) }),
    connect(address, { applicationName: applicationName('shop-tests', 3) }),
  ]);
  expect(await terminateStale(address, { migrationId: 'shop-test', epoch: 4 })).toBe(1);
  await expect(old.query('SELECT 1')).rejects.toThrow();
  await same.query('SELECT 1');
  await other.query('SELECT 1');
  await Promise.all([same.end(), other.end()]);
});

test('tools: the lowest version that fits is found, and what is missing is named as a package', async () => {
  const server = await testPostgres();
  const tools = await findPostgresTools(server.binaries.major, { environmentPath: server.binaries.bin });
  expect(tools.major).toBe(server.binaries.major);
  await expect(findPostgresTools(99)).rejects.toThrow(/postgresql-client-99/);
});

test('whatever is called pg_dump in PATH sees nothing of our inputs, and nothing of it reaches the log', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tools-'));
  const seen = join(directory, 'seen');
  for (const name of ['pg_dump', 'pg_restore', 'psql']) {
    const script = `#!/bin/sh\nenv >> ${seen}\necho "${name} (PostgreSQL) 98.1"\n`;
    writeFileSync(join(directory, name), script, { mode: 0o755 });
  }
  process.env['INPUT_HEROKU-TOKEN'] = 'HRKU-secret';
  const printed: unknown[] = [];
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text: string | Uint8Array) => Boolean(printed.push(text));
  try {
    expect(await findPostgresTools(98, { environmentPath: directory })).toMatchObject({ major: 98 });
  } finally {
    process.stdout.write = write;
    delete process.env['INPUT_HEROKU-TOKEN'];
  }
  expect(readFileSync(seen, 'utf8')).toContain('PATH=');
  expect(readFileSync(seen, 'utf8')).not.toMatch(/HRKU|INPUT_/);
  expect(printed).toEqual([]);
  rmSync(directory, { recursive: true });
});
