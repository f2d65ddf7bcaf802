import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { CaptureBroken } from '../../src/postgres/capture.ts';
import { lostRows, type LostRows } from '../../src/postgres/lost-rows.ts';
import { capturedSides, copiedSides, secretly } from './captured-sides.ts';
import type { TwoSides } from './two-sides.ts';

// After the switch Heroku still holds what the new side has deleted since, until it has followed. What nobody deleted was lost.

const SQL = `
  CREATE TABLE sessions (id bigserial PRIMARY KEY, token text);
  INSERT INTO sessions (token) SELECT 'token ' || n FROM generate_series(1, 50) n;
  CREATE TABLE items (shop text, "The Day" date, position int, PRIMARY KEY (shop, "The Day", position));
  INSERT INTO items SELECT 'shop ''"{,' || n, '2026-01-01', n FROM generate_series(1, 5) n;
  CREATE TABLE log (line text);
  INSERT INTO log VALUES ('one')`;

const TABLES = ['public.sessions', 'public.items', 'public.log'];
const nothing = { captured: true, lines: [], notLooked: ['public.log (it has no key)'] };

interface Switched extends TwoSides {
  look: (whileWaiting?: () => Promise<unknown>) => Promise<LostRows>;
}

async function moved({ captured = true } = {}): Promise<Switched> {
  const sides = captured ? await capturedSides(SQL) : await copiedSides(SQL);
  return {
    ...sides,
    look: (whileWaiting = () => Promise.resolve()) =>
      lostRows(sides.source, sides.owner, {
        migrationId: 'shop-test',
        tables: TABLES,
        clock: {
          ...systemClock,
          sleep: async () => {
            await whileWaiting();
          },
        },
        signal: new AbortController().signal,
      }),
  };
}

test('rows that the application has deleted since the switch, or whose key it has changed, are not lost', async () => {
  const { look, onTarget } = await moved();
  await onTarget(`DELETE FROM sessions WHERE id > 10; UPDATE sessions SET id = 900 WHERE id = 1;
    DELETE FROM items WHERE position = 3`);
  expect(await look()).toEqual(nothing);
});

test('a table that the application has emptied since has lost nothing', async () => {
  const { look, onTarget } = await moved();
  await onTarget('TRUNCATE sessions, items');
  expect(await look()).toEqual(nothing);
});

test('a row that nobody has deleted is lost, beside those that were', async () => {
  const { look, onTarget } = await moved();
  await onTarget('DELETE FROM sessions WHERE id IN (1, 2)');
  await onTarget(secretly('DELETE FROM sessions WHERE id = 7; DELETE FROM items WHERE position = 5'));
  expect((await look()).lines).toEqual([
    'table public.sessions: 1 rows of Heroku are not on DigitalOcean, for example {7}',
    `table public.items: 1 rows of Heroku are not on DigitalOcean, for example {"shop '\\"{,5",2026-01-01,5}`,
  ]);
});

test('what a drain takes to Heroku in between, and out of the log, was not lost', async () => {
  const { look, onTarget, onSource } = await moved();
  await onTarget(secretly('DELETE FROM sessions WHERE id = 7'));
  expect(await look(() => onSource('DELETE FROM sessions WHERE id = 7'))).toEqual(nothing);
});

test('without a capture what is missing is told without a reason, and a broken one is no proof', async () => {
  const bare = await moved({ captured: false });
  await bare.onTarget('DELETE FROM sessions WHERE id = 7');
  expect(await bare.look()).toEqual({
    captured: false,
    lines: ['table public.sessions: 1 rows of Heroku are not on DigitalOcean, for example {7}'],
    notLooked: ['public.log (it has no key)'],
  });
  const broken = await moved();
  await broken.onTarget(`INSERT INTO heroku_to_digitalocean.broken (reason) VALUES ('played')`);
  await expect(broken.look()).rejects.toThrow(CaptureBroken);
});
