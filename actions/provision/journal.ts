import { openJournal, type Journal } from '../../src/migration/journal.ts';
import { acquireLease, type Lease } from '../../src/migration/lease.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import type { Edge } from '../../src/github/run.ts';

/** Opens the journal and holds the lease while `body` runs: only one run acts on a migration at a time. */
export async function withJournal<T>(
  edge: Edge,
  address: PostgresAddress,
  migrationId: string,
  body: (journal: Journal, lease: Lease) => Promise<T>,
): Promise<T> {
  const journal = await openJournal(address, migrationId);
  try {
    const lease = await acquireLease(journal, { holder: edge.environment, log: edge.log, clock: edge.clock });
    try {
      return await body(journal, lease);
    } finally {
      await lease.release();
    }
  } finally {
    await journal.close();
  }
}
