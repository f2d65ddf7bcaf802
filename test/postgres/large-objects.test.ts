import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { copyLargeObjects } from '../../src/postgres/large-objects.ts';
import { exportSnapshot } from '../../src/postgres/snapshot.ts';
import { copying, type Copying } from './copying.ts';

/** Number, owner's name on that side left out, and content of each. */
const content = `SELECT oid::integer, length(lo_get(oid)) AS bytes, md5(lo_get(oid)) AS sum FROM pg_largeobject_metadata ORDER BY oid`;

async function copyObjects(sides: Copying): Promise<{ objects: number; bytes: number }> {
  const session = { applicationName: 'h2d shop-test 1', log: silentLog, clock: systemClock };
  const snapshot = await exportSnapshot(sides.source, session);
  try {
    return await copyLargeObjects({
      ...session,
      ...{ source: sides.source, target: sides.loader, snapshot, migrationId: 'shop-test', epoch: 1 },
    });
  } finally {
    await snapshot.release();
  }
}

test('large objects keep their numbers and bytes: empty, larger than a piece, with holes, and many small ones', async () => {
  const sides = await copying(
    'CREATE TABLE attachments (file oid)',
    `SELECT lo_create(70001); SELECT lo_from_bytea(70002, '\\x00ff00');
     SELECT lo_from_bytea(70003, decode(repeat(md5('a'), 200000), 'hex')); SELECT lo_put(70003, 5000000, 'after a hole');
     SELECT lo_from_bytea(70004, decode(repeat('ab', 1048576), 'hex'));
     SELECT lo_from_bytea(80000 + n, n::text::bytea) FROM generate_series(1, 4500) n`,
  );
  const copied = await copyObjects(sides);
  expect(copied.objects).toBe(4504);
  const before = await sides.onSource(content);
  expect(await sides.onTarget(content)).toEqual(before);

  // A second copy replaces the first one, also what is gone on the source.
  await sides.onSource(`SELECT lo_unlink(70002); SELECT lo_put(70001, 0, 'no longer empty')`);
  await copyObjects(sides);
  expect(await sides.onTarget(content)).toEqual(await sides.onSource(content));
});

test('a database without large objects needs no statement that writes', async () => {
  const sides = await copying('CREATE TABLE a (b integer)');
  expect(await copyObjects(sides)).toEqual({ objects: 0, bytes: 0 });
});
