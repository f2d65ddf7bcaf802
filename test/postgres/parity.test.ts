import { expect, test } from '@jest/globals';
import { clones } from './parity-clones.ts';
import { recordingLog, type TwoSides } from './two-sides.ts';

test('two databases that hold the same are equal, row by row and object by object', async () => {
  const { compare } = await clones();
  const parity = await compare();
  expect(parity).toMatchObject({
    equal: true,
    rows: { compared: 2808, different: 0 },
    catalogue: [],
    announced: [],
    sequences: [],
  });
  expect(parity.tables.map(({ name }) => name)).toContain('public.no_columns');
});

test.each([
  [
    'one byte',
    `UPDATE public.users SET avatar = set_byte(avatar, 0, 7) WHERE id = 123`,
    'public.users',
    'id=123 (content differs)',
  ],
  [
    'the scale of a number',
    `UPDATE public.users SET settings = '{"n": 124, "x": 1.1, "touched": true}' WHERE id = 124`,
    'public.users',
    'id=124 (content differs)',
  ],
  ['minus zero', `UPDATE public.users SET weight = 0 WHERE id = 1`, 'public.users', 'id=1 (content differs)'],
  [
    'the case of a citext',
    `UPDATE public.users SET email = 'user7@example.com' WHERE id = 7`,
    'public.users',
    'id=7 (content differs)',
  ],
  [
    'a missing row',
    `DELETE FROM public.orders WHERE id = 1999`,
    'public.orders',
    'id=1999 (only on the source)',
  ],
  [
    'an additional row',
    `INSERT INTO public.chicken VALUES (2)`,
    'public.chicken',
    'id=2 (only on the target)',
  ],
  [
    'a row of a partition',
    `DELETE FROM public.events WHERE id = 400`,
    'public.events_2026',
    'at=2026-07-06, id=400 (only on the source)',
  ],
  [
    'a doubled row without key',
    `INSERT INTO public.no_key VALUES ('a', 1)`,
    'public.no_key',
    'no key; 0 rows only on the source, 1 only on the target',
  ],
  [
    'NULL against empty',
    `UPDATE public.no_key SET a = '' WHERE a IS NULL`,
    'public.no_key',
    'no key; 1 rows only on the source, 1 only on the target',
  ],
])('parity names the row in which %s differs', async (_what, change, table, key) => {
  const { onTarget, compare } = await clones();
  await onTarget(
    `ALTER TABLE public.users DISABLE TRIGGER users_touch; ${change}; ALTER TABLE public.users ENABLE TRIGGER users_touch`,
  );
  const parity = await compare();
  expect(parity.equal).toBe(false);
  expect(parity.rows.different).toBe(1);
  const different = parity.tables.filter((candidate) => !candidate.equal);
  expect(different.map((candidate) => candidate.name)).toEqual([table]);
  expect(different[0]?.differingKeys).toEqual([key]);
});

test('many differing rows are counted, and at most five keys are named', async () => {
  const { onTarget, compare } = await clones();
  await onTarget('UPDATE public.orders SET code = code || 1 WHERE id <= 40');
  const parity = await compare();
  const orders = parity.tables.find((table) => table.name === 'public.orders');
  expect(orders?.differingKeys).toHaveLength(5);
  expect(parity.rows.different).toBeGreaterThanOrEqual(5);
  expect(parity.rows.different).toBeLessThanOrEqual(40);
});

