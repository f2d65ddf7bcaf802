import type pg from 'pg';
import { readCapture, type CapturedTable } from './capture.ts';
import { planTables, type TableToCopy } from './chunks.ts';
import type { FormatSide } from './formats.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/* The statements of a drain, which say everything that it does to a table. */

/** A captured table and how its rows are read and written. */
export interface TableToDrain {
  captured: CapturedTable;
  copy: TableToCopy;
  /** Null where the table has no usable key. */
  key: KeyToDrain[] | null;
}

interface KeyToDrain {
  /** Quoted. */
  column: string;
  /** Quoted, without length: the text of a key must come back as it was. */
  type: string;
  /** The equality of the key's own index, by which it is found: `OPERATOR(schema.=)`; citext's is in no search path of ours. */
  equals: { source: string; target: string };
}

export interface DrainPlan {
  tables: TableToDrain[];
  /** Changes when a table is captured, or captured anew, or no longer. */
  fingerprint: string;
}

/** What a log holds that a snapshot sees. */
export interface Pending {
  number: number;
  /** Rows of the log. */
  rows: number;
  /** The table was emptied at least once: everything in it is copied. */
  emptied: boolean;
}

/** The temporary table of the target's session for the keys of one table at a time, as texts. */
const KEYS = 'pg_temp.heroku_to_digitalocean_keys';
const PENDING = 'heroku_to_digitalocean_pending';

/** One line that names everything that is captured now, and whether changes were lost. */
const FINGERPRINT = `
  SELECT (SELECT pg_catalog.concat(reason, ' (', at, ')') FROM ${OUR_SCHEMA}.broken ORDER BY at LIMIT 1) AS broken,
         pg_catalog.md5(pg_catalog.string_agg(
           pg_catalog.format('%s %s %s %s', number, relation, key, pg_catalog.to_regclass('${OUR_SCHEMA}.log_' || number)::oid), ','
           ORDER BY number)) AS fingerprint
    FROM ${OUR_SCHEMA}.captured`;

/**
 * Reads from both sides what a drain needs to know of every captured table, and prepares both sessions.
 *
 * @throws Error when the capture is not installed wholly, or the target lacks a table's key
 */
export async function planDrain(
  source: pg.Client,
  target: pg.Client,
  migrationId: string,
): Promise<DrainPlan> {
  const captured = await readCapture(source, migrationId);
  if (captured === undefined)
    throw new Error('The capture is not installed on the source, or not wholly: nothing can be drained.');
  const [fingerprint, sourceSide, targetSide] = await Promise.all([
    readFingerprint(source),
    readFormatSide(source),
    readFormatSide(target),
  ]);
  const copies = await planTables(
    source,
    { source: sourceSide, target: targetSide },
    Number.MAX_SAFE_INTEGER,
    captured.map(({ oid }) => oid),
  );
  const byOid = new Map(copies.map((table) => [table.oid, table]));
  const [sourceKeys, targetKeys] = await Promise.all([
    readKeys(source, captured),
    readKeys(target, captured),
  ]);
  const tables = captured.map((table) => {
    const copy = byOid.get(table.oid);
    if (copy === undefined)
      throw new Error(`The table ${quoteQualified(table.schema, table.name)} is not on the source any more.`);
    return { captured: table, copy, key: keyOf(table, sourceKeys, targetKeys) };
  });
  await source.query(`${deallocate()} PREPARE ${PENDING} AS ${pendingStatement(tables)}`);
  await target.query(`
    SET client_min_messages = 'warning';
    CREATE TEMPORARY TABLE IF NOT EXISTS heroku_to_digitalocean_keys (key text[])`);
  return { tables, fingerprint };
}

function deallocate(): string {
  return `DO $$ BEGIN DEALLOCATE ${PENDING}; EXCEPTION WHEN invalid_sql_statement_name THEN NULL; END $$;`;
}

async function readFingerprint(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ fingerprint: string | null }>(FINGERPRINT);
  return rows[0]?.fingerprint ?? '';
}

