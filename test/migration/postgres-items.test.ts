import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import type { Item } from '../../src/migration/item.ts';
import { documentedOffer, postgresItems, type DatabaseOffer } from '../../src/migration/postgres-items.ts';
import { readAssessFacts, type AssessFacts } from '../../src/postgres/assess-facts.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { superuserSql, wrongSql } from '../postgres/everything-wrong.ts';
import { rareSql, twoSides, type TwoSides } from '../postgres/two-sides.ts';

const offer = documentedOffer(17);

function factsOf({ source }: TwoSides): Promise<AssessFacts> {
  return withConnection(source, { applicationName: 'h2d assess' }, (client) =>
    readAssessFacts(client, { sampleMs: 20, clock: systemClock }),
  );
}

function verdicts(items: readonly Item[], verdict: Item['verdict']): string[] {
  return items.filter((item) => item.verdict === verdict).map(({ id }) => id);
}

function itemOf(items: readonly Item[], id: string): Item {
  const found = items.find((item) => item.id === id);
  if (found === undefined) throw new Error(`No item ${id} among ${items.map((item) => item.id).join(', ')}`);
  return found;
}

test('a database with everything wrong: each thing has its verdict, why, and what to do', async () => {
  const sides = await twoSides(wrongSql);
  const suffix = randomBytes(3).toString('hex');
  const { database, user: owner } = sides.source;
  await sides.onSource(superuserSql({ database, owner, suffix }));
  const items = postgresItems(await factsOf(sides), offer);

  expect(verdicts(items, 'blocked').sort()).toEqual([
    'postgres/duplicate-rows/public.users_email',
    'postgres/extension/xml2',
    'postgres/foreign-server',
    'postgres/foreign-table',
    'postgres/other-owner',
    'postgres/row-security-forced',
    'postgres/unreadable',
    'postgres/untrusted-function',
    'postgres/user-mapping',
  ]);
  expect(verdicts(items, 'decide').sort()).toEqual([
    `consumer/credential/bi_${suffix}`,
    `consumer/credential/etl_${suffix}`,
    'postgres/invalid-index',
    'postgres/own-settings',
    'postgres/policy-for-role',
    'postgres/sequence/public.old_ids_seq',
  ]);
  for (const item of items) {
    expect(item.why).not.toBe('');
    if (item.verdict === 'blocked') expect(item.remedy).toMatch(/[A-Z]{4,}/);
    if (item.verdict === 'automatic') expect(item.becomes).not.toBe('');
    if (item.verdict === 'decide') expect(item.options[0]).toBe(item.becomes);
  }
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  expect(itemOf(items, 'postgres/row-security-forced').remedy).toContain(
    'ALTER TABLE public.tenants NO FORCE ROW LEVEL SECURITY;',
  );
  expect(itemOf(items, 'postgres/schema-public').becomes).toContain('CREATE on the schema public');
  expect(itemOf(items, 'postgres/heroku-ext').becomes).toContain('search path');
  expect(itemOf(items, 'postgres/extension/citext').becomes).toContain('heroku_ext');
  expect(itemOf(items, 'postgres/extension/pg_stat_statements').verdict).toBe('automatic');
  expect(itemOf(items, 'postgres/tables-without-key').remedy).toContain(
    'ALTER TABLE public.keyless ADD COLUMN',
  );
  const own = itemOf(items, 'postgres/own-settings');
  expect(own.what).toContain('app.jwt_secret');
  expect(own.remedy).toContain('SET app.jwt_secret');
  expect(itemOf(items, 'postgres/setting').what).not.toContain('app.jwt_secret');
  expect(JSON.stringify(items)).not.toContain('very-secret');
});

test('the same database gives the same ids and outcomes each time, whatever it is doing', async () => {
  const sides = await twoSides(wrongSql);
  const outcome = async (): Promise<unknown> =>
    postgresItems(await factsOf(sides), offer).map(({ id, verdict, becomes }) => ({ id, verdict, becomes }));
  const before = await outcome();
  await sides.onSource('INSERT INTO keyless SELECT NULL FROM generate_series(1, 5000)');
  expect(await outcome()).toEqual(before);
});

