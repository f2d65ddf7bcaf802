import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Json } from '../../src/migration/json.ts';
import { openWatch } from '../../src/migration/watch.ts';
import { isSame } from '../roll-back/judge-cutover.ts';

/** Its machine may have to be found first, and lets itself in. */
const LIMIT_MS = 10 * 60_000;
const PAUSE_MS = 1_000;
/** It signs every few seconds. */
const FRESH_MS = 30_000;

type Waiting = Pick<Edge, 'inputs' | 'environment' | 'clock' | 'log'>;
type Watched = Pick<Journal, 'address' | 'migrationId'>;

/**
 * Where the workflow says that a guard runs beside this cutover (input `guard`): waits until it watches, before anything
 * is touched. A guard that got no machine would be missed only when it is needed.
 */
export async function waitForGuard(
  edge: Waiting,
  journal: Watched,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<Json> {
  if (!edge.inputs.boolean('guard')) return { guard: 'none is said to run' };
  const looked = await lookForGuard(edge, journal, signal, limitMs);
  if (looked.watches) return { guard: looked.since };
  throw new ConfigurationError(
    `No guard watches after ${Math.round(limitMs / 60_000)} minutes (${looked.problem}). Nothing was touched. Look at the job “guard” of ` +
      'this run: it needs a machine at the same time as the cutover. “Re-run failed jobs” starts both again; ' +
      'with the workflow’s input `guard: false` nobody undoes a cutover whose machine dies.',
  );
}

/** Looks for a guard of this very run until one watches, `limitMs` at most. */
export async function lookForGuard(
  edge: Waiting,
  journal: Watched,
  signal: AbortSignal,
  limitMs: number,
): Promise<{ watches: true; since: string } | { watches: false; problem: string }> {
  const { clock, log, environment } = edge;
  const watch = await openWatch(journal.address, journal.migrationId);
  const begun = clock.now().getTime();
  try {
    for (let told = false; ; told = true) {
      let problem = 'none of this run has shown itself';
      try {
        const { guard } = await watch.look();
        if (guard !== null && isSame(guard, environment) && guard.silentMs < FRESH_MS)
          return { watches: true, since: `watches since ${clock.now().toISOString()}` };
        if (guard !== null && isSame(guard, environment))
          problem = `it has been silent for ${Math.round(guard.silentMs / 1000)} s`;
      } catch (error) {
        problem = messageOf(error);
      }
      if (clock.now().getTime() - begun >= limitMs) return { watches: false, problem };
      if (!told) log.info('Waiting for the guard of this run to watch.');
      await clock.sleep(PAUSE_MS, signal);
    }
  } finally {
    await watch.close();
  }
}
