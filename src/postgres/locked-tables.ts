import type pg from 'pg';

/** A table that another session holds for itself (ACCESS EXCLUSIVE), or waits to. */
export interface LockedTable {
  oid: number;
  /** `schema.name` */
  name: string;
  /** Whose session it is: user and application, without what it runs. */
  holder: string;
}

/**
 * Names the relations of this database that nobody else can even read now. Whoever asked for one would wait, and so would
 * whoever measured it: an index and a table's out-of-line values count as the table.
 */
export async function readLockedTables(client: pg.Client): Promise<LockedTable[]> {
  const { rows } = await client.query<LockedTable>(`
    SELECT DISTINCT ON (t.oid) t.oid::bigint::float8 AS oid, n.nspname || '.' || t.relname AS name,
           pg_catalog.concat_ws(', ', COALESCE(a.usename::text, 'a prepared transaction'),
                                NULLIF(a.application_name, '')) AS holder
      FROM pg_catalog.pg_locks l
      JOIN pg_catalog.pg_class c ON c.oid = l.relation
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
      LEFT JOIN pg_catalog.pg_class toasted ON toasted.reltoastrelid = COALESCE(i.indrelid, c.oid)
      JOIN pg_catalog.pg_class t ON t.oid = COALESCE(toasted.oid, i.indrelid, c.oid)
      JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
      LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
     ORDER BY t.oid, l.granted DESC`);
  return rows;
}
