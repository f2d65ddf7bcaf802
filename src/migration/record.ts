import type { z } from 'zod';

import type { Json } from './json.ts';

export type Phase = 'assess' | 'provision' | 'migrate-db' | 'cutover' | 'verify' | 'roll-back';
/** Which run wrote a section. */
export interface RunReference {
  runId: string;
  runAttempt: number;
  actor: string;
  runUrl: string;
}
export interface RecordSection {
  phase: Phase;
  at: string;
  run: RunReference;
  data: Json;
  previous: string;
  digest: string;
}
export interface MigrationRecord {
  version: 1;
  migrationId: string;
  application: string;
  environment: string;
  sections: RecordSection[];
}
export type RecordSubject = Pick<MigrationRecord, 'migrationId' | 'application' | 'environment'>;

export function emptyRecord(_subject: RecordSubject): MigrationRecord {
  throw new Error('not written yet');
}
/** Reads and proves the chain; ConfigurationError when missing, malformed, or altered. */
export function readRecord(_path: string): Promise<MigrationRecord> {
  throw new Error('not written yet');
}
/** The record at `path` when there is one (of this very migration, else ConfigurationError), else an empty one. */
export function openRecord(_path: string, _subject: RecordSubject): Promise<MigrationRecord> {
  throw new Error('not written yet');
}
/** A new record with the section at the end. */
export function addSection(
  _record: MigrationRecord,
  _phase: Phase,
  _section: { at: Date; run: RunReference; data: Json },
): MigrationRecord {
  throw new Error('not written yet');
}
export function writeRecord(_path: string, _record: MigrationRecord): Promise<void> {
  throw new Error('not written yet');
}
/** The newest section of a phase that `schema` accepts (`{stage: z.literal('application')}` picks one), or undefined. */
export function latestSection<T>(
  _record: MigrationRecord,
  _phase: Phase,
  _schema: z.ZodType<T>,
): T | undefined {
  throw new Error('not written yet');
}
/** The digest of the plan that assess recorded last (`data.planDigest`); ConfigurationError when it has not run. */
export function recordedPlanDigest(_record: MigrationRecord): string {
  throw new Error('not written yet');
}
