import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { buildEntries, type BuildOptions, type BuildResult } from '../../src/postgres/build.ts';
import { closeConnection, connect, type PostgresAddress } from '../../src/postgres/connect.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import type { SchemaArchive } from '../../src/postgres/schema-archive.ts';
import { testPostgres } from '../support/servers.ts';
import { dumpOf, loadedTarget } from './schema-sides.ts';
import { rareSql, recordingLog, twoSides, type TwoSides } from './two-sides.ts';

const session = { applicationName: 'h2d test 0' };

function build(
  sides: TwoSides,
  archive: SchemaArchive,
  options: Partial<BuildOptions> = {},
): Promise<BuildResult> {
  return buildEntries(archive.entries, {
    owner: sides.owner,
    connections: 3,
    tableReady: () => Promise.resolve(),
    ...session,
    log: silentLog,
    clock: systemClock,
    ...options,
  });
}

test('everything a database holds is built, in parallel, as it was on the source', async () => {
  const sides = await twoSides(rareSql);
  const archive = await loadedTarget(sides);
  const log = recordingLog();
  const result = await build(sides, archive, { log });
  expect(result).toMatchObject({
    built: archive.entries.filter((entry) => entry.section !== 'pre-data').length,
    reused: 0,
    retries: 0,
  });
  const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
  expect(parity.catalogue).toEqual([]);
  expect(parity).toMatchObject({ equal: true });
  expect(log.lines.filter((line) => line.startsWith('Built INDEX public.orders_open in'))).toHaveLength(1);
  const unanalyzed = await sides.onTarget(
    `SELECT relname FROM pg_class WHERE relkind IN ('r', 'm', 'p') AND relispopulated AND reltuples < 0 AND relowner = '${sides.owner.user}'::regrole`,
  );
  expect(unanalyzed).toEqual([]);
  // Also what no comparison asks for, as pg_dump tells it.
  expect(await statements(sides, sides.owner)).toEqual(await statements(sides, sides.source));
});

async function statements(sides: TwoSides, source: PostgresAddress): Promise<string[]> {
  const { entries } = await dumpOf(sides, { source });
  return entries.map((entry) => entry.sql).sort();
}

test('types and operator classes of extensions arrive, wherever the extensions live', async () => {
  const sides = await twoSides();
  await sides.onSource(`
    CREATE EXTENSION hstore SCHEMA heroku_ext; CREATE EXTENSION pg_trgm SCHEMA heroku_ext;
    CREATE EXTENSION ltree SCHEMA public; CREATE EXTENSION btree_gist SCHEMA public;
    CREATE SCHEMA tools; CREATE EXTENSION "uuid-ossp" SCHEMA tools; CREATE EXTENSION unaccent SCHEMA tools;
    GRANT USAGE ON SCHEMA tools TO "${sides.source.user}";
    SET ROLE "${sides.source.user}"; SET search_path = public, heroku_ext;
    CREATE TABLE things (id uuid PRIMARY KEY DEFAULT tools.uuid_generate_v4(), words hstore, path ltree, name citext UNIQUE, room integer, during tstzrange,
      EXCLUDE USING gist (room WITH =, during WITH &&));
    CREATE INDEX ON things USING gin (name gin_trgm_ops); CREATE INDEX ON things USING gist (path); CREATE INDEX ON things USING gin (words);
    CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT tools.unaccent('tools.unaccent', $1) $f$;
    CREATE INDEX ON things (plain(name::text));
    INSERT INTO things (words, path, name, room, during) VALUES ('a=>1', 'a.b.c', 'Zoë', 1, '[2026-01-01, 2026-01-02)')`);
  const archive = await loadedTarget(sides);
  await build(sides, archive);
  expect(await statements(sides, sides.owner)).toEqual(await statements(sides, sides.source));
});

test('an index on a function that relies on the application’s search path is built', async () => {
  const sides = await twoSides(`
    CREATE FUNCTION helper(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
    CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT helper($1)';
    CREATE TABLE things (name text); INSERT INTO things VALUES ('A'); CREATE INDEX things_folded ON things (folded(name))`);
  const archive = await loadedTarget(sides);
  await expect(build(sides, archive)).rejects.toThrow(
    /Could not make INDEX public\.things_folded on the target: .*helper.*SET search_path/,
  );
  expect(await build(sides, archive, { searchPath: '"$user", public' })).toMatchObject({ built: 1 });
});

