import type pg from 'pg';
import { withoutSecrets } from './assess-facts.ts';
import { readDatabaseFacts, type DatabaseFacts } from './facts.ts';
import { readLiveFacts, type LiveFacts } from './live-facts.ts';
import { readLockedTables } from './locked-tables.ts';

/** A brief look is one among many: what takes longer is given up. */
const STATEMENT_LIMIT = '10s';

/**
 * What a plan needs to know of a database, without looking into its objects, its clients or its activity: some statements,
 * no waiting, reads only. Tables that other sessions hold for themselves are told with their last known sizes.
 *
 * @param client a session of the application's own role, not inside a transaction, and not used for anything else
 */
export async function readBriefFacts(
  client: pg.Client,
): Promise<{ database: DatabaseFacts; live: LiveFacts }> {
  await client.query(
    `SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false),
            pg_catalog.set_config('statement_timeout', $1, false),
            pg_catalog.set_config('lock_timeout', '1s', false)`,
    [STATEMENT_LIMIT],
  );
  const locked = (await readLockedTables(client)).map(({ oid }) => oid);
  const database = await readDatabaseFacts(client, locked);
  return {
    database: { ...database, settings: withoutSecrets(database.settings) },
    live: await readLiveFacts(client),
  };
}
