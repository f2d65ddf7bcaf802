import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { systemClock } from '../../src/clock.ts';
import { readAssessFacts, type AssessFacts } from '../../src/postgres/assess-facts.ts';
import { connect, closeConnection, withConnection } from '../../src/postgres/connect.ts';
import { superuserSql, wrongSql } from './everything-wrong.ts';
import { twoSides, type TwoSides } from './two-sides.ts';

const session = { applicationName: 'h2d assess' };

function assess({ source }: TwoSides, sampleMs = 50): Promise<AssessFacts> {
  return withConnection(source, session, (client) =>
    readAssessFacts(client, { sampleMs, clock: systemClock }),
  );
}

test('everything wrong at once is seen, and nothing of it is a secret', async () => {
  const sides = await twoSides(wrongSql);
  const suffix = randomBytes(3).toString('hex');
  const { database, user: owner } = sides.source;
  await sides.onSource(superuserSql({ database, owner, suffix }));
  const facts = await assess(sides);

  expect(facts.unread).toEqual([]);
  const seen = Object.fromEntries(
    Object.entries(facts.obstacles ?? {})
      .filter(([, { count }]) => count > 0)
      .map(([kind, { examples }]) => [kind, examples.map(({ name }) => name)]),
  );
  expect(seen).toMatchObject({
    eventTrigger: ['log_create_ext', `ours_${suffix}`],
    foreignServer: ['elsewhere'],
    userMapping: ['elsewhere'],
    foreignTable: ['public.far_away'],
    publication: ['everything'],
    untrustedFunction: ['public.fast(integer)'],
    otherOwner: ['public.audits', 'public.readable_audits'],
    unreadable: ['public.audits'],
    unlogged: ['public.scratch'],
    partitioned: ['public.events'],
    materializedView: ['public.totals'],
    rowSecurityForced: ['public.tenants'],
    policyForRole: ['theirs on public.users'],
    rule: ['quiet on public.keyless'],
    generatedColumn: ['public.users.gross'],
    typeOfTheServer: ['public.users.paid', 'public.users.snapshot', 'public.users.watched'],
    collatedColumn: ['public.sorted.name'],
    collationVersion: ['public.numbered'],
    domain: ['public.cents'],
    invalidIndex: ['public.broken_code'],
    notValidConstraint: ['positive on public.users'],
    setting: ['app.jwt_secret', 'search_path', 'statement_timeout'],
    settingOfOtherRole: ['work_mem'],
  });
  expect(facts.database.tables.find(({ name }) => name === 'keyless')).toMatchObject({
    key: null,
    rowsFrom: 'counter',
    estimatedRows: 1000,
    replicaIdentity: 'default',
  });
  expect(facts.sequences).toMatchObject({
    total: 2,
    // The sequence counts to 2^63, the column that it feeds to 2^31.
    nearEnd: [
      { name: 'public.old_ids_seq', column: 'public.old_ids.id', limit: '2147483647' },
      { name: 'public.small_ids_id_seq', limit: '32767' },
    ],
  });
  expect(facts.duplicateKeys?.found).toEqual([{ index: 'public.users_email', table: 'public.users' }]);
  expect(facts.server).toMatchObject({ pgStatStatements: true, largeObjects: { count: 3, unreadable: 0 } });
  expect(facts.credentials?.others).toEqual([
    { name: `bi_${suffix}`, owns: false, granted: true, memberOfOwner: false, writes: false },
    { name: `etl_${suffix}`, owns: false, granted: false, memberOfOwner: true, writes: true },
  ]);
  expect(JSON.stringify(facts)).not.toContain('very-secret');
});

test('rows that the application put into a table of an extension are seen: no copy takes them along', async () => {
  const sides = await twoSides();
  await sides.onSource(`
    CREATE EXTENSION hstore SCHEMA public;
    CREATE TABLE coordinates (id integer, own boolean);
    CREATE TABLE untouched (id integer);
    INSERT INTO coordinates VALUES (1, false);
    GRANT SELECT ON coordinates, untouched TO "${sides.source.user}";
    ALTER EXTENSION hstore ADD TABLE coordinates; ALTER EXTENSION hstore ADD TABLE untouched;
    UPDATE pg_extension SET extconfig = ARRAY['coordinates'::regclass, 'untouched'::regclass]::oid[],
                            extcondition = ARRAY['WHERE own', ''] WHERE extname = 'hstore'`);
  expect((await assess(sides)).extensionData).toEqual([]);
  await sides.onSource('INSERT INTO coordinates VALUES (2, true)');
  expect((await assess(sides)).extensionData).toEqual([
    { extension: 'hstore', table: 'public.coordinates', hasRows: true },
  ]);
});

