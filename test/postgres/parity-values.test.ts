import { expect, test } from '@jest/globals';
import { serverOfMajor } from '../../rehearsal/servers/other-majors.ts';
import { startPostgres, type PostgresServer } from '../../rehearsal/servers/postgres.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import { parsePostgresUrl } from '../../src/postgres/connect.ts';
import { silentLog } from '../../src/log.ts';
import { compareDatabases, type DatabaseParity, type ParityOptions } from '../../src/postgres/parity.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { freshDatabase, type FreshDatabase } from '../support/servers.ts';

interface Pair {
  one: FreshDatabase;
  other: FreshDatabase;
  compare: (options?: Partial<ParityOptions>) => Promise<DatabaseParity>;
}

async function pair(source: string, target = source, sourceServer?: PostgresServer): Promise<Pair> {
  const address = ({ url }: FreshDatabase): PostgresAddress => parsePostgresUrl(url, { mode: 'off' });
  const [one, other] = [
    await freshDatabase({ sql: source, ...(sourceServer && { server: sourceServer }) }),
    await freshDatabase({ sql: target }),
  ];
  return {
    one,
    other,
    compare: (options = {}) =>
      compareDatabases({ source: address(one), target: address(other), log: silentLog, ...options }),
  };
}

/** Pairs of values that something takes for the same: the type's equality, an output format, a separator, NULL. */
const ALIKE: [type: string, one: string, other: string][] = [
  ['json', `'{"a":1}'`, `'{"a": 1}'`],
  ['jsonb', `'{"a": 1.0}'`, `'{"a": 1.00}'`],
  ['jsonb', 'NULL', `'null'`],
  ['numeric', '1.0', '1.00'],
  ['numeric', `'NaN'`, `'Infinity'`],
  ['double precision', `'0'`, `'-0'`],
  ['double precision', `'Infinity'`, `'-Infinity'`],
  ['double precision', '0.1', '0.1::float8 + 0.2 - 0.2'],
  ['real', `'NaN'`, 'NULL'],
  ['interval', `'1 day'`, `'24:00'`],
  ['interval', `'1 month'`, `'30 days'`],
  ['text', `'\\N'`, 'NULL'],
  ['text', `''`, 'NULL'],
  ['text', `'a '`, `'a'`],
  ['text COLLATE blind', `'Grüße'`, `'GRÜSSE'`],
  ['text COLLATE blind', `'abc'`, `'ABC'`],
  ['character(3)', `'a'`, `'A'`],
  ['mail', `'A@b'`, `'a@b'`],
  ['bytea', `'\\x00ff'`, `'\\x00fe'`],
  ['bytea', `'\\x'`, 'NULL'],
  ['text[]', `'{a,NULL}'`, `'{a,"NULL"}'`],
  ['text[]', `'{}'`, 'NULL'],
  ['integer[]', `'{1}'`, `'[0:0]={1}'`],
  ['numeric[]', `'{1.0}'`, `'{1.00}'`],
  ['timestamptz', `'2026-03-29 01:00:00+00'`, `'2026-03-29 02:00:00+00'`],
  ['timestamp', `'infinity'`, `'-infinity'`],
  ['time with time zone', `'12:00+00'`, `'13:00+01'`],
  ['mood', `'odd'`, `'Odd'`],
  ['inet', `'10.0.0.1/32'`, `'10.0.0.1/24'`],
  ['bit varying', `B''`, 'NULL'],
  ['pair', `ROW('a,b', NULL)`, `ROW('a', 'b')`],
  ['numrange', `'[1.0,2)'`, `'[1.00,2)'`],
  ['"char"', `''`, 'NULL'],
];

const TYPES = `
  CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
  CREATE TYPE mood AS ENUM ('odd', 'Odd');
  CREATE TYPE pair AS (a text, b text);
  CREATE DOMAIN mail AS text COLLATE blind;`;

function tablesOf(value: (pair: (typeof ALIKE)[number]) => string): string {
  const tables = ALIKE.map(
    (alike, index) => `CREATE TABLE t${index} (id integer PRIMARY KEY, v ${alike[0]});
      INSERT INTO t${index} SELECT 1, (${value(alike)})::${alike[0].replace(/ COLLATE.*/, '')};`,
  );
  return `${TYPES} ${tables.join(' ')}`;
}

