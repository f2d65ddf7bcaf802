import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Json } from '../../src/migration/json.ts';
import { lookForGuard } from '../cutover/guard-watches.ts';

/** Who goes back is in a hurry. */
const LIMIT_MS = 2 * 60_000;

/**
 * Where the workflow says that a guard runs beside this way back (input `guard`): waits for it while the new side still
 * serves. It is the rescue, so that it does not depend on a second machine: without a guard it goes on, and says so.
 */
export async function awaitGuard(
  edge: Pick<Edge, 'inputs' | 'environment' | 'clock' | 'log'>,
  journal: Pick<Journal, 'address' | 'migrationId'>,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<Json> {
  if (!edge.inputs.boolean('guard')) return { guard: 'none is said to run' };
  const looked = await lookForGuard(edge, journal, signal, limitMs);
  if (looked.watches) return { guard: looked.since };
  edge.log.warning(
    `No guard watches (${looked.problem}), and the way back does not wait for one any longer. Stay with this run: if its ` +
      'machine dies now, nobody but you runs roll-back again.',
  );
  return { guard: `none watches: ${looked.problem}` };
}
