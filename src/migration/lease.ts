import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Journal, Writer } from './journal.ts';

/** Who acts; `Edge.environment` is one. */
export interface LeaseHolder {
  runId: string;
  runAttempt: number;
  actor: string;
  runUrl: string;
}
export interface Lease extends Writer {
  readonly epoch: number;
  readonly runId: string;
  /** Aborts when the lease could not be renewed in time or another run took over. */
  readonly lost: AbortSignal;
  /** Throws LeaseLostError when a newer epoch exists: ask before every change on the target. */
  check(): Promise<void>;
  release(): Promise<void>;
}
export interface LeaseOptions {
  holder: LeaseHolder;
  log: Log;
  clock: Clock;
  /** How long it outlives a runner that died. */
  ttlMs?: number;
}
/** Another run has taken over (or may have): stop at once, undo nothing. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}
export function acquireLease(_journal: Journal, _options: LeaseOptions): Promise<Lease> {
  throw new Error('not written yet');
}
