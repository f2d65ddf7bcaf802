import { expect, test } from '@jest/globals';
import { CaptureBroken, extendLease, installCapture, readCapture } from '../../src/postgres/capture.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readLag } from '../../src/postgres/lag.ts';
import { readLag as readLagOf } from '../../src/postgres/live.ts';
import { silentLog } from '../../src/log.ts';
import { captureOptions as options, logged, run, session } from './captured.ts';
import { everythingSql, twoSides } from './two-sides.ts';

test('every kind of table is captured, the ones without a key as a whole', async () => {
  const { source } = await twoSides(everythingSql);
  const { tables, whole, made } = await installCapture(source, options);
  expect(whole.map(({ relation }) => relation)).toEqual(['"public"."no_key"', '"public"."no_columns"']);
  expect(made).toHaveLength(tables.length);
  await run(
    source,
    'UPDATE public.users SET weight = 1 WHERE id IN (3, 4)',
    "INSERT INTO public.events VALUES ('2026-01-01', 9999, 'x')",
    "UPDATE public.events SET at = '2025-01-01' WHERE id = 9999",
    'TRUNCATE public.no_columns',
    'DELETE FROM public.no_key',
    `UPDATE "Odd Names"."Grüße; DROP TABLE" SET "the key" = 'q'`,
  );
  expect(await logged(source, 'users')).toEqual(['3', '4']);
  // Written through the parent; then the row moves from one partition to the other.
  expect(await logged(source, 'events_2026')).toEqual(['2026-01-01,9999', '2026-01-01,9999']);
  expect(await logged(source, 'events_2025')).toEqual(['2025-01-01,9999']);
  expect(await logged(source, 'no_columns')).toEqual(['']);
  expect(await logged(source, 'no_key')).toEqual(['']);
  expect(await logged(source, 'Grüße; DROP TABLE')).toEqual(['k', 'q']);
  expect((await installCapture(source, options)).made).toEqual([]);
});

test('whatever way a row is written, its key is logged, and both keys where it changes', async () => {
  const { source } = await twoSides(`
    CREATE TABLE parents (id integer PRIMARY KEY, n integer);
    CREATE TABLE children (id integer PRIMARY KEY, parent integer REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
    INSERT INTO parents VALUES (1, 0), (2, 0), (3, 0); INSERT INTO children VALUES (10, 1), (20, 2)`);
  await installCapture(source, options);
  const after = async (sql: string): Promise<string[][]> => {
    await run(source, sql);
    const now = [await logged(source, 'parents'), await logged(source, 'children')];
    await run(source, 'DELETE FROM heroku_to_digitalocean.log_1; DELETE FROM heroku_to_digitalocean.log_2');
    return now;
  };
  expect(await after('INSERT INTO public.parents VALUES (4, 0), (5, 0)')).toEqual([['4', '5'], []]);
  expect(
    await after('INSERT INTO public.parents VALUES (4, 1), (6, 0) ON CONFLICT (id) DO UPDATE SET n = 9'),
  ).toEqual([['4', '6'], []]);
  expect(await after('INSERT INTO public.parents VALUES (4, 1) ON CONFLICT DO NOTHING')).toEqual([[], []]);
  expect(
    await after(`MERGE INTO public.parents p USING (VALUES (3), (4), (7)) AS v(id) ON p.id = v.id
      WHEN MATCHED AND v.id = 3 THEN DELETE WHEN MATCHED THEN UPDATE SET n = 5 WHEN NOT MATCHED THEN INSERT VALUES (v.id, 0)`),
  ).toEqual([['3', '4', '7'], []]);
  expect(await after("COPY public.parents FROM PROGRAM 'false'").catch(() => 'refused')).toBe('refused');
  expect(await after('UPDATE public.parents SET id = id + 100 WHERE id = 1')).toEqual([['1', '101'], ['10']]);
  expect(await after('DELETE FROM public.parents WHERE id = 2')).toEqual([['2'], ['20']]);
  expect(await after('TRUNCATE public.parents CASCADE')).toEqual([['NULL'], ['NULL']]);
  // In a session that runs as a replica ordinary triggers are silent.
  const { sourceDatabase, onSource } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  const replica = {
    ...source,
    database: sourceDatabase.database,
    user: sourceDatabase.owner.user,
    password: sourceDatabase.owner.password,
  };
  await installCapture(replica, options);
  await onSource('SET session_replication_role = replica; INSERT INTO public.t VALUES (1)');
  expect(await logged(replica, 't')).toEqual(['1']);
});

