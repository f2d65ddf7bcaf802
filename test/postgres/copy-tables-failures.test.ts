import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import type { CopyTablesOptions } from '../../src/postgres/copy-tables.ts';
import { exportSnapshot, SnapshotLostError } from '../../src/postgres/snapshot.ts';
import { claimEpoch, SupersededError } from '../../src/postgres/stamp.ts';
import { copying } from './copying.ts';
import { startCommitProxy } from './proxy-at-commit.ts';
import { recordingLog } from './two-sides.ts';

const session = { applicationName: 'h2d shop-test 1', log: silentLog, clock: systemClock };

const ddl = `CREATE TABLE events (id integer, body text); CREATE TABLE notes (id integer)`;
/** About 60 pages of events: several chunks of 64 kB. */
const rows = `INSERT INTO events SELECT n, repeat(md5(n::text), 3) FROM generate_series(1, 4000) n; INSERT INTO notes SELECT generate_series(1, 10)`;
const chunkBytes = 65_536;

/** Runs `act` once, after the first chunk of a table was committed. */
function afterFirstChunk(
  name: string,
  act: () => Promise<unknown>,
): Required<Pick<CopyTablesOptions, 'afterChunk'>> {
  let done = false;
  return {
    afterChunk: async (table) => {
      if (done || table.name !== name) return;
      done = true;
      await act();
    },
  };
}

test.each(['VACUUM FULL events', 'CLUSTER events USING events_id', 'ALTER TABLE events SET LOGGED'])(
  '%s in the middle of a copy moves rows between pages: the table is begun again and whole',
  async (sql) => {
    const sides = await copying(ddl, `${rows}; CREATE INDEX events_id ON events (id)`);
    if (sql.includes('LOGGED')) await sides.onSource('ALTER TABLE events SET UNLOGGED');
    // Only rows that are gone make VACUUM FULL move the others to other pages.
    await sides.onSource('DELETE FROM events WHERE id % 3 = 0');
    const copied = await sides.copyRows({
      ...{ chunkBytes, pairs: 2 },
      ...afterFirstChunk('events', () => sides.onSource(sql)),
    });
    expect(copied.rewritten.map(({ name }) => name)).toEqual(['events']);
    // A table in a transaction that rewrites it is empty for older snapshots, unless the rows keep their history.
    if (!sql.includes('LOGGED')) expect(await sides.differences()).toEqual([]);
    expect(copied.planned[0]?.parts).toBeGreaterThan(4);
  },
);

test('TRUNCATE in the middle of a copy: no mixture is left, and the table is named', async () => {
  const sides = await copying(ddl, rows);
  const copied = await sides.copyRows({
    ...{ chunkBytes, pairs: 2 },
    ...afterFirstChunk('events', () => sides.onSource('TRUNCATE events')),
  });
  expect(copied.rewritten.map(({ name }) => name)).toEqual(['events']);
  expect(await sides.differences()).toEqual([]);
  expect(copied.rows).toBe(10);
});

test('an ALTER that rewrites between the snapshot and the first chunk is noticed', async () => {
  const sides = await copying(ddl, rows);
  const snapshot = await exportSnapshot(sides.source, session);
  const tables = await sides.plan(snapshot, chunkBytes);
  await sides.onSource('ALTER TABLE events ALTER COLUMN id TYPE bigint');
  const copied = await sides.copyRows({
    snapshot,
    tables: tables.map((table) => ({ ...table, format: 'text' as const })),
  });
  await snapshot.release();
  expect(copied.rewritten.map(({ name }) => name)).toEqual(['events']);
});

test('a table that is rewritten again and again ends the copy with its name', async () => {
  const sides = await copying(ddl, rows);
  await expect(
    sides.copyRows({
      chunkBytes,
      pairs: 1,
      afterChunk: async () => {
        await sides.onSource('VACUUM FULL events');
      },
    }),
  ).rejects.toThrow(/"events" was rewritten on the source 4 times/);
});

test.each(['source', 'loader'] as const)(
  'connections to the %s cut in the middle of COPY cost their chunks another attempt, nothing more',
  async (side) => {
    const sides = await copying(ddl, rows);
    const proxy = await startTcpProxy({ target: () => sides[side] });
    proxy.knobs.bytesPerSecond = 200_000;
    const log = recordingLog();
    const snapshot = await exportSnapshot(sides.source, session);
    const running = sides.copyRows({
      ...{ snapshot, tables: await sides.plan(snapshot, 4 * chunkBytes), pairs: 2, log },
      [side]: { ...sides[side], host: proxy.host, port: proxy.port },
    });
    for (let cuts = 0; cuts < 2; cuts += 1) {
      while (proxy.connections() === 0) await delay(10);
      await delay(700);
      proxy.cut();
    }
    proxy.knobs.bytesPerSecond = 0;
    const copied = await running;
    await snapshot.release();
    await proxy.close();
    expect(log.lines.join('\n')).toMatch(/attempt 1 of 5 failed/);
    expect(await sides.differences()).toEqual([]);
    expect(copied.rows).toBe(4010);
  },
);

