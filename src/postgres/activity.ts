import type pg from 'pg';

/**
 * Transactions of this database, and rows that they inserted, updated or deleted, since the server began to count, at
 * this moment by the server's clock. Two readings tell how busy the time between them was.
 */
export async function readActivity(
  client: pg.Client,
): Promise<{ at: string; count: number; writes: number }> {
  const { rows } = await client.query<{ at: Date; count: string; writes: string }>(`
    SELECT pg_catalog.clock_timestamp() AS at,
           (s.xact_commit + s.xact_rollback)::text AS count,
           (s.tup_inserted + s.tup_updated + s.tup_deleted)::text AS writes
      FROM pg_catalog.pg_stat_database s
     WHERE s.datname = pg_catalog.current_database()`);
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres counts no transactions of the database that it serves.');
  return { at: row.at.toISOString(), count: Number(row.count), writes: Number(row.writes) };
}