test('COPY into a table is logged row by row', async () => {
  const { source, sourceDatabase } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  await installCapture(source, options);
  await sourceDatabase.query("SET search_path = public; COPY t FROM PROGRAM 'seq 1 3'");
  expect(await logged(source, 't')).toEqual(['1', '2', '3']);
});

test('only what is committed is logged, also by transactions that were open before the installation', async () => {
  const { source } = await twoSides(
    'CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE loose (v text); CREATE TABLE u (id integer)',
  );
  await withConnection(source, session, async (early) => {
    await early.query('BEGIN; INSERT INTO public.u VALUES (1)');
    await early.query('SELECT FROM public.t');
    // It waits for the writer of u, and for nobody else.
    const installed = installCapture(source, options);
    await run(source, 'INSERT INTO public.t VALUES (0)');
    await early.query('COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM public.t');
    await installed;
    await early.query('INSERT INTO public.t VALUES (1)');
    await early.query('COMMIT');
  });
  await run(
    source,
    'BEGIN',
    'INSERT INTO public.t VALUES (2)',
    'SAVEPOINT a',
    "INSERT INTO public.t VALUES (3); INSERT INTO public.loose VALUES ('x')",
    'ROLLBACK TO a',
    'INSERT INTO public.t VALUES (4)',
    'COMMIT',
    'BEGIN',
    "INSERT INTO public.t VALUES (5); INSERT INTO public.loose VALUES ('x')",
    'ROLLBACK',
  );
  expect((await logged(source, 't')).filter((key) => key !== '0')).toEqual(['1', '2', '4']);
  expect(await logged(source, 'loose')).toEqual([]);
  await run(
    source,
    'BEGIN',
    'SAVEPOINT a',
    "INSERT INTO public.loose VALUES ('x')",
    'ROLLBACK TO a',
    "INSERT INTO public.loose SELECT 'y' FROM generate_series(1, 100)",
    'COMMIT',
  );
  expect(await logged(source, 'loose')).toEqual(['']);
});

test('a table without a key is marked also when its partition or child is written through its parent', async () => {
  const { source } = await twoSides(`
    CREATE TABLE p (at integer, v text) PARTITION BY RANGE (at); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE base (v text); CREATE TABLE derived () INHERITS (base); INSERT INTO derived VALUES ('a')`);
  await installCapture(source, options);
  await run(source, "INSERT INTO public.p VALUES (1, 'a')", "UPDATE public.base SET v = 'b'");
  expect(await logged(source, 'p1')).toEqual(['']);
  expect(await logged(source, 'derived')).toEqual(['']);
  expect(await logged(source, 'base')).toEqual([]);
});

