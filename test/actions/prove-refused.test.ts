import { expect, test } from '@jest/globals';
import { proveClosed, proveHeld } from '../../actions/cutover/prove-refused.ts';
import type { Parties } from '../../actions/parties.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { holdFence, passPointOfNoReturn } from '../../src/postgres/fence.ts';
import { addressOf } from '../postgres/draining.ts';
import { freshDatabase } from '../support/servers.ts';

// A real database under the fence: that nobody can write there is tried, and a table that was made meanwhile is found.

const options = { migrationId: 'shop-test', epoch: 1, log: silentLog, clock: systemClock };
const context = { signal: new AbortController().signal };

async function fenced() {
  const database = await freshDatabase({
    sql: 'CREATE TABLE things (id integer PRIMARY KEY); CREATE TABLE others (id integer PRIMARY KEY)',
  });
  const address = addressOf(database);
  const parties = { oldSide: { database: address } } as unknown as Parties;
  return {
    /** As the application. */
    run: (sql: string) =>
      withConnection(address, { applicationName: 'migration' }, (client) => client.query(sql)),
    fence: await holdFence(address, options),
    held: () => proveHeld(parties, { isHeld: () => false }).act(null, context),
    closed: () => proveClosed(parties).act(null, context),
  };
}

test('under the fence no table takes a write; one that somebody makes meanwhile does, and is named', async () => {
  const { run, fence, held } = await fenced();
  expect(await held()).toEqual({ tables: 2, refused: 2, redis: 'not-asked' });
  await run('CREATE TABLE public.late (id integer)');
  await expect(held()).rejects.toThrow(
    /The fence is held, and yet a write to .*late.* of the old database was not stopped/,
  );
  await fence.release();
});

test('after the point of no return the same, and the new side stays closed until it is gone', async () => {
  const { run, fence, closed } = await fenced();
  await passPointOfNoReturn(fence);
  expect(await closed()).toEqual({ tables: 2, refused: 2 });
  await run('CREATE TABLE public.late (id integer)');
  await expect(closed()).rejects.toThrow(/late.* can still be written to\. The new side stays closed/);
  await run('DROP TABLE public.late');
  expect(await closed()).toEqual({ tables: 2, refused: 2 });
});
