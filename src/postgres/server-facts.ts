import type pg from 'pg';

/** What the server and the database were made with, beside `DatabaseFacts`. */
export interface ServerFacts {
  inRecovery: boolean;
  /** `libc`, `icu` or `builtin`. */
  localeProvider: string;
  /** LC_CTYPE. */
  characterType: string;
  icuLocale: string | null;
  /** The version of the database's own text order when it was made, and that of the system now; null: not told. */
  collationVersion: { made: string | null; now: string | null };
  maxConnections: number;
  sharedBuffersBytes: number;
  /** Transactions since the oldest row that was not frozen; at `freezeMax` Postgres begins to freeze by itself. */
  transactionAge: number;
  freezeMax: number;
  pgStatStatements: boolean;
  largeObjects: {
    count: number;
    bytes: number;
    /** Those that the role may not read. */
    unreadable: number;
  };
}

/** @param major of the server: what the older ones lack is not asked */
export async function readServerFacts(client: pg.Client, major: number): Promise<ServerFacts> {
  const actual = major >= 15 ? 'pg_catalog.pg_database_collation_actual_version(d.oid)' : 'NULL::text';
  const { rows } = await client.query<{
    in_recovery: boolean;
    provider: string;
    ctype: string;
    icu: string | null;
    made: string | null;
    now: string | null;
    max_connections: number;
    shared_buffers: string;
    age: number;
    freeze_max: number;
    statements: boolean;
    large_objects: number;
    large_object_bytes: string;
    large_objects_unreadable: number;
  }>(`
    SELECT pg_catalog.pg_is_in_recovery() AS in_recovery,
           -- Columns since version 15; the locale's has another name since 17.
           COALESCE(row.all->>'datlocprovider', 'c') AS provider, d.datctype AS ctype,
           COALESCE(row.all->>'datlocale', row.all->>'daticulocale') AS icu,
           row.all->>'datcollversion' AS made, ${actual} AS now,
           pg_catalog.current_setting('max_connections')::integer AS max_connections,
           pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers'))::text AS shared_buffers,
           pg_catalog.age(d.datfrozenxid) AS age,
           pg_catalog.current_setting('autovacuum_freeze_max_age')::integer AS freeze_max,
           EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements') AS statements,
           objects.count::integer AS large_objects, objects.unreadable::integer AS large_objects_unreadable,
           CASE WHEN objects.count > 0 THEN pg_catalog.pg_total_relation_size('pg_catalog.pg_largeobject') ELSE 0
           END::text AS large_object_bytes
      FROM pg_catalog.pg_database d
     CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(d) AS all) row
     CROSS JOIN (SELECT pg_catalog.count(*) AS count,
                        pg_catalog.count(*) FILTER (WHERE NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
                          AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(m.lomacl) AS granted
                                           WHERE granted.privilege_type = 'SELECT'
                                             AND (granted.grantee = 0 OR pg_catalog.pg_has_role(granted.grantee, 'USAGE')))) AS unreadable
                   FROM pg_catalog.pg_largeobject_metadata m) objects
     WHERE d.datname = pg_catalog.current_database()`);
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres does not list the database that is connected.');
  return {
    inRecovery: row.in_recovery,
    localeProvider: { c: 'libc', i: 'icu', b: 'builtin' }[row.provider] ?? row.provider,
    characterType: row.ctype,
    icuLocale: row.icu,
    collationVersion: { made: row.made, now: row.now },
    maxConnections: row.max_connections,
    sharedBuffersBytes: Number(row.shared_buffers),
    transactionAge: row.age,
    freezeMax: row.freeze_max,
    pgStatStatements: row.statements,
    largeObjects: {
      count: row.large_objects,
      bytes: Number(row.large_object_bytes),
      unreadable: row.large_objects_unreadable,
    },
  };
}
