import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { CaptureBroken } from '../../src/postgres/capture.ts';
import { unexplainedRows, type Unexplained } from '../../src/postgres/unexplained.ts';
import { capturedSides, copiedSides, secretly } from './captured-sides.ts';
import type { TwoSides } from './two-sides.ts';

// After the switch the new side's own writes explain why a row differs; what nobody has written does not.

const SQL = `
  CREATE TABLE orders (id bigserial PRIMARY KEY, note text);
  INSERT INTO orders (note) SELECT 'order ' || n FROM generate_series(1, 50) n;
  CREATE TABLE log (line text);
  INSERT INTO log VALUES ('one')`;

async function switched(): Promise<TwoSides & { look: () => Promise<Unexplained | undefined> }> {
  const sides = await capturedSides(SQL);
  return {
    ...sides,
    look: () =>
      unexplainedRows(sides.source, sides.owner, {
        migrationId: 'shop-test',
        tables: ['public.orders', 'public.log'],
        clock: { ...systemClock, sleep: () => Promise.resolve() },
        signal: new AbortController().signal,
      }),
  };
}

test('rows that the new side has written, changed or deleted are explained', async () => {
  const { look, onTarget } = await switched();
  await onTarget(`INSERT INTO orders (note) VALUES ('new'); UPDATE orders SET note = 'changed' WHERE id = 1;
    DELETE FROM orders WHERE id = 2; UPDATE orders SET id = 900 WHERE id = 3; INSERT INTO log VALUES ('two')`);
  expect(await look()).toEqual({ looked: 52, lines: [], notLooked: ['public.log (it has no key)'] });
});

test('a missing row, one too many, a changed byte and a doubled one that nobody has written are not', async () => {
  const { look, onTarget } = await switched();
  await onTarget(`UPDATE orders SET note = 'changed' WHERE id = 1`);
  await onTarget(
    secretly(`DELETE FROM orders WHERE id = 7; INSERT INTO orders VALUES (700, 'order 7');
      UPDATE orders SET note = 'order 8.' WHERE id = 8; INSERT INTO log VALUES ('one')`),
  );
  expect((await look())?.lines).toEqual([
    'table public.orders: 1 rows are missing, for example {7}; ' +
      '1 rows are there that nobody has written since the switch, for example {700}; ' +
      '1 rows have other content, for example {8}',
    'table public.log differs, and nothing was written to it since the switch',
  ]);
});

test('without a capture nothing is explained, and a broken one is no proof', async () => {
  const { look, onTarget } = await switched();
  await onTarget(`INSERT INTO heroku_to_digitalocean.broken (reason) VALUES ('played')`);
  await expect(look()).rejects.toThrow(CaptureBroken);
  const sides = await copiedSides(SQL);
  expect(
    await unexplainedRows(sides.source, sides.owner, {
      migrationId: 'shop-test',
      tables: ['public.orders'],
      clock: systemClock,
      signal: new AbortController().signal,
    }),
  ).toBeUndefined();
});
