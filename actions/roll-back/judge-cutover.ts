import type { Sight, StandingStep } from '../../src/migration/watch.ts';

/** What the guard makes of one look at the journal; `it` is the cutover, or the way back, that it watches. */
export type Judgement =
  /** Nothing to do yet. */
  | 'wait'
  /** It has begun, is not past its point of no return, and nobody acts any more. */
  | 'abandoned'
  /** It is past its point of no return, visitors are not served again yet, and nobody acts any more. */
  | 'half-way'
  /** Visitors are served by the side that it leads to, and whoever acted has given the lease back. */
  | 'over'
  /** They are served there, and whoever acted stopped before the rest was done: a re-run does that. */
  | 'dead-after-the-switch'
  /** Whoever acted has ended, and nothing of it is left to be undone. */
  | 'ended-before'
  /** Nothing of this run has shown itself, for too long. */
  | 'never-begun';

export interface Watched {
  run: { runId: string; runAttempt: number };
  /** Since the guard began. */
  watchingMs: number;
  /** Whether it ever saw this run act. */
  seen: boolean;
}

/** As long as a lease outlives its last renewal. */
export const SILENCE_MS = 60_000;
/** A new attempt that means to go on with what a dead one left needs a moment to begin. */
export const GRACE_MS = 5 * 60_000;
/** A cutover that is refused at once never shows itself in the journal; one that waits for its window does. */
export const PATIENCE_MS = 30 * 60_000;

/**
 * Pure, and careful in one direction: what is doubtful is waited for.
 *
 * @param serving steps after the point of no return without which visitors are not served
 */
export function judgeCutover(
  sight: Sight,
  { run, watchingMs, seen }: Watched,
  serving: readonly string[],
): Judgement {
  // A lease that is alive is never interfered with, whoever holds it. A way back has a guard of its own.
  if (sight.lease === 'held' || sight.back.length > 0) return 'wait';
  const settled = seen || watchingMs >= GRACE_MS;
  if (hasPassed(sight.steps)) {
    const done = new Set(sight.steps.filter(({ status }) => status === 'done').map(({ name }) => name));
    if (serving.some((name) => !done.has(name)))
      return settled && sight.silentMs >= SILENCE_MS ? 'half-way' : 'wait';
    if (sight.lease === 'free') return 'over';
    return settled ? 'dead-after-the-switch' : 'wait';
  }
  if (sight.steps.length > 0) {
    return settled && sight.silentMs >= SILENCE_MS ? 'abandoned' : 'wait';
  }
  if (seen) return 'ended-before';
  // Its window opens later: from then on it is waited for as for any other.
  if (sight.waiting !== null && isSame(sight.waiting, run) && sight.waiting.leftMs > -PATIENCE_MS)
    return 'wait';
  return watchingMs >= PATIENCE_MS ? 'never-begun' : 'wait';
}

/** Whether the point of no return among these is known to be passed. */
export function hasPassed(steps: readonly StandingStep[]): boolean {
  return steps.some(({ pointOfNoReturn, status }) => pointOfNoReturn && status === 'done');
}

/** Whether this run's cutover is who acts, or acted last. */
export function isOwnCutover({ holder, cutsOver }: Sight, run: Watched['run']): boolean {
  return cutsOver && holder !== null && isSame(holder, run);
}

/** The same run, in this attempt of it or a later one. */
export function isSame(one: Watched['run'], { runId, runAttempt }: Watched['run']): boolean {
  return one.runId === runId && one.runAttempt >= runAttempt;
}
