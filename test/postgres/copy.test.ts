import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { closeWrites, openWrites, writesAre } from '../../src/postgres/rights.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { everythingSql, recordingLog, twoSides } from './two-sides.ts';

const session = { applicationName: 'test' };

test('everything a database holds arrives, from a source like Heroku’s into a target without superuser', async () => {
  const sides = await twoSides(everythingSql);
  const log = recordingLog();
  const result = await sides.copy({ log });
  expect(result.tables).toBe(9);
  expect(result.removed.map((removed) => removed.entry.split(' ').slice(0, 2).join(' '))).toContain(
    'EVENT TRIGGER',
  );
  const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
  expect(parity.catalogue).toEqual([]);
  expect(parity.sequences).toEqual([]);
  expect(parity.tables.filter((table) => !table.equal)).toEqual([]);
  expect(parity.equal).toBe(true);
  expect(parity.rows.compared).toBe(300 + 2000 + 500 + 4 + 1 + 1 + 2);
  // Objects belong to the application's role, and the path reaches the extension's types.
  const [table] = await sides.onTarget<{ owner: string; path: string }>(
    `SELECT tableowner AS owner, current_setting('search_path') AS path FROM pg_tables WHERE tablename = 'users'`,
  );
  expect(table).toEqual({ owner: sides.owner.user, path: '"$user", public, heroku_ext' });
  const matview = await sides.onTarget('SELECT FROM public.totals');
  expect(matview).toHaveLength(300);
});

test('the target is closed from the first moment, stays readable, and opens for all tables at once', async () => {
  const sides = await twoSides(everythingSql);
  const seen: string[] = [];
  await sides.copy({
    beforeChange: async () => {
      seen.push(await writesAre(sides.owner));
    },
  });
  expect(new Set(seen)).toEqual(new Set(['closed']));
  await withConnection(sides.owner, session, async (client) => {
    expect((await client.query('SELECT FROM public.orders')).rowCount).toBe(2000);
    for (const write of [
      "INSERT INTO public.no_key VALUES ('b', 1)",
      'UPDATE public.orders SET net = 1',
      'DELETE FROM public.orders',
      'TRUNCATE public.no_key',
      "SELECT nextval('public.tickets')",
    ])
      await expect(client.query(write)).rejects.toMatchObject({ code: '42501' });
    // In the session that is open already.
    await openWrites(sides.owner);
    expect(await writesAre(sides.owner)).toBe('open');
    await client.query("INSERT INTO public.no_key VALUES ('b', 1)");
    await client.query('INSERT INTO public.orders (user_id, net) VALUES (1, 5)');
    await closeWrites(sides.owner);
    expect(await writesAre(sides.owner)).toBe('closed');
    await expect(client.query("INSERT INTO public.no_key VALUES ('b', 1)")).rejects.toThrow(
      'permission denied',
    );
  });
});

test('the loader keeps no right to the data', async () => {
  const sides = await twoSides(
    'CREATE TABLE things (id serial PRIMARY KEY); INSERT INTO things DEFAULT VALUES',
  );
  await sides.copy();
  await withConnection(sides.loader, session, async (client) => {
    await expect(client.query('SELECT FROM public.things')).rejects.toMatchObject({ code: '42501' });
  });
});

test('a second copy replaces what the first one left, whatever changed meanwhile', async () => {
  const sides = await twoSides(everythingSql);
  await sides.copy();
  await sides.onSource(`
    SET ROLE "${sides.source.user}"; SET search_path = public, heroku_ext;
    DROP TABLE no_key CASCADE; DROP VIEW paid; ALTER TABLE orders ADD COLUMN note text; DELETE FROM orders WHERE id % 2 = 0;
    ALTER TYPE status ADD VALUE 'lost'; CREATE TABLE later (id integer PRIMARY KEY); INSERT INTO later VALUES (1)`);
  await sides.copy();
  const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
  expect(parity).toMatchObject({ equal: true, catalogue: [], sequences: [] });
});