async function readFormatSide(client: pg.Client): Promise<FormatSide> {
  const { rows } = await client.query<{ major: number; extensions: FormatSide['extensions'] }>(`
    SELECT pg_catalog.current_setting('server_version_num')::integer / 10000 AS major,
           COALESCE(pg_catalog.json_agg(pg_catalog.json_build_object(
             'name', e.extname, 'version', e.extversion, 'schema', n.nspname)), '[]') AS extensions
      FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace`);
  return rows[0] ?? { major: 0, extensions: [] };
}

/** Of each key column, by table and column: its type, and the equality of the unique index that it is part of. */
export type Keys = Map<string, { type: string; equals: string }>;

export async function readKeys(client: pg.Client, tables: readonly CapturedTable[]): Promise<Keys> {
  const keyed = tables.filter(({ key }) => key !== null);
  const { rows } = await client.query<{ relation: string; column: string; type: string; equals: string }>(
    `SELECT relation, column_name AS column, best.type, best.equals
       FROM unnest($1::text[], $2::text[]) AS wanted(relation, column_name)
      CROSS JOIN LATERAL (
            SELECT pg_catalog.format_type(a.atttypid, -1) AS type,
                   pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname) AS equals
              FROM pg_catalog.pg_index i
             CROSS JOIN LATERAL pg_catalog.generate_series(0, i.indnkeyatts - 1) AS k(position)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.position]
              JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[k.position]
              JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3
                                       AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
              JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
              JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
             WHERE i.indrelid = pg_catalog.to_regclass(relation) AND a.attname = column_name
               AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
             ORDER BY i.indisprimary DESC, i.indimmediate DESC, i.indnkeyatts, i.indexrelid
             LIMIT 1) best`,
    [
      keyed.flatMap(({ schema, name, key }) => (key ?? []).map(() => quoteQualified(schema, name))),
      keyed.flatMap(({ key }) => key ?? []),
    ],
  );
  return new Map(
    rows.map(({ relation, column, type, equals }) => [`${relation} ${column}`, { type, equals }]),
  );
}

function keyOf(table: CapturedTable, source: Keys, target: Keys): KeyToDrain[] | null {
  const relation = quoteQualified(table.schema, table.name);
  return (
    table.key?.map((column) => {
      const [from, to] = [source, target].map((keys) => keys.get(`${relation} ${column}`));
      if (from === undefined || to === undefined)
        throw new Error(
          `The key of ${relation} is not on the ${from === undefined ? 'source' : 'target'}, so changed rows could not be told from others.`,
        );
      return {
        column: quoteIdentifier(column),
        type: to.type,
        equals: { source: from.equals, target: to.equals },
      };
    }) ?? null
  );
}

/** Prepared, because planning it for hundreds of tables takes longer than reading hundreds of empty logs. */
function pendingStatement(tables: TableToDrain[]): string {
  if (tables.length === 0) return 'SELECT 0 AS number, 0 AS rows, false AS emptied WHERE false';
  return tables
    .map(({ captured, key }) => {
      const emptied =
        key === null ? 'true' : `COALESCE(pg_catalog.bool_or(${key[0]?.column ?? ''} IS NULL), false)`;
      return `SELECT ${captured.number} AS number, pg_catalog.count(*)::float8 AS rows, ${emptied} AS emptied
                FROM ${captured.log} HAVING pg_catalog.count(*) > 0`;
    })
    .join(' UNION ALL ');
}

