import { withConnection, type PostgresAddress } from './connect.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** By which migration the changes of a database are captured, and until when if nobody drains. */
export interface CapturedBy {
  migrationId: string;
  leaseUntil: Date;
}

/** Reads who captures a database's changes; `undefined` when nobody does. */
export async function readCapturedBy(
  source: PostgresAddress,
  options: { signal?: AbortSignal } = {},
): Promise<CapturedBy | undefined> {
  return withConnection(source, { applicationName: 'h2d capture', ...options }, async (client) => {
    const { rows: there } = await client.query<{ found: boolean }>(
      'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
      [`${OUR_SCHEMA}.capture`],
    );
    if (there[0]?.found !== true) return undefined;
    const { rows } = await client.query<{ id: string; until: Date }>(
      `SELECT migration_id AS id, lease_until AS until FROM ${OUR_SCHEMA}.capture`,
    );
    return rows[0] && { migrationId: rows[0].id, leaseUntil: rows[0].until };
  });
}
