import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';

import type { MigrationRecord } from '../../src/migration/record.ts';
import {
  addSection,
  emptyRecord,
  latestSection,
  openRecord,
  readRecord,
  recordedPlanDigest,
  writeRecord,
} from '../../src/migration/record.ts';

const subject = { migrationId: 'shop-staging', application: 'shop', environment: 'staging' };
const run = {
  runId: '7',
  runAttempt: 1,
  actor: 'ada',
  runUrl: 'https://github.com/acme/shop/actions/runs/7',
};
const at = new Date('2026-11-22T03:00:00Z');
const planDigest = `sha256:${'a'.repeat(64)}`;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'record-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function filled(): MigrationRecord {
  const assessed = addSection(emptyRecord(subject), 'assess', { at, run, data: { planDigest } });
  const provisioned = addSection(assessed, 'provision', { at, run, data: { stage: 'infrastructure', n: 1 } });
  return addSection(provisioned, 'provision', { at, run, data: { stage: 'application', n: 2 } });
}

test('a record is read back as it was written, and nothing else is left in its directory', async () => {
  const path = join(directory, 'whole', '..', 'record.json');
  await writeRecord(path, filled());
  expect(await readRecord(path)).toEqual(filled());
  expect(readdirSync(directory)).toEqual(['record.json']);
});

test('an altered, dropped, moved or renamed section is refused', async () => {
  const path = join(directory, 'altered.json');
  const alterations: ((record: MigrationRecord) => void)[] = [
    (record) => Object.assign(record.sections[0] ?? {}, { data: { planDigest: `sha256:${'b'.repeat(64)}` } }),
    (record) => record.sections.splice(1, 1),
    (record) => record.sections.reverse(),
    (record) => (record.environment = 'production'),
    (record) => Object.assign(record.sections[2]?.run ?? {}, { actor: 'eve' }),
  ];
  for (const alter of alterations) {
    const record = structuredClone(filled());
    alter(record);
    writeFileSync(path, JSON.stringify(record));
    await expect(readRecord(path)).rejects.toThrow(/was altered: its section \d/);
  }
});

test('a missing, cut or foreign file is refused with what to do', async () => {
  await expect(readRecord(join(directory, 'missing.json'))).rejects.toThrow(/Download the artifact/);
  const path = join(directory, 'cut.json');
  writeFileSync(path, JSON.stringify(filled()).slice(0, 200));
  await expect(readRecord(path)).rejects.toThrow(/not JSON: it was cut/);
  writeFileSync(path, JSON.stringify({ ...filled(), version: 2 }));
  await expect(readRecord(path)).rejects.toThrow(/version: .*same version of every action/);
  writeFileSync(path, JSON.stringify({ ...filled(), password: 'x' }));
  await expect(readRecord(path)).rejects.toThrow(/not a migration record/);
});

test("another environment's record is refused, and a first phase begins an empty one", async () => {
  const path = join(directory, 'opened.json');
  expect(await openRecord(path, subject)).toEqual(emptyRecord(subject));
  await writeRecord(path, filled());
  await expect(openRecord(path, { ...subject, migrationId: 'shop-production' })).rejects.toThrow(
    /record of shop-staging.*about shop-production/,
  );
});

test('later phases find the newest section that fits, and the digest that is approved', () => {
  const stage = (name: string) => z.object({ stage: z.literal(name), n: z.number() });
  expect(latestSection(filled(), 'provision', stage('infrastructure'))?.n).toBe(1);
  expect(latestSection(filled(), 'provision', z.object({ n: z.number() }))?.n).toBe(2);
  expect(latestSection(filled(), 'cutover', z.object({}))).toBeUndefined();
  expect(recordedPlanDigest(filled())).toBe(planDigest);
  expect(() => recordedPlanDigest(emptyRecord(subject))).toThrow(/Run assess first/);
});

test('the same facts give the same bytes, whatever the order in which they were found', () => {
  const one = addSection(emptyRecord(subject), 'assess', { at, run, data: { a: 1, b: { c: 2, d: [3] } } });
  const two = addSection(emptyRecord(subject), 'assess', { at, run, data: { b: { d: [3], c: 2 }, a: 1 } });
  expect(two.sections[0]?.digest).toBe(one.sections[0]?.digest);
});

test('a secret never reaches the record, and the refusal does not tell it', () => {
  const secrets = [
    'postgres://u:hunter22@db.example.com:5432/app',
    'rediss://:hunter22@cache.example.com:6380',
    '-----BEGIN PRIVATE KEY-----\nhunter22',
    `dop_v1_${'0'.repeat(64)}`,
  ];
  for (const secret of secrets) {
    const add = () =>
      addSection(emptyRecord(subject), 'assess', { at, run, data: { addons: [{ note: secret }] } });
    expect(add).toThrow(/section of assess\.addons\.0\.note would hold/);
    expect(add).not.toThrow(/hunter22/);
  }
});

test('a section too large for an artifact that people read is refused before it is written', () => {
  const data = { names: Array.from({ length: 50_000 }, (_, index) => `${index}`.padStart(60, 'x')) };
  expect(() => addSection(emptyRecord(subject), 'verify', { at, run, data })).toThrow(
    /characters; the record takes/,
  );
});

test('what is written is text that a person can read', async () => {
  const path = join(directory, 'readable.json');
  await writeRecord(path, filled());
  expect(readFileSync(path, 'utf8')).toContain('\n  "migrationId": "shop-staging",\n');
});
