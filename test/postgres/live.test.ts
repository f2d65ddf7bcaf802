import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { holdFence } from '../../src/postgres/fence.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { beginLive, catchUp, endLive, readLag } from '../../src/postgres/live.ts';
import { finishLive } from '../../src/postgres/live-finish.ts';
import type { LiveOptions } from '../../src/postgres/live-options.ts';
import { proveLive } from '../../src/postgres/prove-live.ts';
import { beginReverse, endReverse } from '../../src/postgres/reverse.ts';
import { settleLive } from '../../src/postgres/settle-live.ts';
import { FollowingDrainer } from '../../src/postgres/following.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { closeWrites, openWrites } from '../../src/postgres/rights.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { testPostgres } from '../support/servers.ts';
import { everythingSql, recordingLog, twoSides, type TwoSides } from './two-sides.ts';

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

/** As the application writes: with its own search path. */
function onApplication(sides: TwoSides, sql: string): Promise<unknown> {
  return sides.onSource(
    `SET search_path = "$user", public, heroku_ext; SET SESSION AUTHORIZATION "${sides.source.user}"; ${sql}`,
  );
}

async function different(sides: TwoSides): Promise<string[]> {
  const parity = await compareDatabases({
    source: sides.source,
    target: sides.owner,
    log: silentLog,
    announced: [/heroku_to_digitalocean/],
  });
  return [
    ...parity.tables.filter(({ equal }) => !equal).map(({ name }) => name),
    ...parity.catalogue,
    ...parity.sequences,
  ];
}

