import type pg from 'pg';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** What one database holds, as read from its catalogues; nothing in it is secret. */
export interface DatabaseFacts {
  /** As the server says it, for example `15.8`. */
  serverVersion: string;
  major: number;
  sizeBytes: number;
  encoding: string;
  collation: string;
  /** In the order in which they were created, so that one which needs another comes after it. */
  extensions: { name: string; version: string; schema: string }[];
  schemas: string[];
  /** Tables and partitions that hold rows. `key`: columns of the primary key, or of a unique index without NULLs. */
  tables: TableFacts[];
  sequences: number;
  largeObjects: number;
  /** The search path that the application's sessions start with, when it is not Postgres's own default. */
  searchPath: string | null;
  /** Connections that the role may hold, or null when unlimited. */
  connectionLimit: number | null;
  /** Settings attached to the database, to the role, or to the role in the database; the last one wins. */
  settings: Record<string, string>;
}

export interface TableFacts {
  schema: string;
  name: string;
  /** With its indexes and out-of-line values. */
  bytes: number;
  /** As the last analyze saw it; 0 for a table that never was analyzed. */
  estimatedRows: number;
  key: string[] | null;
}

/**
 * Reads what the database holds, as far as the connected role may see. It leaves out Postgres's own schemas,
 * Heroku's `_heroku` and ours, and what belongs to extensions.
 *
 * @param locked numbers of tables that another session holds for itself: measuring one would wait for that session, so
 *   their bytes are those of the last VACUUM or ANALYZE
 */
export async function readDatabaseFacts(
  client: pg.Client,
  locked: readonly number[] = [],
): Promise<DatabaseFacts> {
  const server = await readServer(client);
  return {
    ...server,
    extensions: await readExtensions(client),
    schemas: await readSchemas(client),
    tables: await readTables(client, locked),
    ...(await readCounts(client)),
    settings: await readSettings(client),
  };
}

/** What the target is made ready from, before any row: read in milliseconds, and from catalogues alone. */
export type PreparationFacts = Pick<
  DatabaseFacts,
  'serverVersion' | 'major' | 'encoding' | 'collation' | 'extensions' | 'schemas' | 'searchPath' | 'settings'
>;

/** Reads what provision must know of the source; no table is looked at, so no lock can hold it up. */
export async function readPreparationFacts(client: pg.Client): Promise<PreparationFacts> {
  return {
    ...(await readServer(client)),
    extensions: await readExtensions(client),
    schemas: await readSchemas(client),
    settings: await readSettings(client),
  };
}

async function readServer(
  client: pg.Client,
): Promise<
  Pick<
    DatabaseFacts,
    'serverVersion' | 'major' | 'sizeBytes' | 'encoding' | 'collation' | 'searchPath' | 'connectionLimit'
  >
> {
  const { rows } = await client.query<{
    version: string;
    number: number;
    bytes: string;
    encoding: string;
    collation: string;
    role_limit: number;
    database_limit: number;
    search_path: string;
    default_search_path: string;
  }>(`
    SELECT pg_catalog.current_setting('server_version') AS version,
           pg_catalog.current_setting('server_version_num')::integer AS number,
           pg_catalog.pg_database_size(d.oid)::text AS bytes,
           pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
           d.datcollate AS collation,
           r.rolconnlimit AS role_limit,
           d.datconnlimit AS database_limit,
           path.reset_val AS search_path,
           path.boot_val AS default_search_path
      FROM pg_catalog.pg_database d
      JOIN pg_catalog.pg_roles r ON r.rolname = current_user
      JOIN pg_catalog.pg_settings path ON path.name = 'search_path'
     WHERE d.datname = pg_catalog.current_database()`);
  const row = firstOf(rows);
  const limits = [row.role_limit, row.database_limit].filter((limit) => limit >= 0);
  return {
    serverVersion: row.version.split(' ')[0] ?? row.version,
    major: Math.floor(row.number / 10_000),
    sizeBytes: Number(row.bytes),
    encoding: row.encoding,
    collation: row.collation,
    searchPath: row.search_path === row.default_search_path ? null : row.search_path,
    connectionLimit: limits.length === 0 ? null : Math.min(...limits),
  };
}

