import { withConnection, type PostgresAddress } from './connect.ts';
import { isUserSchema } from './user-objects.ts';

/**
 * Which file each table (`schema.table`) has. TRUNCATE, ALTER TABLE, VACUUM FULL and CLUSTER give it another one, and a
 * snapshot that is older than that may see the table without its rows.
 */
export async function readFileNodes(
  address: PostgresAddress,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  return withConnection(address, { applicationName: 'h2d files', signal }, async (client) => {
    const { rows } = await client.query<{ name: string; file: string }>(
      `SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name,
              pg_catalog.concat(c.oid, ' ', pg_catalog.pg_relation_filenode(c.oid)) AS file
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND ${isUserSchema('n.nspname')}`,
    );
    return new Map(rows.map(({ name, file }) => [name, file]));
  });
}
