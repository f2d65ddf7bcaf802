import { openJournal, type Journal } from '../../src/migration/journal.ts';
import { acquireLease, LeaseHeldError, type Lease } from '../../src/migration/lease.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import type { Edge } from '../../src/github/run.ts';
import { passOf } from '../runner-access.ts';

/** Three times as long as a run that was killed keeps a lease. */
const PATIENCE_MS = 180_000;
const PAUSE_MS = 5_000;

/**
 * Opens the journal and holds the lease while `body` runs: only one run acts on a migration at a time.
 *
 * @param patient waits for the lease that a run may have left which was killed just now
 */
export async function withJournal<T>(
  edge: Edge,
  address: PostgresAddress,
  migrationId: string,
  body: (journal: Journal, lease: Lease) => Promise<T>,
  patient = false,
): Promise<T> {
  const journal = await openJournal(address, migrationId, (text) => edge.redact(text));
  try {
    const lease = await (patient ? waitForLease(edge, journal) : takeLease(edge, journal));
    try {
      return await body(journal, lease);
    } finally {
      await lease.release();
    }
  } finally {
    await journal.close();
  }
}

function takeLease({ environment, log, clock }: Edge, journal: Journal): Promise<Lease> {
  return acquireLease(journal, { holder: environment, pass: passOf(environment), log, clock });
}

async function waitForLease(edge: Edge, journal: Journal): Promise<Lease> {
  const { clock, log, signal } = edge;
  const until = clock.now().getTime() + PATIENCE_MS;
  for (let told = false; ; told = true) {
    try {
      return await takeLease(edge, journal);
    } catch (error) {
      if (!(error instanceof LeaseHeldError) || clock.now().getTime() >= until) throw error;
      if (!told) log.info(`${error.message} Waiting for it, at most ${PATIENCE_MS / 60_000} minutes.`);
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}
