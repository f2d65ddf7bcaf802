import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Lease } from '../../src/migration/lease.ts';
import { readSource, requirePostgres } from '../../src/migration/source.ts';
import { endOlderRuns } from '../cutover/fence.ts';
import type { Parties } from '../parties.ts';
import { underLease } from '../parties.ts';

/** Nobody is left behind the guard's job to finish what it begins: a cancellation does not stop it. */
export const never = new AbortController().signal;

/**
 * Acts in place of a run that fell silent, under a lease of its own. Its sessions on Heroku's database are ended first:
 * what died may have passed its point of no return with its last breath.
 */
export async function inItsPlace<T>(
  edge: Edge,
  gathered: Parties,
  journal: Journal,
  body: (parties: Parties, lease: Lease) => Promise<T>,
): Promise<T> {
  return underLease(edge, await lookedUpAgain(edge, gathered), journal, async (parties, lease) => {
    await endOlderRuns(parties);
    return body(parties, lease);
  });
}

/** Hours may have gone by since the addresses of the old side were read. */
async function lookedUpAgain(edge: Edge, gathered: Parties): Promise<Parties> {
  const { oldSide } = gathered;
  const source = await readSource(oldSide.heroku, oldSide.app, edge);
  const now = { ...oldSide, database: requirePostgres(source, oldSide.app), redis: source.redis };
  return { ...gathered, oldSide: now, signal: never };
}
