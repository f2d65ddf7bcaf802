import { beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';

import { herokuPostgresSettings } from '../../rehearsal/heroku/postgres.ts';
import { findPostgres } from '../../rehearsal/servers/binaries.ts';
import { startPostgres } from '../../rehearsal/servers/postgres.ts';
import { capacityChecks } from '../../src/checks/capacity.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { compareCapacity, type CapacityReport } from '../../src/postgres/capacity.ts';
import { prepareRead, tryRead } from '../../src/postgres/capacity-try.ts';
import { parsePostgresUrl, withConnection } from '../../src/postgres/connect.ts';
import { freshDatabase, testPostgres, type FreshDatabase } from '../support/servers.ts';

const SCHEMA = `
  CREATE TYPE state AS ENUM ('new', 'paid', 'sent');
  CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL);
  CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, state state NOT NULL, note text, made_at timestamptz NOT NULL);
  CREATE SEQUENCE numbers;
  INSERT INTO customers SELECT n, 'person' || n || '@example.com' FROM generate_series(1, 2000) n;
  INSERT INTO orders SELECT n, 1 + n % 2000, (ARRAY['new', 'paid', 'sent']::state[])[1 + n % 3], repeat('x', 100), timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 60000) n;
  CREATE FUNCTION charge(bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN DELETE FROM orders WHERE id = $1; RETURN $1; END';
  CREATE FUNCTION calm(bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM pg_advisory_lock(4711); RETURN $1; END';
  CREATE VIEW charged AS SELECT id, charge(id) AS done FROM orders WHERE id < 10;
`;
const INDEX = 'CREATE INDEX orders_customer ON orders (customer_id); ANALYZE;';

let source: FreshDatabase;
let target: FreshDatabase;

beforeAll(async () => {
  const server = await startPostgres({
    name: 'heroku',
    settings: { ...herokuPostgresSettings(await findPostgres(silentLog)), autovacuum: 'off' },
  });
  source = await freshDatabase({ server, name: 'heroku', sql: SCHEMA + INDEX });
  await source.query('CREATE EXTENSION pg_stat_statements');
  target = await freshDatabase({ name: 'shop', sql: SCHEMA + INDEX, server: await testPostgres() });
}, 120_000);

/** What the application asks, as its driver does: with parameters, or with constants that the server takes out. */
async function application(...statements: [string, unknown[]?][]): Promise<void> {
  await source.query('SELECT pg_stat_statements_reset()');
  const client = new pg.Client(source.url);
  await client.connect();
  for (const [text, values] of statements) await client.query(text, values);
  await client.end();
}

function compare(options: { limitMs?: number; statements?: number } = {}): Promise<CapacityReport> {
  return compareCapacity({
    source: parsePostgresUrl(source.url, { mode: 'off' }),
    target: parsePostgresUrl(target.url, { mode: 'off' }),
    ...{ statements: 20, factor: 3, limitMs: 60_000, log: silentLog, clock: systemClock },
    ...options,
  });
}

const LIMITS = { factor: 3, statements: 20, limitMs: 60_000 };

test('reads of every usual form are run on both sides, and none is slower where all is alike', async () => {
  await application(
    ['SELECT * FROM orders WHERE customer_id = $1 ORDER BY made_at DESC LIMIT 10', [7]],
    ["SELECT count(*) FROM orders WHERE state = 'paid' AND made_at > '2026-03-01'"],
    ['SELECT 1 AS one FROM customers WHERE email = $1 LIMIT 1', ['person5@example.com']],
    ['SELECT * FROM orders WHERE id IN (1, 2, 3)'],
    [
      'SELECT c.email, count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.made_at BETWEEN $1 AND $2 GROUP BY 1 ORDER BY 2 DESC',
      ['2026-02-01', '2026-02-02'],
    ],
    ["/* app:shop */ WITH late AS (SELECT * FROM orders WHERE state <> 'sent') SELECT max(id) FROM late"],
    ['SELECT * FROM customers WHERE id = ANY ($1)', [[1, 2]]],
    ["SELECT upper(email) FROM customers WHERE email LIKE 'person1%'"],
  );
  const report = await compare();
  expect(report.left).toEqual([]);
  expect(report.compared).toHaveLength(8);
  expect(report.compared.filter(({ slower }) => slower)).toEqual([]);
  expect(report.compared.reduce((sum, { share }) => sum + share, 0)).toBeGreaterThan(0.9);
  expect(report).toMatchObject({ known: true, unanalyzed: [], smaller: [] });
  expect(report.warmed?.tables).toBe(2);
  // Nothing of a row or of a parameter: neither what was asked nor what was sampled.
  expect(JSON.stringify(report)).not.toMatch(/person\d|example\.com|2026-0/);
  expect(capacityChecks(report, LIMITS).filter(({ state }) => state !== 'passed')).toEqual([]);
});

test('hot tables are warmed with their indexes by pg_prewarm where the role may call it, and cold and warm are told apart', async () => {
  await application(['SELECT * FROM orders WHERE customer_id = $1', [7]]);
  await target.query('CREATE EXTENSION pg_prewarm');
  await target.query('SELECT pg_stat_reset()');
  try {
    const report = await compare();
    expect(report.warmed).toMatchObject({ tables: 1, left: 0, how: 'pg_prewarm' });
    // Of an index that this read does not use every page was fetched.
    const [index] = await target.query<{ fetched: number; pages: number }>(
      `SELECT (idx_blks_read + idx_blks_hit)::int AS fetched, (pg_relation_size(indexrelid) / 8192)::int AS pages
         FROM pg_statio_user_indexes WHERE indexrelname = 'orders_pkey'`,
    );
    expect(index?.fetched).toBeGreaterThanOrEqual(index?.pages ?? Infinity);
    const [read] = capacityChecks(report, LIMITS).filter(({ id }) => id.startsWith('capacity/read/'));
    expect(read?.found).toMatch(
      /^[\d.]+ ms on Heroku, [\d.]+ ms on DigitalOcean; cold [\d.]+ ms and [\d.]+ ms/,
    );
  } finally {
    await target.query('DROP EXTENSION pg_prewarm');
  }
  expect((await compare()).warmed?.how).toBe('reading');
});

test('a plan that is slow on the new side, for want of an index, is seen failing with both plans', async () => {
  await application(['SELECT id FROM orders WHERE customer_id = $1', [7]]);
  await target.query('DROP INDEX orders_customer; ALTER TABLE orders SET (parallel_workers = 0)');
  try {
    // So that no machine is too quick for it.
    await target.query(
      "INSERT INTO orders SELECT n, 1 + n % 2000, 'new', repeat('x', 200), now() FROM generate_series(60001, 460000) n",
    );
    const report = await compare();
    expect(report.compared).toMatchObject([{ slower: true }]);
    const failed = capacityChecks(report, LIMITS).filter(({ state }) => state === 'failed');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.what).toBe('SELECT id FROM orders WHERE customer_id = $1');
    expect(failed[0]?.found).toMatch(/more than 3 times as long/);
    expect(failed[0]?.found).toMatch(/Heroku: .*orders_customer.*; DigitalOcean: Seq Scan on orders/);
  } finally {
    await target
      .query('DELETE FROM orders WHERE id > 60000; VACUUM orders')
      .catch(() => target.query('DELETE FROM orders WHERE id > 60000'));
    await target.query(`SET SESSION AUTHORIZATION "${target.owner.user}"; ${INDEX}`);
  }
}, 120_000);