async function readExtensions(client: pg.Client): Promise<DatabaseFacts['extensions']> {
  const { rows } = await client.query<{ name: string; version: string; schema: string }>(`
    SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema
      FROM pg_catalog.pg_extension e
      JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname <> 'plpgsql'
     ORDER BY e.oid`);
  return rows;
}

async function readSchemas(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(`
    SELECT n.nspname AS name
      FROM pg_catalog.pg_namespace n
     WHERE ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_namespace', 'n.oid')}
     ORDER BY n.nspname`);
  return rows.map((row) => row.name);
}

async function readTables(client: pg.Client, locked: readonly number[]): Promise<TableFacts[]> {
  const { rows } = await client.query<{
    schema: string;
    name: string;
    bytes: string;
    rows: number;
    key: string[] | null;
  }>(
    `
    SELECT n.nspname AS schema, c.relname AS name, size.bytes::text AS bytes,
           GREATEST(c.reltuples, 0)::float8 AS rows,
           (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.position)
              FROM (SELECT i.indkey::int2[] AS columns, i.indnkeyatts
                      FROM pg_catalog.pg_index i
                     WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                       AND i.indpred IS NULL AND i.indexprs IS NULL
                       AND NOT EXISTS (
                             SELECT FROM pg_catalog.pg_attribute a
                              WHERE a.attrelid = c.oid AND NOT a.attnotnull
                                AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
                     ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
                     LIMIT 1) best
              CROSS JOIN LATERAL pg_catalog.unnest(best.columns[0:best.indnkeyatts - 1])
                         WITH ORDINALITY AS k(attnum, position)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum) AS key
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (
           SELECT CASE WHEN c.oid <> ALL ($1::oid[]) THEN pg_catalog.pg_total_relation_size(c.oid)
                       ELSE pg_catalog.current_setting('block_size')::bigint * (
                            SELECT pg_catalog.sum(part.relpages)::bigint FROM pg_catalog.pg_class part
                             WHERE part.oid IN (c.oid, c.reltoastrelid)
                                OR part.oid IN (SELECT i.indexrelid FROM pg_catalog.pg_index i
                                                 WHERE i.indrelid IN (c.oid, c.reltoastrelid)))
                  END AS bytes OFFSET 0) size
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY size.bytes DESC NULLS LAST, n.nspname, c.relname`,
    [locked],
  );
  return rows.map((row) => ({
    schema: row.schema,
    name: row.name,
    bytes: Number(row.bytes),
    estimatedRows: row.rows,
    key: row.key,
  }));
}

async function readCounts(client: pg.Client): Promise<Pick<DatabaseFacts, 'sequences' | 'largeObjects'>> {
  const { rows } = await client.query<{ sequences: number; large_objects: number }>(`
    SELECT (SELECT pg_catalog.count(*)::integer
              FROM pg_catalog.pg_class c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'S' AND c.relpersistence <> 't'
               AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}) AS sequences,
           (SELECT pg_catalog.count(*)::integer FROM pg_catalog.pg_largeobject_metadata) AS large_objects`);
  const row = firstOf(rows);
  return { sequences: row.sequences, largeObjects: row.large_objects };
}

async function readSettings(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ setting: string }>(`
    SELECT pg_catalog.unnest(s.setconfig) AS setting
      FROM pg_catalog.pg_db_role_setting s
     WHERE (s.setdatabase, s.setrole) IN (
             SELECT database, role
               FROM (VALUES ((SELECT oid FROM pg_catalog.pg_database
                               WHERE datname = pg_catalog.current_database()))) AS d(oid),
                    (VALUES ((SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))) AS r(oid),
                    LATERAL (VALUES (d.oid, 0::oid), (0::oid, r.oid), (d.oid, r.oid)) AS pair(database, role))
     ORDER BY (s.setrole <> 0)::integer + (s.setrole <> 0 AND s.setdatabase <> 0)::integer`);
  return Object.fromEntries(
    rows.map(({ setting }) => {
      const equals = setting.indexOf('=');
      return [setting.slice(0, equals), setting.slice(equals + 1)];
    }),
  );
}

function firstOf<Row>(rows: Row[]): Row {
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres answered a question about itself without a row.');
  return row;
}
