import type pg from 'pg';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/** A column that identifies a row, as the log stores it. */
export interface KeyColumn {
  name: string;
  /** The column's own type, by number. */
  typeOid: number;
  /** The type without domain and length (a marker's NULL, or a value made longer later, must fit), and its collation. */
  logged: string;
  /** Whether the type's `=` means the same bytes; otherwise 'Abc' and 'ABC' may be one key with two spellings. */
  exact: boolean;
}

export interface TableKey {
  columns: KeyColumn[];
}

/** A table or partition that holds rows, and what is installed for it. */
export interface TableToCapture {
  oid: number;
  schema: string;
  name: string;
  bytes: number;
  /** Whether the role may make triggers on it that fire always. */
  ours: boolean;
  ownerName: string;
  /** Columns of the primary key or of another unique index without NULLs, also of a deferrable one. */
  key: TableKey | null;
  installed: InstalledParts | null;
}

/** What the catalogue says about a table that was captured before. */
export interface InstalledParts {
  number: number;
  logOid: number | null;
  unbrokenOid: number | null;
  /** Columns of the log after the time, as `name type`. */
  logColumns: string[];
  functionSource: string | null;
  /** Both triggers are there, call our functions, and nobody touched them since they were made. */
  triggers: boolean;
}

/** Types whose equality in the default way is equality of bytes. */
const EXACT_TYPES = [
  'int2',
  'int4',
  'int8',
  'uuid',
  'text',
  'varchar',
  'date',
  'timestamp',
  'timestamptz',
  'oid',
  'bool',
];

/**
 * Reads every table of the application that holds rows, in order of their numbers. `installed` is filled only when
 * our schema is there.
 */
export async function readTablesToCapture(client: pg.Client): Promise<TableToCapture[]> {
  const { rows } = await client.query<{
    oid: number;
    schema: string;
    name: string;
    bytes: string;
    ours: boolean;
    owner_name: string;
    key: TableKey | null;
    installed: InstalledParts | null;
  }>(
    `
    SELECT c.oid::bigint::float8 AS oid, n.nspname AS schema, c.relname AS name,
           pg_catalog.pg_table_size(c.oid)::text AS bytes,
           pg_catalog.pg_has_role(c.relowner, 'USAGE') AS ours,
           pg_catalog.pg_get_userbyid(c.relowner) AS owner_name,
           ${KEY} AS key, installed.parts AS installed
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN LATERAL (${INSTALLED}) installed ON true
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY c.oid`,
    [EXACT_TYPES],
  );
  return rows.map((row) => ({
    oid: row.oid,
    schema: row.schema,
    name: row.name,
    bytes: Number(row.bytes),
    ours: row.ours,
    ownerName: row.owner_name,
    key: row.key,
    installed: row.installed,
  }));
}

/** The best index of table `c`, with its columns; a domain is followed down to the type that it is made of. */
const KEY = `(
             SELECT pg_catalog.json_build_object('columns', columns.list)
               FROM (SELECT i.indkey::int2[] AS attnums, i.indnkeyatts
                       FROM pg_catalog.pg_index i
                      WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
                        AND i.indpred IS NULL AND i.indexprs IS NULL
                        AND NOT EXISTS (
                              SELECT FROM pg_catalog.pg_attribute a
                               WHERE a.attrelid = c.oid AND NOT a.attnotnull
                                 AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
                      ORDER BY i.indisprimary DESC, i.indimmediate DESC, i.indnkeyatts, i.indexrelid
                      LIMIT 1) best
               CROSS JOIN LATERAL (
                     SELECT pg_catalog.json_agg(
                              pg_catalog.json_build_object(
                                'name', a.attname, 'typeOid', a.atttypid::bigint,
                                'logged', pg_catalog.format_type(base.oid, -1)
                                          || COALESCE(' COLLATE ' || special.collation, ''),
                                'exact', base.typname = ANY ($1::text[])
                                         AND base.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
                                         AND COALESCE(l.collisdeterministic, true))
                              ORDER BY k.position) AS list
                       FROM pg_catalog.unnest(best.attnums[0:best.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, position)
                       JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                       CROSS JOIN LATERAL (
                             WITH RECURSIVE down(oid) AS (
                               SELECT a.atttypid
                                UNION ALL
                               SELECT t.typbasetype FROM down JOIN pg_catalog.pg_type t ON t.oid = down.oid
                                WHERE t.typtype = 'd')
                             SELECT t.oid, t.typname::text, t.typnamespace, t.typcollation FROM down
                               JOIN pg_catalog.pg_type t ON t.oid = down.oid AND t.typtype <> 'd') base
                       LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
                       LEFT JOIN LATERAL (SELECT pg_catalog.format('%I.%I', ln.nspname, l.collname) AS collation
                                            FROM pg_catalog.pg_namespace ln
                                           WHERE ln.oid = l.collnamespace AND a.attcollation <> base.typcollation) special ON true
                    ) columns)`;

/** What is installed for table `c`. Without a row in `captured` there is nothing. */
const INSTALLED = `
             SELECT pg_catalog.json_build_object(
                      'number', captured.number,
                      'logOid', log.oid::bigint,
                      'unbrokenOid', pg_catalog.to_regclass('${OUR_SCHEMA}.unbroken')::pg_catalog.oid::bigint,
                      'logColumns', COALESCE((
                         SELECT pg_catalog.json_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
                                  || COALESCE((SELECT pg_catalog.format(' COLLATE %I.%I', ln.nspname, l.collname)
                                                 FROM pg_catalog.pg_collation l
                                                 JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
                                                 JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                                                WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation), '')
                                  ORDER BY a.attnum)
                           FROM pg_catalog.pg_attribute a
                          WHERE a.attrelid = log.oid AND a.attnum > 1 AND NOT a.attisdropped), '[]'::json),
                      'functionSource', p.prosrc,
                      'triggers', (SELECT pg_catalog.count(*) = 2
                                     FROM pg_catalog.pg_trigger t
                                    WHERE t.tgrelid = c.oid AND t.tgenabled = 'A'
                                      AND t.tgfoid IN (p.oid, pg_catalog.to_regprocedure('${OUR_SCHEMA}.truncated()'))
                                      AND t.xmin::text = (captured.made & 4294967295)::text
                                      AND t.tgname IN ('${OUR_SCHEMA}_capture', '${OUR_SCHEMA}_capture_truncate'))) AS parts
               FROM ${OUR_SCHEMA}.captured
               JOIN pg_catalog.pg_namespace home ON home.nspname = '${OUR_SCHEMA}'
               LEFT JOIN pg_catalog.pg_class log ON log.relnamespace = home.oid AND log.relname = 'log_' || captured.number
               LEFT JOIN pg_catalog.pg_proc p ON p.pronamespace = home.oid AND p.proname = 'capture_' || captured.number
              WHERE captured.relation = c.oid`;
