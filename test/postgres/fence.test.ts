import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { holdFence, type FenceOptions } from '../../src/postgres/fence.ts';
import { FenceNotCommitted, FenceUnknown } from '../../src/postgres/fence-commit.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { probeWrites } from '../../src/postgres/probe-write.ts';
import { terminateStale } from '../../src/postgres/settle.ts';
import { endStrays } from '../../src/postgres/stray.ts';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { testPostgres } from '../support/servers.ts';
import { startCommitProxy } from './proxy-at-commit.ts';
import { everythingSql, twoSides, type TwoSides } from './two-sides.ts';

const session = { applicationName: 'test' };
const options: FenceOptions = { migrationId: 'shop-test', log: silentLog, clock: systemClock };
const smallSql = 'CREATE TABLE things (id integer PRIMARY KEY); INSERT INTO things VALUES (1)';

/** Runs a statement as the application; answers its error's code, or 'done'. */
async function write(address: PostgresAddress, sql: string, timeoutMs = 10_000): Promise<string> {
  return withConnection(address, { ...session, statementTimeoutMs: timeoutMs }, async (client) => {
    return client.query(sql).then(
      () => 'done',
      (error: unknown) => (error as { code: string }).code,
    );
  });
}

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

test('while the fence is held writers wait and readers do not; released, nothing is left', async () => {
  const { source } = await twoSides(everythingSql);
  const before = await schemaOf(source);
  const fence = await holdFence(source, options);
  expect(fence.tables).toBe(10);
  // 57014: still waiting for the lock when its own time limit ended it.
  for (const sql of [
    'INSERT INTO public.no_key VALUES (NULL, 1)',
    "UPDATE public.events_2025 SET body = ''",
    "INSERT INTO public.events VALUES ('2026-01-01', 1, '')",
    'TRUNCATE public.no_columns',
  ])
    expect(await write(source, sql, 300)).toBe('57014');
  expect(await write(source, 'SELECT FROM public.orders')).toBe('done');
  expect(await write(source, 'SELECT FROM public.events')).toBe('done');
  await fence.release();
  expect(await write(source, 'INSERT INTO public.no_key VALUES (NULL, 1)')).toBe('done');
  expect(fence.lost.aborted).toBe(false);
  expect(await schemaOf(source)).toBe(before);
});

test('a copy runs beside the fence and equals the source', async () => {
  const sides = await twoSides(everythingSql);
  const fence = await holdFence(sides.source, options);
  await sides.copy();
  const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
  expect(parity.equal).toBe(true);
  await fence.commit();
  // The marks of the fence on the source are no difference.
  expect((await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog })).equal).toBe(
    true,
  );
});

test('after the point of no return every write on the old side is refused with the reason, reading goes on', async () => {
  const { source, onSource } = await twoSides(everythingSql);
  await onSource(
    'CREATE ROLE other_writer; GRANT INSERT ON public.no_key TO other_writer; GRANT USAGE ON SCHEMA public TO other_writer',
  );
  const fence = await holdFence(source, options);
  await fence.commit();
  expect(fence.lost.aborted).toBe(false);
  expect(await readFence(source, 'shop-test')).toBe('closed');
  for (const sql of [
    'INSERT INTO public.no_key VALUES (NULL, 1)',
    'INSERT INTO public.no_columns DEFAULT VALUES',
    'UPDATE public.users SET weight = 1',
    'DELETE FROM public.orders WHERE false',
    "UPDATE public.events_2025 SET body = ''",
    "INSERT INTO public.events VALUES ('2026-01-01', 1, '')",
    'TRUNCATE public.no_columns',
    'TRUNCATE public.events',
  ])
    expect(await write(source, sql)).toBe('25006');
  await expect(
    withConnection(source, session, (client) => client.query('INSERT INTO public.no_columns DEFAULT VALUES')),
  ).rejects.toThrow(/heroku-to-digitalocean: this database was moved/);
  // Another role's session, and one that runs as a replica.
  await expect(onSource('SET ROLE other_writer; INSERT INTO public.no_key VALUES (NULL, 2)')).rejects.toThrow(
    /was moved/,
  );
  await expect(
    onSource('SET session_replication_role = replica; INSERT INTO public.no_key VALUES (NULL, 2)'),
  ).rejects.toThrow(/was moved/);
  expect(await write(source, 'SELECT FROM public.orders')).toBe('done');
});

test('lifting the fence removes all of it: the schema is what it was', async () => {
  const { source } = await twoSides(everythingSql);
  const before = await schemaOf(source);
  await (await holdFence(source, options)).commit();
  expect(await schemaOf(source)).not.toBe(before);
  await liftFence(source, 'shop-test');
  expect(await schemaOf(source)).toBe(before);
  expect(await readFence(source, 'shop-test')).toBe('open');
  expect(await write(source, 'INSERT INTO public.no_key VALUES (NULL, 1)')).toBe('done');
  await liftFence(source, 'shop-test');
});