/** Each makes a verdict other than `automatic`, and the copy must refuse it, too: no verdict is invented. */
const refusals: [string, string, (owner: string) => string][] = [
  [
    'postgres/row-security-forced',
    'row-level security',
    () => `ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY;
           CREATE POLICY p ON orders USING (id > 0)`,
  ],
  [
    'postgres/foreign-server',
    'foreign servers are not supported',
    () => 'CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw',
  ],
  [
    'postgres/untrusted-function',
    'language c',
    () => `CREATE FUNCTION fast() RETURNS trigger LANGUAGE c AS '$libdir/refint', 'check_primary_key'`,
  ],
  ['postgres/unreadable', 'permission denied', () => 'CREATE TABLE audits (id integer PRIMARY KEY)'],
  [
    'postgres/duplicate-rows/public.orders_email',
    'could not create unique index',
    () => `UPDATE pg_index SET indisunique = true WHERE indexrelid = 'orders_email'::regclass`,
  ],
  [
    'postgres/operator-class',
    'operator classes outside extensions',
    (owner) => `
      CREATE OPERATOR CLASS odd FOR TYPE integer USING btree AS OPERATOR 1 <, FUNCTION 1 btint4cmp(integer, integer);
      ALTER OPERATOR CLASS odd USING btree OWNER TO "${owner}"`,
  ],
  [
    'postgres/base-type',
    'base type',
    () => `
      CREATE TYPE odd; CREATE FUNCTION odd_in(cstring) RETURNS odd IMMUTABLE STRICT LANGUAGE internal AS 'textin';
      CREATE FUNCTION odd_out(odd) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
      CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text)`,
  ],
];

for (const [id, refusal, sql] of refusals)
  test(`${id} is what the copy refuses`, async () => {
    const sides = await twoSides(`
      CREATE TABLE orders (id integer PRIMARY KEY, email text);
      CREATE INDEX orders_email ON orders (email);
      INSERT INTO orders VALUES (1, 'a'), (2, 'a')`);
    await sides.onSource(sql(sides.source.user));
    const items = postgresItems(await factsOf(sides), offer);
    expect(itemOf(items, id).verdict).not.toBe('automatic');
    await expect(sides.copy()).rejects.toThrow(refusal);
  });

test('what real applications have, and the rarer things, move by themselves: and the copy does it', async () => {
  const sides = await twoSides(rareSql);
  const items = postgresItems(await factsOf(sides), offer);
  expect(verdicts(items, 'blocked')).toEqual([]);
  expect(verdicts(items, 'decide')).toEqual([]);
  await sides.copy();
});

test('extensions are held against what the target offers, with versions where they are known', async () => {
  const sides = await twoSides('');
  const facts = await factsOf(sides);
  const itemsWith = (extensions: DatabaseOffer['extensions']): Item[] =>
    postgresItems(facts, { major: 17, extensions, source: 'the cluster' });
  const version = facts.database.extensions.find(({ name }) => name === 'citext')?.version ?? '';
  const pgcrypto = facts.database.extensions.find(({ name }) => name === 'pgcrypto')?.version ?? '';
  expect(itemOf(itemsWith({ citext: version, pgcrypto }), 'postgres/extension/citext').verdict).toBe(
    'automatic',
  );
  expect(itemOf(itemsWith({ citext: '1.4', pgcrypto }), 'postgres/extension/citext')).toMatchObject({
    verdict: 'decide',
    question: expect.stringContaining('older one, 1.4'),
  });
  expect(itemOf(itemsWith({ citext: '1.10', pgcrypto }), 'postgres/extension/citext').verdict).toBe(
    'automatic',
  );
  expect(itemOf(itemsWith({ pgcrypto }), 'postgres/extension/citext')).toMatchObject({
    verdict: 'blocked',
    why: expect.stringContaining('the cluster'),
    remedy: expect.stringContaining('DROP EXTENSION "citext"'),
  });
});

