import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { startTcpProxy, type TcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { systemClock } from '../../src/clock.ts';
import type { Log } from '../../src/log.ts';
import { openJournal } from '../../src/migration/journal.ts';
import { holdSharedCopy, joinSharedCopy, passesOfDead } from '../../src/migration/shared-copy.ts';
import { installCapture, readCapture } from '../../src/postgres/capture.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import type { CopyOptions, CopyResult } from '../../src/postgres/copy.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { terminateStale } from '../../src/postgres/settle.ts';
import { takePart, type PartTaken } from '../../src/postgres/take-part.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { journalDatabase } from '../migration/support/journal-database.ts';
import { testInFull } from '../support/or-skipped.ts';
import { testPostgres } from '../support/servers.ts';
import type { ShareProcessInput } from './share-process.ts';
import { recordingLog, twoSides, type TwoSides } from './two-sides.ts';

// Three runners share a copy: each of them is a part of this process, or a process that is killed.

const SHARDS = 3;
/** Long enough for a loaded machine to be heard, short enough to be waited for. */
const SILENT_MS = 3_000;

const sql = `
  CREATE TABLE users (id integer PRIMARY KEY, note text);
  CREATE TABLE events (id integer PRIMARY KEY, user_id integer REFERENCES users, body text);
  CREATE INDEX events_user ON events (user_id);
  CREATE TABLE no_key (a text);
  CREATE TABLE empty (a text);
  INSERT INTO users SELECT n, repeat('u', 100) FROM generate_series(1, 2000) n;
  INSERT INTO events SELECT n, 1 + n % 2000, repeat(md5(n::text), 4) FROM generate_series(1, 6000) n;
  INSERT INTO no_key SELECT repeat('k', 200) FROM generate_series(1, 1000);
  ${Array.from({ length: 8 }, (_, n) => `CREATE TABLE small_${n} (id integer PRIMARY KEY); INSERT INTO small_${n} VALUES (${n});`).join('\n')}`;

interface Sharing {
  sides: TwoSides;
  log: Log & { lines: string[] };
  /** The runner that holds the snapshot. */
  hold: (options?: Partial<CopyOptions>) => Promise<CopyResult>;
  /** Another one. */
  take: (
    shard: number,
    change?: { runAttempt?: number; shards?: number; loader?: PostgresAddress; patienceMs?: number },
  ) => Promise<PartTaken>;
  /** Either, in a process that can be killed; its errors, and whether it was. */
  spawned: (
    shard: number,
    options?: Partial<CopyOptions>,
  ) => Promise<{ kill(signal?: NodeJS.Signals): void; ended: Promise<{ killed: boolean; errors: string }> }>;
  /** As if started again with "Re-run failed jobs". */
  nextAttempt: () => void;
  /** The passes of those whose machines are dead. */
  dead: () => Promise<string[]>;
  different: () => Promise<unknown[]>;
}

async function sharing(): Promise<Sharing> {
  const sides = await twoSides(sql);
  const { address } = await journalDatabase();
  await (await openJournal(address, 'shop-test')).close();
  const log = recordingLog();
  const place = { migrationId: 'shop-test', address };
  let attempt = 1;
  const board = (shard: number) => ({
    runner: { runId: '7', runAttempt: attempt, shard, shards: SHARDS },
    ...{ pass: `pass of ${shard}`, silentMs: SILENT_MS, lookEveryMs: 50 },
  });
  const common = { log, clock: systemClock };
  const spread = { chunkBytes: 16_384, jobs: 2 };
  return {
    sides,
    log,
    hold: (options = {}) =>
      holdSharedCopy(place, attempt, { ...board(1), ...common }, (others) =>
        sides.copy({ ...spread, ...common, epoch: attempt, others, ...options }),
      ),
    take: (
      shard,
      { runAttempt = attempt, shards = SHARDS, loader = sides.loader, patienceMs = 30_000 } = {},
    ) =>
      joinSharedCopy(
        place,
        { ...board(shard), ...common, runner: { ...board(shard).runner, runAttempt, shards } },
        (holder) =>
          takePart({
            ...{ source: sides.source, loader, migrationId: 'shop-test', holder },
            ...{ shard, shards, everyMs: 50, patienceMs, ...common },
          }),
      ),
    spawned: async (shard, options = {}) => {
      const server = await testPostgres();
      const input: ShareProcessInput = {
        ...{ journal: address, epoch: attempt, board: board(shard) },
        copy: {
          ...{ source: sides.source, owner: sides.owner, loader: sides.loader, migrationId: 'shop-test' },
          tools: await findPostgresTools(15, { environmentPath: server.binaries.bin }),
          ...{ directory: temporaryDirectory('shared-copy'), ...spread, ...options },
        },
      };
      const script = fileURLToPath(new URL('./share-process.ts', import.meta.url));
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
        stdio: ['ignore', 'inherit', 'pipe'],
        env: { ...process.env, SHARE_INPUT: JSON.stringify(input) },
      });
      let errors = '';
      child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
      return {
        kill: (signal = 'SIGKILL') => child.kill(signal),
        ended: once(child, 'close').then(() => ({ killed: child.signalCode === 'SIGKILL', errors })),
      };
    },
    nextAttempt: () => (attempt += 1),
    dead: () => passesOfDead(place, { ...board(1), ...common }, new AbortController().signal),
    different: async () => {
      const { catalogue, sequences, tables } = await compareDatabases({
        ...{ source: sides.source, target: sides.owner, log },
      });
      return [...catalogue, ...sequences, ...tables.filter(({ equal }) => !equal)];
    },
  };
}

