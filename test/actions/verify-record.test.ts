import { describe, expect, test } from '@jest/globals';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import type { MigrationRecord } from '../../src/migration/record.ts';
import { parseRecord } from '../../src/migration/record.ts';
import { CUTOVER, WHOLE, recordOf } from '../report/evidence/record.ts';
import { runEntry } from './run-entry.ts';

const CONFIG = `
application: shop
traffic: dns
environments:
  production: { heroku-app: shop-production, region: fra }
`;

/** Runs verify over a record; nothing answers at the addresses of the companies. */
async function verifyWith(
  record: MigrationRecord,
): Promise<{ code: number | null; log: string; drawn: boolean }> {
  const directory = temporaryDirectory('verify-record');
  writeFileSync(join(directory, 'migration.yml'), CONFIG);
  writeFileSync(join(directory, 'migration-record.json'), JSON.stringify(record));
  const { code, log } = await runEntry('verify', {
    directory,
    inputs: {
      environment: 'production',
      'heroku-token': 'HRKU-of-nobody-0000-0001',
      'digitalocean-token': 'dop_v1_of_nobody_00000001',
      'migration-key': 'a-migration-key-of-nobody-000000001',
      ...Object.fromEntries(
        ['heroku-api-url', 'heroku-data-api-url', 'digitalocean-api-url', 'egress-url'].map((name) => [
          name,
          'http://127.0.0.1:9',
        ]),
      ),
    },
  });
  return { code, log, drawn: existsSync(join(directory, 'migration-evidence.html')) };
}

describe('verify refuses a record whose chain does not hold, and draws nothing from it', () => {
  const whole = recordOf(WHOLE);
  const [first, second, ...rest] = whole.sections;
  if (first === undefined || second === undefined) throw new Error('The record has no sections.');
  const alterations: [string, MigrationRecord, RegExp][] = [
    [
      'a row that differed is made equal',
      {
        ...whole,
        sections: whole.sections.map((section) =>
          section.phase === 'cutover' ? { ...section, data: { ...CUTOVER, downtimeMs: 1 } } : section,
        ),
      },
      /section 5 \(cutover\) does not match its digest/,
    ],
    ['a section is dropped', { ...whole, sections: [first, ...rest] }, /section 2 .* does not match/],
    [
      'two sections change places',
      { ...whole, sections: [second, first, ...rest] },
      /section 1 .* does not match/,
    ],
    [
      'another person is said to have run it',
      { ...whole, sections: [{ ...first, run: { ...first.run, actor: 'mallory' } }, second, ...rest] },
      /section 1 \(assess\) does not match/,
    ],
    [
      'another application is named at its head',
      { ...whole, application: 'shop2' },
      /section 1 .* does not match/,
    ],
  ];
  test.each(alterations)('%s', (_name, record, words) => {
    expect(() => parseRecord(JSON.stringify(record), 'migration-record.json')).toThrow(words);
  });

  // A process takes its time: the whole action over one of them.
  test('the action itself ends there', async () => {
    const { code, log, drawn } = await verifyWith(alterations[0]?.[1] ?? whole);
    expect(code).toBe(1);
    expect(log).toMatch(/migration-record.json was altered: its section 5 \(cutover\)/);
    expect(drawn).toBe(false);
  }, 120_000);
});
