import { createAuthority } from '../../../rehearsal/servers/certificates.ts';
import { startPostgres, type PostgresServer } from '../../../rehearsal/servers/postgres.ts';
import { parsePostgresUrl, type PostgresAddress } from '../../../src/postgres/connect.ts';
import { freshDatabase } from '../../support/servers.ts';

/** A database as Heroku has it: TLS only, with a certificate that nobody can verify. */
export interface OldDatabase {
  server: PostgresServer;
  url: string;
  address: PostgresAddress;
}

export async function startOldDatabase(): Promise<OldDatabase> {
  const tls = await (await createAuthority('unknown to everybody')).issue(['database.example.com']);
  const server = await startPostgres({ name: 'old', tls });
  const { url } = await freshDatabase({ server });
  return { server, url, address: parsePostgresUrl(url, { mode: 'unverified' }) };
}
