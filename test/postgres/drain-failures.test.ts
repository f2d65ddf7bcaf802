import { expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { installCapture } from '../../src/postgres/capture.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { Drainer, type DrainStep } from '../../src/postgres/drain.ts';
import { holdFence, passPointOfNoReturn } from '../../src/postgres/fence.ts';
import { quoteLiteral } from '../../src/postgres/names.ts';
import { DriftError } from '../../src/postgres/schema-watch.ts';
import { terminateStale } from '../../src/postgres/settle.ts';
import { claimEpoch, SupersededError } from '../../src/postgres/stamp.ts';
import { restore, validate } from '../../src/postgres/suspend.ts';
import { addressOf, draining, shopRows, shopSql, type Draining } from './draining.ts';

/** Runs something once when a drain comes to a step. */
function at(step: DrainStep, action: () => Promise<unknown>): (now: DrainStep) => Promise<void> {
  let done = false;
  return async (now) => {
    if (now !== step || done) return;
    done = true;
    await action();
  };
}

/** A moment at which somebody waits until he is told to go on. */
function stall(): { reached: Promise<void>; release: () => void; wait: () => Promise<void> } {
  let reach: () => void = () => undefined;
  let release: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  return {
    reached,
    release,
    wait: () => {
      reach();
      return released;
    },
  };
}

const change = `UPDATE users SET note = 'changed' WHERE id <= 10; INSERT INTO plain VALUES ('new', 1)`;

test.each([
  [
    'ALTER TABLE that writes a table anew',
    'ALTER TABLE users ALTER id TYPE bigint',
    /written anew|column public\.users\.id/,
  ],
  [
    'an UPDATE while the triggers were off',
    `ALTER TABLE users DISABLE TRIGGER heroku_to_digitalocean_capture; UPDATE users SET note = 'unseen';
     ALTER TABLE users ENABLE ALWAYS TRIGGER heroku_to_digitalocean_capture`,
    /capture of .*users.* was touched/,
  ],
  ['a new column', `ALTER TABLE orders ADD COLUMN late text DEFAULT 'x'`, /column public\.orders\.late/],
  ['a table that is dropped', 'DROP TABLE lines', /lines/],
])('%s in the middle of a drain: it stops, and the target is untouched', async (_what, ddl, message) => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(change);
  const before = await contents(target);
  const drift = await pass({ guard: at('write', () => source.query(ddl)) }).then(
    () => 'drained',
    (thrown: unknown) => thrown,
  );
  expect(drift).toBeInstanceOf(DriftError);
  expect(String(drift)).toMatch(message);
  expect(await contents(target)).toEqual(before);
  // And so it stays until somebody decides what to do.
  await expect(pass()).rejects.toThrow(DriftError);
  expect(await contents(target)).toEqual(before);
});

test('a table that is emptied between the snapshot and its reading is read again under a newer one', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(change);
  await pass({
    guard: at('write', () => source.query(`TRUNCATE users CASCADE; INSERT INTO users VALUES (7, 'after')`)),
  });
  expect((await contents(target))['users']).toEqual(['(7,after,,)']);
  expect(await contents(target)).toEqual(await contents(source));
});

test('a drain that dies between the target’s commit and the logs is repeated harmlessly', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(change);
  const crash = at('forget', () => Promise.reject(new Error('killed')));
  await expect(pass({ guard: crash })).rejects.toThrow('killed');
  expect(await contents(target)).toEqual(await contents(source));
  await source.query(`DELETE FROM users WHERE id = 10; INSERT INTO plain VALUES ('newer', 2)`);
  const repeated = await pass();
  expect(repeated.rows).toBeGreaterThanOrEqual(12);
  expect(await contents(target)).toEqual(await contents(source));
  expect((await pass()).rows).toBe(0);
});

test('a drain that dies before the target’s commit has changed nothing', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(change);
  const before = await contents(target);
  const crash = at('commit', () => Promise.reject(new Error('killed')));
  await expect(pass({ guard: crash })).rejects.toThrow('killed');
  expect(await contents(target)).toEqual(before);
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
});

