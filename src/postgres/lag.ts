import type pg from 'pg';
import type { CapturedTable } from './capture.ts';
import type { Lag } from './live.ts';
import { quoteLiteral, quoteQualified } from './names.ts';

/**
 * What waits in the logs now, in one question: changes of tables with a key, the space that all logs take, the age of
 * the oldest change, and the tables without a usable key that changed.
 */
export async function readLag(client: pg.Client, tables: readonly CapturedTable[]): Promise<Lag> {
  if (tables.length === 0) return { rows: 0, bytes: 0, seconds: 0, whole: [] };
  const { rows } = await client.query<{
    relation: string;
    keyed: boolean;
    rows: string;
    seconds: number | null;
    log_bytes: string;
    bytes: string;
  }>(
    `SELECT relation, keyed, rows::text, log_bytes::text,
            GREATEST(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - oldest), 0)::float8 AS seconds,
            CASE WHEN rows > 0 AND NOT keyed THEN pg_catalog.pg_total_relation_size(oid) ELSE 0 END::text AS bytes
       FROM (${tables.map(pending).join('\n      UNION ALL ')}) AS pending`,
  );
  return {
    rows: sum(rows.filter(({ keyed }) => keyed).map((row) => Number(row.rows))),
    bytes: sum(rows.map((row) => Number(row.log_bytes))),
    seconds: Math.max(0, ...rows.map((row) => row.seconds ?? 0)),
    whole: rows
      .filter((row) => !row.keyed && Number(row.rows) > 0)
      .map((row) => ({ relation: row.relation, bytes: Number(row.bytes) })),
  };
}

function pending(table: CapturedTable): string {
  return `SELECT ${quoteLiteral(quoteQualified(table.schema, table.name))} AS relation, ${table.oid}::oid AS oid, ${table.key !== null} AS keyed,
              pg_catalog.count(*) AS rows, pg_catalog.min(${table.timeColumn}) AS oldest,
              pg_catalog.pg_table_size(${quoteLiteral(table.log)}::pg_catalog.regclass) AS log_bytes FROM ${table.log}`;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