test('clients, transactions and writes are seen over the sampling time; ours are left out', async () => {
  const sides = await twoSides('CREATE TABLE orders (id bigserial PRIMARY KEY, note text)');
  const suffix = randomBytes(3).toString('hex');
  await sides.onSource(`
    CREATE ROLE bi_${suffix} LOGIN PASSWORD 'bi'; GRANT SELECT ON orders TO bi_${suffix};
    GRANT pg_read_all_stats TO "${sides.source.user}"`);
  const open = (user: string, password: string, application_name: string): Promise<pg.Client> =>
    opened({ ...sides.source, user, password, application_name });
  const { user, password } = sides.source;
  const [puma, other, ...rest] = await Promise.all([
    open(user, password, 'puma: cluster worker 0: 41 [shop]'),
    open(user, password, 'puma: cluster worker 1: 41 [shop]'),
    open(`bi_${suffix}`, 'bi', 'Metabase v0.50.3'),
    open(user, password, 'h2d catch-up'),
  ]);
  try {
    await puma.query('BEGIN');
    const stop = new AbortController();
    const writer = (async () => {
      while (!stop.signal.aborted) await other.query("INSERT INTO orders (note) VALUES ('x')");
    })();
    const facts = await assess(sides, 3_000).finally(() => {
      stop.abort();
    });
    await writer;
    expect(facts.sessions?.clients).toMatchObject([
      {
        user: `bi_${suffix}`,
        application: 'Metabase v',
        isOwner: false,
        sessions: 1,
        addresses: ['127.0.0.1'],
      },
      { user, application: 'puma: cluster worker', isOwner: true, sessions: 2, looks: 4 },
    ]);
    expect(facts.sessions).toMatchObject({ looks: 4, connections: { all: 3, owner: 2 }, hiddenUsers: [] });
    expect(facts.sessions?.longestTransaction).toMatchObject({ state: 'idle in transaction', user });
    expect(facts.sessions?.longestTransaction?.milliseconds).toBeGreaterThan(2_000);
    expect(facts.activity?.transactionsPerSecond).toBeGreaterThan(1);
    expect(facts.database.tables[0]?.writesPerSecond).toBeGreaterThan(1);
  } finally {
    await Promise.all([puma, other, ...rest].map((client) => client.end()));
  }
});

async function opened(options: {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  application_name: string;
}): Promise<pg.Client> {
  const { host, port, database, user, password, application_name } = options;
  const client = new pg.Client({ host, port, database, user, password, application_name });
  await client.connect();
  return client;
}

test('a busy production: a table that another session holds is named and waited for by nobody, and no lock is stronger than ACCESS SHARE', async () => {
  const sides = await twoSides(`
    CREATE TABLE orders (id bigserial PRIMARY KEY, email text UNIQUE, note text);
    INSERT INTO orders (email) SELECT n || '@example.com' FROM generate_series(1, 20000) n;
    CREATE TABLE altered (id bigserial PRIMARY KEY, email text UNIQUE, note text);
    INSERT INTO altered (email) SELECT n || '@example.com' FROM generate_series(1, 20000) n;
    ANALYZE altered`);
  const altering = await opened({ ...sides.source, application_name: 'rake db:migrate' });
  const watching = await opened({ ...sides.source, application_name: 'watch' });
  const modes = new Set<string>();
  await altering.query('BEGIN; ALTER TABLE altered ADD COLUMN extra text');
  const done = new AbortController();
  const watch = (async () => {
    while (!done.signal.aborted) {
      const { rows } = await watching.query<{ mode: string; granted: boolean }>(`
        SELECT DISTINCT l.mode, l.granted FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE a.application_name = 'h2d assess' AND l.locktype <> 'virtualxid'
           -- Every session holds its database while it begins.
           AND (l.locktype, l.classid) IS DISTINCT FROM ('object', 'pg_database'::regclass::oid)`);
      for (const { mode, granted } of rows) modes.add(granted ? mode : `waits for ${mode}`);
      await delay(1);
    }
  })();
  try {
    const facts = await assess(sides, 500);
    expect(facts.unread).toEqual([]);
    expect(facts.locked).toMatchObject([
      { name: 'public.altered', holder: expect.stringContaining('rake db:migrate') },
    ]);
    const altered = facts.database.tables.find(({ name }) => name === 'altered');
    expect(altered).toMatchObject({ locked: true, estimatedRows: 20_000 });
    expect(altered?.bytes).toBeGreaterThan(500_000);
    expect(facts.duplicateKeys).toMatchObject({ checked: 1, unchecked: 1 });
  } finally {
    done.abort();
    await watch;
    await altering.query('ROLLBACK');
    await Promise.all([altering.end(), watching.end()]);
  }
  expect([...modes]).toEqual(['AccessShareLock']);
});