test('two drains, the older one stalled between its snapshot and its writes: the newer wins, the older changes nothing', async () => {
  const { sides, source, target, options, contents } = await draining(shopSql, shopRows);
  await source.query(change);
  const stalled = stall();
  const older = new Drainer(sides, { ...options, guard: at('write', stalled.wait) });
  const outcome = older.pass({ tables: 'all' }).then(
    () => 'drained',
    (thrown: unknown) => thrown,
  );
  await stalled.reached;

  const run = { ...options, epoch: 2 };
  for (const address of [sides.source, sides.target.loader]) await terminateStale(address, run);
  await withConnection(sides.target.loader, { applicationName: 'test' }, (client) => claimEpoch(client, run));
  await source.query(`UPDATE users SET note = 'newer' WHERE id <= 20`);
  const newer = new Drainer(sides, run);
  await newer.pass({ tables: 'all' });
  const after = await contents(target);
  expect(after).toEqual(await contents(source));

  await source.query(`UPDATE users SET note = 'newest' WHERE id <= 5`);
  stalled.release();
  expect(await outcome).toBeInstanceOf(Error);
  await expect(older.pass({ tables: 'all' })).rejects.toThrow(SupersededError);
  expect(await contents(target)).toEqual(after);
  expect((await newer.pass({ tables: 'all' })).rows).toBe(5);
  expect(await contents(target)).toEqual(await contents(source));
  await Promise.all([older.close(), newer.close()]);
});

test('a newer run that cannot end the older one’s sessions waits for what that has in flight, which then counts', async () => {
  const { sides, source, target, options, contents } = await draining(shopSql, shopRows);
  const stalled = stall();
  const older = new Drainer(sides, { ...options, guard: at('write', stalled.wait) });
  const outcome = older.pass({ tables: 'all' });
  await stalled.reached;
  const run = { ...options, epoch: 2 };
  let claimed = false;
  const claim = withConnection(sides.target.loader, { applicationName: 'test' }, (client) =>
    claimEpoch(client, run),
  ).then(() => (claimed = true));
  await delay(200);
  expect(claimed).toBe(false);
  stalled.release();
  await outcome;
  await claim;
  await source.query(change);
  await expect(older.pass({ tables: 'all' })).rejects.toThrow(SupersededError);
  const newer = new Drainer(sides, run);
  await newer.pass({ tables: 'all' });
  expect(await contents(target)).toEqual(await contents(source));
  await Promise.all([older.close(), newer.close()]);
});

test('an older drain that wakes up after its commit takes nothing off the logs that was not written', async () => {
  const { sides, source, target, options, contents } = await draining(shopSql, shopRows);
  const stalled = stall();
  const older = new Drainer(sides, { ...options, guard: at('forget', stalled.wait) });
  const outcome = older.pass({ tables: 'all' });
  await stalled.reached;
  await source.query(change);
  const run = { ...options, epoch: 2 };
  await withConnection(sides.target.loader, { applicationName: 'test' }, (client) => claimEpoch(client, run));
  const newer = new Drainer(sides, run);
  await newer.pass({ tables: 'all' });
  await source.query(`UPDATE users SET note = 'newest' WHERE id <= 5`);
  stalled.release();
  await outcome;
  expect((await newer.pass({ tables: 'all' })).rows).toBe(5);
  expect(await contents(target)).toEqual(await contents(source));
  await Promise.all([older.close(), newer.close()]);
});

test('a session of the application that locks one table after the other goes first: the drain gives way, nobody deadlocks', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(`UPDATE users SET note = 'a'; UPDATE orders SET amount = 1`);
  await withConnection(addressOf(source), { applicationName: 'migration of the app' }, async (app) => {
    await app.query('BEGIN; LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE');
    let drained = false;
    const draining = pass().then(() => (drained = true));
    await delay(150);
    await app.query(
      `LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE; DELETE FROM public.users WHERE id = 1`,
    );
    expect(drained).toBe(false);
    await app.query('COMMIT');
    await draining;
  });
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
});

test('a drain towards a side that captures its own changes logs nothing there, and passes a closed side', async () => {
  const { sides, source, target, options, pass, contents } = await draining(shopSql, shopRows);
  const limits = { logBytes: 1e9, leaseMs: 3_600_000 };
  const { tables } = await installCapture(sides.target.owner, { ...options, limits });
  await passPointOfNoReturn(await holdFence(sides.target.owner, options));
  await expect(target.query('DELETE FROM users')).rejects.toMatchObject({ code: '25006' });
  await pass();
  await source.query('TRUNCATE lines');
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
  const logged = tables.map(({ log }) => `SELECT count(*)::int AS n FROM ${log}`).join(' UNION ALL ');
  expect(await target.query(`SELECT sum(n)::int AS n FROM (${logged}) logs`)).toEqual([{ n: 0 }]);
});

