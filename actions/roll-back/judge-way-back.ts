import type { Sight } from '../../src/migration/watch.ts';
import { GRACE_MS, hasPassed, isSame, type Judgement, SILENCE_MS, type Watched } from './judge-cutover.ts';
import { LETS_IN } from './traffic.ts';

/** Nobody waits for a window to go back: its job begins with its guard, as soon as there is a machine for it. */
export const PATIENCE_MS = 10 * 60_000;

/**
 * As `judgeCutover`, for the guard of a way back. That one undoes what is left of a cutover, or reverses a finished one;
 * when it is over, no step of either stands in the journal.
 */
export function judgeWayBack(sight: Sight, { watchingMs, seen }: Watched): Judgement {
  if (sight.lease === 'held') return 'wait';
  const { steps, back } = sight;
  const settled = seen || watchingMs >= GRACE_MS;
  const silent = settled && sight.silentMs >= SILENCE_MS;
  if (hasPassed(back)) {
    const served = back.some(({ name, status }) => status === 'done' && LETS_IN.includes(name));
    if (!served) return silent ? 'half-way' : 'wait';
    return settled ? 'dead-after-the-switch' : 'wait';
  }
  if (back.length > 0 || (steps.length > 0 && !hasPassed(steps))) return silent ? 'abandoned' : 'wait';
  if (seen) return steps.length > 0 ? 'ended-before' : 'over';
  return watchingMs >= PATIENCE_MS ? 'never-begun' : 'wait';
}

/** Whether this run's way back is who acts, or acted last. From a laptop its cutover may have been the same run's. */
export function isOwnWayBack({ holder, cutsOver }: Sight, run: Watched['run']): boolean {
  return !cutsOver && holder !== null && isSame(holder, run);
}
