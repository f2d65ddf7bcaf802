import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Json } from './json.ts';
import type { StepJournal, Writer } from './journal.ts';

export interface StepContext {
  /** Aborts an act when the run is cancelled (not at or after the point of no return) or the lease is lost. */
  signal: AbortSignal;
}
/** `{ done: result }` when the look also tells what the act would have returned. */
export type Settlement = 'done' | 'not-done' | { done: Json };

/** One change of the world. `act` and `undo` must bear being repeated. Write them typed with `defineStep`. */
export interface Step {
  name: string;
  /** Reads the state that undo goes back to; committed to the journal before `act`. No secrets. */
  prior?(context: StepContext): Promise<Json>;
  act(prior: Json, context: StepContext): Promise<Json>;
  /** Puts back `prior`. Also called after an act that failed half-way; `result` is null then. */
  undo?(prior: Json, result: Json, context: StepContext): Promise<void>;
  /** Looks at the world: asked on resuming, for a step that was begun or done by an earlier process. */
  settle?(prior: Json, context: StepContext): Promise<Settlement>;
  /** After this step nothing is undone; needs `settle`. At most one in a saga. */
  pointOfNoReturn?: true;
  /** Run again on resuming although it was done (checks, locks that die with their process), until the point of no return is passed. */
  always?: true;
}
export interface TypedStep<Prior extends Json, Result extends Json> {
  name: string;
  prior?(context: StepContext): Promise<Prior>;
  act(prior: Prior, context: StepContext): Promise<Result>;
  undo?(prior: Prior, result: Result | null, context: StepContext): Promise<void>;
  settle?(prior: Prior, context: StepContext): Promise<'done' | 'not-done' | { done: Result }>;
  pointOfNoReturn?: true;
  always?: true;
}
export function defineStep<Prior extends Json, Result extends Json>(step: TypedStep<Prior, Result>): Step {
  return step;
}
export interface SagaLease extends Writer {
  readonly lost: AbortSignal;
  check(): Promise<void>;
}
export type StepEvent = 'begun' | 'done' | 'skipped' | 'failed' | 'undoing' | 'undone';
export interface StepReport {
  name: string;
  event: StepEvent;
  at: Date;
  /** Since the step (or its undo) began; 0 for begun, undoing and skipped. */
  milliseconds: number;
}
export interface SagaOptions {
  phase: string;
  log: Log;
  clock: Clock;
  /** Cancels: before the point of no return everything is undone, after it the saga is finished all the same. */
  signal?: AbortSignal;
  onStep?: (report: StepReport) => void;
}
export interface SagaOutcome {
  /** False when every step had been done by an earlier run. */
  changed: boolean;
  results: Record<string, Json>;
}
/** It failed before the point of no return and all was undone. */
export class UndoneError extends Error {
  override readonly name = 'UndoneError';
}
/** It failed after the point of no return: run it again to go on from there. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError';
}
/** An undo failed, or it is not known whether the point of no return was passed. The message tells what remains. */
export class StuckError extends Error {
  override readonly name = 'StuckError';
}
export function runSteps(
  _journal: StepJournal,
  _lease: SagaLease,
  _steps: readonly Step[],
  _options: SagaOptions,
): Promise<SagaOutcome> {
  throw new Error('not written yet');
}
/** Undoes whatever the journal knows of these steps; refuses past the point of no return. Returns the names undone. */
export function undoAll(
  _journal: StepJournal,
  _lease: SagaLease,
  _steps: readonly Step[],
  _options: SagaOptions & { reason: string },
): Promise<string[]> {
  throw new Error('not written yet');
}