test('keys of every kind are logged as they are: spelling, several columns, odd names, domains, deferrable, generated', async () => {
  const { source } = await twoSides(`
    CREATE DOMAIN code AS text NOT NULL CHECK (VALUE <> '');
    CREATE TABLE mails (address heroku_ext.citext PRIMARY KEY); INSERT INTO mails VALUES ('Ann@x.org');
    CREATE TABLE amounts (n numeric PRIMARY KEY); INSERT INTO amounts VALUES (1.0);
    CREATE TABLE pairs ("at" date, "new" text, "a""b" integer, PRIMARY KEY ("at", "new", "a""b")); INSERT INTO pairs VALUES ('2026-01-01', 'x', 1);
    CREATE TABLE codes (c code PRIMARY KEY); INSERT INTO codes VALUES ('k');
    CREATE TABLE later (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); INSERT INTO later VALUES (1), (2);
    CREATE TABLE made (n integer, id integer GENERATED ALWAYS AS (n * 2) STORED PRIMARY KEY);
    CREATE TABLE known (id integer GENERATED ALWAYS AS IDENTITY UNIQUE NOT NULL, v text);
    CREATE TABLE fixed (id char(4) PRIMARY KEY, v text); INSERT INTO fixed VALUES ('ab');
    CREATE TABLE nullable (id integer UNIQUE);`);
  const { whole } = await installCapture(source, options);
  expect(whole.map(({ relation }) => relation)).toEqual(['"public"."nullable"']);
  await run(
    source,
    "UPDATE public.mails SET address = 'ANN@x.org'",
    'UPDATE public.amounts SET n = 1.00',
    `UPDATE public.pairs SET "a""b" = 2`,
    'TRUNCATE public.codes',
    "INSERT INTO public.codes VALUES ('v')",
    'UPDATE public.later SET id = 3 - id',
    'INSERT INTO public.made VALUES (4)',
    "INSERT INTO public.known (v) VALUES ('a')",
    "UPDATE public.fixed SET v = 'b'",
  );
  expect(await logged(source, 'mails')).toEqual(['ANN@x.org', 'Ann@x.org']);
  expect(await logged(source, 'amounts')).toEqual(['1.0', '1.00']);
  expect(await logged(source, 'pairs')).toEqual(['2026-01-01,x,1', '2026-01-01,x,2']);
  expect(await logged(source, 'codes')).toEqual(['NULL', 'v']);
  expect(await logged(source, 'later')).toEqual(['1', '1', '2', '2']);
  expect(await logged(source, 'made')).toEqual(['8']);
  expect(await logged(source, 'known')).toEqual(['1']);
  expect((await logged(source, 'fixed')).map((key) => key.trim())).toEqual(['ab']);
});

test('a role without any right on our schema writes, and nothing it can set changes what is logged', async () => {
  const { source, onSource } = await twoSides(
    'CREATE TABLE t (id integer PRIMARY KEY, v text); CREATE TABLE mails (address heroku_ext.citext PRIMARY KEY); CREATE TABLE loose (v text)',
  );
  await installCapture(source, options);
  await onSource(`
    CREATE ROLE "hostile ${source.database}" LOGIN PASSWORD 'h';
    CREATE SCHEMA evil AUTHORIZATION "hostile ${source.database}";
    GRANT USAGE ON SCHEMA public, heroku_ext TO "hostile ${source.database}";
    GRANT ALL ON ALL TABLES IN SCHEMA public TO "hostile ${source.database}"`);
  const hostile = { ...source, user: `hostile ${source.database}`, password: 'h' };
  await run(
    hostile,
    `CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END'`,
    `CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END'`,
    `CREATE FUNCTION evil.yes(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'`,
    'CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes)',
    'CREATE OPERATOR evil.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.yes)',
    'CREATE OPERATOR evil.& (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.yes)',
    'CREATE TABLE evil.log_1 (id integer); CREATE TABLE evil.broken (at timestamptz, reason text)',
    'SET search_path = evil, heroku_to_digitalocean, heroku_ext, pg_catalog',
    "SET quote_all_identifiers = on; SET plpgsql.extra_errors = 'all'; SET check_function_bodies = on",
    "INSERT INTO public.t VALUES (1, 'a'), (2, 'b')",
    'UPDATE public.t SET id = 3 WHERE v OPERATOR(pg_catalog.~) $$a$$',
    "INSERT INTO public.mails VALUES ('A')",
    'DELETE FROM public.mails',
    "INSERT INTO public.loose VALUES ('x')",
    'TRUNCATE public.loose',
  );
  expect(await logged(source, 't')).toEqual(['1', '1', '2', '3']);
  expect(await logged(source, 'mails')).toEqual(['A', 'A']);
  expect(await logged(source, 'loose')).toEqual(['', '']);
  for (const sql of [
    'SELECT FROM heroku_to_digitalocean.log_1',
    'SELECT heroku_to_digitalocean.watch()',
    'CREATE TABLE evil.mine (id integer); CREATE TRIGGER x AFTER INSERT ON evil.mine FOR EACH ROW EXECUTE FUNCTION heroku_to_digitalocean.capture_1()',
  ])
    await expect(run(hostile, sql)).rejects.toThrow(/permission denied/);
});