/** Resolves when so many chunks are noted on the target. */
async function untilNoted({ sides }: Sharing, least: number): Promise<void> {
  for (;;) {
    const [row] = await sides
      .onTarget<{ count: number }>('SELECT count(*)::integer AS count FROM heroku_to_digitalocean.copied')
      .catch(() => []);
    if ((row?.count ?? 0) >= least) return;
    await delay(5);
  }
}

/** Resolves when a runner has a transaction open on the target. */
async function untilCopying({ sides }: Sharing, shard: number): Promise<void> {
  for (;;) {
    const found = await sides.onTarget(
      `SELECT FROM pg_stat_activity WHERE application_name ~ '^h2d shop-test \\d+/${shard}$' AND backend_xid IS NOT NULL`,
    );
    if (found.length > 0) return;
    await delay(2);
  }
}

const ways: TcpProxy[] = [];

afterAll(() => Promise.all(ways.map((way) => way.close())));

/** The same database over a way on which each chunk takes long. */
async function slowly(address: PostgresAddress): Promise<PostgresAddress> {
  const proxy = await startTcpProxy({ target: () => ({ host: address.host, port: address.port }) });
  ways.push(proxy);
  proxy.knobs.delayMs = 25;
  return { ...address, host: proxy.host, port: proxy.port };
}

async function notesOf({ sides }: Sharing): Promise<{ rows: number; snapshots: number }> {
  const [noted] = await sides.onTarget<{ rows: number; snapshots: number }>(
    'SELECT sum(rows)::integer AS rows, count(DISTINCT snapshot)::integer AS snapshots FROM heroku_to_digitalocean.copied',
  );
  return noted ?? { rows: 0, snapshots: 0 };
}

const ROWS = 2000 + 6000 + 1000 + 8;

test('three runners copy one database under one snapshot, each its share, and every row is there once', async () => {
  const shared = await sharing();
  const [copied, second, third] = await Promise.all([shared.hold(), shared.take(2), shared.take(3)]);
  expect(await shared.different()).toEqual([]);
  expect(await notesOf(shared)).toEqual({ rows: ROWS, snapshots: 1 });
  expect(copied).toMatchObject({ rows: ROWS, takenOver: [] });
  for (const { chunks, rows } of [second, third]) {
    expect(chunks).toBeGreaterThan(10);
    expect(rows).toBeGreaterThan(ROWS / 5);
  }
  expect(await shared.dead()).toEqual([]);
  // Whoever comes when all is there has nothing to do.
  expect(await shared.take(3)).toEqual({ chunks: 0, rows: 0, bytes: 0 });
});

testInFull(
  'a runner that never comes: the first one copies its share, says so, and nothing is missing',
  async () => {
    const shared = await sharing();
    const [copied] = await Promise.all([shared.hold(), shared.take(2)]);
    expect(copied.takenOver).toEqual([
      { shard: 3, why: 'silent', chunks: expect.any(Number) as unknown as number },
    ]);
    expect(copied.takenOver[0]?.chunks).toBeGreaterThan(10);
    expect(shared.log.lines.join('\n')).toMatch(/Shard 3 of 3 does not answer, or never came/);
    expect(await shared.different()).toEqual([]);
    expect((await notesOf(shared)).rows).toBe(ROWS);
  },
);