test('a target that holds something else is refused untouched', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer)');
  await sides.onTarget('CREATE TABLE precious (id integer)');
  await expect(sides.copy()).rejects.toThrow(/not empty.*public\.precious.*not touched/);
  expect(await sides.onTarget(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'h%'`)).toEqual([]);
});

test('the copy of another migration is refused untouched', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer)');
  await sides.copy();
  await expect(sides.copy({ migrationId: 'other-test' })).rejects.toThrow(/another migration \(shop-test\)/);
  expect(await sides.onTarget('SELECT FROM public.things')).toEqual([]);
});

test('an open target is never copied over: the application may have written to it', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer)');
  await sides.copy();
  await openWrites(sides.owner);
  await withConnection(sides.owner, session, (client) =>
    client.query('INSERT INTO public.things VALUES (7)'),
  );
  await expect(sides.copy()).rejects.toThrow(/open for writes/);
  expect(await sides.onTarget('SELECT id FROM public.things')).toEqual([{ id: 7 }]);
});

test('a copy that fails in the swap leaves the earlier copy whole', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer); INSERT INTO things VALUES (1)');
  await sides.copy();
  // A function that the target cannot have: its role may not create functions in C.
  await sides
    .onSource(`CREATE FUNCTION public.hard() RETURNS trigger LANGUAGE c AS '$libdir/citext', 'citextin'`)
    .catch(() => undefined);
  await sides.onSource(
    `CREATE FUNCTION public.hard(text) RETURNS text LANGUAGE internal AS 'upper'; ALTER FUNCTION public.hard(text) OWNER TO "${sides.source.user}"`,
  );
  await expect(sides.copy()).rejects.toThrow(
    /Could not create FUNCTION public.hard.*permission denied for language internal/s,
  );
  expect(await sides.onTarget('SELECT id FROM public.things')).toEqual([{ id: 1 }]);
});

test('a copy that died between swap and load is finished by the next one', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer); INSERT INTO things VALUES (1)');
  let calls = 0;
  await expect(
    sides.copy({
      beforeChange: () =>
        calls++ === 2 ? Promise.reject(new Error('a newer run has begun')) : Promise.resolve(),
    }),
  ).rejects.toThrow('a newer run has begun');
  expect(await sides.onTarget('SELECT FROM public.things')).toEqual([]);
  await sides.copy();
  expect(await sides.onTarget('SELECT id FROM public.things')).toEqual([{ id: 1 }]);
});

test('large objects arrive with their numbers and bytes', async () => {
  const sides = await twoSides(`SELECT lo_from_bytea(4711, 'x'), lo_from_bytea(4712, '')`);
  await sides.copy();
  expect(
    await sides.onTarget(`SELECT oid::int, lo_get(oid) AS bytes FROM pg_largeobject_metadata ORDER BY oid`),
  ).toEqual([
    { oid: 4711, bytes: Buffer.from('x') },
    { oid: 4712, bytes: Buffer.alloc(0) },
  ]);
});

test('a table that the source’s role may read only in part fails instead of arriving short', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer); INSERT INTO things VALUES (1), (2)');
  await sides.onSource(`
    ALTER TABLE public.things OWNER TO postgres; GRANT SELECT ON public.things TO "${sides.source.user}";
    ALTER TABLE public.things ENABLE ROW LEVEL SECURITY; CREATE POLICY odd_ones ON public.things USING (id = 1)`);
  await expect(sides.copy()).rejects.toThrow(/affected by row-level security policy/);
});

test('two copies at once: one works, one says why it does not', async () => {
  const sides = await twoSides(everythingSql);
  const results = await Promise.allSettled([sides.copy(), sides.copy()]);
  const [failed] = results.filter((result) => result.status === 'rejected');
  expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(String(failed?.reason)).toMatch(/Another copy into .* is under way/);
});

test('an aborted copy ends its programs and leaves no dump behind', async () => {
  const sides = await twoSides(everythingSql);
  const directory = temporaryDirectory('abort');
  const abort = new AbortController();
  let calls = 0;
  await expect(
    sides.copy({
      directory,
      signal: abort.signal,
      beforeChange: () => {
        if (calls++ === 1) setTimeout(() => abort.abort(new Error('cancelled')), 20);
        return Promise.resolve();
      },
    }),
  ).rejects.toThrow('cancelled');
  expect(readdirSync(directory)).toEqual([]);
});

test('a wrong password of the loader is told without showing it', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer)');
  const failure = sides.copy({ loader: { ...sides.loader, password: 'sesame-secret' } });
  await expect(failure).rejects.toThrow(/the password was refused/);
  await expect(failure).rejects.not.toThrow(/sesame/);
});

test('a copy during which a table was emptied is not taken for complete', async () => {
  const sides = await twoSides('CREATE TABLE few (id integer PRIMARY KEY); INSERT INTO few VALUES (1), (2)');
  let emptied: Promise<unknown> | undefined;
  // The snapshot is taken: it sees the table that was emptied since without a row.
  const beforeChange = async (): Promise<void> => {
    await (emptied ??= sides.onSource('TRUNCATE few; INSERT INTO few VALUES (3)'));
  };
  await expect(sides.copy({ beforeChange })).rejects.toThrow(/may lack rows: "public"\."few"/);
  await sides.copy();
  expect(await sides.onTarget('SELECT id FROM public.few')).toEqual([{ id: 3 }]);
});