test('on the way back a child that did not change survives its parent, which is taken away and put back', async () => {
  const { sides, source, target, options, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(`UPDATE users SET note = 'parent changed'; UPDATE orders SET amount = 0 WHERE id = 1`);
  expect(await pass()).toMatchObject({ keys: 101, tables: 2 });
  expect((await contents(target))['orders']).toHaveLength(300);
  expect(await contents(target)).toEqual(await contents(source));
  await restore(sides.target, options);
  await validate(sides.target, options);
  // With the foreign keys there, a drain would spread: it refuses.
  await source.query(`UPDATE users SET note = 'again'`);
  await expect(pass()).rejects.toThrow(/foreign keys .*have to be suspended first/);
  expect((await contents(target))['orders']).toHaveLength(300);
});

test('keys of every type are found on the target: case-blind, padded, decimal, enumerated, of several columns', async () => {
  const sql = `
    CREATE TYPE mood AS ENUM ('sad', 'so''so', 'glad');
    CREATE DOMAIN short AS varchar(8) CHECK (VALUE <> '');
    CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE padded (k character(12) PRIMARY KEY, v integer);
    CREATE TABLE decimals (k numeric PRIMARY KEY, v integer);
    CREATE TABLE floats (k double precision PRIMARY KEY, v integer);
    CREATE TABLE moods (m mood, d short, "at" timestamptz, b bytea, PRIMARY KEY (m, d, "at", b), v integer);
    CREATE TABLE networks (k inet PRIMARY KEY, i interval UNIQUE NOT NULL, v integer);
    CREATE TABLE lists (k text[] PRIMARY KEY, v integer);
    CREATE TABLE blinds (k text COLLATE blind PRIMARY KEY, v integer);
    CREATE TABLE quotes (k text PRIMARY KEY, v integer)`;
  const { source, target, pass, contents } = await draining(sql);
  const odd = quoteLiteral('it\'s "a" \\ {key},\t\n');
  await source.query(`
    INSERT INTO padded VALUES ('a', 1), ('b  ', 2);
    INSERT INTO decimals VALUES (1.10, 1), ('NaN', 2), (123456789012345678901234567890.5, 3);
    INSERT INTO floats VALUES ('-0', 1), ('Infinity', 2), (0.1::float8 + 0.2::float8, 3), ('NaN', 4);
    INSERT INTO moods VALUES ('so''so', 'x,y"', '2026-03-29 02:30:00.123456+02', '\\x005c27', 1), ('sad', ' ', 'infinity', '', 2);
    INSERT INTO networks VALUES ('10.0.0.1/24', '1 day', 1), ('::1', '24:00:01', 2);
    INSERT INTO lists VALUES (ARRAY['a', NULL, 'c,"d'], 1), ('{}', 2);
    INSERT INTO blinds VALUES ('Abc', 1);
    INSERT INTO quotes VALUES (${odd}, 1), ('', 2), ('\\N', 3), ('NULL', 4), ('{}', 5)`);
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
  const tables = Object.keys(await contents(source));
  await source.query(tables.map((table) => `UPDATE ${table} SET v = v + 10`).join('; '));
  await source.query(
    `UPDATE floats SET k = 0 WHERE k = 0; UPDATE decimals SET k = 1.1000 WHERE k = 1.1; UPDATE blinds SET k = 'ABC'`,
  );
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
  await source.query(tables.map((table) => `DELETE FROM ${table}`).join('; '));
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
});

test('snapshots that are kept show both sides at equal state while the source goes on, and nothing is lost', async () => {
  const { sides, source, target, options, contents } = await draining(shopSql, shopRows);
  const drainer = new Drainer(sides, options);
  const { snapshots } = await drainer.pass({ tables: 'all', keepSnapshot: true });
  const before = await contents(source);
  await source.query(change);
  for (const [side, snapshot] of [
    [source, snapshots.source],
    [target, snapshots.target],
  ] as const)
    await withConnection(addressOf(side), { applicationName: 'test' }, async (client) => {
      await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '${snapshot}'`);
      const { rows } = await client.query<{ row: string }>(
        'SELECT t::text AS row FROM public.users t ORDER BY 1',
      );
      expect(rows.map(({ row }) => row)).toEqual(before['users']);
    });
  await snapshots.release();
  expect(await drainer.pass({ tables: 'all' })).toMatchObject({ rows: 11 });
  expect(await contents(target)).toEqual(await contents(source));
  await drainer.close();
});

test('logs are vacuumed, so that later passes do not read what was drained', async () => {
  const { source, sides, options }: Draining = await draining(shopSql, shopRows);
  const drainer = new Drainer(sides, options);
  for (let round = 0; round < 3; round += 1) {
    await source.query(`INSERT INTO lines (order_id) SELECT 20 FROM generate_series(1, 7000)`);
    await drainer.pass({ tables: 'keyed' });
  }
  await drainer.close();
  const [log] = await source.query<{ name: string }>(
    `SELECT 'heroku_to_digitalocean.log_' || number AS name FROM heroku_to_digitalocean.captured WHERE name = 'lines'`,
  );
  const [size] = await source.query<{ pages: number }>(
    `SELECT (pg_relation_size('${log?.name ?? ''}') / 8192)::int AS pages`,
  );
  // About 45 pages a round; space is used again.
  expect(size?.pages).toBeLessThan(2 * 45);
});
