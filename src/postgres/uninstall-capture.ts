import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { CAPTURE_TRIGGER, CAPTURE_TRUNCATE_TRIGGER, dropTriggers } from './capture-sql.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { quoteQualified } from './names.ts';
import { applicationName } from './settle.ts';
import { changeInShortAttempts, stillTheSame } from './short-locks.ts';
import { OUR_SCHEMA } from './user-objects.ts';

export interface UninstallOptions {
  migrationId: string;
  epoch: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** See `ShortLockOptions`. */
  lockTimeoutMs?: number;
  giveUpAfterMs?: number;
}

/**
 * Removes the capture, also a half one: afterwards the database's schema is what it was before. What others keep in
 * our schema stays, and the schema with it. From its first step on the capture is broken: nothing can be drained that
 * is not all. Does nothing where no capture is.
 *
 * DROP TRIGGER holds up readers too; it is tried in attempts of `lockTimeoutMs`, table by table.
 *
 * @throws ConfigurationError when the capture is another migration's
 * @throws Error naming the sessions in the way when a table could not be locked in time; running again goes on
 */
export async function uninstallCapture(source: PostgresAddress, options: UninstallOptions): Promise<void> {
  const where = describeAddress(source);
  const session = {
    applicationName: applicationName(options.migrationId, options.epoch),
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  await withConnection(source, session, async (client) => {
    await refuseOthers(client, where, options.migrationId);
    await markUninstalling(client);
    const tables = await readTriggered(client);
    await changeInShortAttempts(
      client,
      tables.map((table) => ({
        relation: quoteQualified(table.schema, table.name),
        oid: table.oid,
        sql: `
          SET LOCAL client_min_messages = warning;
          -- As when it is installed: an owner whose right to write was taken may not ask for the lock beforehand.
          DO $lock$
          BEGIN
            IF pg_catalog.has_table_privilege(${table.oid}::oid, 'UPDATE, DELETE, TRUNCATE') THEN
              LOCK TABLE ONLY ${quoteQualified(table.schema, table.name)} IN ACCESS EXCLUSIVE MODE;
            END IF;
          END
          $lock$;
          ${stillTheSame(table)}
          ${dropTriggers(table)}`,
      })),
      `Removing the capture from ${where}`,
      options,
    );
    const dropped = await dropHome(client);
    if (tables.length > 0 || dropped) options.log.info(`The capture is removed from ${where}.`);
  });
}

async function exists(client: pg.Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [`${OUR_SCHEMA}.${table}`],
  );
  return rows[0]?.found === true;
}

async function refuseOthers(client: pg.Client, where: string, migrationId: string): Promise<void> {
  if (!(await exists(client, 'capture'))) return;
  const { rows } = await client.query<{ id: string }>(
    `SELECT migration_id AS id FROM ${OUR_SCHEMA}.capture WHERE migration_id <> $1`,
    [migrationId],
  );
  if (rows[0] !== undefined)
    throw new ConfigurationError(
      `Changes of ${where} are captured by another migration (${rows[0].id}). It was left as it is: end that one instead.`,
    );
}

/** Committed before the first trigger goes: what is logged from then on is not all. */
async function markUninstalling(client: pg.Client): Promise<void> {
  if (!(await exists(client, 'broken'))) return;
  await client.query(
    `INSERT INTO ${OUR_SCHEMA}.broken (reason)
     SELECT 'it is being removed' WHERE NOT EXISTS (SELECT FROM ${OUR_SCHEMA}.broken)`,
  );
}

async function readTriggered(client: pg.Client): Promise<{ oid: number; schema: string; name: string }[]> {
  const { rows } = await client.query<{ oid: number; schema: string; name: string }>(
    `SELECT DISTINCT c.oid::bigint::float8 AS oid, n.nspname AS schema, c.relname AS name
       FROM pg_catalog.pg_trigger t
       JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE t.tgname IN ($1, $2) AND t.tgparentid = 0
      ORDER BY 1`,
    [CAPTURE_TRIGGER, CAPTURE_TRUNCATE_TRIGGER],
  );
  return rows;
}

/** So many objects are dropped in one transaction: each is a lock, and a server has some thousands of them. */
const DROPS_AT_ONCE = 500;

/**
 * Our objects by their names, not by what `captured` says: a half installation has more than it says. What tells that
 * there is a capture goes last.
 */
async function dropHome(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT pg_catalog.format('DROP %s %s;', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::pg_catalog.regclass) AS statement,
            c.relname ~ '^log_' AS first
       FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname ~ '^(capture|captured|broken|unbroken|log_[0-9]+)$'
        AND c.relkind IN ('r', 'v')
      UNION ALL
     SELECT pg_catalog.format('DROP FUNCTION %s;', p.oid::pg_catalog.regprocedure), true
       FROM pg_catalog.pg_proc p
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname = $1 AND p.proname ~ '^(watch|mark_broken|fits|truncated|capture_[0-9]+)$'
      ORDER BY first DESC`,
    [OUR_SCHEMA],
  );
  const statements = rows.map(({ statement }) => statement);
  while (statements.length > 0) await client.query(statements.splice(0, DROPS_AT_ONCE).join('\n'));
  // The schema stays while somebody else's things are in it, and where it is not ours to drop.
  const { rows: empty } = await client.query(
    `SELECT FROM pg_catalog.pg_namespace n
      WHERE n.nspname = $1 AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend
                         WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND refobjid = n.oid)`,
    [OUR_SCHEMA],
  );
  if (empty.length > 0) await client.query(`DROP SCHEMA ${OUR_SCHEMA}`);
  return rows.length > 0;
}
