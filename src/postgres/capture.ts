import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import {
  createFunction,
  createHome,
  createLog,
  createTriggers,
  dropTriggers,
  functionSource,
  logColumns,
  logName,
  timeColumn,
} from './capture-sql.ts';
import { readTablesToCapture, type TableToCapture } from './capture-tables.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import type { CaptureLimits } from './live-options.ts';
import { quoteLiteral, quoteQualified } from './names.ts';
import { applicationName } from './settle.ts';
import { changeInShortAttempts, stillTheSame, type LockedChange } from './short-locks.ts';
import { OUR_SCHEMA } from './user-objects.ts';

export interface CaptureOptions {
  migrationId: string;
  epoch: number;
  limits: CaptureLimits;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Numbers (oids) of the only tables to look at: partitions and tables made later. Default: every table. */
  onlyTables?: readonly number[];
  /** See `ShortLockOptions`. */
  lockTimeoutMs?: number;
  giveUpAfterMs?: number;
}

/** A table whose changes are logged. */
export interface CapturedTable {
  number: number;
  oid: number;
  schema: string;
  name: string;
  /** The columns of the key, which are columns of the log too; null: the log only says that something changed. */
  key: string[] | null;
  /** The log, quoted. */
  log: string;
  /** The log's column with the time of the change: `at`, unless the key has a column of that name. */
  timeColumn: string;
}

export interface InstalledCapture {
  /** Everything that is captured now. */
  tables: CapturedTable[];
  /** Tables without a usable key: a change of theirs means that they are copied whole inside the window. */
  whole: { relation: string; bytes: number }[];
  /** What was not captured without a gap until this call: data copied earlier than now does not count for these. */
  made: CapturedTable[];
}

/** More often than that in a row nobody makes or renames tables. */
const MOST_ROUNDS = 20;

/** What was logged is not all that changed: only a new capture and a full copy help, where copying again is a way at all. */
export class CaptureBroken extends Error {
  override readonly name = 'CaptureBroken';
  /** What is wrong, without what to do about it. */
  readonly facts: string;

  constructor(facts: string, advice = 'Uninstall the capture, install it again and copy everything again.') {
    super(`${facts} ${advice}`);
    this.facts = facts;
  }
}

/**
 * Installs the capture on every table that holds rows, or what is missing of it: after an interruption, for tables and
 * partitions made later, and anew for a table whose key changed. When it returns, every trigger is committed, and a
 * snapshot taken from then on together with the logs misses no change. No session of the application waits longer than
 * `lockTimeoutMs` for it.
 *
 * @throws ConfigurationError when another migration's capture is there, or a table belongs to another role
 * @throws CaptureBroken when this migration's capture broke: uninstall it first
 * @throws Error naming the sessions in the way when a table could not be locked in time; running again goes on
 */
export async function installCapture(
  source: PostgresAddress,
  options: CaptureOptions,
): Promise<InstalledCapture> {
  const where = describeAddress(source);
  return withConnection(source, session(options), async (client) => {
    await beginInstall(client, where, options);
    const madeNow = new Set<number>();
    // Again until there is nothing to do: tables are made, renamed and dropped meanwhile.
    let tables: TableToCapture[] = [];
    for (let missing = 1, round = 1; missing > 0; round += 1) {
      // Each round locks tables: what is never whole must not be made for ever.
      if (round > MOST_ROUNDS)
        throw new Error(`The capture of ${missing} tables of ${where} does not stay as it was installed.`);
      const all = await readTablesToCapture(client);
      tables = all.filter((table) => options.onlyTables?.includes(table.oid) ?? true);
      refuseForeignTables(tables, where);
      const made = await installOn(client, tables, where, options);
      for (const number of made) madeNow.add(number);
      missing = made.length;
    }
    await endInstall(client, options);
    const captured = (await readState(client))?.tables ?? [];
    const whole = tables
      .filter((table) => table.key === null)
      .map((table) => ({ relation: quoteQualified(table.schema, table.name), bytes: table.bytes }));
    options.log.info(
      `Changes of ${captured.length} tables of ${where} are captured (${madeNow.size} since now, ${whole.length} without a usable key).`,
    );
    return { tables: captured, whole, made: captured.filter(({ number }) => madeNow.has(number)) };
  });
}

