import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PostgresAddress } from './connect.ts';

export interface FenceOptions {
  migrationId: string;
  epoch?: number;
  log: Log;
  clock: Clock;
  /** Longest time that writers may queue behind one attempt to lock, in milliseconds. */
  lockTimeoutMs?: number;
  /** When to give up altogether, in milliseconds. */
  giveUpAfterMs?: number;
  signal?: AbortSignal;
}

export interface Fence {
  /** Tables that are held. */
  tables: number;
  /** Aborts when the session that holds the locks is gone: writers can write again. */
  lost: AbortSignal;
  /**
   * The point of no return. Resolves only when it is known to be committed; throws FenceNotCommitted when it is
   * known not to be, FenceUnknown when neither could be found out.
   */
  commit(): Promise<void>;
  /** Lets the writers go on; leaves nothing behind. */
  release(): Promise<void>;
}

/** The point of no return was not passed: the old side still takes writes. */
export class FenceNotCommitted extends Error {
  override readonly name = 'FenceNotCommitted';
}

/** Whether the point of no return was passed could not be found out: read the marker before doing anything else. */
export class FenceUnknown extends Error {
  override readonly name = 'FenceUnknown';
}

export function holdFence(source: PostgresAddress, options: FenceOptions): Promise<Fence> {
  void source;
  void options;
  return Promise.reject(new Error('not yet'));
}

export function readFence(source: PostgresAddress, migrationId: string): Promise<'open' | 'closed'> {
  void source;
  void migrationId;
  return Promise.reject(new Error('not yet'));
}

export function liftFence(source: PostgresAddress, migrationId: string): Promise<void> {
  void source;
  void migrationId;
  return Promise.reject(new Error('not yet'));
}
