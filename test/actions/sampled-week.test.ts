import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { earlierRuns } from '../../actions/assess/earlier-runs.ts';
import { startGitHub, type GitHubWorld } from '../../rehearsal/github/world.ts';
import type { Edge } from '../../src/github/run.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { quietestWindow } from '../../src/migration/quiet-hours.ts';
import { addSection, emptyRecord, type MigrationRecord } from '../../src/migration/record.ts';
import { edgeOf } from './edge-of.ts';

const HOUR = 3_600_000;
const environment = environmentOf(
  parseMigrationConfig(
    'application: shop\nenvironments: { production: { heroku-app: shop-production, region: fra } }\n',
    'migration.yml',
  ),
  'production',
);
const EMPTY = emptyRecord({
  migrationId: environment.migrationId,
  application: 'shop',
  environment: 'production',
});

let github: GitHubWorld;

/** Runs of a schedule, one an hour for as long as a record is looked back for a week; quiet from 2 to 5 UTC. */
beforeAll(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
  const last = Math.floor(Date.now() / HOUR) * HOUR;
  let count = 0;
  for (let hoursAgo = 7 * 24 + 1; hoursAgo >= 0; hoursAgo -= 1) {
    const at = new Date(last - hoursAgo * HOUR);
    keep(recordWith(at, count), github.createRun({ actor: 'ada', event: 'schedule' }).id);
    const quiet = at.getUTCHours() >= 2 && at.getUTCHours() < 5;
    count += (quiet ? 1 : 50) * 3_600;
  }
});
afterAll(() => github.stop());

function recordWith(at: Date, count: number): MigrationRecord {
  return addSection(EMPTY, 'migrate-db', {
    at,
    run: { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' },
    data: { command: 'catch-up', activity: { at: at.toISOString(), count } },
  });
}

function keep(record: MigrationRecord, run: number): void {
  const folder = join(github.artifacts(run), 'migration-record-production');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'migration-record.json'), JSON.stringify(record));
}

function edgeWith(token: string): Edge {
  const environment = { GITHUB_REPOSITORY: 'acme/shop', GITHUB_API_URL: github.apiUrl };
  return edgeOf({ 'github-token': token }, { environment });
}

test('a week of scheduled runs shows when it is quiet, though each of them kept a record of its own', async () => {
  const edge = edgeWith(github.issueToken({ actions: 'read' }));
  const { map, note } = (await earlierRuns(edge, { record: EMPTY, environment }, false)).week;
  expect(note).toBeNull();
  expect(map?.covered).toBe(1);
  const quiet = map === null ? undefined : quietestWindow(map);
  expect([2, 3]).toContain(quiet?.hour);
  expect(quiet?.perSecond).toBeCloseTo(1);
});

test('a token that may not look leaves the hours unknown, and says what it would need', async () => {
  const edge = edgeWith(github.issueToken({ contents: 'read' }));
  expect((await earlierRuns(edge, { record: EMPTY, environment }, false)).week).toEqual({
    map: null,
    note: expect.stringContaining('permissions: actions: read'),
  });
});

test('on a first run nobody looks', async () => {
  const before = github.requests.length;
  const edge = edgeWith(github.issueToken({ actions: 'read' }));
  expect(await earlierRuns(edge, { record: EMPTY, environment }, true)).toEqual({
    week: { map: null, note: null },
    offers: [],
  });
  expect(github.requests).toHaveLength(before);
});
