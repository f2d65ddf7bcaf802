import type pg from 'pg';

/** How many connections the connected role may hold in this database, of what the server has for everybody. */
export async function readConnectionLimit(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ connections: number }>(`
    SELECT LEAST(
             pg_catalog.current_setting('max_connections')::integer
               - pg_catalog.current_setting('superuser_reserved_connections')::integer
               -- Since Postgres 16.
               - COALESCE(pg_catalog.current_setting('reserved_connections', true), '0')::integer,
             NULLIF(r.rolconnlimit, -1), NULLIF(d.datconnlimit, -1)) AS connections
      FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
     WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()`);
  const connections = rows[0]?.connections;
  if (connections === undefined)
    throw new Error('Postgres does not list the role or the database that is connected.');
  return connections;
}

/** Connections that the role holds at this moment, ours not counted. */
export async function countConnections(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`
    SELECT pg_catalog.count(*)::integer AS count
      FROM pg_catalog.pg_stat_activity a
     WHERE a.usename = current_user AND a.datname = pg_catalog.current_database()
       AND a.application_name NOT LIKE 'h2d %' AND a.application_name NOT LIKE 'heroku-to-digitalocean%'`);
  return rows[0]?.count ?? 0;
}
