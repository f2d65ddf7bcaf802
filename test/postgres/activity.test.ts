import { expect, test } from '@jest/globals';
import { activitySchema } from '../../src/migration/quiet-hours.ts';
import { readActivity } from '../../src/postgres/activity.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { twoSides } from './two-sides.ts';

test('transactions and written rows are counters that grow, read by the server’s clock', async () => {
  const { source } = await twoSides('CREATE TABLE orders (id int PRIMARY KEY)');
  const read = () => withConnection(source, { applicationName: 'activity' }, readActivity);
  const before = await read();
  await withConnection(source, { applicationName: 'shop' }, async (client) => {
    await client.query('INSERT INTO public.orders SELECT generate_series(1, 500)');
    await client.query('UPDATE public.orders SET id = id + 1000 WHERE id <= 100');
    await client.query('DELETE FROM public.orders WHERE id > 1050');
    // Otherwise the server tells it to the counters up to a second later.
    await client.query('SELECT pg_stat_force_next_flush()').catch(() => undefined);
  });
  const after = await read();
  expect(activitySchema.parse(after)).toEqual(after);
  expect(after.count).toBeGreaterThanOrEqual(before.count + 3);
  expect(after.writes).toBeGreaterThanOrEqual(before.writes + 650);
  expect(Math.abs(Date.parse(after.at) - Date.now())).toBeLessThan(60_000);
});
