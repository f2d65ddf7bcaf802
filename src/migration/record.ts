import { createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';

import { z } from 'zod';

import { ConfigurationError } from '../errors.ts';
import type { Json } from './json.ts';
import { canonicalJson } from './json.ts';
import { refuseSecrets } from './no-secrets.ts';

const PHASES = [
  'assess',
  'provision',
  'migrate-db',
  'cutover',
  'verify',
  'roll-back',
  'rehearsal',
  'probe',
] as const;
export type Phase = (typeof PHASES)[number];

const DIGEST = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const runReference = z.strictObject({
  runId: z.string(),
  runAttempt: z.int().min(1),
  actor: z.string(),
  runUrl: z.string(),
});
/** Which run wrote a section; `Edge.environment` holds all of it. */
export type RunReference = z.infer<typeof runReference>;

const recordSection = z.strictObject({
  phase: z.enum(PHASES),
  at: z.iso.datetime(),
  run: runReference,
  data: z.json(),
  /** The digest of the section before, of the record's head for the first. */
  previous: DIGEST,
  /** Over all of the above. */
  digest: DIGEST,
});

const migrationRecord = z.strictObject({
  version: z.literal(1),
  migrationId: z.string(),
  application: z.string(),
  environment: z.string(),
  sections: z.array(recordSection),
});
/**
 * The journal rendered for people and later phases: migration-record.json, which travels as an artifact. Each section
 * seals the ones before it, so a section that was altered, dropped or moved is noticed.
 */
export type MigrationRecord = z.infer<typeof migrationRecord>;
export type RecordSubject = Pick<MigrationRecord, 'migrationId' | 'application' | 'environment'>;

// Readable in a browser and well below what an artifact or a job's memory bears.
const LARGEST_SECTION = 2 * 1024 * 1024;
/** Bytes. */
export const LARGEST_RECORD = 16 * 1024 * 1024;

export function emptyRecord({ migrationId, application, environment }: RecordSubject): MigrationRecord {
  return { version: 1, migrationId, application, environment, sections: [] };
}

/** Reads a record and proves its chain; ConfigurationError when it is missing, malformed or was altered. */
export async function readRecord(path: string): Promise<MigrationRecord> {
  const size = await sizeOf(path);
  if (size === undefined) {
    throw new ConfigurationError(
      `There is no migration record at ${path}. Download the artifact of the phase before this one, or begin with assess.`,
    );
  }
  if (size > LARGEST_RECORD) {
    throw new ConfigurationError(
      `${path} has ${size} bytes: no migration record is that large. Begin again with assess.`,
    );
  }
  return parseRecord(await readFile(path, 'utf8'), path);
}

/** A record from its text, with its chain proved; `name` stands in the ConfigurationError of one that is none. */
export function parseRecord(text: string, name: string): MigrationRecord {
  const parsed = migrationRecord.safeParse(parseJson(text, name));
  if (!parsed.success) {
    const first = parsed.error.issues[0];
    throw new ConfigurationError(
      `${name} is not a migration record that this version reads (${first ? `${first.path.join('.') || 'file'}: ${first.message}` : 'unknown form'}). ` +
        'Use the same version of every action, or begin again with assess.',
    );
  }
  proveChain(parsed.data, name);
  return parsed.data;
}

/** The record at `path` when there is one (ConfigurationError if it is of another migration), else an empty one. */
export async function openRecord(path: string, subject: RecordSubject): Promise<MigrationRecord> {
  if ((await sizeOf(path)) === undefined) return emptyRecord(subject);
  const record = await readRecord(path);
  if (record.migrationId !== subject.migrationId) {
    throw new ConfigurationError(
      `${path} is the record of ${record.migrationId}, and this run is about ${subject.migrationId}. ` +
        'Give the record of this environment (artifact migration-record-<environment>).',
    );
  }
  return record;
}

/** A new record with the section at its end. Throws when the section is too large or holds a secret. */
export function addSection(
  record: MigrationRecord,
  phase: Phase,
  section: { at: Date; run: RunReference; data: unknown },
): MigrationRecord {
  const text = canonicalJson(section.data);
  if (text.length > LARGEST_SECTION) {
    throw new Error(
      `The section of ${phase} has ${text.length} characters; the record takes ${LARGEST_SECTION} of one.`,
    );
  }
  const data = JSON.parse(text) as Json;
  refuseSecrets(data, `The record's section of ${phase}`);
  const { runId, runAttempt, actor, runUrl } = section.run;
  const unsealed = {
    phase,
    at: section.at.toISOString(),
    run: { runId, runAttempt, actor, runUrl },
    data,
    previous: record.sections.at(-1)?.digest ?? headDigest(record),
  };
  const sealed = recordSection.parse({ ...unsealed, digest: digestOf(unsealed) });
  return { ...record, sections: [...record.sections, sealed] };
}

/** Writes the record as a whole or not at all; the chain is proved first. */
export async function writeRecord(path: string, record: MigrationRecord): Promise<void> {
  proveChain(record, path);
  const text = `${JSON.stringify(record, null, 2)}\n`;
  if (Buffer.byteLength(text) > LARGEST_RECORD) {
    throw new Error(
      `The migration record would have ${Buffer.byteLength(text)} bytes; it takes ${LARGEST_RECORD}.`,
    );
  }
  const unfinished = `${path}.${process.pid}.unfinished`;
  await writeFile(unfinished, text);
  await rename(unfinished, path);
}

/**
 * The newest section of a phase that fits `schema`, parsed; undefined when there is none.
 * A literal in the schema picks among sections of one phase: `z.object({ stage: z.literal('application') })`.
 */
export function latestSection<T>(record: MigrationRecord, phase: Phase, schema: z.ZodType<T>): T | undefined {
  for (const section of record.sections.toReversed()) {
    const parsed = section.phase === phase ? schema.safeParse(section.data) : undefined;
    if (parsed?.success) return parsed.data;
  }
  return undefined;
}

/** The digest of the plan that assess recorded last, in its `planDigest`; ConfigurationError when there is none. */
export function recordedPlanDigest(record: MigrationRecord): string {
  const section = latestSection(record, 'assess', z.object({ planDigest: DIGEST }));
  if (section) return section.planDigest;
  throw new ConfigurationError(
    `The record of ${record.migrationId} holds no plan. Run assess first and hand its record to this phase.`,
  );
}

function proveChain(record: MigrationRecord, path: string): void {
  let previous = headDigest(record);
  for (const [index, { digest, ...unsealed }] of record.sections.entries()) {
    if (unsealed.previous !== previous || digestOf(unsealed) !== digest) {
      throw new ConfigurationError(
        `${path} was altered: its section ${index + 1} (${unsealed.phase}) does not match its digest. ` +
          'It is refused. Take the artifact as the phase before wrote it, or begin again with assess.',
      );
    }
    previous = digest;
  }
}

function headDigest({ version, migrationId, application, environment }: MigrationRecord): string {
  return digestOf({ version, migrationId, application, environment });
}

function digestOf(value: unknown): string {
  return `sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}`;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigurationError(`${path} is not JSON: it was cut or altered. Take the artifact again.`);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigurationError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
