import type pg from 'pg';

/** What a server lets be created, as it says itself. */
export interface OfferedExtensions {
  major: number;
  /** By name, the version that CREATE EXTENSION gives. */
  extensions: Record<string, string | null>;
}

/**
 * Asks a server which extensions it offers. That files of one lie there (`pg_available_extensions`) is not enough where
 * the provider keeps a list of those that its administrator may create: then what is neither trusted nor on the list is
 * left out. DigitalOcean's documentation of supported extensions (2025-11-26) names that list, `extwlist.extensions`.
 */
export async function readOfferedExtensions(client: pg.Client): Promise<OfferedExtensions> {
  const { rows } = await client.query<OfferedExtensions>(`
    WITH permitted AS (
      SELECT pg_catalog.string_to_array(
               pg_catalog.translate(pg_catalog.current_setting('extwlist.extensions', true), ' "', ''), ',') AS names)
    SELECT pg_catalog.current_setting('server_version_num')::integer / 10000 AS major,
           COALESCE(pg_catalog.json_object_agg(available.name, available.default_version ORDER BY available.name), '{}')
             AS extensions
      FROM pg_catalog.pg_available_extensions available
     CROSS JOIN permitted
      LEFT JOIN pg_catalog.pg_available_extension_versions version
        ON version.name = available.name AND version.version = available.default_version
     WHERE permitted.names IS NULL
        OR available.installed_version IS NOT NULL
        OR available.name = ANY (permitted.names)
        OR version.trusted
        OR NOT version.superuser`);
  const [offered] = rows;
  if (offered === undefined) throw new Error('The server did not say which extensions it offers.');
  return offered;
}
