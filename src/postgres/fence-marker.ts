import type pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** Triggers that refuse every write to a table of a side that is closed for good. */
export const FENCE_TRIGGERS = {
  write: `${OUR_SCHEMA}_moved`,
  truncate: `${OUR_SCHEMA}_moved_truncate`,
};

/** The migration that has closed this database for good. */
export async function readFenceMarker(client: pg.Client): Promise<string | undefined> {
  const { rows: found } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [`${OUR_SCHEMA}.fence`],
  );
  if (found[0]?.found !== true) return undefined;
  const { rows } = await client.query<{ migration_id: string }>(
    `SELECT migration_id FROM ${OUR_SCHEMA}.fence LIMIT 1`,
  );
  return rows[0]?.migration_id;
}

/**
 * Whether this migration has closed the source for good.
 *
 * @throws ConfigurationError when another migration has
 */
export async function readFence(
  source: PostgresAddress,
  migrationId: string,
  options: { signal?: AbortSignal } = {},
): Promise<'open' | 'closed'> {
  return withConnection(source, { applicationName: 'h2d fence', ...options }, async (client) => {
    const marker = await readFenceMarker(client);
    if (marker === undefined) return 'open';
    if (marker === migrationId) return 'closed';
    throw new ConfigurationError(
      `${describeAddress(source)} was closed by another migration (${marker}), not by ${migrationId}.`,
    );
  });
}
