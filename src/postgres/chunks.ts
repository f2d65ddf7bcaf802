import type pg from 'pg';
import { chooseFormat, type ColumnType, type CopyFormat, type FormatSide } from './formats.ts';
import { quoteIdentifier, quoteQualified } from './names.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** A table (or partition, or inheritance child: each on its own) and how it is to be copied. */
export interface TableToCopy {
  /** On the source. */
  oid: number;
  schema: string;
  name: string;
  /** `"schema"."name"`: how statements and our tables on the target call it. */
  relation: string;
  /** Without generated columns, in the table's order; may be empty. */
  columns: string[];
  format: CopyFormat;
  /** Of the heap and its out-of-line values, without indexes. */
  bytes: number;
  /** Of the heap. */
  pages: number;
  /** How many chunks it is copied in. */
  parts: number;
  /** As the snapshot sees it; another one later means that the table was rewritten or emptied. */
  filenode: number;
}

/** A range of a table's pages; the last one of a table is open-ended. */
export interface Chunk {
  /** From 0. */
  part: number;
  parts: number;
  firstPage: number;
  /** The first page that is no longer in it; null for a table's last chunk. */
  endPage: number | null;
}

/** More would only cost round trips and rows in `copied`. */
const MOST_PARTS = 2_000;

/** Range scans over ctid came with PostgreSQL 14; without them each chunk would read the whole table. */
const TID_RANGE_SCAN_SINCE = 14;

/**
 * The application's tables in the snapshot in which `client` reads, largest first.
 *
 * @param chunkBytes about as much goes into one chunk
 * @param oids only these tables
 */
export async function planTables(
  client: pg.Client,
  sides: { source: FormatSide; target: FormatSide },
  chunkBytes: number,
  oids?: number[],
): Promise<TableToCopy[]> {
  const { rows } = await client.query<{
    oid: number;
    schema: string;
    name: string;
    columns: { name: string; type: ColumnType }[] | null;
    bytes: string;
    pages: string;
    filenode: string;
  }>(
    `
    WITH RECURSIVE base AS (
      -- A domain over a domain over … a type.
      SELECT t.oid AS domain, t.oid AS type FROM pg_catalog.pg_type t
      UNION ALL
      SELECT base.domain, t.typbasetype
        FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type
       WHERE t.typtype = 'd'
    ), plain AS (
      SELECT base.domain AS oid, t.oid AS type, t.typname, t.typtype, t.typelem, t.typlen, t.typcategory,
             t.typsend <> 0 AND t.typreceive <> 0 AS binary, n.nspname = 'pg_catalog' AND t.oid < 16384 AS built_in,
             e.extname
        FROM base
        JOIN pg_catalog.pg_type t ON t.oid = base.type AND t.typtype <> 'd'
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
                                        AND d.objid = t.oid AND d.deptype = 'e'
        LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    )
    SELECT c.oid::bigint::float8 AS oid, n.nspname AS schema, c.relname AS name,
           (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'type',
                     pg_catalog.json_build_object(
                       'name', p.typname, 'kind', p.typtype, 'binary', p.binary, 'builtIn', p.built_in,
                       'extension', p.extname,
                       'element', CASE WHEN p.typcategory = 'A' THEN pg_catalog.json_build_object(
                         'name', element.typname, 'kind', element.typtype, 'binary', element.binary,
                         'builtIn', element.built_in AND element.oid = element.type, 'extension', element.extname,
                         'element', NULL) END)) ORDER BY a.attnum)
              FROM pg_catalog.pg_attribute a
              JOIN plain p ON p.oid = a.atttypid
              LEFT JOIN plain element ON element.oid = p.typelem
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
           (pg_catalog.pg_relation_size(c.oid)
             + CASE c.reltoastrelid WHEN 0 THEN 0 ELSE pg_catalog.pg_relation_size(c.reltoastrelid) END)::text AS bytes,
           (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint)::text AS pages,
           c.relfilenode::bigint::text AS filenode
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
       AND ($1::oid[] IS NULL OR c.oid = ANY ($1::oid[]))`,
    [oids ?? null],
  );
  return rows
    .map((row) => {
      const columns = row.columns ?? [];
      const table = {
        oid: row.oid,
        schema: row.schema,
        name: row.name,
        relation: quoteQualified(row.schema, row.name),
        columns: columns.map(({ name }) => name),
        format: chooseFormat(
          columns.map(({ type }) => type),
          sides.source,
          sides.target,
        ),
        bytes: Number(row.bytes),
        pages: Number(row.pages),
        filenode: Number(row.filenode),
      };
      return { ...table, parts: partsOf(table, chunkBytes, sides.source.major) };
    })
    .sort((a, b) => b.bytes - a.bytes || (a.relation < b.relation ? -1 : 1));
}

function partsOf(table: { bytes: number; pages: number }, chunkBytes: number, major: number): number {
  if (major < TID_RANGE_SCAN_SINCE) return 1;
  // A remainder of less than half a chunk is not worth one of its own.
  return Math.max(1, Math.min(Math.round(table.bytes / chunkBytes), table.pages, MOST_PARTS));
}

/** A table's chunks, in the order of its pages. */
export function chunksOf(table: Pick<TableToCopy, 'pages' | 'parts'>): Chunk[] {
  const step = Math.max(1, Math.ceil(table.pages / table.parts));
  const parts = Math.max(1, Math.ceil(table.pages / step));
  return rangesOf(step, parts);
}

/** The chunks of which the given one is one: how a table was divided can be told from any of them. */
export function siblingsOf(chunk: Chunk): Chunk[] {
  if (chunk.parts === 1) return [chunk];
  const step = chunk.endPage === null ? chunk.firstPage / chunk.part : chunk.endPage - chunk.firstPage;
  return rangesOf(step, chunk.parts);
}

function rangesOf(step: number, parts: number): Chunk[] {
  return Array.from({ length: parts }, (_, part) => ({
    part,
    parts,
    firstPage: part * step,
    endPage: part === parts - 1 ? null : (part + 1) * step,
  }));
}

/** The statement that reads a chunk. ONLY: partitions and children are tables of their own. */
export function copyOut(table: TableToCopy, chunk: Chunk): string {
  return `COPY (SELECT ${columnList(table)} FROM ONLY ${table.relation}${inRange(chunk)}) TO STDOUT (FORMAT ${table.format})`;
}

/** The statement that writes it. Without a list of columns COPY leaves the generated ones out by itself. */
export function copyIn(table: TableToCopy): string {
  const columns = table.columns.length === 0 ? '' : ` (${columnList(table)})`;
  return `COPY ${table.relation}${columns} FROM STDIN (FORMAT ${table.format})`;
}

function columnList(table: TableToCopy): string {
  return table.columns.map(quoteIdentifier).join(', ');
}

function inRange({ firstPage, endPage }: Chunk): string {
  const bounds = [
    ...(firstPage === 0 ? [] : [`ctid >= '(${firstPage},0)'::pg_catalog.tid`]),
    ...(endPage === null ? [] : [`ctid < '(${endPage},0)'::pg_catalog.tid`]),
  ];
  return bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`;
}
