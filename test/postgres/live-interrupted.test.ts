import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { installCapture, readCapture } from '../../src/postgres/capture.ts';
import { planTables } from '../../src/postgres/chunks.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { holdFence } from '../../src/postgres/fence.ts';
import { beginLive, catchUp } from '../../src/postgres/live.ts';
import { finishLive } from '../../src/postgres/live-finish.ts';
import type { LiveOptions } from '../../src/postgres/live-options.ts';
import { beginReverse } from '../../src/postgres/reverse.ts';
import { settleLive } from '../../src/postgres/settle-live.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { openWrites } from '../../src/postgres/rights.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import { untangle } from '../../src/postgres/untangle.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { testPostgres } from '../support/servers.ts';
import { twoSides, type TwoSides } from './two-sides.ts';

async function liveOptions(more: Partial<LiveOptions> = {}): Promise<LiveOptions> {
  const server = await testPostgres();
  return {
    migrationId: 'shop-test',
    epoch: 1,
    tools: await findPostgresTools(15, { environmentPath: server.binaries.bin }),
    directory: temporaryDirectory('live'),
    log: silentLog,
    clock: systemClock,
    onSchemaChange: 'stop',
    limits: { logBytes: 1e9, leaseMs: 3_600_000 },
    ...more,
  };
}

function sidesOf({ source, owner, loader }: TwoSides): Sides {
  return { source, target: { owner, loader } };
}

/** As the application writes. */
function app(sides: TwoSides, sql: string): Promise<unknown> {
  return sides.onSource(
    `SET search_path = "$user", public, heroku_ext; SET SESSION AUTHORIZATION "${sides.source.user}"; ${sql}`,
  );
}

async function differentTables(sides: TwoSides): Promise<string[]> {
  const parity = await compareDatabases({
    source: sides.source,
    target: sides.owner,
    log: silentLog,
    announced: [/./],
  });
  return parity.tables.filter(({ equal }) => !equal).map(({ name }) => name);
}

/** Does something once, in the middle of what is logged: a death, or a change made by somebody else. */
function logWhen(pattern: RegExp, act: () => void): Log {
  let done = false;
  const look = (line: string): void => {
    if (done || !pattern.test(line)) return;
    done = true;
    act();
  };
  return { info: look, warning: look, debug: look, group: (_title, body) => body() };
}

function killed(): never {
  throw new Error('killed');
}

const sql = `
  CREATE TABLE users (id integer PRIMARY KEY, note text);
  CREATE TABLE orders (id integer PRIMARY KEY, user_id integer REFERENCES users, price numeric);
  CREATE TABLE other (id integer PRIMARY KEY, user_id integer REFERENCES users);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER touch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch();
  INSERT INTO users SELECT n, 'u' FROM generate_series(1, 10) n;
  INSERT INTO orders SELECT n, n, n FROM generate_series(1, 10) n;
  INSERT INTO other SELECT n, n FROM generate_series(1, 10) n;`;

/** An update that no trigger sees, and triggers that look as before. */
const HIDDEN = `ALTER TABLE orders DISABLE TRIGGER USER; UPDATE orders SET price = 99 WHERE id = 3;
  ALTER TABLE orders ENABLE ALWAYS TRIGGER heroku_to_digitalocean_capture; ALTER TABLE orders ENABLE ALWAYS TRIGGER heroku_to_digitalocean_capture_truncate; ALTER TABLE orders ENABLE TRIGGER touch;`;

test('after a fail-over every table is compared again, whatever was touched', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  await sides.onSource(
    `UPDATE heroku_to_digitalocean.capture SET shape = jsonb_set(jsonb_set(shape, '{server,startedAt}', '"x"'), '{digest}', '"x"')`,
  );
  await sides.onTarget(`UPDATE public.orders SET price = 77 WHERE id = 5`);
  await catchUp(both, options);
  const fence = await holdFence(sides.source, options);
  await expect(finishLive(both, options)).rejects.toThrow(/orders/);
  await fence.release();
});

test('a table whose capture was off for a while is copied again, also by the run after the one that put the capture right', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions({ onSchemaChange: 'recopy' });
  await beginLive(both, options);
  await app(sides, HIDDEN);
  // As a run that dies right after it.
  await installCapture(sides.source, options);
  await catchUp(both, options);
  expect(await differentTables(sides)).toEqual([]);
});

test('an interrupted copy is not gone on with for a table whose capture was off meanwhile', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  await sides.onTarget('UPDATE heroku_to_digitalocean.stamp SET completed_at = NULL');
  await app(sides, HIDDEN);
  // As a run that dies right after it.
  await installCapture(sides.source, options);
  await beginLive(both, { ...options, epoch: 2 });
  expect(await differentTables(sides)).toEqual([]);
});

