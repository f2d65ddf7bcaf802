import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { holdFence, passPointOfNoReturn } from '../../src/postgres/fence.ts';
import { FenceNotCommitted } from '../../src/postgres/fence-commit.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { freshDatabase } from '../support/servers.ts';
import { addressOf } from './draining.ts';

const options = { migrationId: 'shop-test', epoch: 1, log: silentLog, clock: systemClock };
const sql = 'CREATE TABLE things (id integer PRIMARY KEY, name text); INSERT INTO things VALUES (1)';

test('our own writes pass the closed side, in a transaction that carries this migration’s id and no other', async () => {
  const database = await freshDatabase({ sql });
  const address = addressOf(database);
  await passPointOfNoReturn(await holdFence(address, options));
  const write = async (before: string, statement: string): Promise<string> =>
    withConnection(address, { applicationName: 'test' }, async (client) => {
      await client.query(`BEGIN; ${before}`);
      return client.query(statement).then(
        async () => {
          await client.query('COMMIT');
          return 'done';
        },
        (error: unknown) => (error as { code: string }).code,
      );
    });
  const ours = `SET LOCAL heroku_to_digitalocean.applying = 'shop-test'`;
  for (const statement of [
    'INSERT INTO public.things VALUES (2)',
    `UPDATE public.things SET name = 'x'`,
    'DELETE FROM public.things WHERE id = 2',
    'TRUNCATE public.things',
  ]) {
    expect(await write('', statement)).toBe('25006');
    expect(await write(`SET LOCAL heroku_to_digitalocean.applying = 'another'`, statement)).toBe('25006');
    expect(await write(ours, statement)).toBe('done');
  }
  await withConnection(address, { applicationName: 'test' }, async (client) => {
    await client.query(`BEGIN; ${ours}; INSERT INTO public.things VALUES (3); COMMIT`);
    // It went with the transaction.
    await expect(client.query('INSERT INTO public.things VALUES (4)')).rejects.toMatchObject({
      code: '25006',
    });
  });
});

test('when the connection is lost between the last drain and the point of no return, and somebody writes, it is not passed', async () => {
  const database = await freshDatabase({ sql });
  const address = addressOf(database);
  const fence = await holdFence(address, options);
  const stray = database.query('INSERT INTO things VALUES (4711)');
  // The last drain has looked, the stray session waits. Now the network swallows our session.
  await database.server.query(
    'postgres',
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'h2d shop-test 1' AND datname = '${database.database}'`,
  );
  await stray;
  await expect(passPointOfNoReturn(fence)).rejects.toThrow(FenceNotCommitted);
  expect(await readFence(address, 'shop-test')).toBe('open');
  expect(await database.query('SELECT count(*)::int AS n FROM things')).toEqual([{ n: 2 }]);
});
