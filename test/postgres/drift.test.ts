import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { installCapture, type CaptureOptions } from '../../src/postgres/capture.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import {
  compareShapes,
  describeDifference,
  readBaseline,
  readDigest,
  readShape,
  saveShape,
  type ShapeComparison,
} from '../../src/postgres/drift.ts';
import { everythingSql, twoSides } from './two-sides.ts';

const session = { applicationName: 'test' };
const options: CaptureOptions = {
  migrationId: 'shop-test',
  epoch: 1,
  limits: { logBytes: 100_000_000, leaseMs: 3_600_000 },
  log: silentLog,
  clock: systemClock,
};

/** What comparing the shapes before and after some statements says. */
async function driftOf(
  address: PostgresAddress,
  ...statements: string[]
): Promise<ShapeComparison & { lines: string[] }> {
  return withConnection(address, session, async (client) => {
    const before = await readShape(client);
    for (const sql of statements) await client.query(sql);
    const after = await readShape(client);
    const comparison = compareShapes(before, after);
    if (!comparison.equal) expect(after.digest).not.toBe(before.digest);
    return { ...comparison, lines: comparison.schema.map(describeDifference).sort() };
  });
}

test('what is no change to the schema is not taken for one', async () => {
  const { source } = await twoSides(everythingSql);
  await installCapture(source, options);
  await withConnection(source, session, async (client) => {
    const before = await readDigest(client);
    await client.query('UPDATE public.users SET weight = 1');
    await client.query('VACUUM ANALYZE public.users');
    await client.query("SELECT nextval('public.tickets')");
    await client.query('CREATE TEMPORARY TABLE mine (id integer PRIMARY KEY, body text DEFAULT 1)');
    expect(await readDigest(client)).toBe(before);
  });
  const drift = await driftOf(
    source,
    'GRANT SELECT ON public.users TO PUBLIC',
    'REFRESH MATERIALIZED VIEW public.totals',
  );
  expect(drift).toMatchObject({ equal: true });
});

test('every difference is named, with what finds it in a dump, and only real ones', async () => {
  const { source, onSource } = await twoSides(everythingSql);
  await installCapture(source, options);
  const { lines, schema } = await driftOf(
    source,
    'ALTER TABLE public.users ADD COLUMN nick text DEFAULT 1',
    'ALTER TABLE public.orders RENAME COLUMN code TO label',
    'CREATE TABLE public.fresh (id integer PRIMARY KEY)',
    "CREATE TABLE public.events_2027 PARTITION OF public.events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
    'CREATE INDEX by_balance ON public.users (balance)',
    'ALTER TABLE public.chicken ADD CONSTRAINT hatched CHECK (egg > 0)',
    "ALTER TYPE public.status ADD VALUE 'lost'",
    'CREATE OR REPLACE VIEW public.paid AS SELECT id, net FROM public.orders',
    "CREATE OR REPLACE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    'ALTER TABLE public.users DISABLE TRIGGER users_touch',
    "COMMENT ON TABLE public.users IS 'people'",
    'DROP POLICY own ON public.users',
    'ALTER SEQUENCE public.tickets INCREMENT 7',
    'DROP TABLE public.no_key',
  );
  expect(lines).toEqual([
    'added: column public.events_2027.at',
    'added: column public.events_2027.body',
    'added: column public.events_2027.id',
    'added: column public.fresh.id',
    'added: column public.users.nick',
    'added: comment on table public.users',
    'added: constraint events_2027_pkey on public.events_2027',
    'added: constraint fresh_pkey on public.fresh',
    'added: constraint hatched on public.chicken',
    'added: default of public.users.nick',
    'added: index public.by_balance',
    'added: index public.events_2027_pkey',
    'added: index public.fresh_pkey',
    'added: table public.events_2027',
    'added: table public.fresh',
    'changed: column public.orders.label',
    'changed: function public.touch()',
    'changed: sequence public.tickets',
    'changed: trigger users_touch on public.users',
    'changed: type public.status',
    'changed: view public.paid',
    'removed: column public.no_key.a',
    'removed: column public.no_key.b',
    'removed: policy own on public.users',
    'removed: table public.no_key',
  ]);
  // By the numbers that pg_dump writes into its headers.
  const index = schema.find(({ what }) => what === 'index public.by_balance');
  const found = await onSource<{ class: number; oid: number; of: number }>(
    "SELECT 'pg_class'::regclass::oid::int AS class, 'public.by_balance'::regclass::oid::int AS oid, 'public.users'::regclass::oid::int AS of",
  );
  expect(index).toMatchObject({ classOid: found[0]?.class, oid: found[0]?.oid, table: found[0]?.of });
});