test('our own writes are not logged, and everybody else’s at the same time are', async () => {
  const { source } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE loose (v text)');
  await installCapture(source, options);
  await run(
    source,
    'BEGIN',
    "SELECT set_config('heroku_to_digitalocean.applying', 'shop-test', true)",
    "INSERT INTO public.t VALUES (1); INSERT INTO public.loose VALUES ('x'); TRUNCATE public.loose",
    'COMMIT',
    'INSERT INTO public.t VALUES (2)',
    "SELECT set_config('heroku_to_digitalocean.applying', 'another-test', false)",
    'INSERT INTO public.t VALUES (3)',
  );
  expect(await logged(source, 't')).toEqual(['2', '3']);
  expect(await logged(source, 'loose')).toEqual([]);
});

test('the application’s own random numbers are not touched', async () => {
  const { source } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  const draw = (): Promise<unknown> =>
    withConnection(source, session, async (client) => {
      await client.query('SELECT setseed(0.5)');
      await client.query('INSERT INTO public.t SELECT generate_series(1, 50)');
      const { rows } = await client.query<{ random: number }>('SELECT random()');
      await client.query('DELETE FROM public.t');
      return rows;
    });
  const before = await draw();
  await installCapture(source, options);
  expect(await draw()).toEqual(before);
});

test.each([
  ['the logs outgrow their limit', { logBytes: 50_000, leaseMs: 3_600_000 }, /logs grew to \d+ bytes/],
  ['nobody drains in time', { logBytes: 1e9, leaseMs: 1 }, /nobody drained before/],
])(
  'when %s, logging stops and is never trusted again; the application goes on',
  async (_when, limits, reason) => {
    const { source, onSource } = await twoSides(
      'CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE loose (v text)',
    );
    await installCapture(source, { ...options, limits });
    // As an application does: by rows, in transactions of their own.
    await withConnection(source, session, async (client) => {
      await client.query(
        'DO $$ BEGIN FOR n IN 1..30 LOOP INSERT INTO public.t SELECT n * 1000 + k FROM generate_series(1, 500) k; COMMIT; END LOOP; END $$',
      );
      await expect(readCapture(client, 'shop-test')).rejects.toThrow(CaptureBroken);
      await expect(readCapture(client, 'shop-test')).rejects.toThrow(reason);
    });
    const [count] = await onSource<{ t: number; log: number; marks: number }>(
      'SELECT (SELECT count(*)::int FROM public.t) AS t, (SELECT count(*)::int FROM heroku_to_digitalocean.log_1) AS log, (SELECT count(*)::int FROM heroku_to_digitalocean.broken) AS marks',
    );
    expect(count?.t).toBe(15_000);
    expect(count?.log).toBeLessThan(15_000);
    expect(count?.marks).toBe(1);
    await run(source, "INSERT INTO public.loose VALUES ('x')", 'DELETE FROM public.t', 'TRUNCATE public.t');
    expect(await onSource('SELECT count(*)::int AS log FROM heroku_to_digitalocean.log_1')).toEqual([
      { log: count?.log },
    ]);
    await expect(installCapture(source, options)).rejects.toThrow(CaptureBroken);
  },
);

test('what a broken capture asks for depends on the direction: from the new side nothing is ever copied again', async () => {
  const { source, onSource } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  await installCapture(source, options);
  await onSource(`INSERT INTO heroku_to_digitalocean.broken (reason) VALUES ('somebody said so')`);
  const look = { migrationId: 'shop-test', epoch: 1, log: silentLog };
  const forth = { source, target: { owner: source, loader: { ...source, user: 'loader' } } };
  const back = { source, target: { owner: source, loader: source } };
  await expect(readLagOf(forth, look)).rejects.toThrow(/somebody said so.*copy everything again/s);
  const error = await readLagOf(back, look).then(String, String);
  expect(error).toMatch(/somebody said so.*This closes the way back.*roll-back refuses.*finalize/s);
  expect(error).not.toMatch(/copy everything again/);
});

test('a lease that is extended goes on', async () => {
  const { source } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  await installCapture(source, { ...options, limits: { logBytes: 1e9, leaseMs: 1 } });
  await extendLease(source, { migrationId: 'shop-test', epoch: 1, leaseMs: 600_000 });
  await run(source, 'INSERT INTO public.t SELECT generate_series(1, 20000)');
  expect(await logged(source, 't')).toHaveLength(20_000);
});

