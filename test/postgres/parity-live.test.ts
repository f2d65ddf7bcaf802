import { expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock.ts';
import { SUSPENDED_WHILE_LIVE } from '../../src/postgres/catalogue.ts';
import { closeConnection, connect } from '../../src/postgres/connect.ts';
import { silentLog } from '../../src/log.ts';
import {
  compareTouched,
  type TouchedOptions,
  type TouchedParity,
} from '../../src/postgres/parity-touched.ts';
import { clones, type Clones } from './parity-clones.ts';
import { recordingLog } from './two-sides.ts';

/** The state that a target has of its migration. */
const STATE = `
  CREATE SCHEMA heroku_to_digitalocean;
  CREATE TABLE heroku_to_digitalocean.stamp (migration_id text PRIMARY KEY, epoch bigint NOT NULL DEFAULT 0);
  INSERT INTO heroku_to_digitalocean.stamp VALUES ('shop');
  CREATE TABLE heroku_to_digitalocean.touched (relation text NOT NULL, key text[]);
  CREATE TABLE heroku_to_digitalocean.proof (relation text PRIMARY KEY, rows bigint NOT NULL, hash text NOT NULL, proven_at timestamptz NOT NULL);`;

async function followed(options: { changesSource?: boolean } = {}): Promise<
  Clones & {
    touch: (...keys: [relation: string, key: string][]) => Promise<unknown>;
    compareKeys: (more?: Partial<TouchedOptions>) => Promise<TouchedParity>;
  }
> {
  const sides = await clones(options);
  const { source, target, onTarget } = sides;
  await onTarget(`SET SESSION AUTHORIZATION "${target.user}"; ${STATE}`);
  return {
    ...sides,
    touch: (...keys) =>
      onTarget(
        `INSERT INTO heroku_to_digitalocean.touched VALUES ${keys.map(([relation, key]) => `('${relation}', ${key})`).join(', ')}`,
      ),
    compareKeys: (more = {}) =>
      compareTouched({ migrationId: 'shop', source, target, log: silentLog, ...more }),
  };
}

const USERS = '"public"."users"';
const ODD = '"Odd Names"."Grüße; DROP TABLE"';

test('only the keys that were touched are compared, of every table, and the rows that differ are named', async () => {
  const { onTarget, touch, compareKeys } = await followed();
  await touch(
    ...Array.from({ length: 40 }, (_, n): [string, string] => [USERS, `'{${n + 1}}'`]),
    [USERS, `'{7}'`],
    [USERS, `'{9999}'`],
    ['"public"."events_2025"', `'{2025-06-05,4}'`],
    [ODD, `'{k}'`],
    ['"public"."gone"', `'{1}'`],
  );
  const equal = await compareKeys();
  expect(equal).toMatchObject({ equal: true, compared: { keys: 43, rows: 0 }, different: 0, whole: [] });
  expect(equal.tables.map(({ name, keys }) => [name, keys])).toEqual([
    ['Odd Names.Grüße; DROP TABLE', 1],
    ['public.events_2025', 1],
    ['public.users', 41],
  ]);

  await onTarget(`ALTER TABLE public.users DISABLE TRIGGER users_touch;
    UPDATE public.users SET avatar = set_byte(avatar, 0, 7) WHERE id IN (7, 200); DELETE FROM public.events WHERE id = 4;
    UPDATE ${ODD} SET "ein ""Wort""" = 'other'`);
  const log = recordingLog();
  const different = await compareKeys({ log });
  expect(different).toMatchObject({ equal: false, different: 3 });
  expect(different.tables.map(({ differingKeys }) => differingKeys)).toEqual([
    ['the key=k (content differs)'],
    ['at=2025-06-05, id=4 (only on the source)'],
    ['id=7 (content differs)'],
  ]);
  expect(log.lines.at(-1)).toMatch(/^43 touched keys of 3 tables compared in \d+ ms: 3 differ$/);
});

test('tables that were written whole, or that the caller names, are compared whole', async () => {
  const { onTarget, touch, compareKeys } = await followed();
  await touch(['"public"."no_key"', 'NULL'], [USERS, `'{7}'`]);
  expect(await compareKeys({ whole: ['public.orders'] })).toMatchObject({
    equal: true,
    compared: { keys: 1, rows: 2004 },
  });
  await onTarget(`INSERT INTO public.no_key VALUES ('a', 1)`);
  const parity = await compareKeys();
  expect(parity.equal).toBe(false);
  expect(parity.whole.map(({ differingKeys }) => differingKeys)).toEqual([
    ['no key; 0 rows only on the source, 1 only on the target'],
  ]);
});

test('thousands of keys are looked up by the index, in several questions, also those of citext', async () => {
  const { onSource, onTarget, compareKeys } = await followed({ changesSource: true });
  for (const run of [onSource, onTarget])
    await run(`CREATE TABLE public.mails (mail heroku_ext.citext, n integer, PRIMARY KEY (mail, n));
      INSERT INTO public.mails SELECT 'Mail' || n, n FROM generate_series(1, 20000) n;
      ALTER TABLE public.mails OWNER TO CURRENT_USER; GRANT SELECT ON public.mails TO PUBLIC`);
  await onTarget(`INSERT INTO heroku_to_digitalocean.touched SELECT '"public"."mails"', ARRAY['mail' || n, n::text] FROM generate_series(1, 12000) n;
    UPDATE public.mails SET mail = 'mail11000' WHERE n = 11000`);
  const scans = (): Promise<{ seq: string }[]> =>
    onTarget(
      `SELECT pg_stat_force_next_flush(), seq_scan::text AS seq FROM pg_stat_user_tables WHERE relname = 'mails'`,
    );
  const before = await scans();
  const parity = await compareKeys({ jobs: 2 });
  expect(parity).toMatchObject({ equal: false, compared: { keys: 12_000 }, different: 2 });
  expect(parity.tables[0]?.differingKeys).toEqual([
    'mail=Mail11000, n=11000 (only on the source)',
    'mail=mail11000, n=11000 (only on the target)',
  ]);
  expect((await scans())[0]?.seq).toBe(before[0]?.seq);
});

test('a target of another migration proves nothing', async () => {
  const { compareKeys } = await followed();
  await expect(compareKeys({ migrationId: 'other' })).rejects.toThrow(
    'does not belong to the migration other',
  );
});

test('keys that were equal leave the list; those that a drain wrote meanwhile stay', async () => {
  const { target, onTarget, touch, compareKeys, source } = await followed();
  await touch([USERS, `'{1}'`], [USERS, `'{2}'`]);
  const [one, other] = [
    await connect(source, { applicationName: 'test' }),
    await connect(target, { applicationName: 'test' }),
  ];
  try {
    const exported = await Promise.all(
      [one, other].map(async (client) => {
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
        return (await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id')).rows[0]?.id ?? '';
      }),
    );
    await touch([USERS, `'{3}'`]);
    const snapshots = { source: exported[0] ?? '', target: exported[1] ?? '' };
    expect(await compareKeys({ writer: target, snapshots })).toMatchObject({
      equal: true,
      compared: { keys: 2 },
    });
  } finally {
    await Promise.all([closeConnection(one), closeConnection(other)]);
  }
  expect(await onTarget('SELECT key FROM heroku_to_digitalocean.touched')).toEqual([{ key: ['3'] }]);
});

test('both sides are read at the given snapshots, whatever was written since', async () => {
  const { source, target, onSource, onTarget, compare } = await clones({ changesSource: true });
  const sessions = [
    await connect(source, { applicationName: 'test' }),
    await connect(target, { applicationName: 'test' }),
  ];
  try {
    const exported: string[] = [];
    for (const session of sessions) {
      await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      exported.push(
        (await session.query<{ id: string }>('SELECT pg_export_snapshot() AS id')).rows[0]?.id ?? '',
      );
    }
    await onSource("DELETE FROM public.orders WHERE id = 5; SELECT nextval('public.tickets')");
    await onTarget('UPDATE public.orders SET code = code || 1');
    const snapshots = { source: exported[0] ?? '', target: exported[1] ?? '' };
    expect(await compare({ snapshots, sequences: false })).toMatchObject({
      equal: true,
      rows: { different: 0 },
    });
    expect((await compare({ snapshots })).sequences).toHaveLength(1);
    expect((await compare()).rows.different).toBe(2000);
  } finally {
    await Promise.all(sessions.map(closeConnection));
  }
});

test('a comparison that stopped goes on with the tables that are not yet proven; a new one forgets', async () => {
  const { target, onTarget, touch, compare } = await followed();
  await touch([USERS, `'{1}'`], ['"public"."orders"', `'{1}'`]);
  await onTarget(`UPDATE public.orders SET code = code || 1 WHERE id = 1`);
  expect((await compare({ proof: { writer: target, resume: true } })).equal).toBe(false);
  // What was not proven keeps its touched keys.
  expect(await onTarget('SELECT relation FROM heroku_to_digitalocean.touched')).toEqual([
    { relation: '"public"."orders"' },
  ]);
  await onTarget(
    `UPDATE public.orders SET code = left(code, -1) WHERE id = 1; UPDATE public.chicken SET egg = NULL`,
  );
  const resumed = await compare({ proof: { writer: target, resume: true } });
  expect(resumed.equal).toBe(true);
  expect(resumed.tables.filter(({ provenBefore }) => provenBefore !== true).map(({ name }) => name)).toEqual([
    'public.orders',
  ]);
  const anew = await compare({ proof: { writer: target, resume: false } });
  expect(anew.tables.filter(({ equal }) => !equal).map(({ name }) => name)).toEqual(['public.chicken']);
  const [proof] = await onTarget<{ tables: number; rows: number }>(
    'SELECT count(*)::integer AS tables, sum(rows)::integer AS rows FROM heroku_to_digitalocean.proof',
  );
  expect(proof).toEqual({ tables: anew.tables.length - 1, rows: anew.rows.compared - 1 });
});

test('a sample compares the same rows on both sides, counts all of them, and says what it is worth', async () => {
  const { onTarget, compare } = await clones();
  const sample = { share: 0.25, fromBytes: 100_000, seed: 4 };
  const equal = await compare({ mode: 'sampled', sample });
  expect(equal.equal).toBe(true);
  const orders = equal.tables.find(({ name }) => name === 'public.orders');
  expect(orders?.sampled).toBeGreaterThan(350);
  expect(orders?.sampled).toBeLessThan(650);
  expect(equal.tables.find(({ name }) => name === 'public.no_key')?.sampled).toBeUndefined();
  const looked = equal.tables
    .map(({ sampled, rows }) => sampled ?? rows.source)
    .reduce((sum, n) => sum + n, 0);
  expect(equal.rows.compared).toBe(looked);
  expect(equal.confidence).toMatchObject({ compared: looked, of: 2808 });
  expect(equal.confidence?.found).toEqual([
    { differing: 1, chance: 0.25 },
    { differing: 10, chance: expect.closeTo(0.944, 3) },
    { differing: 100, chance: expect.closeTo(1, 5) },
    { differing: 1000, chance: expect.closeTo(1, 5) },
  ]);
  expect(equal.confidence?.words).toContain('25 % of the rows of 2 large tables, chosen by their keys');

  await onTarget('UPDATE public.orders SET code = code || 1');
  const different = await compare({ mode: 'sampled', sample });
  expect(different.equal).toBe(false);
  expect(different.tables.find(({ name }) => name === 'public.orders')?.differingKeys).toHaveLength(5);
});

test('a row that is missing is told by any sample', async () => {
  const { onTarget, compare } = await clones();
  await onTarget('DELETE FROM public.orders WHERE id = 77');
  const parity = await compare({ mode: 'sampled', sample: { share: 0.001, fromBytes: 0 } });
  expect(parity.tables.filter(({ equal }) => !equal).map(({ differingKeys }) => differingKeys)).toEqual([
    ['id=77 (only on the source)'],
  ]);
});

test('a sample that missed nothing by chance finds the row when it is chosen', async () => {
  const { onTarget, compare } = await clones();
  await onTarget('UPDATE public.orders SET code = code || 1 WHERE id = 77');
  const found: boolean[] = [];
  for (let seed = 1; seed <= 8; seed += 1)
    found.push(!(await compare({ mode: 'sampled', sample: { share: 0.5, fromBytes: 0, seed } })).equal);
  expect(new Set(found)).toEqual(new Set([true, false]));
});

test('what is suspended while a target is followed is announced, and nothing else', async () => {
  const { onTarget, compare } = await clones();
  await onTarget(`
    ALTER TABLE public.orders DROP CONSTRAINT orders_user_id_fkey; DROP TRIGGER users_touch ON public.users;
    ALTER TABLE public.users DISABLE ROW LEVEL SECURITY; REFRESH MATERIALIZED VIEW public.totals WITH NO DATA`);
  const parity = await compare({ announced: SUSPENDED_WHILE_LIVE });
  expect(parity).toMatchObject({ equal: true, catalogue: [] });
  expect(parity.announced).toEqual([
    'different: content of materialized view public.totals: “populated true” on the source, “populated false” on the target',
    'missing on the target: foreign key orders_user_id_fkey on public.orders',
    'missing on the target: row security of public.users',
    'missing on the target: trigger users_touch on public.users',
  ]);
  await onTarget('DROP POLICY own ON public.users; DROP INDEX public.users_settings');
  const more = await compare({ announced: [...SUSPENDED_WHILE_LIVE, 'policy own on public.users'] });
  expect(more).toMatchObject({
    equal: false,
    catalogue: ['missing on the target: index public.users_settings'],
  });
  expect(more.announced).toHaveLength(5);
});

test('rights of roles that both sides have are compared when asked for', async () => {
  const { onTarget, onSource, compare } = await clones({ changesSource: true });
  const role = `reporting_${Date.now()}`;
  await onSource(`CREATE ROLE ${role}; CREATE ROLE other_${role};
    GRANT SELECT ON public.orders TO ${role}; GRANT USAGE ON SCHEMA "Odd Names" TO ${role}; GRANT UPDATE (code) ON public.orders TO ${role};
    GRANT SELECT ON public.orders TO other_${role}`);
  await onTarget(
    `GRANT SELECT ON public.orders TO ${role} WITH GRANT OPTION; REVOKE EXECUTE ON FUNCTION public.touch() FROM PUBLIC`,
  );
  expect((await compare()).equal).toBe(true);
  const parity = await compare({ grants: { except: [`other_${role}`] } });
  expect(parity.catalogue).toEqual([
    `different: grant of SELECT on table public.orders to ${role}: “” on the source, “with grant option” on the target`,
    'missing on the target: grant of EXECUTE on function public.touch() to PUBLIC',
    `missing on the target: grant of UPDATE on column public.orders.code to ${role}`,
    `missing on the target: grant of USAGE on schema "Odd Names" to ${role}`,
  ]);
});

test('progress tells bytes, rows, rate and what is left', async () => {
  const { compare } = await clones();
  const log = recordingLog();
  let sleeps = 0;
  const clock: Clock = {
    now: () => new Date(sleeps * 5_000),
    sleep: async (_milliseconds, signal) => {
      sleeps += 1;
      if (sleeps > 1)
        await new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(new Error('stopped'))),
        );
    },
  };
  await compare({ log, clock });
  expect(log.lines[0]).toMatch(/^Comparing: .* of .* on both sides, [\d,]+ rows, .*\/s, \d+ tables left/);
  expect(log.lines.at(-1)).toMatch(/^2,808 rows of \d+ tables compared in .* s: equal$/);
});
