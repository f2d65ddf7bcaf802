import type pg from 'pg';

/** The counters of a database at one moment. They only grow, until somebody resets them. */
export interface Counters {
  /** By the server's clock, milliseconds. */
  at: number;
  transactions: number;
  /** Rows inserted, updated and deleted. */
  writes: number;
  rowsRead: number;
  blocksHit: number;
  blocksRead: number;
  temporaryBytes: number;
  deadlocks: number;
  /** When the counters began, milliseconds; null when Postgres does not say. */
  since: number | null;
  /** Rows written, by the table's number; tables that were never written to are left out. */
  tables: Record<string, number>;
}

/** What the database did over the sample, and on average since its counters began. */
export interface Activity {
  /** How long was sampled, milliseconds. */
  sampleMs: number;
  transactionsPerSecond: number;
  writesPerSecond: number;
  rowsReadPerSecond: number;
  /** Since `since`; null when Postgres does not say when it began to count. */
  average: { transactionsPerSecond: number; writesPerSecond: number; since: string } | null;
  /** Share of blocks found in the server's own memory, 0 to 1, over the sample (`null`: nothing was read) and overall. */
  cacheHit: { sample: number | null; overall: number | null };
  /** Written to temporary files over all the time, because `work_mem` was too small. */
  temporaryBytes: number;
  deadlocks: number;
}

/** Reads the counters of this database and of each of its tables, in one statement that touches no table. */
export async function readCounters(client: pg.Client): Promise<Counters> {
  const { rows } = await client.query<{
    at: number;
    transactions: string;
    writes: string;
    rows_read: string;
    blocks_hit: string;
    blocks_read: string;
    temporary_bytes: string;
    deadlocks: string;
    since: number | null;
    tables: Record<string, number> | null;
  }>(`
    SELECT EXTRACT(epoch FROM pg_catalog.clock_timestamp())::float8 * 1000 AS at,
           (d.xact_commit + d.xact_rollback)::text AS transactions,
           (d.tup_inserted + d.tup_updated + d.tup_deleted)::text AS writes,
           d.tup_returned::text AS rows_read, d.blks_hit::text AS blocks_hit, d.blks_read::text AS blocks_read,
           d.temp_bytes::text AS temporary_bytes, d.deadlocks::text AS deadlocks,
           EXTRACT(epoch FROM d.stats_reset)::float8 * 1000 AS since,
           (SELECT pg_catalog.json_object_agg(oid, writes)
              FROM (SELECT c.oid, pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
                             + pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS writes
                      FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.oid >= 16384) counted
             WHERE writes > 0) AS tables
      FROM pg_catalog.pg_stat_database d
     WHERE d.datname = pg_catalog.current_database()`);
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres keeps no counters of the database that is connected.');
  return {
    at: row.at,
    transactions: Number(row.transactions),
    writes: Number(row.writes),
    rowsRead: Number(row.rows_read),
    blocksHit: Number(row.blocks_hit),
    blocksRead: Number(row.blocks_read),
    temporaryBytes: Number(row.temporary_bytes),
    deadlocks: Number(row.deadlocks),
    since: row.since,
    tables: row.tables ?? {},
  };
}

/** What happened between two readings. A counter that was reset meanwhile counts from nothing. */
export function activityBetween(before: Counters, after: Counters): Activity {
  const milliseconds = Math.max(after.at - before.at, 1);
  const rate = (of: (counters: Counters) => number): number =>
    perSecond(of(after) >= of(before) ? of(after) - of(before) : of(after), milliseconds);
  const hit = after.blocksHit - before.blocksHit;
  const read = after.blocksRead - before.blocksRead;
  return {
    sampleMs: Math.round(milliseconds),
    transactionsPerSecond: rate(({ transactions }) => transactions),
    writesPerSecond: rate(({ writes }) => writes),
    rowsReadPerSecond: rate(({ rowsRead }) => rowsRead),
    average: averageOf(after),
    cacheHit: { sample: share(hit, read), overall: share(after.blocksHit, after.blocksRead) },
    temporaryBytes: after.temporaryBytes,
    deadlocks: after.deadlocks,
  };
}

/** Rows written in one second to the table of this number. */
export function writesPerSecondOf(oid: number, before: Counters, after: Counters): number {
  const key = String(oid);
  const written = (after.tables[key] ?? 0) - (before.tables[key] ?? 0);
  return perSecond(Math.max(written, 0), Math.max(after.at - before.at, 1));
}

function averageOf(counters: Counters): Activity['average'] {
  if (counters.since === null || counters.at <= counters.since) return null;
  const milliseconds = counters.at - counters.since;
  return {
    transactionsPerSecond: perSecond(counters.transactions, milliseconds),
    writesPerSecond: perSecond(counters.writes, milliseconds),
    since: new Date(counters.since).toISOString(),
  };
}

/** With one decimal, as far as a sample of seconds can tell. */
function perSecond(count: number, milliseconds: number): number {
  return Math.round((count * 10_000) / milliseconds) / 10;
}

function share(hit: number, read: number): number | null {
  return hit + read <= 0 ? null : hit / (hit + read);
}