test('nothing is left on the source when the runner dies holding the fence', async () => {
  const { source, onSource } = await twoSides(smallSql);
  const before = await schemaOf(source);
  const proxy = await startTcpProxy({ target: () => source });
  const fence = await holdFence({ ...source, host: proxy.host, port: proxy.port }, options);
  expect(await write(source, 'INSERT INTO public.things VALUES (2)', 300)).toBe('57014');
  proxy.cut();
  await new Promise((resolve) => fence.lost.addEventListener('abort', resolve, { once: true }));
  await expect(fence.commit()).rejects.toThrow(FenceNotCommitted);
  for (let left = 1; left > 0; await delay(20))
    left = (await onSource("SELECT FROM pg_stat_activity WHERE application_name LIKE 'h2d %'")).length;
  expect(await write(source, 'INSERT INTO public.things VALUES (2)')).toBe('done');
  expect(await schemaOf(source)).toBe(before);
  await proxy.close();
});

test.each([
  ['after the server got it', true],
  ['before the server got it', false],
])(
  'the point of no return is known even when the connection is cut at COMMIT, %s',
  async (_when, delivered) => {
    const { source } = await twoSides(smallSql);
    const proxy = await startCommitProxy(source, delivered);
    const fence = await holdFence({ ...source, host: proxy.host, port: proxy.port }, options);
    if (delivered) await fence.commit();
    else await expect(fence.commit()).rejects.toThrow(FenceNotCommitted);
    expect(await readFence(source, 'shop-test')).toBe(delivered ? 'closed' : 'open');
    expect(await write(source, 'INSERT INTO public.things VALUES (2)')).toBe(delivered ? '25006' : 'done');
    await proxy.close();
  },
);

test('a long writer delays the fence without holding up others, and is named when time is up', async () => {
  const { source } = await twoSides(smallSql + '; CREATE TABLE busy (id integer)');
  await withConnection(source, { applicationName: 'nightly import' }, async (writer) => {
    await writer.query('BEGIN');
    await writer.query('INSERT INTO public.busy VALUES (1)');
    await expect(holdFence(source, { ...options, lockTimeoutMs: 100, giveUpAfterMs: 500 })).rejects.toThrow(
      /could not be locked in \d+ attempts.*nightly import/,
    );
    const fence = holdFence(source, { ...options, lockTimeoutMs: 100 });
    // Between and during attempts a writer of another table gets through, while the long one goes on.
    for (let n = 10; n < 15; n += 1)
      expect(await write(source, `INSERT INTO public.things VALUES (${n})`)).toBe('done');
    await writer.query('COMMIT');
    await (await fence).release();
  });
});

test('a writer that would deadlock with the fence goes on: the fence gives way', async () => {
  const { source } = await twoSides(smallSql + '; CREATE TABLE zebras (id integer)');
  await withConnection(source, { applicationName: 'writer' }, async (writer) => {
    await writer.query('BEGIN');
    await writer.query('INSERT INTO public.zebras VALUES (1)');
    // It gets the first table and waits for the second, which the writer has.
    const fence = holdFence(source, options);
    await delay(150);
    await writer.query('INSERT INTO public.things VALUES (2)');
    await writer.query('COMMIT');
    await (await fence).release();
  });
});

test('when the server cannot be asked either, the point of no return is reported as unknown, not as failed', async () => {
  const { source } = await twoSides(smallSql);
  const proxy = await startCommitProxy(source, true);
  let flown = 0;
  // Time flies, so that two minutes of asking are over soon.
  const clock = {
    now: () => new Date(Date.now() + flown),
    sleep: async (_milliseconds: number, signal?: AbortSignal) => {
      flown += 20_000;
      await systemClock.sleep(20, signal);
    },
  };
  const fence = await holdFence({ ...source, host: proxy.host, port: proxy.port }, { ...options, clock });
  const closing = proxy.closeAfterCut();
  await expect(fence.commit()).rejects.toThrow(FenceUnknown);
  await closing;
  expect(await readFence(source, 'shop-test')).toBe('closed');
});

test('a table made while the fence is held stops the point of no return: it was not copied', async () => {
  const { source } = await twoSides(smallSql);
  const fence = await holdFence(source, options);
  expect(await write(source, 'CREATE TABLE public.late (id integer)')).toBe('done');
  await expect(fence.commit()).rejects.toThrow(/tables were created or dropped while the fence was held/);
  expect(await write(source, 'INSERT INTO public.things VALUES (2)')).toBe('done');
});

test('a table of another role is told before anything is held', async () => {
  const { source, onSource } = await twoSides(smallSql);
  await onSource('CREATE TABLE public.theirs (id integer)');
  await expect(holdFence(source, options)).rejects.toThrow(
    /belong to another role.*public\.theirs \(postgres\)/,
  );
});

test('a database that is closed already is not fenced again', async () => {
  const { source } = await twoSides(smallSql);
  await (await holdFence(source, options)).commit();
  await expect(holdFence(source, options)).rejects.toThrow(/already closed for good/);
  await expect(readFence(source, 'other-test')).rejects.toThrow(/closed by another migration \(shop-test\)/);
});

