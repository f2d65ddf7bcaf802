import type pg from 'pg';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** What decides whether, and at what price, changes can be captured on a source. */
export interface LiveFacts {
  major: number;
  /** A follower: nothing can be installed on it. */
  inRecovery: boolean;
  /** Whether the role may make a schema for the logs. */
  mayCreateSchema: boolean;
  /** Tables (`schema.name`) that another role owns, so that this one may put no trigger on them; the first ten. */
  foreignTables: string[];
  /** What the large objects take on the disk; no trigger sees them, so that they are copied inside the window. */
  largeObjectBytes: number;
  /** Connections that the role can still open, or null when nothing limits it. */
  freeConnections: number | null;
}

/** Reads only, as far as the connected role may see. */
export async function readLiveFacts(client: pg.Client): Promise<LiveFacts> {
  const { rows } = await client.query<{
    major: number;
    in_recovery: boolean;
    may_create: boolean;
    foreign_tables: string[];
    large_object_bytes: string;
    free: number | null;
  }>(`
    SELECT pg_catalog.current_setting('server_version_num')::integer / 10000 AS major,
           pg_catalog.pg_is_in_recovery() AS in_recovery,
           pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
           ARRAY(SELECT n.nspname || '.' || c.relname
                   FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
                    AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
                    AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
                  ORDER BY 1 LIMIT 10) AS foreign_tables,
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)
                THEN pg_catalog.pg_total_relation_size('pg_catalog.pg_largeobject') ELSE 0
           END::text AS large_object_bytes,
           CASE WHEN r.rolconnlimit >= 0
                THEN GREATEST(r.rolconnlimit - (SELECT pg_catalog.count(*)::integer
                                                  FROM pg_catalog.pg_stat_activity WHERE usesysid = r.oid), 0)
           END AS free
      FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`);
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres does not list the role that is connected.');
  return {
    major: row.major,
    inRecovery: row.in_recovery,
    mayCreateSchema: row.may_create,
    foreignTables: row.foreign_tables,
    largeObjectBytes: Number(row.large_object_bytes),
    freeConnections: row.free,
  };
}