test('an attached partition and a detached one are seen, with the table that they belong to', async () => {
  const { source } = await twoSides(
    everythingSql +
      "; CREATE TABLE old (at date NOT NULL, id bigint NOT NULL, body text); INSERT INTO old VALUES ('2024-01-01', 1, '')",
  );
  await installCapture(source, options);
  const attached = await driftOf(
    source,
    "ALTER TABLE public.events ATTACH PARTITION public.old FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
  );
  expect(attached.lines).toContain('changed: table public.old');
  const detached = await driftOf(source, 'ALTER TABLE public.events DETACH PARTITION public.events_2026');
  expect(detached.lines).toContain('changed: table public.events_2026');
});

test('a table that an ALTER wrote anew is told from one that was truncated or compacted', async () => {
  const { source } = await twoSides(everythingSql);
  await installCapture(source, options);
  // The second leaves the definition as it was: only the values are others.
  for (const sql of [
    'ALTER TABLE public.users ALTER COLUMN born TYPE text',
    'ALTER TABLE public.users ALTER COLUMN balance TYPE numeric(12,3) USING balance + 1',
  ])
    // As the target's lists have it, or a re-copy and a proof would not find it there.
    expect(await driftOf(source, sql)).toMatchObject({
      equal: false,
      truncated: [],
      rewritten: ['"public"."users"'],
    });
  expect(await driftOf(source, 'TRUNCATE public.no_columns', 'VACUUM FULL public.no_key')).toMatchObject({
    equal: false,
    truncated: ['"public"."no_key"', '"public"."no_columns"'],
    rewritten: [],
    schema: [],
  });
});

test('triggers that were off for a moment are seen, though they look as before', async () => {
  const { source, onSource } = await twoSides(everythingSql);
  await installCapture(source, options);
  const look = (): Promise<Record<string, unknown>[]> =>
    onSource(
      "SELECT tgrelid, tgname, tgenabled, tgtype FROM pg_trigger WHERE tgname LIKE 'heroku_to_%' ORDER BY 1, 2",
    );
  const before = await look();
  const drift = await driftOf(
    source,
    `BEGIN; ALTER TABLE public.users DISABLE TRIGGER heroku_to_digitalocean_capture; UPDATE public.users SET weight = 1;
     ALTER TABLE public.users ENABLE ALWAYS TRIGGER heroku_to_digitalocean_capture; COMMIT`,
    'ALTER TABLE public.chicken DISABLE TRIGGER heroku_to_digitalocean_capture_truncate',
    'DROP TRIGGER heroku_to_digitalocean_capture ON public.egg',
    "DO $$ BEGIN EXECUTE (SELECT replace(pg_get_functiondef(p.oid), 'BEGIN', 'BEGIN RETURN NULL;') FROM pg_proc p WHERE proname = 'capture_1'); END $$",
  );
  const touched = ['"public"."chicken"', '"public"."egg"', '"public"."users"'];
  expect(drift.captureTouched.sort()).toEqual(touched);
  expect((await look())[0]).toEqual(before[0]);
  // Without any baseline too, since the installation kept its own transaction's number.
  await withConnection(source, session, async (client) => {
    const now = await readShape(client);
    expect(compareShapes(now, now).captureTouched.sort()).toEqual(touched);
  });
  const { made } = await installCapture(source, options);
  expect(made.map(({ name }) => name).sort()).toEqual(['chicken', 'egg', 'users']);
  expect(await driftOf(source)).toMatchObject({ equal: true });
});

test('a server that was started again, or is another one, asks for a proof', async () => {
  const { source, sourceDatabase } = await twoSides(everythingSql);
  await installCapture(source, options);
  const baseline = await withConnection(source, session, async (client) => {
    const shape = await readShape(client);
    await saveShape(client, 'shop-test', shape);
    const kept = await readBaseline(client, 'shop-test');
    expect(kept).toEqual(shape);
    expect(shape.server).toMatchObject({
      timeline: '00000001',
      systemIdentifier: expect.stringMatching(/^\d+$/),
    });
    return shape;
  });
  await sourceDatabase.server.restart();
  await withConnection(source, session, async (client) => {
    const now = await readShape(client);
    expect(compareShapes(baseline, now)).toMatchObject({ equal: false, server: 'restarted', schema: [] });
    const promoted = { ...now, server: { ...now.server, timeline: '00000002' } };
    expect(compareShapes(baseline, promoted).server).toBe('failover');
  });
});
