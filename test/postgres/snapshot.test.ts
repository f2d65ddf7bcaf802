import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { exportSnapshot, SnapshotLostError, withSnapshot } from '../../src/postgres/snapshot.ts';
import { twoSides } from './two-sides.ts';

const session = { applicationName: 'h2d shop-test 1', log: silentLog, clock: systemClock };

test('a snapshot shows one state to every session, locks no table, and is gone when it is released', async () => {
  const { source, onSource } = await twoSides('CREATE TABLE a (b integer); INSERT INTO a VALUES (1)');
  const snapshot = await exportSnapshot(source, session);
  await onSource('INSERT INTO a VALUES (2)');
  const seen = await withSnapshot(source, snapshot, session, (client) =>
    client.query('SELECT b FROM public.a'),
  );
  expect(seen.rows).toEqual([{ b: 1 }]);
  // Would wait for any lock on the table.
  await onSource(`SET lock_timeout = '1s'; ALTER TABLE a ADD c integer`);
  await snapshot.release();
  await expect(withSnapshot(source, snapshot, session, () => Promise.resolve())).rejects.toThrow(
    SnapshotLostError,
  );
  await snapshot.release();
});

test('a snapshot whose session ends is lost, and says so', async () => {
  const { source, onSource } = await twoSides();
  const snapshot = await exportSnapshot(source, session);
  const lost = once(snapshot.lost, 'abort');
  await onSource(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'h2d shop-test 1'`,
  );
  await lost;
  expect(snapshot.lost.reason).toBeInstanceOf(SnapshotLostError);
  await expect(withSnapshot(source, snapshot, session, () => Promise.resolve())).rejects.toThrow(
    SnapshotLostError,
  );
});