test.each(['auto', 'portable'] as const)(
  'values that are only alike differ, each of them (%s)',
  async (hash) => {
    const { compare } = await pair(
      tablesOf(([, one]) => one),
      tablesOf(([, , other]) => other),
    );
    const parity = await compare({ hash });
    const equal = parity.tables
      .filter((table) => table.equal)
      .map(({ name }) => Number(name.slice('public.t'.length)));
    expect(equal.map((index) => ALIKE[index])).toEqual([]);
    expect(parity.rows).toEqual({ compared: ALIKE.length, different: ALIKE.length });
    expect(parity.catalogue).toEqual([]);
  },
);

test.each(['auto', 'portable'] as const)(
  'the same values are equal, whatever the session would show (%s)',
  async (hash) => {
    const { one, other, compare } = await pair(tablesOf(([, value]) => value));
    await one.query(
      `ALTER DATABASE "${one.database}" SET TimeZone = 'Asia/Tokyo'; ALTER DATABASE "${one.database}" SET bytea_output = 'escape'`,
    );
    await other.query(`ALTER DATABASE "${other.database}" SET extra_float_digits = -10; ALTER DATABASE "${other.database}" SET DateStyle = 'SQL, DMY';
    ALTER DATABASE "${other.database}" SET IntervalStyle = 'sql_standard'`);
    const parity = await compare({ hash, announced: [/: setting /] });
    expect(parity).toMatchObject({ equal: true, rows: { compared: ALIKE.length, different: 0 } });
  },
);

test('content that moves from one column into its neighbour is a difference', async () => {
  const sql = (values: string): string =>
    `CREATE TABLE t (id integer PRIMARY KEY, a text, b text, c integer, d text[]); INSERT INTO t VALUES ${values}`;
  const { compare } = await pair(
    sql(
      `(1, 'ab', 'c', 1, '{}'), (2, 'x' || chr(31), 'y', NULL, '{}'), (3, NULL, 'a', 1, '{}'), (4, 'a', '1' || chr(31), NULL, '{}')`,
    ),
    sql(
      `(1, 'a', 'bc', 1, '{}'), (2, 'x', chr(31) || 'y', NULL, '{}'), (3, 'a', NULL, 1, '{}'), (4, 'a1', chr(31), NULL, '{}')`,
    ),
  );
  expect((await compare()).tables[0]?.differingKeys).toEqual(
    [1, 2, 3, 4].map((id) => `id=${id} (content differs)`),
  );
});

test('columns that were dropped, another physical order and other places of rows make no difference', async () => {
  const { compare } = await pair(
    `CREATE TABLE t (gone text, id integer, b text, also_gone integer, a numeric, PRIMARY KEY (id));
     INSERT INTO t SELECT 'x', n, 'b' || n, n, n / 7.0 FROM generate_series(1, 500) n;
     ALTER TABLE t DROP COLUMN gone; ALTER TABLE t DROP COLUMN also_gone; UPDATE t SET b = b WHERE id % 3 = 0`,
    `CREATE TABLE t (id integer, b text, a numeric, PRIMARY KEY (id));
     INSERT INTO t SELECT n, 'b' || n, n / 7.0 FROM generate_series(500, 1, -1) n`,
  );
  expect(await compare()).toMatchObject({ equal: true, rows: { compared: 500, different: 0 } });
});

test('a table of more columns than a function takes arguments is compared to its last one', async () => {
  const columns = Array.from(
    { length: 240 },
    (_, index) => `c${index} ${index % 2 === 0 ? 'text' : 'integer'}`,
  );
  const sql = `CREATE TABLE wide (id integer PRIMARY KEY, ${columns.join(', ')}); INSERT INTO wide (id, c239) VALUES (1, 7), (2, 7)`;
  const { other, compare } = await pair(sql);
  expect((await compare()).equal).toBe(true);
  await other.query('UPDATE wide SET c239 = 8 WHERE id = 2');
  expect((await compare()).tables[0]?.differingKeys).toEqual(['id=2 (content differs)']);
});