test('a new side without statistics, or with half the rows, is no ground for a comparison', async () => {
  const bare = await freshDatabase({
    name: 'bare',
    sql: `${SCHEMA.replaceAll('60000', '20000')} ${INDEX.replace('ANALYZE;', 'ANALYZE orders;')}`,
  });
  await bare.query('ALTER TABLE customers SET (autovacuum_enabled = off)');
  await application(
    ['SELECT count(*) FROM orders WHERE customer_id = $1', [7]],
    ['SELECT * FROM customers WHERE email = $1', ['person5@example.com']],
  );
  const report = await compareCapacity({
    source: parsePostgresUrl(source.url, { mode: 'off' }),
    target: parsePostgresUrl(bare.url, { mode: 'off' }),
    ...{ ...LIMITS, log: silentLog, clock: systemClock },
  });
  expect(report.unanalyzed).toEqual(['public.customers']);
  expect(report.smaller).toEqual(['public.orders']);
  const failed = capacityChecks(report, LIMITS).filter(({ state }) => state === 'failed');
  expect(failed.map(({ id }) => id)).toEqual(['capacity/statistics', 'capacity/size']);
});

test('what writes, locks or may have an effect is never run, on either side', async () => {
  const before = await counts();
  await application(
    // These are no reads at all, and no candidates.
    ['SELECT id FROM orders WHERE id = $1 FOR UPDATE', [3]],
    ['WITH gone AS (DELETE FROM orders WHERE id = $1 RETURNING id) SELECT count(*) FROM gone', [-1]],
    ["SELECT nextval('numbers') FROM customers WHERE id = 1"],
    ['SELECT charge(id) FROM orders WHERE id = $1', [-5]],
    ['SELECT calm(id) FROM orders WHERE id = $1', [-5]],
    ['SELECT * FROM charged WHERE id = -1'],
    ['SELECT pg_advisory_lock(42) FROM customers WHERE id = 2'],
    ['SELECT pg_sleep(0.2) FROM customers WHERE id = 2'],
    ["SELECT set_config('work_mem', '8MB', false) FROM customers WHERE id = 2"],
  );
  const between = await counts();
  const report = await compare();
  expect(report.compared).toEqual([]);
  expect(report.left.map(({ reason }) => reason).sort()).toEqual([
    'it calls calm(), a function of the application',
    'it calls charge(), a function of the application',
    'it calls charge(), a function of the application',
    'it calls nextval(), which may have effects',
    'it calls pg_advisory_lock(), which may have effects',
    'it calls pg_sleep(), which may have effects',
    'it calls set_config(), which may have effects',
  ]);
  expect(await counts()).toEqual(between);
  expect(between.rows).toEqual(before.rows);
  const [reads] = capacityChecks(report, LIMITS);
  // Nothing could be compared: that is no pass.
  expect(reads).toMatchObject({ id: 'capacity/reads', state: 'failed' });
});

