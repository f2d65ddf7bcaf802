import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { startGitHub, type GitHubWorld } from '../../rehearsal/github/world.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { addSection, emptyRecord, type Phase } from '../../src/migration/record.ts';
import { rehearsedDecisions } from '../../src/migration/rehearsed-decisions.ts';
import { runEntry, type PhaseRun } from './run-entry.ts';

// The end of a rehearsal as a whole: its verdict, its summary, and the one issue that is open while it does not pass.

const CONFIG =
  'application: shop\ndowntime-budget: 60s\nenvironments: { staging: { heroku-app: shop-staging, region: fra } }\n';
const config = parseMigrationConfig(CONFIG, 'migration.yml');
const decisions = rehearsedDecisions(config, environmentOf(config, 'staging'));

type Part = [phase: Phase, data: Record<string, unknown>];
const assessed: Part = ['assess', { outcome: 'ready' }];
const made: Part = [
  'provision',
  { stage: 'infrastructure', outcome: 'done', usdPerMonth: 33.6, resources: [{ usdPerMonth: 33.6 }] },
];
const copied: Part = ['migrate-db', { command: 'copy', outcome: 'copied', tables: 3, keys: 4 }];
const gone: Part = [
  'provision',
  { command: 'destroy', outcome: 'destroyed', removed: [{ usdPerMonth: 33.6 }] },
];
const moved = (downtimeMs: number): Part[] => [
  assessed,
  ['cutover', { outcome: 'moved', decisions, downtimeMs }],
  ['verify', { outcome: 'verified' }],
];

let github: GitHubWorld;
beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterEach(() => github.stop());

async function end(
  depth: 'copy' | 'full',
  parts: readonly Part[],
  { succeeded = true, issues = 'write' }: { succeeded?: boolean; issues?: 'read' | 'write' } = {},
): Promise<PhaseRun> {
  const directory = temporaryDirectory('rehearsal-issue');
  const migrationId = depth === 'full' ? 'shop-staging' : `shop-staging-${depth}`;
  const record = parts.reduce(
    (before, [phase, data], index) =>
      addSection(before, phase, {
        at: new Date(Date.UTC(2026, 10, 23, 4, 23 + 30 * index)),
        run: { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' },
        data,
      }),
    emptyRecord({ migrationId, application: 'shop', environment: 'staging' }),
  );
  writeFileSync(join(directory, 'migration.yml'), CONFIG);
  writeFileSync(join(directory, 'migration-record.json'), JSON.stringify(record));
  return runEntry('rehearsal', {
    directory,
    inputs: {
      environment: 'staging',
      depth,
      succeeded: String(succeeded),
      'github-token': github.issueToken({ issues, actions: 'read' }),
    },
    environment: { GITHUB_API_URL: github.apiUrl },
  });
}

const issues = (): [string, string][] => github.issues().map(({ title, state }) => [title, state]);

test('one that exceeds the budget opens an issue and is red; the next that fits closes it', async () => {
  const over = await end('full', moved(61_000));
  expect({ code: over.code, outcome: over.outputs.outcome }).toEqual({ code: 1, outcome: 'over-budget' });
  expect(issues()).toEqual([['Rehearsal (full) of shop staging: exceeds the downtime budget', 'open']]);
  expect(over.outputs.issue).toBe('https://github.com/acme/shop/issues/5001');
  expect(over.summary).toContain('[The issue](https://github.com/acme/shop/issues/5001) was opened.');
  expect(github.issues()[0]?.body).toContain('[The run](https://github.com/acme/shop/actions/runs/1)');
  expect(over.log).toContain('exceeds the downtime budget');

  const fits = await end('full', moved(1_000));
  expect({ code: fits.code, outcome: fits.outputs.outcome }).toEqual({ code: 0, outcome: 'passed' });
  expect(issues()).toEqual([['Rehearsal (full) of shop staging: exceeds the downtime budget', 'closed']]);
  expect(github.issues()[0]?.comments).toEqual([
    '[Green again](https://github.com/acme/shop/actions/runs/1)',
  ]);
});

test('one that fails says what it cost, and one that had nothing to do leaves its issue as it is', async () => {
  const failed = await end('copy', [assessed, made, copied, gone], { succeeded: false });
  expect(failed.code).toBe(1);
  expect(failed.summary).toContain(
    'The rehearsal itself cost $0.10: 2 begun hours of what costs $33.60 a month.',
  );
  const open: [string, string][] = [['Rehearsal (copy) of shop staging: did not pass', 'open']];
  expect(issues()).toEqual(open);
  const nothing = await end('copy', [['assess', { outcome: 'moved' }], gone]);
  expect({ code: nothing.code, outcome: nothing.outputs.outcome }).toEqual({
    ...{ code: 0, outcome: 'nothing-to-do' },
  });
  expect(issues()).toEqual(open);
});

test('an issue that may not be kept is a warning, and the verdict stands', async () => {
  const over = await end('full', moved(61_000), { issues: 'read' });
  expect(over.log).toMatch(/::warning::The issue about this rehearsal could not be kept: .*issues: write/);
  expect({ code: over.code, outcome: over.outputs.outcome }).toEqual({ code: 1, outcome: 'over-budget' });
  expect(over.summary).toContain('Rehearsal (full) of shop (staging): over-budget');
  const fits = await end('full', moved(1_000), { issues: 'read' });
  expect(fits.code).toBe(0);
});
