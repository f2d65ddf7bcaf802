import type pg from 'pg';

/** A role that can log in and has to do with this database. It dies with the add-on. */
export interface Credential {
  name: string;
  /** It owns objects of this database. */
  owns: boolean;
  /** It was given rights on objects of this database, or on the database. */
  granted: boolean;
  /** It may do what the role of DATABASE_URL may. */
  memberOfOwner: boolean;
  /** Rights to write to at least one table. */
  writes: boolean;
}

/** A replication slot, or a server that receives the database's changes. */
export interface Receiver {
  /** Of the slot, or the application name of the receiver. */
  name: string;
  how: 'logical slot' | 'physical slot' | 'follower';
  active: boolean;
}

export interface Credentials {
  /** The role that we are connected as. */
  owner: string;
  /** Beside it, and without those of the provider. */
  others: Credential[];
  receivers: Receiver[];
  /** What the owner may not see of other roles' sessions and of replication. */
  maySeeAll: boolean;
}

/**
 * Roles of the provider: Heroku's, those of Amazon's RDS that its Essential plans run on, and Postgres's own. Servers of
 * Essential plans are shared, so that only roles that have something in this database are told.
 */
const PROVIDERS = `(r.rolsuper OR r.rolreplication OR r.rolname ~ '^(pg_|rds_|rdsadmin|rdsrepladmin|heroku|_heroku|postgres$|aiven)')`;

/** Reads from the shared catalogues only. */
export async function readCredentials(client: pg.Client): Promise<Credentials> {
  const { rows } = await client.query<{
    owner: string;
    others: Credential[];
    slots: { name: string; how: Receiver['how']; active: boolean }[];
    followers: string[];
    may_see_all: boolean;
  }>(`
    WITH here AS (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
    concerned AS (
      SELECT d.refobjid AS role, pg_catalog.bool_or(d.deptype = 'o') AS owns,
             pg_catalog.bool_or(d.deptype = 'a') AS granted
        FROM pg_catalog.pg_shdepend d, here
       WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
         AND (d.dbid = here.oid
              OR d.dbid = 0 AND d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objid = here.oid)
       GROUP BY d.refobjid
    )
    SELECT current_user AS owner,
           COALESCE((
             SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                      'name', r.rolname, 'owns', COALESCE(c.owns, false), 'granted', COALESCE(c.granted, false),
                      'memberOfOwner', pg_catalog.pg_has_role(r.oid, current_user::name, 'MEMBER'),
                      'writes', EXISTS (
                         SELECT FROM pg_catalog.pg_class t
                          WHERE t.relkind IN ('r', 'p') AND t.oid >= 16384
                            AND pg_catalog.has_table_privilege(r.oid, t.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')))
                    ORDER BY r.rolname)
               FROM pg_catalog.pg_roles r
               LEFT JOIN concerned c ON c.role = r.oid
              WHERE r.rolcanlogin AND r.rolname <> current_user AND NOT ${PROVIDERS}
                AND (c.role IS NOT NULL OR pg_catalog.pg_has_role(r.oid, current_user::name, 'MEMBER')
                     OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN concerned of_group ON of_group.role = m.roleid
                                 WHERE m.member = r.oid))), '[]'::json) AS others,
           COALESCE((
             SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                      'name', s.slot_name, 'how', s.slot_type || ' slot', 'active', s.active) ORDER BY s.slot_name)
               FROM pg_catalog.pg_replication_slots s
              WHERE s.slot_type = 'physical' OR s.database = pg_catalog.current_database()), '[]'::json) AS slots,
           COALESCE((SELECT pg_catalog.json_agg(DISTINCT COALESCE(NULLIF(w.application_name, ''), w.usename::text, 'unnamed'))
                       FROM pg_catalog.pg_stat_replication w), '[]'::json) AS followers,
           pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may_see_all`);
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres answered a question about its roles without a row.');
  return {
    owner: row.owner,
    others: row.others,
    receivers: [
      ...row.slots,
      ...row.followers
        .filter((name) => !row.slots.some((slot) => slot.name === name))
        .map((name): Receiver => ({ name, how: 'follower', active: true })),
    ],
    maySeeAll: row.may_see_all,
  };
}