/** Begins a snapshot of the source and asks for what waits in it: one round trip. */
export function beginSource(): string {
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE;
    -- A lost end of this transaction repeats work and loses none.
    SET LOCAL synchronous_commit = 'off';
    ${FINGERPRINT};
    EXECUTE ${PENDING};`;
}

/** Order of the answers of `beginSource`. */
export const BEGUN = { fingerprint: 2, pending: 3 };

/**
 * What the source sends for the tables that are pending. It waits for no lock: a session of the application that changes
 * a table's definition goes first, and no deadlock can come of it.
 */
export function readBatch(tables: { table: TableToDrain; whole: boolean }[]): string {
  const names = tables.map(({ table }) => `ONLY ${table.copy.relation}`).join(', ');
  const copies = tables.flatMap(({ table, whole }) =>
    whole || table.key === null
      ? [readWhole(table)]
      : [readKeysOf(table, table.key), readRows(table, table.key)],
  );
  return [`LOCK TABLE ${names} IN ACCESS SHARE MODE NOWAIT`, ...copies].join(';\n');
}

/** What the target does with it, in the same order. */
export function writeBatch(tables: { table: TableToDrain; whole: boolean }[]): string {
  return tables
    .flatMap(({ table, whole }) => {
      const relation = quoteLiteral(table.copy.relation);
      if (whole || table.key === null)
        return [
          `TRUNCATE ONLY ${table.copy.relation}`,
          `INSERT INTO ${OUR_SCHEMA}.touched (relation, key) VALUES (${relation}, NULL)`,
          takeRows(table),
        ];
      return [
        `COPY ${KEYS} FROM STDIN`,
        deleteRows(table, table.key),
        `INSERT INTO ${OUR_SCHEMA}.touched (relation, key) SELECT ${relation}, key FROM ${KEYS}`,
        `TRUNCATE ${KEYS}`,
        takeRows(table),
      ];
    })
    .join(';\n');
}

/** How many statements of each batch belong to a table; the last of each is about its rows, the first about its keys. */
export const STATEMENTS = { keyed: { read: 2, written: 5 }, whole: { read: 1, written: 3 } };

/** Takes exactly what the snapshot saw off the logs; what was committed since stays. */
export function forgetBatch(tables: { table: TableToDrain }[]): string {
  return [...tables.map(({ table }) => `DELETE FROM ${table.captured.log}`), 'COMMIT'].join(';\n');
}

function distinctKeys({ captured }: TableToDrain, key: KeyToDrain[]): string {
  const columns = key.map(({ column }) => column).join(', ');
  return `(SELECT DISTINCT ${columns} FROM ${captured.log} WHERE ${key[0]?.column ?? ''} IS NOT NULL) AS k`;
}

function readKeysOf(table: TableToDrain, key: KeyToDrain[]): string {
  const texts = key.map(({ column }) => `k.${column}::text`).join(', ');
  return `COPY (SELECT ARRAY[${texts}] FROM ${distinctKeys(table, key)}) TO STDOUT`;
}

/** Under the snapshot: a row that is not there any more is not sent. */
function readRows(table: TableToDrain, key: KeyToDrain[]): string {
  const columns = table.copy.columns.map((column) => `t.${quoteIdentifier(column)}`).join(', ');
  const same = key.map(({ column, equals }) => `t.${column} ${equals.source} k.${column}`).join(' AND ');
  return `COPY (SELECT ${columns} FROM ${distinctKeys(table, key)} JOIN ONLY ${table.copy.relation} AS t ON ${same}) TO STDOUT (FORMAT ${table.copy.format})`;
}

function readWhole({ copy }: TableToDrain): string {
  const columns = copy.columns.map((column) => `t.${quoteIdentifier(column)}`).join(', ');
  return `COPY (SELECT ${columns} FROM ONLY ${copy.relation} AS t) TO STDOUT (FORMAT ${copy.format})`;
}

function takeRows({ copy }: TableToDrain): string {
  const columns = copy.columns.length === 0 ? '' : ` (${copy.columns.map(quoteIdentifier).join(', ')})`;
  return `COPY ${copy.relation}${columns} FROM STDIN (FORMAT ${copy.format})`;
}

function deleteRows({ copy }: TableToDrain, key: KeyToDrain[]): string {
  const typed = key.map(({ type }, index) => `key[${index + 1}]::${type} AS k${index + 1}`).join(', ');
  const same = key
    .map(({ column, equals }, index) => `t.${column} ${equals.target} k.k${index + 1}`)
    .join(' AND ');
  return `DELETE FROM ONLY ${copy.relation} AS t USING (SELECT ${typed} FROM ${KEYS}) AS k WHERE ${same}`;
}