test.each([true, false])(
  'a COMMIT whose answer is lost (delivered: %s) leaves the chunk there once',
  async (delivered) => {
    const sides = await copying(ddl, rows);
    // The first chunk is there already, so that the next COMMIT without anything behind it is the last chunk's.
    const only = async (): Promise<void> => {
      await sides.copyRows({ chunkBytes, pairs: 1, afterChunk: () => Promise.reject(new Error('stop')) });
    };
    await expect(only()).rejects.toThrow('stop');
    const proxy = await startCommitProxy(sides.loader, delivered);
    const log = recordingLog();
    const snapshot = await exportSnapshot(sides.source, session);
    const tables = (await sides.plan(snapshot, chunkBytes)).filter(({ name }) => name === 'events');
    await sides.copyRows({
      ...{ snapshot, tables, pairs: 1, resume: true, log },
      loader: { ...sides.loader, host: proxy.host, port: proxy.port },
    });
    await snapshot.release();
    expect(log.lines.join('\n')).toMatch(/"events": attempt 1 of 5 failed/);
    await proxy.close();
    expect(
      await sides.onTarget('SELECT count(*)::integer AS n, sum(id)::integer AS sum FROM events'),
    ).toEqual([{ n: 4000, sum: 8002000 }]);
  },
);

test('a value that the target refuses ends the copy with a clear error, and no part of that chunk is there', async () => {
  const sides = await copying(ddl, rows);
  await sides.onTarget('ALTER TABLE events ADD CHECK (id <> 3999)');
  const failing = sides.copyRows({ chunkBytes, pairs: 1 });
  await expect(failing).rejects.toThrow(/doadmin_.* violates check constraint/);
  const [counts] = await sides.onTarget(`
    SELECT (SELECT count(*)::integer FROM events) = (SELECT sum(rows)::integer FROM heroku_to_digitalocean.copied WHERE relation LIKE '%events%') AS equal`);
  expect(counts).toEqual({ equal: true });
  // Nothing of ours is left behind on either side.
  const sql = `SELECT FROM pg_stat_activity WHERE application_name LIKE 'h2d%' AND datname = current_database()`;
  // A server's process ends a moment after its client.
  for (const sessions of [() => sides.onSource(sql), () => sides.onTarget(sql)])
    while ((await sessions()).length > 0) await delay(50);
});

test('a full disk on the target ends the copy at once, with what to do', async () => {
  const sides = await copying(ddl, rows);
  await sides.onTarget(`
    CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.id = 3000 THEN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER fill BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fill()`);
  const log = recordingLog();
  await expect(sides.copyRows({ chunkBytes, log })).rejects.toThrow(/disk is full: choose a larger size/);
  expect(log.lines.join('\n')).not.toMatch(/attempt/);
});

test('forced row security on the source is an error, not a shorter table', async () => {
  const sides = await copying(
    ddl,
    `${rows}; ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY`,
  );
  await expect(sides.copyRows()).rejects.toThrow(/row-level security/);
});

test('a snapshot whose holder is gone ends the copy as such; what is committed is reused under the next one', async () => {
  const sides = await copying(ddl, rows);
  const snapshot = await exportSnapshot(sides.source, session);
  const kill = afterFirstChunk('events', async () => {
    await sides.onSource(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'h2d%' AND state = 'idle in transaction' AND query LIKE '%export%'`,
    );
    if (!snapshot.lost.aborted) await once(snapshot.lost, 'abort');
  });
  const failing = sides.copyRows({
    snapshot,
    tables: await sides.plan(snapshot, chunkBytes),
    pairs: 1,
    ...kill,
  });
  await expect(failing).rejects.toThrow(SnapshotLostError);

  const finished: string[] = [];
  const copied = await sides.copyRows({
    ...{ chunkBytes, resume: true },
    onTable: ({ name }) => finished.push(name),
  });
  expect(copied.reused.chunks).toBe(1);
  expect(copied.mixed.map(({ name }) => name)).toEqual(['events']);
  expect(finished.sort()).toEqual(['events', 'notes']);
  expect(await sides.differences()).toEqual([]);
});

test('chunks of an earlier run stay only while the table keeps its pages; whole tables stay', async () => {
  const sides = await copying(ddl, rows);
  const stop = new Error('stop');
  let left = 3;
  const stopping = sides.copyRows({
    ...{ chunkBytes, pairs: 1 },
    afterChunk: () => (--left === 0 ? Promise.reject(stop) : Promise.resolve()),
  });
  await expect(stopping).rejects.toThrow(stop);
  await sides.onSource('VACUUM FULL events');
  const log = recordingLog();
  const copied = await sides.copyRows({ chunkBytes, resume: true, log });
  expect(copied.reused).toEqual({ tables: 0, chunks: 0 });
  expect(await sides.differences()).toEqual([]);

  const again = await sides.copyRows({ chunkBytes, resume: true, log });
  expect(again).toMatchObject({ rows: 0, reused: { tables: 2, chunks: 0 }, mixed: [] });
  expect(log.lines.join('\n')).toMatch(/Reusing what an earlier run copied: 2 whole tables and 0 chunks/);
  expect(await sides.differences()).toEqual([]);
});

test('a newer run that claims the target ends this one before its next chunk', async () => {
  const sides = await copying(ddl, rows);
  const claim = afterFirstChunk('events', async () => {
    await withConnection(sides.loader, session, (client) =>
      claimEpoch(client, { migrationId: sides.migrationId, epoch: 2 }),
    );
  });
  await expect(sides.copyRows({ chunkBytes, pairs: 1, ...claim })).rejects.toThrow(SupersededError);
});

test('a side that lets in fewer sessions is copied over fewer', async () => {
  const sides = await copying(ddl, rows);
  await sides.onTarget(`ALTER ROLE "${sides.loader.user}" CONNECTION LIMIT 2`);
  const log = recordingLog();
  await sides.copyRows({ chunkBytes, pairs: 4, log });
  expect(log.lines.join('\n')).toMatch(/Copying over fewer connections/);
  expect(await sides.differences()).toEqual([]);
});