test('a runner killed at its work: what it had committed is kept, the first one copies the rest', async () => {
  const shared = await sharing();
  const victim = await shared.spawned(2, { loader: await slowly(shared.sides.loader) });
  const killed = untilCopying(shared, 2).then(() => victim.kill());
  const [copied] = await Promise.all([shared.hold(), shared.take(3), killed]);
  expect(await victim.ended).toMatchObject({ killed: true });
  expect(await shared.dead()).toEqual(['pass of 2']);
  expect(copied.takenOver).toEqual([
    { shard: 2, why: 'silent', chunks: expect.any(Number) as unknown as number },
  ]);
  expect(await shared.different()).toEqual([]);
  expect((await notesOf(shared)).rows).toBe(ROWS);
});

testInFull(
  'a runner that stands still and wakes when all is done: its share was taken over, and it adds nothing to it',
  async () => {
    const shared = await sharing();
    const frozen = await shared.spawned(2, { loader: await slowly(shared.sides.loader) });
    const stopped = untilCopying(shared, 2).then(() => frozen.kill('SIGSTOP'));
    const [copied] = await Promise.all([shared.hold(), shared.take(3), stopped]);
    expect(copied.takenOver).toMatchObject([{ shard: 2, why: 'silent' }]);
    expect(await shared.different()).toEqual([]);
    frozen.kill('SIGCONT');
    // It finds that all is there, and ends well.
    expect(await frozen.ended).toEqual({ killed: false, errors: '' });
    expect(await shared.different()).toEqual([]);
    expect((await notesOf(shared)).rows).toBe(ROWS);
  },
);

test('a runner that fails: it says so, and its share is taken over at once', async () => {
  const shared = await sharing();
  const noSuchRole = { ...shared.sides.loader, user: 'nobody' };
  const started = performance.now();
  const [copied, failed] = await Promise.all([
    shared.hold(),
    shared.take(2, { loader: noSuchRole }).catch((thrown: unknown) => thrown),
    shared.take(3),
  ]);
  expect(failed).toBeInstanceOf(Error);
  expect(copied.takenOver).toMatchObject([{ shard: 2, why: 'ended' }]);
  expect(await shared.different()).toEqual([]);
  process.stderr.write(`with one that failed: ${Math.round(performance.now() - started)} ms\n`);
});

testInFull(
  'the runner with the snapshot is killed: the others end with a clear error, and all started again complete it',
  async () => {
    const shared = await sharing();
    const holder = await shared.spawned(1, { loader: await slowly(shared.sides.loader) });
    const others = [2, 3].map((shard) => shared.take(shard).catch((thrown: unknown) => String(thrown)));
    await untilNoted(shared, 4);
    holder.kill();
    expect(await holder.ended).toMatchObject({ killed: true });
    const told = await Promise.all(others);
    // One may have been through with its share before.
    expect(told.filter((one) => typeof one === 'string')).not.toEqual([]);
    for (const one of told)
      if (typeof one === 'string')
        expect(one).toMatch(
          /Shard 1, which holds the snapshot, does not answer any more.*Run the failed jobs again/,
        );
    shared.nextAttempt();
    for (const address of [shared.sides.loader, shared.sides.owner])
      await terminateStale(address, { migrationId: 'shop-test', epoch: 2 });
    const [copied] = await Promise.all([shared.hold(), shared.take(2), shared.take(3)]);
    expect(copied.takenOver).toEqual([]);
    expect(await shared.different()).toEqual([]);
    expect(await notesOf(shared)).toEqual({ rows: ROWS, snapshots: 1 });
  },
);

/** As the live strategy copies: what changes is captured, so that it may go on from what is there. */
async function captured({ sides, log }: Sharing): Promise<NonNullable<CopyOptions['captured']>> {
  await installCapture(sides.source, {
    ...{ migrationId: 'shop-test', epoch: 1, log, clock: systemClock },
    limits: { logBytes: 1e9, leaseMs: 3_600_000 },
  });
  const tables = await withConnection(sides.source, { applicationName: 'test' }, (client) =>
    readCapture(client, 'shop-test'),
  );
  return { tables: tables ?? [], since: 'the beginning' };
}

