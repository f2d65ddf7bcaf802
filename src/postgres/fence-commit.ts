import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { asSentence, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { APPLYING } from './capture-sql.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { listTables, sameTables, type LockedTable } from './fence-locks.ts';
import { FENCE_TRIGGERS, readFenceMarker } from './fence-marker.ts';
import { quoteLiteral, quoteQualified } from './names.ts';
import { applicationName } from './settle.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** The point of no return was not passed: the old side still takes writes. */
export class FenceNotCommitted extends Error {
  override readonly name = 'FenceNotCommitted';
}

/** Whether the point of no return was passed could not be found out: `readFence` tells it when the server answers. */
export class FenceUnknown extends Error {
  override readonly name = 'FenceUnknown';
}

/** What tells one server process from another that later gets the same number. */
export interface Backend {
  pid: number;
  started: string;
}

export async function backendOf(client: pg.Client): Promise<Backend> {
  const { rows } = await client.query<Backend>(`
    SELECT pid, backend_start::text AS started
      FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()`);
  const backend = rows[0];
  if (backend === undefined) throw new Error('The server does not list our own session.');
  return backend;
}

/** How long an unknown commit is looked into before it is reported as unknown. */
const RESOLVE_LIMIT_MS = 120_000;

export interface CommitOptions {
  migrationId: string;
  epoch?: number;
  log: Log;
  clock: Clock;
}

export async function commit(
  client: pg.Client,
  source: PostgresAddress,
  backend: Backend,
  tables: LockedTable[],
  options: CommitOptions,
): Promise<void> {
  try {
    const now = await listTables(client);
    if (!sameTables(tables, now))
      throw new Error(
        'tables were created or dropped while the fence was held; what they hold was not copied',
      );
    await client.query(closingStatements(options.migrationId, tables));
  } catch (thrown) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new FenceNotCommitted(
      `The point of no return was not passed: ${asSentence(messageOf(thrown))} The old side takes writes as before.`,
    );
  }
  try {
    await client.query('COMMIT');
  } catch (thrown) {
    options.log.warning(`The answer to COMMIT did not come (${messageOf(thrown)}); reading the marker.`);
    await resolveCommit(source, backend, options);
  }
}

/**
 * Everything that closes the old side, as one batch: the price of the point of no return is one round trip. The triggers
 * let our own writes of the way back pass, by a setting of their transaction that holds this migration's id.
 */
function closingStatements(migrationId: string, tables: LockedTable[]): string {
  const message = `heroku-to-digitalocean: this database was moved to DigitalOcean (migration ${migrationId}); writes here are refused`;
  const body = `
    BEGIN
      IF pg_catalog.current_setting('${APPLYING}', true) IS DISTINCT FROM ${quoteLiteral(migrationId)} THEN
        RAISE EXCEPTION ${quoteLiteral(message)} USING ERRCODE = 'read_only_sql_transaction';
      END IF;
      RETURN NULL;
    END`;
  const triggers = tables.map((table) => {
    const on = quoteQualified(table.schema, table.name);
    return [
      `CREATE TRIGGER ${FENCE_TRIGGERS.write} BEFORE INSERT OR UPDATE OR DELETE ON ${on} FOR EACH STATEMENT EXECUTE FUNCTION ${OUR_SCHEMA}.refuse_write();`,
      `CREATE TRIGGER ${FENCE_TRIGGERS.truncate} BEFORE TRUNCATE ON ${on} FOR EACH STATEMENT EXECUTE FUNCTION ${OUR_SCHEMA}.refuse_write();`,
      // ALWAYS: also in sessions that run as a replica, where ordinary triggers stay silent.
      `ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${FENCE_TRIGGERS.write};`,
      `ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${FENCE_TRIGGERS.truncate};`,
    ].join('\n');
  });
  return `
    CREATE SCHEMA IF NOT EXISTS ${OUR_SCHEMA};
    CREATE TABLE ${OUR_SCHEMA}.fence (
      migration_id text PRIMARY KEY,
      closed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
    );
    CREATE FUNCTION ${OUR_SCHEMA}.refuse_write() RETURNS trigger
      LANGUAGE plpgsql SET search_path = '' AS ${quoteLiteral(body)};
    ${triggers.join('\n')}
    INSERT INTO ${OUR_SCHEMA}.fence (migration_id) VALUES (${quoteLiteral(migrationId)});`;
}

/**
 * Finds out what became of a COMMIT whose answer was lost. The marker alone is not enough: the old session may still
 * be about to commit. So it is ended first, and only when it is gone does the marker count.
 */
async function resolveCommit(
  source: PostgresAddress,
  backend: Backend,
  options: CommitOptions,
): Promise<void> {
  const deadline = options.clock.now().getTime() + RESOLVE_LIMIT_MS;
  const session = { applicationName: applicationName(options.migrationId, options.epoch ?? 0) };
  for (let last = ''; ;) {
    let closed: boolean | undefined;
    try {
      closed = await withConnection(source, session, async (client) => {
        if (!(await isGone(client, backend))) return undefined;
        return (await readFenceMarker(client)) === options.migrationId;
      });
    } catch (thrown) {
      last = messageOf(thrown);
    }
    if (closed === true) return;
    if (closed === false)
      throw new FenceNotCommitted(
        'The point of no return was not passed: the connection was lost before the server committed. The old side takes writes as before.',
      );
    if (options.clock.now().getTime() > deadline)
      throw new FenceUnknown(
        `Whether the point of no return was passed is not known: the answer to COMMIT was lost and the server could not be asked (${last}). Nothing was undone. Run again: the marker in ${describeAddress(source)} decides.`,
      );
    await options.clock.sleep(250);
  }
}

async function isGone(client: pg.Client, backend: Backend): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT pg_catalog.pg_terminate_backend(pid)
       FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND backend_start::text = $2`,
    [backend.pid, backend.started],
  );
  return rows.length === 0;
}
