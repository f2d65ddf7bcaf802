import type { PostgresAddress } from '../../../src/postgres/connect.ts';
import { parsePostgresUrl } from '../../../src/postgres/connect.ts';
import type { FreshDatabase } from '../../support/servers.ts';
import { freshDatabase } from '../../support/servers.ts';

/** An empty database that a journal may fill, on the test file's own server. */
export async function journalDatabase(): Promise<{ database: FreshDatabase; address: PostgresAddress }> {
  const database = await freshDatabase({ name: 'journal' });
  return { database, address: parsePostgresUrl(database.url, { mode: 'off' }) };
}
