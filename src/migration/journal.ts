import type { PostgresAddress } from '../postgres/connect.ts';
import type { Json } from './json.ts';

/** The database on the target cluster that holds journals. */
export const JOURNAL_DATABASE = 'migration_journal';

export type StepStatus = 'intent' | 'done' | 'failed' | 'undoing' | 'undone';
/** One attempt at one step, as committed. */
export interface StepRow {
  id: string;
  phase: string;
  name: string;
  attempt: number;
  status: StepStatus;
  /** The state that the step found; its undo goes back to it. */
  prior: Json;
  result: Json;
  reason: string | null;
  pointOfNoReturn: boolean;
  epoch: number;
  runId: string;
  begunAt: Date;
  finishedAt: Date | null;
}
/** Who writes: every write is refused when a newer epoch exists. */
export interface Writer {
  epoch: number;
  runId: string;
}
export interface NewStep {
  phase: string;
  name: string;
  prior: Json;
  pointOfNoReturn: boolean;
}
/** The part of the journal that a saga needs. */
export interface StepJournal {
  /** The newest attempt of each step, in the order in which they began. */
  steps(phase: string): Promise<StepRow[]>;
  begin(writer: Writer, step: NewStep): Promise<StepRow>;
  finish(writer: Writer, id: string, result: Json): Promise<void>;
  fail(writer: Writer, id: string, reason: string): Promise<void>;
  /** Marks all of them at once, so that an interrupted undo is continued and not forgotten. */
  beginUndo(writer: Writer, ids: readonly string[], reason: string): Promise<void>;
  finishUndo(writer: Writer, id: string): Promise<void>;
}
export interface Journal extends StepJournal {
  readonly migrationId: string;
  readonly address: PostgresAddress;
  /** Every attempt ever made, oldest first, for reports. */
  history(): Promise<StepRow[]>;
  close(): Promise<void>;
}
export function openJournal(_address: PostgresAddress, _migrationId: string): Promise<Journal> {
  throw new Error('not written yet');
}