test('a run that was taken over cannot pass the point of no return any more once its session is ended', async () => {
  const { source } = await twoSides(smallSql);
  const stale = await holdFence(source, { ...options, epoch: 1 });
  // What the newer run does before it believes the marker.
  expect(await terminateStale(source, { migrationId: 'shop-test', epoch: 2 })).toBe(1);
  expect(await readFence(source, 'shop-test')).toBe('open');
  await expect(stale.commit()).rejects.toThrow(FenceNotCommitted);
  expect(await readFence(source, 'shop-test')).toBe('open');
  expect(await write(source, 'INSERT INTO public.things VALUES (2)')).toBe('done');
});

test('a cancelled run lets go of the tables', async () => {
  const { source }: TwoSides = await twoSides(smallSql);
  const abort = new AbortController();
  const fence = await holdFence(source, { ...options, signal: abort.signal });
  abort.abort(new Error('cancelled'));
  expect(fence.lost.aborted || (await once(fence.lost))).toBe(true);
  expect(await write(source, 'INSERT INTO public.things VALUES (2)')).toBe('done');
});

function once(signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(true), { once: true }));
}

test('lifting waits for somebody who reads, says for whom, and ends that session rather than wait for ever', async () => {
  const { source } = await twoSides(smallSql);
  await (await holdFence(source, options)).commit();
  const lines: string[] = [];
  const log = {
    ...silentLog,
    info: (line: string) => void lines.push(line),
    warning: (line: string) => void lines.push(line),
  };
  await withConnection(source, { applicationName: 'metabase' }, async (reader) => {
    await reader.query('BEGIN');
    await reader.query('SELECT * FROM public.things');
    await liftFence(source, 'shop-test', { log, clock: systemClock, patienceMs: 3_000 });
    await expect(reader.query('SELECT 1')).rejects.toThrow();
  }).catch(() => undefined);
  expect(lines.join('\n')).toMatch(/Lifting the fence waits for metabase \(\S+.*idle in transaction/);
  expect(lines.join('\n')).toMatch(/Ended, since lifting the fence waited for them: metabase/);
  expect(await readFence(source, 'shop-test')).toBe('open');
  expect(await write(source, 'INSERT INTO public.things VALUES (2)')).toBe('done');
});

test('a reader that may not be ended is named, and the database stays closed', async () => {
  const { source } = await twoSides(smallSql);
  await (await holdFence(source, options)).commit();
  const server = await testPostgres();
  // A superuser's session: nobody else may end it.
  const reading = new pg.Client(server.url(source.database));
  await reading.connect();
  await reading.query('BEGIN; SELECT * FROM public.things');
  await expect(liftFence(source, 'shop-test', { patienceMs: 100, giveUpAfterMs: 700 })).rejects.toThrow(
    /could not be lifted in \d+ s: its tables are in use by .*End them and run this again/,
  );
  expect(await readFence(source, 'shop-test')).toBe('closed');
  await reading.end();
  await liftFence(source, 'shop-test');
  expect(await readFence(source, 'shop-test')).toBe('open');
});

describe('a write that is tried as the application', () => {
  test('is refused on every table while the fence is held and after the point of no return, and taken before and after', async () => {
    const { source, onSource } = await twoSides(everythingSql);
    const before = await onSource('SELECT count(*)::int AS n FROM public.no_key');
    const open = await probeWrites(source);
    expect(open.writable).toHaveLength(open.tables);
    const fence = await holdFence(source, options);
    expect(await probeWrites(source)).toEqual({ tables: fence.tables, writable: [] });
    await fence.commit();
    expect(await probeWrites(source)).toEqual({ tables: fence.tables, writable: [] });
    await liftFence(source, 'shop-test');
    expect((await probeWrites(source)).writable).toHaveLength(open.tables);
    expect(await onSource('SELECT count(*)::int AS n FROM public.no_key')).toEqual(before);
  });

  test('finds the one table that a fence does not hold', async () => {
    const { source } = await twoSides(smallSql);
    const fence = await holdFence(source, options);
    await write(source, 'CREATE TABLE public.slipped_in (id integer)');
    expect(await probeWrites(source)).toEqual({ tables: 2, writable: ['public.slipped_in'] });
    await fence.release();
  });
});

test('sessions of nobody are named and ended, and neither ours nor a superuser’s', async () => {
  const { source } = await twoSides(smallSql);
  const server = await testPostgres();
  const superuser = new pg.Client(server.url(source.database));
  await superuser.connect();
  await withConnection(source, { applicationName: 'rails console' }, (console) =>
    withConnection(source, { applicationName: 'h2d shop-test 4' }, async (own) => {
      const { ended, left } = await endStrays(source, { clock: systemClock, limitMs: 2_000 });
      expect(ended).toHaveLength(1);
      expect(ended[0]).toMatch(/^rails console \(\S+ from 127\.0\.0\.1, idle\)$/);
      expect(left).toHaveLength(1);
      await expect(console.query('SELECT 1')).rejects.toThrow();
      await own.query('SELECT 1');
    }),
  );
  await superuser.end();
});
