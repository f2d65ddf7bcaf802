import { afterAll, afterEach, expect, test } from '@jest/globals';
import { copyForPractice } from '../../actions/migrate-db/copy-window.ts';
import type { Parties } from '../../actions/parties.ts';
import { movingSides, stopHeroku, type MovingSides } from './moving-sides.ts';

// The practice copy of the window strategy while Heroku writes: every row is proven under the snapshot that was copied.

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(stopHeroku);

const SQL = `CREATE TABLE orders (id bigserial PRIMARY KEY, note text);
  INSERT INTO orders (note) SELECT 'order ' || n FROM generate_series(1, 200) n;
  CREATE TABLE log (line text); INSERT INTO log VALUES ('one'), ('two')`;

/** Does that when the copy is there and nothing is compared yet: when the target's stamp is complete. */
async function copying(
  act: (sides: MovingSides) => Promise<unknown>,
): Promise<ReturnType<typeof copyForPractice>> {
  const shop = (sides = await movingSides({ withoutRedis: true, sql: SQL }));
  let checks = 0;
  const parties: Parties = {
    ...shop.parties,
    // Asked last right before the copy counts as complete.
    checkLease: async () => {
      checks += 1;
      await shop.parties.checkLease();
      if (checks === 4) await act(shop);
    },
  };
  return copyForPractice(parties);
}

test('what Heroku writes meanwhile makes no difference, and every row that was copied is proven', async () => {
  const copied = await copying(({ postgres }) =>
    postgres.onSource(
      `INSERT INTO orders (note) VALUES ('new'); UPDATE orders SET note = 'other' WHERE id = 5; DELETE FROM orders WHERE id = 6; INSERT INTO log VALUES ('three')`,
    ),
  );
  expect(copied.movedOn).toEqual([]);
  expect(copied.measured.map(({ name }) => name)).toEqual(['copy', 'parity']);
});

test.each([
  [
    'a byte that is another',
    `UPDATE orders SET note = note || '.' WHERE id = 7`,
    'orders: 200 rows .* 200 on',
  ],
  ['a row that is missing', 'DELETE FROM orders WHERE id = 7', 'orders: 200 rows .* 199 on'],
  ['a row that is there twice', "INSERT INTO log VALUES ('two')", 'log: 2 rows .* 3 on'],
])('%s fails it, although Heroku writes on', async (_what, sql, says) => {
  await expect(
    copying(async ({ postgres }) => {
      await postgres.onSource("INSERT INTO orders (note) VALUES ('new')");
      await postgres.onTarget(sql);
    }),
  ).rejects.toThrow(new RegExp(`The copy is not what was copied:\\n  table public\\.${says}`));
});

test('a table that was emptied on Heroku meanwhile is told, and is no wrong copy', async () => {
  const copied = await copying(({ postgres }) => postgres.onSource('TRUNCATE log'));
  expect(copied.movedOn).toEqual([
    'table public.log: written anew on Heroku (TRUNCATE, ALTER TABLE, VACUUM FULL or CLUSTER)',
  ]);
});
