import type pg from 'pg';

/**
 * Transactions of this database since the server began to count, at this moment by the server's clock. Two readings tell
 * how busy the time between them was.
 */
export async function readActivity(client: pg.Client): Promise<{ at: string; count: number }> {
  const { rows } = await client.query<{ at: Date; count: string }>(`
    SELECT pg_catalog.clock_timestamp() AS at,
           (s.xact_commit + s.xact_rollback)::text AS count
      FROM pg_catalog.pg_stat_database s
     WHERE s.datname = pg_catalog.current_database()`);
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres counts no transactions of the database that it serves.');
  return { at: row.at.toISOString(), count: Number(row.count) };
}