test('no statement waits for a lock of another one', async () => {
  const sides = await twoSides(rareSql);
  const archive = await loadedTarget(sides);
  await sides.onTarget(
    `ALTER DATABASE "${sides.owner.database}" SET log_lock_waits = on; ALTER DATABASE "${sides.owner.database}" SET deadlock_timeout = '1ms'`,
  );
  const server = await testPostgres();
  const before = server.log().length;
  const [probe, holder] = [await connect(sides.owner, session), await connect(sides.owner, session)];
  const waits = (): string[] =>
    [
      ...server
        .log()
        .slice(before)
        .matchAll(/h2d test 0 .*still waiting for \w+ on relation[^]*?STATEMENT: .*/g),
    ].map(([lines]) => lines);
  await build(sides, archive, { connections: 6 });
  expect(waits()).toEqual([]);
  // The log does tell of a wait.
  await holder.query('BEGIN; LOCK public.users IN ACCESS SHARE MODE');
  const waiting = probe.query('ALTER TABLE public.users ADD COLUMN more integer');
  for (let tries = 0; waits().length === 0 && tries < 200; tries += 1) await systemClock.sleep(20);
  expect(waits()).toHaveLength(1);
  await holder.query('ROLLBACK');
  await waiting;
  await Promise.all([closeConnection(probe), closeConnection(holder)]);
});

test('an index begins when its own table is complete, and nothing waits for the slowest table', async () => {
  const sides = await twoSides(
    ['fast', 'slow']
      .map(
        (name) =>
          `CREATE TABLE ${name} (id integer PRIMARY KEY, a text); CREATE INDEX ON ${name} (a); INSERT INTO ${name} VALUES (1, 'x');`,
      )
      .join(''),
  );
  const archive = await loadedTarget(sides);
  const slow = Promise.withResolvers<undefined>();
  const slowTable = archive.entries.find((entry) => entry.name === 'slow');
  const built: string[] = [];
  const both = Promise.withResolvers<undefined>();
  const building = build(sides, archive, {
    tableReady: async (oid) => (oid === slowTable?.oid ? slow.promise : undefined),
    onBuilt: (entry) => {
      built.push(entry.name);
      if (built.length === 2) both.resolve(undefined);
    },
  });
  await both.promise;
  expect(built.sort()).toEqual(['fast fast_pkey', 'fast_a_idx']);
  slow.resolve(undefined);
  expect(await building).toMatchObject({ built: 4 });
});

test('a table whose rows failed ends the build with its reason', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer PRIMARY KEY)');
  const archive = await loadedTarget(sides);
  await expect(
    build(sides, archive, { tableReady: () => Promise.reject(new Error('the source is gone')) }),
  ).rejects.toThrow('the source is gone');
});

test('a build that was interrupted is continued: what is there stays, the rest is made', async () => {
  const sides = await twoSides(rareSql);
  const archive = await loadedTarget(sides);
  const abort = new AbortController();
  let count = 0;
  await expect(
    build(sides, archive, {
      signal: abort.signal,
      onBuilt: () => {
        if (++count === 30) abort.abort(new Error('killed'));
      },
    }),
  ).rejects.toThrow('killed');
  await expect(build(sides, archive)).rejects.toThrow(/already exists|multiple primary keys/);
  const result = await build(sides, archive, { resume: true });
  expect(result.reused).toBeGreaterThan(10);
  expect(await statements(sides, sides.owner)).toEqual(await statements(sides, sides.source));
});

test('a lost connection, a deadlock and a lock held by others cost an attempt and not the build', async () => {
  const sides = await twoSides(
    'CREATE TABLE things (id integer PRIMARY KEY, a text); CREATE INDEX things_a ON things (a); INSERT INTO things SELECT n, n FROM generate_series(1, 1000) n',
  );
  const archive = await loadedTarget(sides);
  const held = await connect(sides.loader, session);
  await held.query('BEGIN; TRUNCATE public.things; SAVEPOINT s');
  const building = build(sides, archive, {
    clock: { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(20, signal) },
  });
  // Wait until a builder waits for the lock, and end that session.
  for (let ended: unknown[] = []; ended.length === 0;)
    ended = await sides.onTarget(`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'h2d test 0' AND wait_event_type = 'Lock' AND datname = current_database()`);
  await held.query('ROLLBACK');
  await closeConnection(held);
  const result = await building;
  expect(result.built + result.reused).toBe(2);
  expect(result.retries).toBeGreaterThan(0);
});

test('what fails for good names the entry, shows no row, and what was built stays', async () => {
  const sides = await twoSides(
    `CREATE TABLE things (id integer, secret text); INSERT INTO things VALUES (1, 'hunter2'), (1, 'hunter2'); CREATE TABLE fine (id integer PRIMARY KEY)`,
  );
  const archive = await loadedTarget(sides);
  const broken = archive.entries.map((entry) =>
    entry.name === 'fine fine_pkey'
      ? { ...entry, sql: 'CREATE UNIQUE INDEX once ON public.things (secret);' }
      : entry,
  );
  const failure = build(sides, { ...archive, entries: broken });
  await expect(failure).rejects.toThrow(
    /Could not make CONSTRAINT public\.fine fine_pkey on the target: .*could not create unique index "once"/,
  );
  await expect(failure).rejects.not.toThrow(/hunter2/);
});
