import type pg from 'pg';

import { ConfigurationError } from '../errors.ts';
import { describeAddress, withConnection, type PostgresAddress } from '../postgres/connect.ts';
import { quoteIdentifier } from '../postgres/names.ts';
import { OUR_SCHEMA } from '../postgres/user-objects.ts';

/** What the forwarder does with requests: it lets them wait, or passes them on to the new side. */
export type FrontDoorState = 'hold' | 'forward';

/**
 * The one row by which the forwarder's dynos know what to do. It stands in the old database, whose address every dyno
 * has, so that switching needs no release; in our own schema, which neither fence, copy nor parity looks at. So it can
 * be written while every table of the application is closed.
 */
export const FRONT_DOOR_TABLE = `${quoteIdentifier(OUR_SCHEMA)}.front_door`;

interface Options {
  signal?: AbortSignal;
}

/**
 * Puts the row there, holding, before the forwarder is released. A row of this migration keeps its state, so that a
 * cutover that is continued after the switch does not hold again.
 *
 * @throws ConfigurationError when another migration's row is there
 */
export async function prepareFrontDoor(
  database: PostgresAddress,
  migrationId: string,
  options: Options = {},
): Promise<void> {
  await inSession(database, options, async (client) => {
    if (await hasTable(client)) await refuseOthers(client, database, migrationId);
    await client.query('BEGIN');
    const { rows } = await client.query('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [
      OUR_SCHEMA,
    ]);
    if (rows.length === 0) await client.query(`CREATE SCHEMA ${quoteIdentifier(OUR_SCHEMA)}`);
    // For everybody: after a credential was rotated the dynos' role is another one than the table's owner.
    await client.query(`
      GRANT USAGE ON SCHEMA ${quoteIdentifier(OUR_SCHEMA)} TO PUBLIC;
      CREATE TABLE IF NOT EXISTS ${FRONT_DOOR_TABLE} (
        migration_id text PRIMARY KEY,
        state text NOT NULL CHECK (state IN ('hold', 'forward')),
        since timestamptz NOT NULL DEFAULT pg_catalog.now()
      );
      GRANT SELECT ON ${FRONT_DOOR_TABLE} TO PUBLIC`);
    await client.query(
      `INSERT INTO ${FRONT_DOOR_TABLE} (migration_id, state) VALUES ($1, 'hold') ON CONFLICT DO NOTHING`,
      [migrationId],
    );
    await client.query('COMMIT');
  });
}

/**
 * Tells the forwarder what to do; its dynos follow within a tenth of a second. When it resolves, the state is committed.
 *
 * @throws Error when `prepareFrontDoor` was not done
 */
export async function setFrontDoor(
  database: PostgresAddress,
  migrationId: string,
  state: FrontDoorState,
  options: Options = {},
): Promise<void> {
  await inSession(database, options, async (client) => {
    const written =
      (await hasTable(client)) &&
      (
        await client.query(
          `UPDATE ${FRONT_DOOR_TABLE}
              SET state = $2, since = CASE WHEN state = $2 THEN since ELSE pg_catalog.now() END
            WHERE migration_id = $1`,
          [migrationId, state],
        )
      ).rowCount === 1;
    if (!written)
      throw new Error(
        `The forwarder of ${migrationId} was not told to ${state}: its row is not in ${describeAddress(database)}.`,
      );
  });
}

/** What the row says; `undefined` where there is none of this migration. */
export async function readFrontDoor(
  database: PostgresAddress,
  migrationId: string,
  options: Options = {},
): Promise<FrontDoorState | undefined> {
  return inSession(database, options, async (client) => {
    if (!(await hasTable(client))) return undefined;
    const { rows } = await client.query<{ state: FrontDoorState }>(
      `SELECT state FROM ${FRONT_DOOR_TABLE} WHERE migration_id = $1`,
      [migrationId],
    );
    return rows[0]?.state;
  });
}

/**
 * Removes the row and what was made for it; what others keep in our schema stays. Does nothing where there is none.
 * Only once the forwarder is no longer released: a dyno that starts without the row holds, and refuses after its limit.
 *
 * @throws ConfigurationError when another migration's row is there
 */
export async function removeFrontDoor(
  database: PostgresAddress,
  migrationId: string,
  options: Options = {},
): Promise<void> {
  await inSession(database, options, async (client) => {
    if (!(await hasTable(client))) return;
    await refuseOthers(client, database, migrationId);
    await client.query('BEGIN');
    await client.query(`DROP TABLE ${FRONT_DOOR_TABLE}`);
    await client.query(`REVOKE USAGE ON SCHEMA ${quoteIdentifier(OUR_SCHEMA)} FROM PUBLIC`);
    const { rows: left } = await client.query(
      `SELECT FROM pg_catalog.pg_namespace n
         JOIN pg_catalog.pg_depend d
           ON d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid
        WHERE n.nspname = $1 LIMIT 1`,
      [OUR_SCHEMA],
    );
    if (left.length === 0) await client.query(`DROP SCHEMA ${quoteIdentifier(OUR_SCHEMA)}`);
    await client.query('COMMIT');
  });
}

function inSession<T>(
  database: PostgresAddress,
  { signal }: Options,
  body: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const session = { applicationName: 'h2d front-door', ...(signal === undefined ? {} : { signal }) };
  return withConnection(database, session, body);
}

async function hasTable(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [FRONT_DOOR_TABLE],
  );
  return rows[0]?.found === true;
}

async function refuseOthers(
  client: pg.Client,
  database: PostgresAddress,
  migrationId: string,
): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT migration_id AS id FROM ${FRONT_DOOR_TABLE} WHERE migration_id <> $1 LIMIT 1`,
    [migrationId],
  );
  if (rows[0] !== undefined)
    throw new ConfigurationError(
      `${describeAddress(database)} holds the forwarder's state of another migration (${rows[0].id}). It was left as it is: end that one first.`,
    );
}
