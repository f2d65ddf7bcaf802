import type pg from 'pg';
import { chunksOf, siblingsOf, type Chunk, type TableToCopy } from './chunks.ts';
import { quoteLiteral } from './names.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** One committed chunk, as the target remembers it. */
export interface CopiedChunk extends Chunk {
  snapshot: string;
  /** The source table's when the chunk was read. */
  filenode: number;
  rows: number;
  bytes: number;
}

/** What is still to be copied of a table, and what an earlier run has left of it that is still good. */
export interface Remainder {
  chunks: Chunk[];
  reused: CopiedChunk[];
}

/** The statement that notes a chunk in its own transaction. */
export function noteChunk(relation: string, chunk: CopiedChunk): string {
  const values = [chunk.part, chunk.parts, chunk.firstPage, chunk.endPage ?? 'NULL'].join(', ');
  return `INSERT INTO ${OUR_SCHEMA}.copied (relation, part, parts, first_page, last_page, snapshot, filenode, rows, bytes)
          VALUES (${quoteLiteral(relation)}, ${values}, ${quoteLiteral(chunk.snapshot)}, ${chunk.filenode}, ${chunk.rows}, ${chunk.bytes})`;
}

/** The chunks that are on the target, by relation. */
export async function readCopied(
  client: pg.Client,
  relations: string[],
): Promise<Map<string, CopiedChunk[]>> {
  const { rows } = await client.query<{
    relation: string;
    part: number;
    parts: number;
    first_page: string;
    last_page: string | null;
    snapshot: string;
    filenode: string;
    rows: string;
    bytes: string;
  }>(
    `SELECT relation, part, parts, first_page, last_page, snapshot, filenode, rows, bytes
       FROM ${OUR_SCHEMA}.copied WHERE relation = ANY ($1::text[]) ORDER BY relation, part`,
    [relations],
  );
  const byRelation = new Map<string, CopiedChunk[]>();
  for (const row of rows) {
    const chunks = byRelation.get(row.relation) ?? [];
    chunks.push({
      part: row.part,
      parts: row.parts,
      firstPage: Number(row.first_page),
      endPage: row.last_page === null ? null : Number(row.last_page),
      snapshot: row.snapshot,
      filenode: Number(row.filenode),
      rows: Number(row.rows),
      bytes: Number(row.bytes),
    });
    byRelation.set(row.relation, chunks);
  }
  return byRelation;
}

/**
 * What is left to do of a table: nothing when all its chunks are there; the missing ones when the page numbers of those
 * that are there still mean the same; otherwise everything (then `reused` is empty).
 *
 * @param snapshot the only one whose chunks may stay beside new ones; without it those of any may
 */
export function remainderOf(table: TableToCopy, copied: CopiedChunk[], snapshot?: string): Remainder {
  const first = copied[0];
  const afresh = { chunks: chunksOf(table), reused: [] };
  if (first === undefined) return afresh;
  if (copied.some((chunk) => chunk.parts !== first.parts || chunk.filenode !== first.filenode)) return afresh;
  const there = new Set(copied.map(({ part }) => part));
  const missing = siblingsOf(first).filter(({ part }) => !there.has(part));
  if (missing.length > 0 && first.filenode !== table.filenode) return afresh;
  if (missing.length > 0 && snapshot !== undefined && first.snapshot !== snapshot) return afresh;
  return { chunks: missing, reused: copied };
}

/**
 * Empties the tables on the target and forgets their chunks, in the caller's transaction. Those that are empty already
 * are left alone: emptying one gives it a new file.
 */
export async function emptyTables(client: pg.Client, relations: string[]): Promise<void> {
  await client.query(`DELETE FROM ${OUR_SCHEMA}.copied WHERE relation = ANY ($1::text[])`, [relations]);
  const { rows } = await client.query<{ relation: string }>(
    `SELECT relation FROM pg_catalog.unnest($1::text[]) AS relation
      WHERE pg_catalog.pg_relation_size(relation::pg_catalog.regclass) > 0`,
    [relations],
  );
  // ONLY: children are tables of their own. In one statement, so that foreign keys among them do not matter.
  if (rows.length > 0)
    await client.query(`TRUNCATE ${rows.map(({ relation }) => `ONLY ${relation}`).join(', ')}`);
}
