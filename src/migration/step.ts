import type { Json } from './json.ts';

export interface StepContext {
  /** Aborts an act when the run is cancelled (not at or after the point of no return) or the lease is lost. */
  signal: AbortSignal;
}

/** `{ done: result }` when the look also tells what the act would have returned. */
export type Settlement<Result extends Json = Json> = 'done' | 'not-done' | { done: Result };

/**
 * One change of the world, with its undo. `act` and `undo` must bear being repeated, and `undo` must bear that the act
 * never happened. Neither prior state nor result may hold a secret: both are journalled.
 */
export interface TypedStep<Prior extends Json, Result extends Json> {
  name: string;
  /** Reads the state that undo goes back to; committed to the journal before `act`. */
  prior?(context: StepContext): Promise<Prior>;
  act(prior: Prior, context: StepContext): Promise<Result>;
  /** Puts back `prior`. Also called after an act that failed half-way or was never reached; `result` is null then. */
  undo?(prior: Prior, result: Result | null, context: StepContext): Promise<void>;
  /**
   * Looks at the world without changing it: asked on resuming, for a step that an earlier process began or did
   * (before the point of no return), so that an effect that is gone is made again.
   */
  settle?(prior: Prior, context: StepContext): Promise<Settlement<Result>>;
  /** After this step nothing is undone; needs `settle`. At most one in a saga. */
  pointOfNoReturn?: true;
  /** Run again on resuming although it was done, unless the point of no return lies behind: checks, locks that die with their process, copies made under such a lock. */
  always?: true;
}

/** A step whose types are forgotten, so that steps of different types stand in one list. */
export type Step = TypedStep<Json, Json>;

/** Writes a step with its own types; what the journal hands back to it is what the same step gave to it. */
export function defineStep<Prior extends Json, Result extends Json>(step: TypedStep<Prior, Result>): Step {
  return step;
}