test('a list of another edition is no promise: what is on it is told, what is not is a question', async () => {
  const facts = await factsOf(await twoSides(''));
  const [known] = facts.database.extensions;
  if (known === undefined) throw new Error('No extension was read.');
  const strange = {
    ...facts,
    database: { ...facts.database, extensions: [known, { ...known, name: 'plv8' }] },
  };
  const advanced = postgresItems(strange, documentedOffer(17, 'advanced_pg'));
  expect(itemOf(advanced, 'postgres/extension/citext')).toMatchObject({
    verdict: 'automatic',
    remedy: expect.stringContaining('pg_available_extensions'),
  });
  expect(itemOf(advanced, 'postgres/extension/plv8').verdict).toBe('decide');
  expect(itemOf(postgresItems(strange, documentedOffer(17)), 'postgres/extension/plv8').verdict).toBe(
    'blocked',
  );
});

/** Facts as they would be read, without a server: what changes is who was seen. */
async function emptyFacts(): Promise<AssessFacts> {
  return factsOf(await twoSides('CREATE TABLE orders (id integer PRIMARY KEY)'));
}

test('every client that is not the app’s own is a question of its own', async () => {
  const facts = await emptyFacts();
  const client = (user: string, application: string, more: object = {}) => ({
    ...{ user, application, isOwner: user === 'u1', kind: 'client backend', sessions: 2, looks: 3 },
    ...{ addresses: ['10.0.0.1'], addressCount: 1, hidden: false },
    ...more,
  });
  const items = postgresItems(
    {
      ...facts,
      sessions: {
        ...{ looks: 5, connections: { all: 9, owner: 6 }, idleInTransaction: 1, hiddenUsers: ['bi'] },
        longestTransaction: { milliseconds: 7_200_000, user: 'bi', application: 'Metabase', state: 'active' },
        clients: [
          client('u1', 'puma: cluster worker'),
          client('u1', ''),
          client('u1', 'Metabase v'),
          client('u1', 'DBeaver'),
          client('u1', 'ledger-export'),
          client('bi', 'Looker', { hidden: true }),
          client('u1', 'wal receiver', { kind: 'walsender' }),
          client('heroku_admin', ''),
        ],
      },
      credentials: {
        owner: 'u1',
        others: [{ name: 'bi', owns: false, granted: true, memberOfOwner: false, writes: false }],
        receivers: [
          { name: 'etl', how: 'logical slot', active: false },
          { name: 'standby', how: 'follower', active: true },
        ],
        maySeeAll: true,
      },
    },
    offer,
  );
  expect(verdicts(items, 'decide')).toEqual([
    'consumer/client/metabase-v',
    'consumer/client/dbeaver',
    'consumer/client/ledger-export',
    'consumer/client/wal-receiver',
    'consumer/credential/bi',
    'postgres/slot/etl',
  ]);
  expect(itemOf(items, 'consumer/client/metabase-v')).toMatchObject({
    why: 'seen at 3 of 5 looks, 2 sessions at once, from 10.0.0.1',
    what: expect.stringContaining('Metabase'),
  });
  expect(itemOf(items, 'consumer/app').why).toContain('would count as the app’s');
  expect(itemOf(items, 'consumer/sampling').becomes).toContain('not detectable');
  expect(itemOf(items, 'postgres/long-transaction').remedy).toContain('ALTER ROLE bi SET');
  const withOwn = postgresItems(
    { ...facts, sessions: { ...nobody, clients: [client('u1', 'ledger-export')] } },
    offer,
    ['ledger'],
  );
  expect(verdicts(withOwn, 'decide')).toEqual([]);
});

const nobody = {
  looks: 1,
  clients: [],
  connections: { all: 0, owner: 0 },
  idleInTransaction: 0,
  longestTransaction: null,
  hiddenUsers: [],
};