test('a database is followed while it is written to, and moves in the window with every row', async () => {
  const sides = await twoSides(everythingSql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  const begun = await beginLive(both, options);
  expect(begun.tables).toBeGreaterThan(8);
  await onApplication(
    sides,
    `INSERT INTO orders (user_id, net) SELECT 1, n FROM generate_series(1, 100) n;
     UPDATE users SET balance = 1 WHERE id % 2 = 0; DELETE FROM users WHERE id = 7;
     INSERT INTO no_key VALUES ('b', 2); UPDATE events SET at = at + 200 WHERE id < 20;
     UPDATE orders SET id = DEFAULT WHERE id = 3; SELECT nextval('tickets')`,
  );
  const lag = await readLag(both, options);
  expect(lag.rows).toBeGreaterThan(200);
  expect(lag.whole.map(({ relation }) => relation)).toEqual(['"public"."no_key"']);
  const caught = await catchUp(both, options);
  expect(caught.rows).toBeGreaterThan(200);
  expect(caught.lag.rows).toBe(0);
  const proof = await proveLive(both, options, 'full');
  expect(proof.rows.compared).toBeGreaterThan(2500);
  expect(proof.rows.pending).toBe(5);

  await onApplication(sides, `INSERT INTO orders (user_id, net) VALUES (2, 99); TRUNCATE events_2025`);
  const fence = await holdFence(sides.source, options);
  const final = await finishLive(both, options);
  expect(final.whole).toContain('"public"."no_key"');
  await fence.commit();
  await openWrites(sides.owner);
  await settleLive(both, options);
  expect(await different(sides)).toEqual([]);
  expect(await readFence(sides.source, 'shop-test')).toBe('closed');
});

test('beginning twice copies nothing twice, and an attempt that was given up is caught up with', async () => {
  const sides = await twoSides(everythingSql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  const again = await beginLive(both, { ...options, epoch: 2 });
  expect(again.reused.tables).toBe(again.tables);
  const third = { ...options, epoch: 3 };
  const fence = await holdFence(sides.source, third);
  await finishLive(both, third);
  await fence.release();
  await onApplication(sides, 'DELETE FROM users WHERE id < 10');
  await catchUp(both, third);
  const second = await holdFence(sides.source, third);
  await finishLive(both, third);
  await second.commit();
  await openWrites(sides.owner);
  await settleLive(both, third);
  expect(await different(sides)).toEqual([]);
});

test('a new partition and a new table are followed without asking; any other change is told and, if wanted, followed', async () => {
  const sides = await twoSides(everythingSql);
  const both = sidesOf(sides);
  const log = recordingLog();
  const options = await liveOptions({ log });
  await beginLive(both, options);
  await onApplication(
    sides,
    `CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
     INSERT INTO events VALUES ('2027-02-02', 1, 'new');
     CREATE TABLE later (id serial PRIMARY KEY, body text); INSERT INTO later (body) VALUES ('x')`,
  );
  const followed = await catchUp(both, options);
  expect(followed.recopied.sort()).toEqual(['"public"."events_2027"', '"public"."later"']);
  await onApplication(
    sides,
    `ALTER TABLE orders ADD COLUMN note text DEFAULT 'none'; UPDATE orders SET note = 'some' WHERE id % 2 = 0;
     CREATE INDEX ON users (balance); ALTER TYPE status ADD VALUE 'lost'; INSERT INTO later (body) VALUES ('y')`,
  );
  await expect(catchUp(both, options)).rejects.toThrow(
    /changed since it was copied[^]*orders\.note[^]*recopy/,
  );
  const recopy = await liveOptions({ onSchemaChange: 'recopy' });
  expect((await catchUp(both, recopy)).recopied).toContain('"public"."orders"');
  await proveLive(both, recopy, 'full');
  const fence = await holdFence(sides.source, recopy);
  await finishLive(both, recopy);
  await fence.commit();
  await openWrites(sides.owner);
  await settleLive(both, recopy);
  expect(await different(sides)).toEqual([]);
});

test('writes of the new side find their way back, without an echo and without cascading to rows that did not change', async () => {
  const sides = await twoSides(everythingSql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  const fence = await holdFence(sides.source, options);
  await finishLive(both, options);
  const back: Sides = { source: sides.owner, target: { owner: sides.source, loader: sides.source } };
  await expect(catchUp(back, options)).rejects.toThrow();
  await beginReverse(back, options);
  await fence.commit();
  await openWrites(sides.owner);
  await settleLive(both, options);
  await withConnection(sides.owner, { applicationName: 'app' }, async (client) => {
    // The orders of user 5 do not change: re-inserting the user must not cascade to them.
    await client.query(`UPDATE public.users SET balance = 5 WHERE id = 5`);
    await client.query(`INSERT INTO public.orders (user_id, net) VALUES (5, 1)`);
    await client.query(`DELETE FROM public.users WHERE id = 6`);
  });
  expect((await readLag(back, options)).rows).toBeGreaterThan(2);
  await catchUp(back, options);
  const forth = await readLag(both, options);
  expect(forth.rows).toBe(0);
  await closeWrites(sides.owner);
  await finishLive(back, options);
  await settleLive(back, options);
  expect(await different(sides)).toEqual([]);

  // And forward again: the source's own capture takes nothing of that for somebody's change of the schema.
  await endReverse(back, options);
  await liftFence(sides.source, options.migrationId);
  await sides.onSource(`UPDATE public.users SET balance = 7 WHERE id = 5`);
  expect((await catchUp(both, options)).rows).toBe(1);
  const again = await holdFence(sides.source, options);
  await finishLive(both, options);
  await again.release();
  await settleLive(both, options);
  expect(await different(sides)).toEqual([]);
});

test('a schema that somebody changes on the way back stays a change', async () => {
  const sides = await twoSides(everythingSql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  const fence = await holdFence(sides.source, options);
  await finishLive(both, options);
  const back: Sides = { source: sides.owner, target: { owner: sides.source, loader: sides.source } };
  await beginReverse(back, options);
  await fence.commit();
  await settleLive(both, options);
  await catchUp(back, options);
  await sides.onSource('ALTER TABLE public.users ADD COLUMN late integer');
  await finishLive(back, options).catch(() => undefined);
  await settleLive(back, options);
  await endReverse(back, options);
  await liftFence(sides.source, options.migrationId);
  const careful = { ...options, onSchemaChange: 'stop' as const };
  await expect(catchUp(both, careful)).rejects.toThrow(/added: column public\.users\.late/);
});

test('giving up leaves no trace on the source', async () => {
  const sides = await twoSides(everythingSql);
  const both = sidesOf(sides);
  const options = await liveOptions();
  const before = await sides.onSource(CATALOGUE);
  await beginLive(both, options);
  await endLive(both, options);
  await endLive(both, options);
  expect(await sides.onSource(CATALOGUE)).toEqual(before);
  await endReverse({ source: sides.owner, target: { owner: sides.source, loader: sides.source } }, options);
});

const CATALOGUE = `
  SELECT n.nspname, c.relname, c.relkind::text, c.relacl::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema') AND n.nspname !~ '^pg_temp'
  UNION ALL SELECT nspname, 'schema', '', nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_'
  UNION ALL SELECT tgname, tgrelid::regclass::text, tgenabled::text, '' FROM pg_trigger
  ORDER BY 1, 2, 3`;

test('a last drain that died before its proof hinders nobody: tables without a key that are written to since wait again', async () => {
  const sides = await twoSides('CREATE TABLE visits (at int); INSERT INTO visits VALUES (1)');
  const both = sidesOf(sides);
  const options = await liveOptions();
  await beginLive(both, options);
  await onApplication(sides, 'INSERT INTO visits VALUES (2)');
  const died = new FollowingDrainer(both, options);
  await died.pass({ tables: 'all' });
  await died.close();
  await onApplication(sides, 'INSERT INTO visits VALUES (3)');
  await catchUp(both, options);
  await proveLive(both, options, 'touched');
  const final = await finishLive(both, options);
  expect(final).toMatchObject({ whole: ['"public"."visits"'], compared: 3 });
  expect(await different(sides)).toEqual([]);

  // Nothing was written to it since: then it is compared as what it is.
  const again = new FollowingDrainer(both, options);
  await onApplication(sides, 'INSERT INTO visits VALUES (4)');
  await again.pass({ tables: 'all' });
  await again.close();
  await sides.onTarget('UPDATE visits SET at = 9 WHERE at = 4');
  await expect(proveLive(both, options, 'touched')).rejects.toThrow(/table public.visits/);
});