test('a table that is locked while it is being read is met, looked for again, and named', async () => {
  const sides = await twoSides('CREATE TABLE orders (id bigserial PRIMARY KEY)');
  const altering = await opened({ ...sides.source, application_name: 'rake db:migrate' });
  const client = await connect(sides.source, session);
  try {
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
    let looked = false;
    client.query = (async (...given: unknown[]) => {
      const result = await query(...given);
      // Between the look at the locks and the first table that is measured.
      if (!looked && String(given[0]).includes('pg_catalog.pg_locks')) {
        looked = true;
        await altering.query('BEGIN; LOCK TABLE orders');
      }
      return result;
    }) as unknown as typeof client.query;
    const facts = await readAssessFacts(client, { sampleMs: 50, clock: systemClock });
    expect(facts.locked.map(({ name }) => name)).toEqual(['public.orders']);
    expect(facts.unread).toEqual([]);
  } finally {
    await closeConnection(client);
    await altering.end();
  }
});

test('the session is read-only while it reads, and as before afterwards', async () => {
  const sides = await twoSides('CREATE TABLE orders (id bigserial PRIMARY KEY)');
  const names = ['default_transaction_read_only', 'statement_timeout', 'lock_timeout'];
  const settings = async (client: pg.Client): Promise<unknown> =>
    (await client.query('SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name', [names]))
      .rows;
  await withConnection(sides.source, session, async (client) => {
    const before = await settings(client);
    const during: unknown[] = [];
    const clock = {
      now: () => new Date(),
      sleep: async () => {
        during.push(await settings(client));
        await expect(client.query('CREATE TABLE ours ()')).rejects.toThrow('read-only');
      },
    };
    await readAssessFacts(client, { sampleMs: 10_000, clock });
    expect(during[0]).toEqual([
      { name: 'default_transaction_read_only', setting: 'on' },
      { name: 'lock_timeout', setting: '1000' },
      { name: 'statement_timeout', setting: '20000' },
    ]);
    expect(await settings(client)).toEqual(before);
  });
});

test('a thousand tables take as many statements as one', async () => {
  const statementsFor = async (
    tables: number,
  ): Promise<{ statements: number; facts: AssessFacts; megabytes: number }> => {
    const sides = await twoSides(`
      DO $$ BEGIN
        FOR n IN 1..${tables} LOOP
          EXECUTE format('CREATE TABLE t_%s (id bigserial PRIMARY KEY, email text UNIQUE, of_day date, note text)', n);
          EXECUTE format('INSERT INTO t_%s (email) VALUES (''a''), (''b'')', n);
        END LOOP; END $$`);
    return withConnection(sides.source, session, async (client) => {
      let statements = 0;
      const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
      client.query = ((...given: unknown[]) => {
        statements += 1;
        return query(...given);
      }) as unknown as typeof client.query;
      const before = process.memoryUsage().heapUsed;
      const facts = await readAssessFacts(client, { sampleMs: 50, clock: systemClock });
      return { statements, facts, megabytes: (process.memoryUsage().heapUsed - before) / 1e6 };
    });
  };
  const one = await statementsFor(1);
  const thousand = await statementsFor(1_000);
  expect(thousand.statements).toBe(one.statements);
  expect(thousand.statements).toBeLessThan(30);
  expect(thousand.facts.database.tables).toHaveLength(1_000);
  expect(thousand.facts.sequences).toMatchObject({ total: 1_000, unread: [] });
  expect(thousand.facts.unread).toEqual([]);
  expect(thousand.megabytes).toBeLessThan(100);
});
