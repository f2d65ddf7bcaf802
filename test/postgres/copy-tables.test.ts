import { expect, test } from '@jest/globals';
import { copying } from './copying.ts';

const everyKindDdl = `
  CREATE TYPE status AS ENUM ('new', 'paid', 'sent');
  CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0);
  CREATE DOMAIN small_cents AS cents;
  CREATE TYPE address AS (street text, town text);
  CREATE TYPE span AS RANGE (subtype = float8);
  CREATE SCHEMA "Odd Names";
  CREATE TABLE binary_types (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status status, net small_cents,
    gross bigint GENERATED ALWAYS AS (net * 119 / 100) STORED, email heroku_ext.citext, settings jsonb, raw json,
    tags text[], grid integer[][], born interval, weight double precision, avatar bytea, balance numeric,
    at timestamptz, day date, ip inet, words tsvector, period tstzrange, periods datemultirange, code uuid, flag bit(3), price money
  );
  CREATE TABLE text_types (id integer, home address, homes address[], statuses status[], cents cents[], kind regclass, f regprocedure, span span, doc xml);
  CREATE TABLE events (at date NOT NULL, id bigint NOT NULL, body text) PARTITION BY RANGE (at);
  CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE events_2026 (extra_first integer, body text, id bigint NOT NULL, at date NOT NULL);
  ALTER TABLE events_2026 DROP COLUMN extra_first;
  ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE parent (a integer);
  CREATE TABLE child (b integer) INHERITS (parent);
  CREATE TABLE no_columns ();
  CREATE TABLE only_generated (g integer GENERATED ALWAYS AS (1) STORED);
  CREATE TABLE dropped (a text, b text, c text);
  ALTER TABLE dropped DROP COLUMN b;
  CREATE UNLOGGED TABLE unlogged (a text);
  CREATE TABLE empty (a text);
  CREATE TABLE "Odd Names"."Grüße; DROP TABLE" ("the key" text, "ein ""Wort""" text, "select" integer);
`;
const everyKindRows = `
  INSERT INTO binary_types (status, net, email, settings, raw, tags, grid, born, weight, avatar, balance, at, day, ip, words, period, periods, code, flag, price)
    SELECT (ARRAY['new', 'paid', 'sent', NULL]::status[])[1 + n % 4], n, 'User' || n || '@Example.com',
           jsonb_build_object('n', n, 'x', 1.10), '{"a" :  1, "a":2}', ARRAY['a', NULL, 'ü', '\\N', ''], ARRAY[[n, 2], [3, NULL]],
           make_interval(days => n), (ARRAY['NaN', '-0', 'Infinity', '0.1']::float8[])[1 + n % 4],
           decode(lpad(to_hex(n), 8, '0'), 'hex'), (ARRAY['NaN', '1.10', '1e30', '-0.000']::numeric[])[1 + n % 4],
           (ARRAY['infinity', '-infinity', '2026-02-03 04:05:06.789+02']::timestamptz[])[1 + n % 3], 'infinity', '10.0.0.1/8',
           to_tsvector('simple', 'the quick ' || n), '[2026-01-01,)', '{[2026-01-01,2026-02-01),[2027-01-01,2028-01-01)}',
           md5(n::text)::uuid, B'101', n
      FROM generate_series(1, 3000) n;
  INSERT INTO text_types SELECT n, ('a', 'b' || n)::address, ARRAY[('c', NULL)]::address[], ARRAY['new', NULL]::status[], ARRAY[1, 2]::cents[],
      'binary_types', 'pg_catalog.now()', '[1,2)', '<a b="ü"/>' FROM generate_series(1, 100) n;
  INSERT INTO events SELECT date '2025-06-01' + n % 500, n, repeat(E'x\\t\\n', n % 50) FROM generate_series(1, 2000) n;
  INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (3, 4);
  INSERT INTO no_columns SELECT FROM generate_series(1, 5); INSERT INTO only_generated DEFAULT VALUES;
  INSERT INTO dropped VALUES ('a', 'c'), (NULL, '\\N'); INSERT INTO unlogged VALUES ('u');
  INSERT INTO "Odd Names"."Grüße; DROP TABLE" VALUES ('k', 'line' || chr(10) || 'break', 1), ('', NULL, NULL);
`;

test('every kind of table and value arrives, whole and in chunks, once each', async () => {
  const sides = await copying(everyKindDdl, everyKindRows);
  const copied = await sides.copyRows({ chunkBytes: 16_384 });
  expect(await sides.differences()).toEqual([]);
  const by = new Map(copied.planned.map((table) => [table.name, table]));
  expect(by.get('binary_types')).toMatchObject({ format: 'binary' });
  expect(by.get('binary_types')?.parts).toBeGreaterThan(5);
  expect(by.get('binary_types')?.columns).not.toContain('gross');
  for (const name of ['text_types']) expect(by.get(name)).toMatchObject({ format: 'text' });
  expect(copied).toMatchObject({ mixed: [], rewritten: [], reused: { tables: 0, chunks: 0 } });
  const [{ rows } = { rows: 0 }] = await sides.onTarget<{ rows: number }>(
    'SELECT sum(rows)::integer AS rows FROM heroku_to_digitalocean.copied',
  );
  expect(copied.rows).toBe(rows);

  await sides.copyRows();
  expect(await sides.differences()).toEqual([]);
});
