import type { Clock } from '../clock.ts';
import { NotSupportedError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RemovedEntry } from './restore-list.ts';
import type { Sides } from './sides.ts';
import type { PostgresTools } from './tools.ts';

export interface LiveOptions {
  migrationId: string;
  /** The lease's epoch: a newer one ends what an older one was doing. */
  epoch: number;
  tools: PostgresTools;
  /** For the schema's dump; what is put there is removed again. */
  directory: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before each step that changes a side: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
  /** What to do about a schema change on the source: say it and stop, or copy the tables concerned again. */
  onSchemaChange: 'stop' | 'recopy';
}

/** The capture's own limits: beyond them it stops logging and marks itself broken rather than fill the source's disk. */
export interface CaptureLimits {
  /** All logs together, bytes. */
  logBytes: number;
  /** How long the capture goes on when nobody drains, milliseconds. */
  leaseMs: number;
}

export interface Lag {
  /** Changes that wait, of tables with a key. */
  rows: number;
  /** What the logs take on the source's disk. */
  bytes: number;
  /** Age of the oldest change that waits; 0 when none does. */
  seconds: number;
  /** Tables without a usable key that changed: they are copied whole inside the window. */
  whole: { relation: string; bytes: number }[];
}

export interface LiveCopy {
  tables: number;
  bytes: number;
  removed: RemovedEntry[];
  /** What an earlier, interrupted run had left and was used. */
  reused: { tables: number; chunks: number };
  /** Tables without a usable key. */
  whole: { relation: string; bytes: number }[];
  lag: Lag;
  copyMs: number;
  drainedRows: number;
  drainMs: number;
}

export interface CatchUp {
  passes: number;
  rows: number;
  /** Rows drained in one second over all passes; 0 when nothing waited. */
  rowsPerSecond: number;
  /** Tables that were copied again after a schema change. */
  recopied: string[];
  lag: Lag;
  milliseconds: number;
}

export interface FinalDrain {
  rows: number;
  /** Tables that were copied whole inside the window. */
  whole: string[];
  sequences: number;
  /** Rows compared on both sides: all that was written since the last full proof. */
  compared: number;
  milliseconds: number;
}

/** Installs the capture, copies under a snapshot taken after it, and drains until little is left. Repeating it resumes. */
export function beginLive(
  _sides: Sides,
  _options: LiveOptions & { limits: CaptureLimits },
): Promise<LiveCopy> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/** Drains until little is left, extends the capture's lease, and follows the schema as `onSchemaChange` says. */
export function catchUp(_sides: Sides, _options: LiveOptions): Promise<CatchUp> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/** Changes that wait on the source. */
export function readLag(
  _sides: Sides,
  _options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'signal'>,
): Promise<Lag> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/**
 * The last drain while the fence holds the writers: rows, tables without a key, sequences, the foreign keys (not yet
 * validated) and triggers, and the proof of everything written since the last full one.
 */
export function finishLive(_sides: Sides, _options: LiveOptions): Promise<FinalDrain> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/** What comparing a target that is kept in step found. */
export interface LiveProof {
  /** `pending`: keys that changed since the state that was compared; they are left out, and said. */
  rows: { compared: number; pending: number };
  tables: number;
  milliseconds: number;
}

/**
 * Compares both sides while the source goes on writing: `full` every row, `touched` what drains wrote since the last
 * proof. What is put out of the target's way until the switch (foreign keys, triggers) is no difference.
 *
 * @throws Error that names tables, keys and objects that differ
 */
export function proveLive(
  _sides: Sides,
  _options: LiveOptions,
  _mode: 'full' | 'touched',
): Promise<LiveProof> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/** After the switch, while the new side serves: foreign keys validated, materialized views refreshed, the loader's rights taken. */
export function settleLive(_sides: Sides, _options: LiveOptions): Promise<void> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/**
 * Before the point of no return: the capture on the new side, towards the old one. `sides` is the way back: source is
 * the new side's owner, target the old side.
 */
export function beginReverse(
  _sides: Sides,
  _options: LiveOptions & { limits: CaptureLimits },
): Promise<void> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/**
 * Undoes `beginReverse` before the point of no return: the capture on the new side goes; the one on the old side stays,
 * so that the next attempt only catches up. `sides` as for `beginReverse`. Idempotent.
 */
export function endReverse(
  _sides: Sides,
  _options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'clock' | 'signal'>,
): Promise<void> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}

/** Removes everything of ours from both sides; afterwards the source's schema is as it was before. Idempotent. */
export function endLive(
  _sides: Sides,
  _options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'clock' | 'signal'>,
): Promise<void> {
  return Promise.reject(new NotSupportedError('strategy: live is not there yet'));
}