/**
 * What is captured, as a drain needs it; undefined when no capture is installed, or not wholly.
 *
 * @throws ConfigurationError when the capture is another migration's
 * @throws CaptureBroken when changes were lost
 */
export async function readCapture(
  client: pg.Client,
  migrationId: string,
): Promise<CapturedTable[] | undefined> {
  const state = await readState(client);
  if (state === undefined) return undefined;
  refuseOthers(state, migrationId, 'this database');
  refuseBroken(state);
  return state.completed ? state.tables : undefined;
}

/** Lets the capture go on for `leaseMs` from now. Does nothing where none is installed. */
export async function extendLease(
  source: PostgresAddress,
  options: { migrationId: string; epoch: number; leaseMs: number; signal?: AbortSignal },
): Promise<void> {
  await withConnection(source, session(options), async (client) => {
    if ((await readState(client)) === undefined) return;
    await client.query(
      `UPDATE ${OUR_SCHEMA}.capture SET lease_until = pg_catalog.clock_timestamp() + $2 * interval '1 ms'
        WHERE migration_id = $1`,
      [options.migrationId, options.leaseMs],
    );
  });
}

/** Milliseconds until the capture gives up unless somebody drains; negative when its time is up. */
export async function readLease(client: pg.Client, migrationId: string): Promise<number | undefined> {
  const { rows } = await client.query<{ left: number }>(
    `SELECT (EXTRACT(epoch FROM lease_until - pg_catalog.clock_timestamp()) * 1000)::float8 AS left
       FROM ${OUR_SCHEMA}.capture WHERE migration_id = $1`,
    [migrationId],
  );
  return rows[0]?.left;
}

/**
 * What of ours is missing, or looks for another number than that of the sign and so logs nothing. The capture functions
 * are silent about both, because they run inside the application's transactions.
 */
const MISSING_PART = `
              SELECT CASE WHEN sign.oid IS NULL THEN 'somebody dropped parts of it'
                          WHEN p.oid IS NULL OR log.oid IS NULL
                          THEN pg_catalog.format('somebody dropped the log of %s or its function', captured.relation::pg_catalog.regclass)
                          ELSE 'its functions are those of another server: the database was restored or upgraded' END
                FROM (SELECT pg_catalog.to_regclass('${OUR_SCHEMA}.unbroken')::oid AS oid) sign
                LEFT JOIN (${OUR_SCHEMA}.captured
                           JOIN pg_catalog.pg_class relation ON relation.oid = captured.relation
                           JOIN pg_catalog.pg_namespace home ON home.nspname = '${OUR_SCHEMA}') ON true
                LEFT JOIN pg_catalog.pg_proc p ON p.pronamespace = home.oid AND p.proname = 'capture_' || captured.number
                LEFT JOIN pg_catalog.pg_class log ON log.relnamespace = home.oid AND log.relname = 'log_' || captured.number
               WHERE sign.oid IS NULL
                  OR captured.number IS NOT NULL
                     AND (p.oid IS NULL OR log.oid IS NULL
                          OR pg_catalog.strpos(p.prosrc, pg_catalog.format('''%s''::pg_catalog.regclass', sign.oid)) = 0)
               LIMIT 1`;

interface CaptureState {
  /** Empty when the tables were made and the capture not yet begun. */
  migrationId: string;
  completed: boolean;
  broken: string | null;
  tables: CapturedTable[];
}

async function readState(client: pg.Client): Promise<CaptureState | undefined> {
  const { rows: found } = await client.query<{ capture: boolean; broken: boolean }>(
    `SELECT pg_catalog.to_regclass('${OUR_SCHEMA}.capture') IS NOT NULL AS capture,
            pg_catalog.to_regclass('${OUR_SCHEMA}.broken') IS NOT NULL
              AND pg_catalog.to_regclass('${OUR_SCHEMA}.captured') IS NOT NULL AS broken`,
  );
  if (found[0]?.capture !== true) return undefined;
  if (!found[0].broken)
    throw new CaptureBroken(
      `Parts of the capture are missing: somebody dropped tables of the schema ${OUR_SCHEMA}.`,
    );
  const { rows } = await client.query<{
    migration_id: string;
    completed: boolean;
    broken: string | null;
    tables: TableRow[] | null;
  }>(
    `SELECT c.migration_id, c.completed_at IS NOT NULL AS completed,
            COALESCE((SELECT pg_catalog.concat(reason, ' (', at, ')') FROM ${OUR_SCHEMA}.broken ORDER BY at LIMIT 1),
                     (${MISSING_PART})) AS broken,
            (SELECT pg_catalog.json_agg(t ORDER BY t.number) FROM (${TABLES}) t) AS tables
       FROM ${OUR_SCHEMA}.capture c`,
  );
  const row = rows[0];
  if (row === undefined) return { migrationId: '', completed: false, broken: null, tables: [] };
  return {
    migrationId: row.migration_id,
    completed: row.completed,
    broken: row.broken,
    tables: (row.tables ?? []).map(toCapturedTable),
  };
}

