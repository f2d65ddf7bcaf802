import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { standBack } from '../../actions/stand-back.ts';
import type { Subject } from '../../actions/subject.ts';
import { LONGEST_MOVE_MS, MoveAtWorkError } from '../../src/digitalocean/move-at-work.ts';
import type { Edge } from '../../src/github/run.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { LeaseHeldError } from '../../src/migration/lease.ts';
import { emptyRecord, readRecord } from '../../src/migration/record.ts';
import { edgeOf } from './edge-of.ts';
import { CONFIG } from './played-sides.ts';

const HOUR_MS = 3_600_000;

function cutoverFor(ms: number): MoveAtWorkError {
  const begunAt = new Date(Date.now() - ms);
  const until = new Date(begunAt.getTime() + LONGEST_MOVE_MS);
  const move = { errand: 'cutover', runId: '17', address: '203.0.113.17', begunAt, until } as const;
  return new MoveAtWorkError(move, new Date());
}

async function standsBack(before: MoveAtWorkError | LeaseHeldError) {
  const config = parseMigrationConfig(CONFIG, 'migration.yml');
  const environment = environmentOf(config, 'staging');
  const record = emptyRecord({ ...environment, application: 'shop', environment: 'staging' });
  const recordPath = join(mkdtempSync(join(tmpdir(), 'stand-back-')), 'record.json');
  const subject: Subject = { config, environment, recordPath, record };
  const told: string[] = [];
  const outputs: Record<string, unknown> = {};
  const edge: Edge = {
    ...edgeOf({}, { log: { ...silentLog, info: (line) => void told.push(line) } }),
    setOutput: (name, value) => void (outputs[name] = value),
    summary: (text) => Promise.resolve(void told.push(text)),
  };
  const section = { phase: 'migrate-db', command: 'catch-up' } as const;
  const failure = await standBack(edge, subject, section, before).catch((error: unknown) => error);
  const { sections } = await readRecord(recordPath);
  return { told, outputs, failure, section: sections.at(-1) };
}

test('a schedule that comes in the middle of a cutover tells it in log, summary and record, and succeeds', async () => {
  const { told, outputs, failure, section } = await standsBack(cutoverFor(HOUR_MS));
  expect(failure).toBeUndefined();
  expect(told).toEqual([
    expect.stringMatching(/^A cutover is at work \(run 17, for [^)]+\).*Nothing was touched/),
    expect.stringMatching(
      /^## shop .*: stood back, another run is at work[^]*run 17, for .*Nothing was touched/,
    ),
  ]);
  expect(outputs).toMatchObject({ outcome: 'stood-back', changed: false });
  expect(section).toMatchObject({
    phase: 'migrate-db',
    data: { command: 'catch-up', outcome: 'stood-back' },
  });
});

test('before a move that takes longer than moves do it is red, and has told the same', async () => {
  const { told, failure } = await standsBack(cutoverFor(2.5 * HOUR_MS));
  expect(failure).toBeInstanceOf(MoveAtWorkError);
  expect(told).toHaveLength(2);
});

test('before whoever holds the lease it stands back likewise', async () => {
  const { told, failure } = await standsBack(new LeaseHeldError('Another run is working on shop-staging.'));
  expect([failure, told[0]]).toEqual([undefined, 'Another run is working on shop-staging.']);
});
