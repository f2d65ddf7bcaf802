import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { chunksOf } from '../../src/postgres/chunks.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { Pair } from '../../src/postgres/pair.ts';
import { exportSnapshot, SnapshotLostError } from '../../src/postgres/snapshot.ts';
import { shareSnapshot } from '../../src/postgres/stamp.ts';
import { copying } from './copying.ts';

const session = { applicationName: 'h2d shop-test 1', log: silentLog, clock: systemClock };
const run = { migrationId: 'shop-test', epoch: 1 };

const noted = 'SELECT relation FROM heroku_to_digitalocean.copied';

test('another runner commits chunks of the snapshot that is shared now, and of no other', async () => {
  const sides = await copying(
    'CREATE TABLE things (id integer)',
    'INSERT INTO things SELECT generate_series(1, 100)',
  );
  const snapshot = await exportSnapshot(sides.source, session);
  const [table] = await sides.plan(snapshot);
  const [chunk] = table === undefined ? [] : chunksOf(table);
  if (table === undefined || chunk === undefined) throw new Error('There is nothing to copy.');
  const share = (id: string | null) =>
    withConnection(sides.loader, session, (client) => shareSnapshot(client, run, id));
  const copyAs = async (shard: number): Promise<unknown> => {
    const pair = await Pair.open({
      ...{ source: sides.source, loader: sides.loader, snapshot, shard, ...run, log: silentLog },
    });
    try {
      return await pair.copy(table, chunk, { more: false, onBytes: () => undefined });
    } finally {
      pair.cut();
    }
  };
  for (const other of [null, `${snapshot.id}0`]) {
    await share(other);
    await expect(copyAs(2)).rejects.toBeInstanceOf(SnapshotLostError);
    expect(await sides.onTarget(noted)).toEqual([]);
    expect(await sides.onTarget('SELECT FROM things')).toEqual([]);
  }
  await share(snapshot.id);
  expect(await copyAs(2)).toMatchObject({ rows: 100 });
  // A second one of it, too late: it is refused by the note of the first.
  await expect(copyAs(3)).rejects.toThrow(/copied_pkey/);
  expect(await sides.onTarget('SELECT FROM things')).toHaveLength(100);
  await snapshot.release();
});

test('a table is emptied with what another runner has in flight: neither its rows nor its note stay', async () => {
  const sides = await copying('CREATE TABLE things (id integer)', 'INSERT INTO things VALUES (1)');
  const snapshot = await exportSnapshot(sides.source, session);
  const pair = await Pair.open({
    ...{ source: sides.source, loader: sides.loader, snapshot, ...run, log: silentLog },
  });
  await withConnection(sides.loader, session, async (other) => {
    await other.query(`
      BEGIN; INSERT INTO public.things VALUES (7);
      INSERT INTO heroku_to_digitalocean.copied (relation, part, parts, first_page, snapshot, filenode, rows, bytes)
      VALUES ('"public"."things"', 0, 1, 0, 'x', 1, 1, 1)`);
    const emptied = pair.emptyWhileWritten('"public"."things"');
    for (;;) {
      const waiting = await sides.onTarget(
        "SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'",
      );
      if (waiting.length > 0) break;
    }
    await other.query('COMMIT');
    await emptied;
  });
  expect(await sides.onTarget('SELECT FROM things')).toEqual([]);
  expect(await sides.onTarget(noted)).toEqual([]);
  await pair.close();
  await snapshot.release();
});
