import type pg from 'pg';
import type { TableFacts } from './facts.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** A table or partition that holds rows, with what a planner wants to know of it. */
export interface AssessedTable extends TableFacts {
  /** Of the heap and its out-of-line values, without indexes. */
  dataBytes: number;
  /** `analyze`: as the last one saw it; `counter`: Postgres's own counting since; `none`: nothing is known of its rows. */
  rowsFrom: 'analyze' | 'counter' | 'none';
  /** Its bytes are an estimate, because another session held it. */
  locked: boolean;
  replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  isPartition: boolean;
  unlogged: boolean;
  columns: number;
  indexes: number;
  /** Rows written (inserted, updated, deleted) in one second over the sample; null: not sampled. */
  writesPerSecond: number | null;
}

type Details = Pick<
  AssessedTable,
  'dataBytes' | 'rowsFrom' | 'replicaIdentity' | 'isPartition' | 'unlogged' | 'columns' | 'indexes'
> & { oid: number; estimatedRows: number };

const REPLICA_IDENTITIES: Record<string, AssessedTable['replicaIdentity']> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

/**
 * What the catalogue and the statistics say of each table, by `tableKey`.
 *
 * @param locked numbers of tables that another session holds for itself: they are not measured, since that would wait
 */
export async function readTableDetails(
  client: pg.Client,
  locked: readonly number[],
): Promise<Map<string, Details>> {
  const { rows } = await client.query<{
    oid: number;
    schema: string;
    name: string;
    data_bytes: string;
    analyzed: boolean;
    rows: number;
    replica_identity: string;
    is_partition: boolean;
    unlogged: boolean;
    columns: number;
    indexes: number;
  }>(
    `
    SELECT c.oid::bigint::float8 AS oid, n.nspname AS schema, c.relname AS name,
           CASE WHEN c.oid <> ALL ($1::oid[]) THEN pg_catalog.pg_table_size(c.oid)
                ELSE pg_catalog.current_setting('block_size')::bigint * (c.relpages + COALESCE(toast.relpages, 0))
           END::text AS data_bytes,
           c.reltuples > 0 AS analyzed,
           GREATEST(CASE WHEN c.reltuples > 0 THEN c.reltuples
                         ELSE pg_catalog.pg_stat_get_live_tuples(c.oid) END, 0)::float8 AS rows,
           c.relreplident::text AS replica_identity, c.relispartition AS is_partition,
           c.relpersistence = 'u' AS unlogged, c.relnatts::integer AS columns,
           (SELECT pg_catalog.count(*)::integer FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid) AS indexes
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_class toast ON toast.oid = c.reltoastrelid
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
    [locked],
  );
  return new Map(
    rows.map((row) => [
      tableKey(row),
      {
        oid: row.oid,
        dataBytes: Number(row.data_bytes),
        estimatedRows: row.rows,
        rowsFrom: row.analyzed ? 'analyze' : row.rows > 0 ? 'counter' : 'none',
        replicaIdentity: REPLICA_IDENTITIES[row.replica_identity] ?? 'default',
        isPartition: row.is_partition,
        unlogged: row.unlogged,
        columns: row.columns,
        indexes: row.indexes,
      },
    ]),
  );
}

/** One key for a schema and a name, whatever characters they hold. */
export function tableKey({ schema, name }: { schema: string; name: string }): string {
  return JSON.stringify([schema, name]);
}