test('an interrupted copy is not gone on with for a table that an ALTER wrote anew meanwhile', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  await sides.onTarget('UPDATE heroku_to_digitalocean.stamp SET completed_at = NULL');
  await app(sides, 'ALTER TABLE orders ALTER COLUMN price TYPE numeric USING price * 100');
  await beginLive(both, { ...options, epoch: 2 });
  expect(await differentTables(sides)).toEqual([]);
});

test('a change that needs everything copied again stays one until that is done', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions({ onSchemaChange: 'recopy' });
  await beginLive(both, options);
  await app(
    sides,
    `ALTER TABLE orders ALTER COLUMN price TYPE numeric USING price * 100;
    CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; /* 2 */ END'`,
  );
  await expect(
    catchUp(both, { ...options, beforeChange: () => Promise.reject(new Error('killed')) }),
  ).rejects.toThrow('killed');
  await catchUp(both, options);
  expect(await differentTables(sides)).toEqual([]);
});

test('tables that were exchanged and not copied are copied by the next run, even if the change was undone', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions({ onSchemaChange: 'recopy' });
  await beginLive(both, options);
  await app(sides, 'ALTER TABLE orders ADD COLUMN more text');
  const log = logWhen(/Copied .*orders/, killed);
  await expect(catchUp(both, { ...options, log })).rejects.toThrow('killed');
  await sides.onTarget('TRUNCATE public.orders; DELETE FROM heroku_to_digitalocean.copied');
  await app(sides, 'ALTER TABLE orders DROP COLUMN more');
  await catchUp(both, options);
  expect(await differentTables(sides)).toEqual([]);
});

test('a schema change after an attempt that was given up is followed', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions({ onSchemaChange: 'recopy' });
  await beginLive(both, options);
  const fence = await holdFence(sides.source, options);
  await finishLive(both, options);
  await fence.release();
  await app(sides, 'ALTER TABLE orders ADD COLUMN more text; UPDATE orders SET more = id::text');
  await catchUp(both, options);
  expect(await differentTables(sides)).toEqual([]);
});

test('a table made just after the capture was installed is captured', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const server = await testPostgres();
  const log = logWhen(/are captured/, () => {
    execFileSync(`${server.binaries.bin}/psql`, [
      '-d',
      `postgres://${sides.source.user}:${sides.source.password}@${sides.source.host}:${sides.source.port}/${sides.source.database}`,
      '-c',
      'CREATE TABLE public.sneaked (id integer PRIMARY KEY)',
    ]);
  });
  const options = await liveOptions({ log });
  await beginLive(both, options);
  await app(sides, 'INSERT INTO sneaked VALUES (1)');
  await catchUp(both, options);
  expect(await differentTables(sides)).toEqual([]);
});

test('a catch-up towards a side that is open already is refused, and leaves its foreign keys alone', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  const fence = await holdFence(sides.source, options);
  await finishLive(both, options);
  await fence.commit();
  await openWrites(sides.owner);
  await settleLive(both, options);
  const keys = `SELECT count(*)::int AS n FROM pg_constraint WHERE contype = 'f'`;
  const before = await sides.onTarget(keys);
  await expect(catchUp(both, { ...options, epoch: 2 })).rejects.toThrow(/is open/);
  expect(await sides.onTarget(keys)).toEqual(before);
});

test('settling that dies half-way and is done again leaves the way back open', async () => {
  const sides = await twoSides(sql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  const fence = await holdFence(sides.source, options);
  await finishLive(both, options);
  const back: Sides = { source: sides.owner, target: { owner: sides.source, loader: sides.source } };
  await beginReverse(back, options);
  await fence.commit();
  await openWrites(sides.owner);
  await expect(settleLive(both, { ...options, log: logWhen(/^Validated/, killed) })).rejects.toThrow(
    'killed',
  );
  await settleLive(both, options);
  await catchUp(back, options);
});

test('keys whose type is in a schema of its own are untangled as that type compares them', async () => {
  const sides = await twoSides(
    `CREATE TABLE people (email heroku_ext.citext PRIMARY KEY, n integer); INSERT INTO people VALUES ('Ann', 1), ('Bob', 2)`,
  );
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  await app(sides, `UPDATE people SET email = 'ANN' WHERE email = 'ann'`);
  // As chunks of two snapshots would leave it.
  await sides.onTarget(
    `ALTER TABLE public.people DROP CONSTRAINT people_pkey; INSERT INTO public.people VALUES ('ANN', 1)`,
  );
  const session = { applicationName: 'test' };
  const captured = await withConnection(sides.source, session, (client) => readCapture(client, 'shop-test'));
  const table = captured?.[0];
  if (table === undefined) throw new Error('Nothing is captured.');
  const side = { major: 15, extensions: [] };
  const [copy] = await withConnection(sides.source, session, (client) =>
    planTables(client, { source: side, target: side }, 1e9, [table.oid]),
  );
  if (copy === undefined) throw new Error('Nothing is to be copied.');
  await untangle(both, copy, { ...options, captured: captured ?? [] });
  expect(await sides.onTarget('SELECT email::text FROM public.people')).toEqual([{ email: 'Bob' }]);
});