interface TableRow {
  number: number;
  oid: number;
  schema: string;
  name: string;
  key: string[] | null;
}

function toCapturedTable(row: TableRow): CapturedTable {
  return {
    ...row,
    log: logName(row.number),
    timeColumn: timeColumn((row.key ?? []).map((name) => ({ name }))),
  };
}

/** Those that are still there, by the names that they have now. */
const TABLES = `
              SELECT captured.number, c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, captured.key
                FROM ${OUR_SCHEMA}.captured
                JOIN pg_catalog.pg_class c ON c.oid = captured.relation
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;

function refuseOthers(state: CaptureState, migrationId: string, where: string): void {
  if (!['', migrationId].includes(state.migrationId))
    throw new ConfigurationError(
      `Changes of ${where} are captured by another migration (${state.migrationId}). End that one first; its capture was left as it is.`,
    );
}

function refuseBroken(state: CaptureState): void {
  if (state.broken !== null)
    throw new CaptureBroken(
      `The capture is broken: ${state.broken}. Changes since then are not logged; the application was not held up.`,
    );
}

async function beginInstall(client: pg.Client, where: string, options: CaptureOptions): Promise<void> {
  const state = await readState(client);
  if (state !== undefined) {
    refuseOthers(state, options.migrationId, where);
    refuseBroken(state);
  }
  // Only where it is missing: a role that may not make schemas can still use one that was made for it.
  const { rows } = await client.query(`SELECT FROM pg_catalog.pg_namespace WHERE nspname = '${OUR_SCHEMA}'`);
  await client.query(`
    BEGIN;
    ${rows.length === 0 ? `CREATE SCHEMA ${OUR_SCHEMA};` : ''}
    SET LOCAL client_min_messages = warning;
    ${state === undefined || state.migrationId === '' ? createHome : ''}
    INSERT INTO ${OUR_SCHEMA}.capture (migration_id, lease_until, limit_bytes)
    VALUES (${quoteLiteral(options.migrationId)},
            pg_catalog.clock_timestamp() + ${options.limits.leaseMs} * interval '1 ms', ${options.limits.logBytes})
    ON CONFLICT (migration_id) DO UPDATE SET lease_until = EXCLUDED.lease_until, limit_bytes = EXCLUDED.limit_bytes;
    COMMIT`);
}

function refuseForeignTables(tables: readonly TableToCapture[], where: string): void {
  const foreign = tables.filter((table) => !table.ours);
  if (foreign.length > 0)
    throw new ConfigurationError(
      `${foreign.length} tables of ${where} belong to another role and their changes cannot be captured: ${foreign
        .slice(0, 5)
        .map((table) => `${table.schema}.${table.name} (${table.ownerName})`)
        .join(', ')}. Give them to the role that migrates (ALTER TABLE … OWNER TO …), or drop them.`,
    );
}

/** Installs what is missing on these tables; answers the numbers of those that are captured from now on only. */
async function installOn(
  client: pg.Client,
  tables: readonly TableToCapture[],
  where: string,
  options: CaptureOptions,
): Promise<number[]> {
  const numbered = withNumbers(tables, await highestNumber(client));
  const made = numbered.filter(({ table, number }) => !isWhole(options, table, number));
  await changeInShortAttempts(
    client,
    made.map(({ number, table }) => install(options.migrationId, number, table)),
    `Installing the capture on ${where}`,
    options,
  );
  return made.map(({ number }) => number);
}

async function highestNumber(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ number: number }>(
    `SELECT COALESCE(pg_catalog.max(number), 0) AS number FROM ${OUR_SCHEMA}.captured`,
  );
  return rows[0]?.number ?? 0;
}

function withNumbers(
  tables: readonly TableToCapture[],
  highest: number,
): { number: number; table: TableToCapture }[] {
  let next = highest;
  return tables.map((table) => ({ number: table.installed?.number ?? (next += 1), table }));
}

/**
 * Whether nothing that changed since the last call was missed: the log fits the key, and the triggers and the function
 * are as we made them.
 */
function isWhole(options: CaptureOptions, table: TableToCapture, number: number): boolean {
  const installed = table.installed;
  return (
    installed?.number === number &&
    installed.triggers &&
    installed.logOid !== null &&
    installed.logColumns.join('\n') === logColumns(table.key?.columns ?? []).join('\n') &&
    installed.functionSource === sourceOf(options, number, table)
  );
}

function sourceOf(options: CaptureOptions, number: number, table: TableToCapture): string {
  return functionSource(options.migrationId, number, table, {
    log: String(table.installed?.logOid),
    unbroken: String(table.installed?.unbrokenOid),
  });
}

/** Everything for one table: its log, its function, its triggers and the row that says so, in one transaction. */
function install(migrationId: string, number: number, table: TableToCapture): LockedChange {
  const key = table.key?.columns.map((column) => quoteLiteral(column.name)).join(', ');
  return {
    relation: quoteQualified(table.schema, table.name),
    oid: table.oid,
    sql: `
      SET LOCAL client_min_messages = warning;
      -- What CREATE TRIGGER takes anyway, asked for before there is anything to roll back. An owner whose right to write
      -- was taken (the new side before the switch) may not ask, and holds up nobody.
      DO $lock$
      BEGIN
        IF pg_catalog.has_table_privilege(${table.oid}::oid, 'UPDATE, DELETE, TRUNCATE') THEN
          LOCK TABLE ONLY ${quoteQualified(table.schema, table.name)} IN SHARE ROW EXCLUSIVE MODE;
        END IF;
      END
      $lock$;
      ${stillTheSame(table)}
      ${createLog(number, table.key?.columns ?? [])}
      ${createFunction(migrationId, number, table)}
      ${table.installed === null ? '' : dropTriggers(table)}
      ${createTriggers(migrationId, number, table)}
      INSERT INTO ${OUR_SCHEMA}.captured (number, relation, schema, name, key)
      VALUES (${number}, ${table.oid}, ${quoteLiteral(table.schema)}, ${quoteLiteral(table.name)},
              ${key === undefined ? 'NULL' : `ARRAY[${key}]::text[]`})
      ON CONFLICT (number) DO UPDATE
        SET schema = EXCLUDED.schema, name = EXCLUDED.name, key = EXCLUDED.key, made = EXCLUDED.made`,
  };
}

/** Tables that were dropped are forgotten, renamed ones are known by their new names, and a whole capture says so. */
async function endInstall(client: pg.Client, options: CaptureOptions): Promise<void> {
  const { rows } = await client.query<{ number: number }>(
    `SELECT number FROM ${OUR_SCHEMA}.captured
      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = relation)`,
  );
  await client.query(`
    BEGIN;
    ${rows
      .map(
        ({ number }) => `
    DROP TABLE IF EXISTS ${logName(number)};
    DROP FUNCTION IF EXISTS ${OUR_SCHEMA}.capture_${number}();
    DELETE FROM ${OUR_SCHEMA}.captured WHERE number = ${number};`,
      )
      .join('')}
    UPDATE ${OUR_SCHEMA}.captured SET schema = n.nspname, name = c.relname
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = captured.relation AND (captured.schema, captured.name) <> (n.nspname, c.relname);
    ${
      options.onlyTables === undefined
        ? `UPDATE ${OUR_SCHEMA}.capture SET completed_at = pg_catalog.clock_timestamp()
            WHERE migration_id = ${quoteLiteral(options.migrationId)} AND completed_at IS NULL;`
        : ''
    }
    COMMIT`);
}

function session(options: { migrationId: string; epoch: number; signal?: AbortSignal; log?: Log }): {
  applicationName: string;
  log?: Log;
  signal?: AbortSignal;
} {
  return {
    applicationName: applicationName(options.migrationId, options.epoch),
    ...(options.log === undefined ? {} : { log: options.log }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}