test('what writes or locks is refused by its plan, before it is run', async () => {
  const before = await counts();
  const read = { id: '1', calls: 1, rows: 1, meanMs: 1, share: 1 };
  await withConnection(
    parsePostgresUrl(source.url, { mode: 'off' }),
    { applicationName: 'test' },
    async (client) => {
      for (const [text, reason] of [
        [
          'WITH gone AS (DELETE FROM orders WHERE id = 3 RETURNING id) SELECT count(*) FROM gone',
          'it writes',
        ],
        ['SELECT id FROM (SELECT id FROM orders WHERE id = 3 FOR UPDATE) x', 'it locks rows'],
        ['SELECT * FROM charged', 'it calls charge(), a function of the application'],
      ] as const) {
        expect(await prepareRead(client, { ...read, text })).toEqual({ reason });
        const options = { limitMs: 1_000, runs: 1, goesOn: () => false };
        expect(await tryRead(client, { read: { ...read, text }, literals: [] }, options)).toMatchObject({
          reason,
        });
      }
    },
  );
  expect(await counts()).toEqual(before);
});

test('a statement that hides another behind a semicolon is refused by the protocol', async () => {
  const client = new pg.Client(source.url);
  await client.connect();
  await expect(
    client.query({
      text: 'PREPARE x AS SELECT 1; DELETE FROM orders',
      queryMode: 'extended',
    } as pg.QueryConfig),
  ).rejects.toMatchObject({ code: '42601' });
  await client.end();
});

test('all of it ends within its time limit, and what had no turn is told', async () => {
  await application(
    [
      'SELECT count(*) FROM orders a JOIN orders b ON a.customer_id = b.customer_id WHERE a.id < $1 AND b.id < 2000',
      [2],
    ],
    ['SELECT count(*) FROM customers'],
  );
  // The sampled constant makes it join every order with a hundred others.
  const started = Date.now();
  const report = await compare({ limitMs: 400 });
  expect(Date.now() - started).toBeLessThan(20_000);
  expect(report.compared.length + report.left.length).toBe(2);
});

test('without pg_stat_statements nobody claims to have looked', async () => {
  const quiet = await freshDatabase({ sql: 'CREATE TABLE t (id integer)' });
  const address = parsePostgresUrl(quiet.url, { mode: 'off' });
  const report = await compareCapacity({
    ...{ source: address, target: address, log: silentLog, clock: systemClock },
    ...LIMITS,
  });
  expect(report).toMatchObject({ known: false, compared: [] });
  expect(capacityChecks(report, LIMITS)).toMatchObject([
    {
      id: 'capacity/reads',
      state: 'told',
      found: expect.stringContaining('pg_stat_statements is not installed'),
    },
  ]);
});

async function counts(): Promise<{ rows: unknown; sequence: unknown; locks: unknown }> {
  const ask = (database: FreshDatabase) =>
    database.query(
      'SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM customers) AS customers',
    );
  return {
    rows: [await ask(source), await ask(target)],
    sequence: [
      await source.query('SELECT last_value FROM numbers'),
      await target.query('SELECT last_value FROM numbers'),
    ],
    locks: await source.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
  };
}