testInFull(
  'where changes are captured, a killed runner with the snapshot costs only what was not committed',
  async () => {
    const shared = await sharing();
    const options = { captured: await captured(shared) };
    const holder = await shared.spawned(1, { ...options, loader: await slowly(shared.sides.loader) });
    const others = [2, 3].map((shard) => shared.take(shard).catch(() => undefined));
    await untilNoted(shared, 20);
    holder.kill();
    await Promise.all([holder.ended, ...others]);
    shared.nextAttempt();
    for (const address of [shared.sides.loader, shared.sides.owner])
      await terminateStale(address, { migrationId: 'shop-test', epoch: 2 });
    const [copied] = await Promise.all([shared.hold(options), shared.take(2), shared.take(3)]);
    expect(copied.reused.tables + copied.reused.chunks).toBeGreaterThan(10);
    expect(copied.rows).toBeLessThan(ROWS);
    // Foreign keys are left for the end of a live copy.
    const { tables } = await compareDatabases({
      ...{ source: shared.sides.source, target: shared.sides.owner, log: shared.log, announced: [/./] },
    });
    expect(tables.filter(({ equal }) => !equal)).toEqual([]);
  },
);

testInFull(
  'the snapshot is lost while all runners live on: they go on together under a new one',
  async () => {
    const shared = await sharing();
    const options = { captured: await captured(shared), loader: await slowly(shared.sides.loader) };
    const losing = untilNoted(shared, 8).then(() =>
      shared.sides.onSource(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'h2d shop-test 1' AND query ~ 'pg_export_snapshot' AND state = 'idle in transaction'`,
      ),
    );
    const [copied] = await Promise.all([
      shared.hold(options),
      shared.take(2, { loader: options.loader }),
      shared.take(3, { loader: options.loader }),
      losing,
    ]);
    expect(shared.log.lines.join('\n')).toMatch(/is lost .* Going on with a new one/);
    expect((await notesOf(shared)).snapshots).toBe(2);
    expect(copied.takenOver).toEqual([]);
    const { tables } = await compareDatabases({
      ...{ source: shared.sides.source, target: shared.sides.owner, log: shared.log, announced: [/./] },
    });
    expect(tables.filter(({ equal }) => !equal)).toEqual([]);
  },
);

testInFull(
  'a table that is rewritten while three runners copy it is begun again by the first, whole',
  async () => {
    const shared = await sharing();
    const slow = await slowly(shared.sides.loader);
    const options = { captured: await captured(shared), loader: slow };
    const rewriting = untilNoted(shared, 10).then(async () => {
      await shared.sides.onSource('DELETE FROM public.events WHERE id > 5500');
      await shared.sides.onSource('VACUUM FULL public.events');
    });
    const [copied] = await Promise.all([
      shared.hold(options),
      shared.take(2, { loader: slow }),
      shared.take(3, { loader: slow }),
      rewriting,
    ]);
    expect(shared.log.lines.join('\n')).toMatch(/events"? was rewritten on the source.*begun again/);
    // As the snapshot sees it: the rows that were deleted since wait for the drain, and none is there twice.
    const [there] = await shared.sides.onTarget<{ rows: number; ids: number }>(
      'SELECT count(*)::integer AS rows, count(DISTINCT id)::integer AS ids FROM public.events',
    );
    expect(there).toEqual({ rows: 6000, ids: 6000 });
    expect((await notesOf(shared)).rows).toBe(ROWS);
    expect(copied.tables).toBe(12);
  },
);

testInFull('a runner of another attempt takes no part, and one with another number is told so', async () => {
  const shared = await sharing();
  const late = shared
    .take(2, { runAttempt: 2, patienceMs: 5_000 })
    .catch((thrown: unknown) => String(thrown));
  const wrong = shared.take(3, { shards: 4 }).catch((thrown: unknown) => String(thrown));
  const [copied] = await Promise.all([shared.hold(), shared.take(2), late, wrong]);
  expect(await late).toMatch(/Shard 1 of this run did not come within 5 s/);
  expect(await wrong).toMatch(/shares the copy among 3 runners, and this one was told `shard: 3\/4`/);
  expect(copied.takenOver).toMatchObject([{ shard: 3 }]);
  expect(await shared.different()).toEqual([]);
});