test('what could not be read is never a pass', async () => {
  const facts = await emptyFacts();
  const why = 'canceling statement due to statement timeout';
  const items = postgresItems(
    {
      ...facts,
      obstacles: null,
      sessions: null,
      sequences: null,
      unread: [
        { part: 'obstacles', why },
        { part: 'sessions', why },
        { part: 'sequences', why },
      ],
    },
    offer,
  );
  expect(verdicts(items, 'blocked')).toEqual(['postgres/unread/obstacles', 'postgres/unread/sessions']);
  expect(verdicts(items, 'decide')).toEqual(['postgres/unread/sequences']);
  expect(itemOf(items, 'postgres/unread/obstacles').why).toBe(why);
});

test('an encoding other than UTF8, an own locale, a follower and a changed text order are told', async () => {
  const facts = await emptyFacts();
  const { server } = facts;
  if (server === null) throw new Error('The server was not read.');
  const items = postgresItems(
    {
      ...facts,
      database: { ...facts.database, encoding: 'LATIN1', collation: 'de_DE' },
      live: { ...facts.live, inRecovery: true },
      server: { ...server, collationVersion: { made: '2.28', now: '2.36' }, transactionAge: 199_000_000 },
    },
    offer,
  );
  expect(verdicts(items, 'blocked')).toEqual(['postgres/follower']);
  expect(verdicts(items, 'decide')).toEqual(['postgres/encoding']);
  for (const id of ['postgres/locale', 'postgres/collation-version', 'postgres/freeze'])
    expect(itemOf(items, id)).toMatchObject({ verdict: 'automatic', remedy: expect.any(String) });
});

test('sessions of the provider stay behind, and those whose addresses are hidden are told as such', async () => {
  const facts = await emptyFacts();
  const provider = {
    ...{ user: 'heroku_admin', application: '', isOwner: false, kind: 'client backend', sessions: 1 },
    ...{ looks: 1, addresses: [], addressCount: 0, hidden: true },
  };
  const sessions = { ...nobody, clients: [provider], hiddenUsers: ['bi', 'etl'] };
  const items = postgresItems({ ...facts, sessions }, offer);
  expect(itemOf(items, 'consumer/provider')).toMatchObject({
    verdict: 'automatic',
    what: 'Heroku’s own sessions (heroku_admin)',
    becomes: 'left behind',
  });
  expect(itemOf(items, 'consumer/hidden')).toMatchObject({
    what: 'the addresses of sessions of bi, etl are hidden',
    remedy: expect.stringContaining('pg_monitor'),
  });
  const others = postgresItems({ ...facts, sessions: nobody }, offer).map(({ id }) => id);
  expect(others).not.toContain('consumer/provider');
  expect(others).not.toContain('consumer/hidden');
});

test('rows in tables of extensions are a question; identities of tables, and numbers that nobody could read, are told', async () => {
  const facts = await emptyFacts();
  const { sequences } = facts;
  const [table] = facts.database.tables;
  if (sequences === null || table === undefined) throw new Error('Not everything was read.');
  const items = postgresItems(
    {
      ...facts,
      database: { ...facts.database, tables: [{ ...table, replicaIdentity: 'full' }] },
      sequences: { ...sequences, total: 3, unread: ['public.invoice_numbers'] },
      extensionData: [
        { extension: 'postgis', table: 'public.spatial_ref_sys', hasRows: true },
        { extension: 'pg_cron', table: 'cron.job', hasRows: null },
      ],
    },
    offer,
  );
  expect(itemOf(items, 'postgres/extension-data/public.spatial_ref_sys')).toMatchObject({
    verdict: 'decide',
    what: 'public.spatial_ref_sys of postgis holds rows of yours',
    options: ['entered again by hand after the copy', 'not needed'],
  });
  // What could not be read may hold rows, too.
  expect(itemOf(items, 'postgres/extension-data/cron.job')).toMatchObject({
    verdict: 'decide',
    what: 'cron.job of pg_cron could not be read',
  });
  expect(itemOf(items, 'postgres/replica-identity')).toMatchObject({
    verdict: 'automatic',
    what: expect.stringContaining('public.orders'),
  });
  expect(itemOf(items, 'postgres/sequences-unread')).toMatchObject({
    what: '1 sequences could not be read: public.invoice_numbers',
    becomes: 'read by the copy, which fails when it cannot',
  });
});
