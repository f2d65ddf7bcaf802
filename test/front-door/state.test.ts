import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import {
  FRONT_DOOR_TABLE,
  prepareFrontDoor,
  readFrontDoor,
  removeFrontDoor,
  setFrontDoor,
} from '../../src/front-door/state.ts';
import { silentLog } from '../../src/log.ts';
import { parsePostgresUrl, withConnection } from '../../src/postgres/connect.ts';
import { holdFence, passPointOfNoReturn } from '../../src/postgres/fence.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { OUR_SCHEMA } from '../../src/postgres/user-objects.ts';
import { freshDatabase, type FreshDatabase } from '../support/servers.ts';

const ID = 'shop-staging';
const shop = 'CREATE TABLE things (id integer PRIMARY KEY); INSERT INTO things VALUES (1)';
const address = (database: FreshDatabase) => parsePostgresUrl(database.url, { mode: 'off' });

async function schemas(database: FreshDatabase): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

test('the row goes from hold to forward and back while every table is fenced, and leaves nothing behind', async () => {
  const database = await freshDatabase({ sql: shop });
  const source = address(database);
  expect(await readFrontDoor(source, ID)).toBeUndefined();
  await prepareFrontDoor(source, ID);
  expect(await readFrontDoor(source, ID)).toBe('hold');

  const fence = await holdFence(source, { migrationId: ID, log: silentLog, clock: systemClock });
  // The row's table is not among those that are closed.
  expect(fence.tables).toBe(1);
  await setFrontDoor(source, ID, 'hold');
  await passPointOfNoReturn(fence);
  await setFrontDoor(source, ID, 'forward');
  expect(await readFrontDoor(source, ID)).toBe('forward');

  // Continued after the switch: it forwards on.
  await prepareFrontDoor(source, ID);
  expect(await readFrontDoor(source, ID)).toBe('forward');

  await setFrontDoor(source, ID, 'hold');
  // Removed while the fence's marker is still there, and after it.
  await removeFrontDoor(source, ID);
  expect(await schemas(database)).toEqual([OUR_SCHEMA, 'public']);
  const [rights] = await database.query<{ acl: string | null }>(
    `SELECT nspacl::text AS acl FROM pg_namespace WHERE nspname = '${OUR_SCHEMA}'`,
  );
  expect(rights?.acl).not.toMatch(/[{,]=U/);
  await liftFence(source, ID);
  expect(await schemas(database)).toEqual(['public']);
  await removeFrontDoor(source, ID);
});

test('alone in our schema, it takes the schema along; a second removal does nothing', async () => {
  const database = await freshDatabase();
  await prepareFrontDoor(address(database), ID);
  await removeFrontDoor(address(database), ID);
  await removeFrontDoor(address(database), ID);
  expect(await schemas(database)).toEqual(['public']);
});

test('any role of the app reads the row and none but the owner writes it', async () => {
  const database = await freshDatabase();
  await prepareFrontDoor(address(database), ID);
  const role = `${database.database}_rotated`;
  await database.query(`CREATE ROLE "${role}" LOGIN PASSWORD 'x'`);
  const other = { ...address(database), user: role, password: 'x' };
  expect(await readFrontDoor(other, ID)).toBe('hold');
  await expect(setFrontDoor(other, ID, 'forward')).rejects.toThrow('permission denied');
  expect(await readFrontDoor(other, ID)).toBe('hold');
});

test('without its row it is not told anything, and another migration’s row is left alone', async () => {
  const database = await freshDatabase();
  const source = address(database);
  await expect(setFrontDoor(source, ID, 'forward')).rejects.toThrow('its row is not in');
  await prepareFrontDoor(source, 'other-app');
  await expect(prepareFrontDoor(source, ID)).rejects.toThrow('of another migration (other-app)');
  await expect(setFrontDoor(source, ID, 'forward')).rejects.toThrow('its row is not in');
  await expect(removeFrontDoor(source, ID)).rejects.toThrow('of another migration (other-app)');
  const { rows } = await withConnection(source, { applicationName: 'test' }, (client) =>
    client.query(`SELECT migration_id, state FROM ${FRONT_DOOR_TABLE}`),
  );
  expect(rows).toEqual([{ migration_id: 'other-app', state: 'hold' }]);
});