test.each([
  ['its key’s column gets another name', 'ALTER TABLE public.t RENAME COLUMN id TO key'],
  ['its key’s column is dropped', 'ALTER TABLE public.t DROP COLUMN id'],
  ['its key’s column gets a larger type', 'ALTER TABLE public.t ALTER COLUMN id TYPE bigint'],
  ['its key’s column gets another type of text', 'ALTER TABLE public.t ALTER COLUMN id TYPE text'],
  ['our log is dropped', 'DROP TABLE heroku_to_digitalocean.log_1'],
  [
    'our log and the mark are dropped',
    'DROP TABLE heroku_to_digitalocean.log_1, heroku_to_digitalocean.broken',
  ],
  ['the sign is dropped', 'DROP VIEW heroku_to_digitalocean.unbroken'],
])(
  'a table is written as before when %s, also in sessions that wrote before, and nothing is drained',
  async (_what, change) => {
    const { source } = await twoSides(
      "CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')",
    );
    await installCapture(source, options);
    await withConnection(source, session, async (old) => {
      const write = async (client: typeof old): Promise<void> => {
        await client.query("UPDATE public.t SET v = v || 'x'");
        await client.query(
          "INSERT INTO public.t (v) SELECT 'n' WHERE false; DELETE FROM public.t WHERE v = 'none'",
        );
      };
      for (let n = 0; n < 10; n += 1) await write(old);
      await run(source, change);
      await write(old);
      await withConnection(source, session, write);
      await expect(
        withConnection(source, session, (client) => readCapture(client, 'shop-test')),
      ).rejects.toThrow(CaptureBroken);
    });
  },
);

test('somebody who drops our schema stops the capture and nothing else', async () => {
  const { source } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  await installCapture(source, options);
  await withConnection(source, session, async (client) => {
    await client.query('INSERT INTO public.t VALUES (1)');
    await run(source, 'DROP SCHEMA heroku_to_digitalocean CASCADE');
    await client.query('INSERT INTO public.t VALUES (2)');
    expect(await readCapture(client, 'shop-test')).toBeUndefined();
  });
});

test('an index that was built again under another number changes nothing, and a longer text still fits', async () => {
  const { source } = await twoSides('CREATE TABLE t (id varchar(3) PRIMARY KEY)');
  await installCapture(source, options);
  await run(source, 'REINDEX TABLE CONCURRENTLY public.t', "INSERT INTO public.t VALUES ('a')");
  expect(await logged(source, 't')).toEqual(['a']);
  expect((await installCapture(source, options)).made).toEqual([]);
  await run(
    source,
    'ALTER TABLE public.t ALTER COLUMN id TYPE varchar(10)',
    "INSERT INTO public.t VALUES ('abcdef')",
  );
  expect(await logged(source, 't')).toEqual(['a', 'abcdef']);
});

test('lag is told in rows, bytes and seconds, tables without a key by their size', async () => {
  const { source } = await twoSides(
    "CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE loose (v text); CREATE TABLE still (v text); INSERT INTO loose SELECT 'x' FROM generate_series(1, 1000)",
  );
  const { tables } = await installCapture(source, options);
  await withConnection(source, session, async (client) => {
    expect(await readLag(client, tables)).toEqual({ rows: 0, bytes: 0, seconds: 0, whole: [] });
    await client.query(
      "INSERT INTO public.t SELECT generate_series(1, 500); INSERT INTO public.loose VALUES ('y')",
    );
    await client.query("UPDATE heroku_to_digitalocean.log_1 SET at = at - interval '1 minute' WHERE id = 7");
    const lag = await readLag(client, tables);
    expect(lag).toMatchObject({ rows: 500, whole: [{ relation: '"public"."loose"' }] });
    expect(lag.bytes).toBeGreaterThan(500 * 20);
    expect(lag.seconds).toBeGreaterThanOrEqual(60);
    expect(lag.seconds).toBeLessThan(600);
    expect(lag.whole[0]?.bytes).toBeGreaterThan(20_000);
  });
});
