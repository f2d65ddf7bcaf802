import { createHash } from 'node:crypto';
import { readCatalogue } from './catalogue.ts';
import { withConnection, type PostgresAddress } from './connect.ts';

/**
 * One text for the application's schema in this database: the same for as long as no table, column, function or any other
 * object is added, altered or removed, and the same again when it is put back as it was. Rows, grants, owners and what we
 * add ourselves do not change it. Of one database only: versions of Postgres print views differently.
 */
export async function schemaFingerprint(database: PostgresAddress, signal: AbortSignal): Promise<string> {
  const session = { applicationName: 'h2d schema', statementTimeoutMs: 60_000, signal };
  return withConnection(database, session, async (client) => {
    const lines = [...(await readCatalogue(client, true))]
      .filter(([object]) => !object.startsWith('content of materialized view '))
      .map(([object, { definition }]) => JSON.stringify([object, definition]));
    return `sha256:${createHash('sha256').update(lines.sort().join('\n')).digest('hex')}`;
  });
}