const MANY = `
  CREATE TABLE many (a integer, b text, v text, PRIMARY KEY (a, b));
  INSERT INTO many SELECT n % 100, 'k' || n, repeat('v', 20) || n FROM generate_series(1, 40000) n;
  CREATE TABLE heap AS SELECT n % 20000 AS n, 'x'::text AS v FROM generate_series(1, 40000) n;
  ANALYZE`;

test.each([2, 1])(
  'in a big table the rows that differ are named, with %i connections a side',
  async (jobs) => {
    const { other, compare } = await pair(MANY);
    await other.query(`UPDATE many SET v = 'w' || substr(v, 2) WHERE b = 'k31415'; DELETE FROM many WHERE b = 'k2';
    INSERT INTO many VALUES (1, 'new', ''); INSERT INTO heap VALUES (7, 'x'); DELETE FROM heap WHERE ctid = '(3,3)'`);
    const parity = await compare({ jobs });
    expect(parity.tables.map(({ name, differingKeys }) => [name, differingKeys])).toEqual([
      ['public.heap', ['no key; 1 rows only on the source, 1 only on the target']],
      [
        'public.many',
        [
          'a=1, b=new (only on the target)',
          'a=15, b=k31415 (content differs)',
          'a=2, b=k2 (only on the source)',
        ],
      ],
    ]);
    expect(parity.rows).toEqual({ compared: 80_000, different: 4 });
  },
);

test('a row that is there twice is told, where the copy lacks the index that would have kept it out', async () => {
  const { other, compare } = await pair(MANY);
  await other.query(
    `ALTER TABLE many DROP CONSTRAINT many_pkey; INSERT INTO many SELECT * FROM many WHERE b = 'k5'`,
  );
  const parity = await compare();
  expect(parity.tables.find(({ name }) => name === 'public.many')?.differingKeys).toEqual([
    'a=5, b=k5 (once on the source, 2 times on the target)',
  ]);
});

test('a row that moved to another partition is told on both', async () => {
  const sql = `CREATE TABLE p (id integer, kind text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
    CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a'); CREATE TABLE p_b PARTITION OF p FOR VALUES IN ('b');
    INSERT INTO p SELECT n, 'a' FROM generate_series(1, 20) n`;
  const { other, compare } = await pair(sql);
  await other.query(`UPDATE p SET kind = 'b' WHERE id = 7`);
  const parity = await compare();
  expect(parity.tables.map(({ name, differingKeys }) => [name, differingKeys])).toEqual([
    ['public.p_a', ['id=7, kind=a (only on the source)']],
    ['public.p_b', ['id=7, kind=b (only on the target)']],
  ]);
});

test('large objects are compared by content, piece by piece', async () => {
  const sql = `SELECT lo_from_bytea(70001, 'small'), lo_from_bytea(70002, decode(repeat('ab', 3000000), 'hex')), lo_from_bytea(70003, '')`;
  const { other, compare } = await pair(sql);
  expect(await compare()).toMatchObject({
    equal: true,
    tables: [{ name: 'large objects', rows: { source: 3, target: 3 } }],
  });
  await other.query(`SELECT lo_put(70002, 2999999, '\\x00'), lo_unlink(70003)`);
  const parity = await compare();
  expect(parity.equal).toBe(false);
  expect(parity.tables[0]?.differingKeys).toEqual([
    'large object=70002 (content differs)',
    'large object=70003 (only on the source)',
  ]);
});

for (const major of [13, 14, 16, 17, 18]) {
  const binaries = await inFullRun(() => serverOfMajor(major, { log: silentLog }));
  testNeeding(
    [binaries],
    `across major versions (${major}) the same values are equal, and alike ones differ, by either hash function`,
    async () => {
      const server = await startPostgres({ name: `parity-${major}`, binaries: foundIn(binaries) });
      const sql = tablesOf(([, value]) => value);
      for (const hash of ['auto', 'portable'] as const) {
        const same = await pair(sql, sql, server);
        expect(await same.compare({ hash })).toMatchObject({
          rows: { different: 0 },
          catalogue: [],
          equal: true,
        });
        const alike = await pair(
          sql,
          tablesOf(([, , other]) => other),
          server,
        );
        expect((await alike.compare({ hash })).rows.different).toBe(ALIKE.length);
      }
      await server.stop();
    },
  );
}
