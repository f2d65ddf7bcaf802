import type pg from 'pg';
import type { ColumnClass, HashedColumn, HashedTable } from './parity-hash.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** A table or partition that holds rows, as one side has it. */
export interface ParityTable extends HashedTable {
  /** Without indexes, with out-of-line values. */
  bytes: number;
  /** Of the table itself; what the ranges of physical addresses are made of. */
  pages: number;
}

/** Base types of pg_catalog whose text is never empty and never holds a control character. */
const PLAIN_TYPES = [
  ...['bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'money', 'oid', 'uuid', 'pg_lsn'],
  ...['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval'],
  // Control characters are escaped inside their strings, and refused where they are not.
  ...['json', 'jsonb'],
  ...['inet', 'cidr', 'macaddr', 'macaddr8', 'point', 'lseg', 'box', 'line', 'circle'],
];

/** `schema.table`, as people read it. */
export function nameOf(table: { schema: string; name: string }): string {
  return `${table.schema}.${table.name}`;
}

/** Every table of the application that holds rows, in one question. */
export async function readParityTables(client: pg.Client): Promise<Map<string, ParityTable>> {
  const { rows } = await client.query<{
    schema: string;
    name: string;
    bytes: string;
    pages: string;
    columns: string[];
    kinds: ColumnClass[];
    key: string[] | null;
  }>(TABLES, [PLAIN_TYPES]);
  return new Map(
    rows.map((row) => [
      nameOf(row),
      {
        schema: row.schema,
        name: row.name,
        bytes: Number(row.bytes),
        pages: Number(row.pages),
        columns: row.columns.map((name, index) => ({ name, kind: row.kinds[index] ?? 'other' })),
        key: row.key,
      },
    ]),
  );
}

/**
 * What is hashed of a table that both sides have: the columns that both have, in the source's order (dropped columns make
 * the physical order of the target another one), and each in the one way that is right on both.
 */
export function commonTable(source: ParityTable, target: ParityTable): HashedTable {
  const there = new Map(target.columns.map((column) => [column.name, column.kind]));
  const columns: HashedColumn[] = [];
  for (const { name, kind } of source.columns) {
    const other = there.get(name);
    if (other !== undefined) columns.push({ name, kind: other === kind ? kind : 'other' });
  }
  const key = source.key?.every((column) => there.has(column)) === true ? source.key : null;
  return { schema: source.schema, name: source.name, columns, key };
}

const TABLES = `
  WITH RECURSIVE base(type, base) AS (
    SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typtype <> 'd'
     UNION ALL
    SELECT d.oid, base.base FROM pg_catalog.pg_type d JOIN base ON d.typbasetype = base.type WHERE d.typtype = 'd'
  ), plain AS (
    SELECT t.oid FROM pg_catalog.pg_type t
     WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typname = ANY ($1::name[])
     UNION ALL
    SELECT t.oid FROM pg_catalog.pg_type t
     WHERE t.typtype = 'e'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_enum e
                        WHERE e.enumtypid = t.oid AND (e.enumlabel = '' OR e.enumlabel ~ '[[:cntrl:]]'))
  ), kinds AS (
    SELECT base.type,
           CASE WHEN t.oid IN (SELECT oid FROM plain) OR arrayof.oid IN (SELECT oid FROM plain) THEN 'plain'
                WHEN t.oid IN ('text'::pg_catalog.regtype, 'varchar'::pg_catalog.regtype, 'bpchar'::pg_catalog.regtype) THEN 'text'
                WHEN t.oid = 'bytea'::pg_catalog.regtype THEN 'bytes'
                ELSE 'other' END AS kind
      FROM base
      JOIN pg_catalog.pg_type t ON t.oid = base.base
      LEFT JOIN pg_catalog.pg_type arrayof ON arrayof.typarray = t.oid
  )
  SELECT n.nspname AS schema, c.relname AS name,
         pg_catalog.pg_table_size(c.oid)::text AS bytes,
         (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint)::text AS pages,
         COALESCE(columns.names, '{}') AS columns, COALESCE(columns.kinds, '{}') AS kinds, key.columns AS key
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
          SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) AS names,
                 pg_catalog.array_agg(kinds.kind ORDER BY a.attnum) AS kinds
            FROM pg_catalog.pg_attribute a
            JOIN kinds ON kinds.type = a.atttypid
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) columns ON true
    LEFT JOIN LATERAL (
          SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.position) AS columns
            FROM (SELECT i.indkey::int2[] AS numbers, i.indnkeyatts
                    FROM pg_catalog.pg_index i
                   WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
                     AND i.indpred IS NULL AND i.indexprs IS NULL
                     AND NOT EXISTS (
                           SELECT FROM pg_catalog.pg_attribute a
                            WHERE a.attrelid = c.oid AND NOT a.attnotnull
                              AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
                   ORDER BY i.indisprimary DESC, i.indimmediate DESC, i.indnkeyatts, i.indexrelid
                   LIMIT 1) best
           CROSS JOIN LATERAL pg_catalog.unnest(best.numbers[0:best.indnkeyatts - 1])
                      WITH ORDINALITY AS k(attnum, position)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum) key ON true
   WHERE c.relkind = 'r' AND c.relpersistence <> 't'
     AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
   ORDER BY n.nspname, c.relname`;
