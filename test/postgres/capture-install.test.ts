import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { installCapture, readCapture } from '../../src/postgres/capture.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { holdFence } from '../../src/postgres/fence.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { uninstallCapture } from '../../src/postgres/uninstall-capture.ts';
import { testPostgres } from '../support/servers.ts';
import { captureOptions as options, logged, run, session } from './captured.ts';
import { everythingSql, recordingLog, twoSides } from './two-sides.ts';

/** The schema as text, without what differs by itself. */
async function schemaOf(address: PostgresAddress): Promise<string> {
  const server = await testPostgres();
  const { stdout } = await promisify(execFile)(
    join(server.binaries.bin, 'pg_dump'),
    ['--schema-only', server.url(address.database)],
    { env: { ...process.env, ...server.binaries.environment }, maxBuffer: 50_000_000 },
  );
  return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '');
}

test('installing beside a long writer lets everybody else write to that very table meanwhile', async () => {
  const { source } = await twoSides(
    'CREATE TABLE busy (id serial PRIMARY KEY); CREATE TABLE other (id serial PRIMARY KEY)',
  );
  await withConnection(source, { applicationName: 'nightly import' }, async (writer) => {
    await writer.query('BEGIN; INSERT INTO public.busy DEFAULT VALUES');
    const installed = installCapture(source, { ...options, lockTimeoutMs: 100 });
    // Waiting behind a lock request that waits for the long writer, not one of these would end.
    const since = Date.now();
    for (let written = 0; written < 6 || Date.now() - since < 1_500; written += 1)
      await run(source, 'INSERT INTO public.busy DEFAULT VALUES');
    await writer.query('COMMIT');
    expect((await installed).made).toHaveLength(2);
  });
});

test('who is in the way is named when time is up; what was done stays done and the next run goes on', async () => {
  const { source } = await twoSides(
    'CREATE TABLE busy (id integer PRIMARY KEY); CREATE TABLE other (id integer PRIMARY KEY)',
  );
  await withConnection(source, { applicationName: 'nightly import' }, async (writer) => {
    await writer.query('BEGIN; INSERT INTO public.busy VALUES (1)');
    await expect(
      installCapture(source, { ...options, lockTimeoutMs: 100, giveUpAfterMs: 2_000 }),
    ).rejects.toThrow(
      /1 of 2 tables could not be locked.*nightly import \(pid \d+, idle in transaction for 00:00:\d\d\) on public\.busy/,
    );
    await withConnection(source, session, async (client) => {
      expect(await readCapture(client, 'shop-test')).toBeUndefined();
    });
    await run(source, 'INSERT INTO public.other VALUES (1)');
    await writer.query('COMMIT');
  });
  const { made } = await installCapture(source, options);
  expect(made.map(({ name }) => name)).toEqual(['busy']);
  expect(await logged(source, 'other')).toEqual(['1']);
});

test('a writer that would deadlock with the installation goes on', async () => {
  const { source } = await twoSides(
    'CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE b (id integer PRIMARY KEY)',
  );
  await withConnection(source, { applicationName: 'writer' }, async (writer) => {
    await writer.query('BEGIN; INSERT INTO public.b VALUES (1)');
    const installed = installCapture(source, options);
    await delay(100);
    await writer.query('INSERT INTO public.a VALUES (1)');
    await writer.query('COMMIT');
    await installed;
  });
});

test('another migration’s capture is neither used nor removed', async () => {
  const { source } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  await installCapture(source, options);
  const other = { ...options, migrationId: 'other-test' };
  await expect(installCapture(source, other)).rejects.toThrow(/captured by another migration \(shop-test\)/);
  await expect(uninstallCapture(source, other)).rejects.toThrow(
    /captured by another migration \(shop-test\)/,
  );
  await expect(
    withConnection(source, session, (client) => readCapture(client, 'other-test')),
  ).rejects.toThrow(/captured by another migration/);
  await run(source, 'INSERT INTO public.t VALUES (1)');
  expect(await logged(source, 't')).toEqual(['1']);
});

test('a table of another role is told before anything of the application is touched', async () => {
  const { source, onSource } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  await onSource('CREATE TABLE public.theirs (id integer)');
  await expect(installCapture(source, options)).rejects.toThrow(
    /belong to another role.*public\.theirs \(postgres\)/,
  );
  expect(await onSource("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'heroku_to_%'")).toEqual([]);
});

