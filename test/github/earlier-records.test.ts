import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import type { GitHubWorld } from '../../rehearsal/github/world.ts';
import { startGitHub } from '../../rehearsal/github/world.ts';
import { readEarlierRecords, type EarlierRecords } from '../../src/github/earlier-records.ts';
import { silentLog } from '../../src/log.ts';
import { addSection, emptyRecord, type MigrationRecord } from '../../src/migration/record.ts';
import { full } from '../support/or-skipped.ts';

const HOUR = 3_600_000;
const NOW = new Date();
let github: GitHubWorld;

beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterEach(() => github.stop());

function read(token = github.issueToken({ actions: 'read' })): Promise<EarlierRecords> {
  return readEarlierRecords({
    repository: 'acme/shop',
    apiUrl: github.apiUrl,
    token,
    migrationId: 'shop-production',
    environment: 'production',
    now: NOW,
    signal: new AbortController().signal,
  });
}

interface Kept {
  hoursAgo: number;
  migrationId?: string;
  artifact?: string;
  headRepository?: string;
  alter?: (text: string) => string;
}

/** A run that kept a record with one reading. */
function keep({
  hoursAgo,
  migrationId = 'shop-production',
  artifact = 'migration-record-production',
  headRepository = 'acme/shop',
  alter = (text) => text,
}: Kept): void {
  const run = github.createRun({ actor: 'ada', headRepository });
  const at = new Date(NOW.getTime() - hoursAgo * HOUR);
  const record = addSection(
    emptyRecord({ migrationId, application: 'shop', environment: 'production' }),
    'migrate-db',
    {
      at,
      run: { runId: String(run.id), runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' },
      data: { activity: { at: at.toISOString(), count: 1 } },
    },
  );
  const folder = join(github.artifacts(run.id), artifact);
  mkdirSync(folder);
  writeFileSync(join(folder, 'migration-record.json'), alter(JSON.stringify(record)));
  utimesSync(folder, at, at);
}

const hoursIn = (records: readonly MigrationRecord[]): number[] =>
  records
    .map(({ sections }) => Math.round((NOW.getTime() - Date.parse(sections[0]?.at ?? '')) / HOUR))
    .sort((a, b) => a - b);

test('the records of the last two weeks are read; those of others, of forks, and old or altered ones are not', async () => {
  keep({ hoursAgo: 1 });
  keep({ hoursAgo: 2 });
  keep({ hoursAgo: 24 * 15 });
  keep({ hoursAgo: 3, migrationId: 'bank-production' });
  keep({ hoursAgo: 4, artifact: 'migration-record-staging' });
  keep({ hoursAgo: 5, headRepository: 'mallory/shop' });
  keep({ hoursAgo: 6, alter: (text) => text.replace('"count":1', '"count":2') });
  keep({ hoursAgo: 7, alter: () => 'no record' });
  const { records, note } = await read();
  expect(hoursIn(records)).toEqual([1, 2]);
  expect(note).toBe('2 records of earlier runs could not be read and were left out.');
});

(full ? test : test.skip)(
  'two hundred of them are enough, the newest, and the limit of requests is left to other jobs',
  async () => {
    for (let hoursAgo = 1; hoursAgo <= 230; hoursAgo += 1) keep({ hoursAgo });
    const { records, note } = await read();
    expect(note).toBeNull();
    expect(hoursIn(records)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    // Of the 1,000 requests an hour that the played GitHub counts down, 300 are left to others.
    for (let more = 0; more < 4; more += 1) await read();
    const before = github.requests.length;
    expect((await read()).records.length).toBeLessThan(200);
    expect(github.requests.length - before).toBeLessThan(200);
  },
);

test('a token that may not look is a note that names the permission, and so is a GitHub in trouble', async () => {
  keep({ hoursAgo: 1 });
  expect(await read(github.issueToken({ contents: 'read' }))).toEqual({
    records: [],
    note: expect.stringContaining('permissions: actions: read'),
  });
  github.faults.inject({ method: 'GET', path: /actions\/artifacts/, kind: 500, times: 1 });
  expect(await read()).toMatchObject({ records: [], note: expect.stringContaining('Not every earlier run') });
});