test('the settings of databases do not change what rows say, and are compared themselves', async () => {
  const { source, target, onSource, onTarget, compare } = await clones({ changesSource: true });
  await onSource(`
    ALTER DATABASE ${source.database} SET TimeZone = 'Asia/Tokyo'; ALTER DATABASE ${source.database} SET DateStyle = 'German';
    ALTER DATABASE ${source.database} SET quote_all_identifiers = on;
    -- The same time, and one that only a superuser could attach to the target: no differences.
    ALTER DATABASE ${source.database} SET statement_timeout = 30000; ALTER DATABASE ${source.database} SET app.key = 'x'`);
  await onTarget(`
    ALTER DATABASE ${target.database} SET bytea_output = 'escape'; ALTER DATABASE ${target.database} SET extra_float_digits = -5;
    ALTER DATABASE ${target.database} SET IntervalStyle = 'iso_8601';
    ALTER DATABASE ${target.database} SET statement_timeout = '30s'`);
  const lines = [
    'different: setting datestyle: German on the source, the default on the target',
    'different: setting quote_all_identifiers: on on the source, the default on the target',
    'different: setting timezone: Asia/Tokyo on the source, the default on the target',
  ];
  const parity = await compare();
  expect(parity.rows.different).toBe(0);
  expect(parity.equal).toBe(false);
  expect(parity.catalogue.map((line) => line.toLowerCase()).sort()).toEqual(
    lines.map((line) => line.toLowerCase()),
  );

  const expected = await compare({ announced: [/^different: setting /] });
  expect(expected).toMatchObject({ equal: true, catalogue: [] });
  expect(expected.announced).toHaveLength(3);
});

test.each([
  ['an index', 'DROP INDEX public.orders_open', 'missing on the target: index public.orders_open'],
  [
    'a default',
    'ALTER TABLE public.users ALTER tags DROP DEFAULT',
    /^different: column public\.users\.tags: .*default/,
  ],
  [
    'a foreign key',
    'ALTER TABLE public.orders DROP CONSTRAINT orders_user_id_fkey',
    /^missing .* orders_user_id_fkey/,
  ],
  [
    'a disabled trigger',
    'ALTER TABLE public.users DISABLE TRIGGER users_touch',
    /^different: trigger users_touch/,
  ],
  ['a value of an enum', `ALTER TYPE public.status ADD VALUE 'odd'`, /^different: type public\.status/],
  [
    'a function',
    `CREATE OR REPLACE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
    /^different: function public\.touch\(\)$/,
  ],
  [
    'a view',
    'CREATE OR REPLACE VIEW public.paid AS SELECT id, net FROM public.orders',
    /^different: query of view public\.paid$/,
  ],
  ['a policy', 'DROP POLICY own ON public.users', /^missing on the target: policy own/],
  [
    'a comment',
    'COMMENT ON COLUMN public.users.email IS NULL',
    /^missing on the target: comment on table column public\.users\.email/,
  ],
  ['an additional type', `CREATE TYPE public.extra AS ENUM ('x')`, 'only on the target: type public.extra'],
  ['statistics', 'DROP STATISTICS public.orders_stats', /^missing on the target: statistics/],
  [
    'a check of a domain',
    'ALTER DOMAIN public.cents DROP CONSTRAINT cents_check',
    /^missing on the target: constraint cents_check/,
  ],
])('the catalogue tells %s that differs', async (_what, change, line) => {
  const { onTarget, compare } = await clones();
  await onTarget(change);
  const parity = await compare();
  expect(parity.equal).toBe(false);
  expect(parity.catalogue).toContainEqual(typeof line === 'string' ? line : expect.stringMatching(line));
});

test('a sequence that stands elsewhere is told', async () => {
  const { onTarget, compare } = await clones();
  await onTarget(`SELECT setval('public.tickets', 1000, false)`);
  const parity = await compare();
  expect(parity.equal).toBe(false);
  expect(parity.sequences).toEqual(['public.tickets: 1000 on the source, 1000 (not called) on the target']);
});

test('a table that is missing counts each of its rows, and the log names it', async () => {
  const { onTarget, compare } = await clones();
  await onTarget('DROP TABLE public.events_2025');
  const log = recordingLog();
  const parity = await compare({ log });
  expect(parity.rows.different).toBe(213);
  expect(parity.tables.find((table) => table.name === 'public.events_2025')?.differingKeys).toEqual([
    'the table is only on the source',
  ]);
  expect(parity.catalogue).toContain('missing on the target: table public.events_2025');
});

test('nothing is written on either side by comparing', async () => {
  const sides = await clones();
  const read = (run: TwoSides['onSource']): Promise<unknown> =>
    run(
      `SELECT pg_current_xact_id_if_assigned() AS assigned, (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables) AS writes`,
    );
  const before = await read(sides.onSource);
  await sides.compare();
  expect(await read(sides.onSource)).toEqual(before);
});