test('tables made later, keys that changed, new names and dropped tables are followed by installing again', async () => {
  const { source, onSource } = await twoSides(everythingSql);
  await installCapture(source, options);
  await run(
    source,
    "CREATE TABLE public.events_2027 PARTITION OF public.events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
    'CREATE TABLE public.fresh (id integer PRIMARY KEY)',
    'ALTER TABLE public.no_key ADD COLUMN id bigserial PRIMARY KEY',
    'ALTER TABLE public.egg RENAME TO eggs',
    'DROP MATERIALIZED VIEW public.totals; DROP VIEW public.paid; DROP TABLE public.orders',
  );
  const [partition] = await onSource<{ oid: number }>(
    "SELECT 'public.events_2027'::regclass::oid::int AS oid",
  );
  const first = await installCapture(source, { ...options, onlyTables: [partition?.oid ?? 0] });
  expect(first.made.map(({ name }) => name)).toEqual(['events_2027']);
  await run(source, "INSERT INTO public.events VALUES ('2027-05-05', 1, '')");
  expect(await logged(source, 'events_2027')).toEqual(['2027-05-05,1']);
  const second = await installCapture(source, options);
  expect(second.made.map(({ name }) => name).sort()).toEqual(['fresh', 'no_key']);
  expect(second.tables.map(({ name }) => name)).toContain('eggs');
  await run(source, "INSERT INTO public.no_key (a) VALUES ('k')", 'INSERT INTO public.eggs VALUES (7)');
  expect(await logged(source, 'no_key')).toEqual(['5']);
  expect(await logged(source, 'eggs')).toEqual(['7']);
  expect(
    await onSource(
      "SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'heroku_to_digitalocean'::regnamespace AND relname ~ '^log_'",
    ),
  ).toEqual([{ n: second.tables.length }]);
});

test('uninstalled, the schema is what it was, and it can be installed anew', async () => {
  const { source } = await twoSides(everythingSql);
  const before = await schemaOf(source);
  await uninstallCapture(source, options);
  await installCapture(source, options);
  expect(await schemaOf(source)).not.toBe(before);
  await run(
    source,
    'UPDATE public.users SET weight = 1',
    'ALTER TABLE public.egg DISABLE TRIGGER heroku_to_digitalocean_capture',
  );
  await uninstallCapture(source, options);
  expect(await schemaOf(source)).toBe(before);
  await uninstallCapture(source, options);
  expect((await installCapture(source, options)).made).not.toEqual([]);
});

test('a half installation and a half removal leave nothing either', async () => {
  const { source } = await twoSides(everythingSql);
  const before = await schemaOf(source);
  await withConnection(source, { applicationName: 'report' }, async (other) => {
    await other.query('BEGIN; INSERT INTO public.no_columns DEFAULT VALUES; SELECT FROM public.users');
    const short = { ...options, lockTimeoutMs: 20, giveUpAfterMs: 200 };
    await expect(installCapture(source, short)).rejects.toThrow(/could not be locked.*report/);
    await expect(uninstallCapture(source, short)).rejects.toThrow(
      /Removing the capture.*public.*users.*report/,
    );
    // Half of it is gone: nobody may take it for a capture.
    await expect(installCapture(source, options)).rejects.toThrow(/being removed/);
    await other.query('COMMIT');
  });
  await uninstallCapture(source, options);
  expect(await schemaOf(source)).toBe(before);
});

test('what others keep in our schema stays when the capture goes, and stands beside it', async () => {
  const { source } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  const before = await schemaOf(source);
  await installCapture(source, options);
  const fence = await holdFence(source, { ...options, clock: systemClock });
  await fence.commit();
  await uninstallCapture(source, options);
  await expect(run(source, 'INSERT INTO public.t VALUES (1)')).rejects.toThrow(/was moved/);
  await installCapture(source, options);
  await liftFence(source, 'shop-test');
  await run(source, 'INSERT INTO public.t VALUES (1)');
  expect(await logged(source, 't')).toEqual(['1']);
  await uninstallCapture(source, options);
  expect(await schemaOf(source)).toBe(before);
});

test('tables that come and go while it is installed do not disturb it', async () => {
  const { source } = await twoSides('CREATE TABLE t (id integer PRIMARY KEY)');
  const churn = async (stop: Promise<unknown>): Promise<void> => {
    const waiting = { still: true };
    void stop.finally(() => (waiting.still = false));
    for (let n = 0; waiting.still; n += 1)
      await run(
        source,
        `CREATE TABLE public.c${n} (id integer PRIMARY KEY)`,
        `ALTER TABLE public.c${n} RENAME TO d${n}`,
        ...(n % 2 === 0 ? [`DROP TABLE public.d${n}`] : []),
      );
  };
  const log = recordingLog();
  const installed = (async () => {
    for (let n = 0; n < 5; n += 1) await installCapture(source, { ...options, log });
  })();
  await churn(installed);
  await installed;
  const { tables } = await installCapture(source, options);
  await withConnection(source, session, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY oid",
    );
    expect(tables.map(({ name }) => name).sort()).toEqual(rows.map(({ name }) => name).sort());
  });
});
