import { expect, test } from '@jest/globals';
import { refuseSecrets, withoutSecrets } from '../../src/migration/no-secrets.ts';
import { withoutSecretsInCommands } from '../../src/migration/command-secrets.ts';
import { buildPlan } from '../../src/migration/plan.ts';
import type { Json } from '../../src/migration/json.ts';
import { mergeSchedules } from '../../src/migration/plan-schedule.ts';
import { input, inventory } from './support/assessed-app.ts';

const daily = (command: string, at = 0) => ({ command, dynoSize: 'Standard-1X', every: 1440, at });
const nameOf = (command: string): string =>
  mergeSchedules([], { jobs: [daily(command)] }).jobs[0]?.name ?? '';

test.each([
  ['rake cleanup:old', 'rake-cleanup-old'],
  ['bin/rails runner "Report.nightly"', 'ails-runner-report-nightly'],
  ['rake report[30]', 'rake-report'],
  ['x', 'job-x'],
  ['-x', 'job'],
])('%s gives a name of its program and task', (command, name) => {
  expect(nameOf(command)).toBe(name);
  expect(nameOf(command)).toMatch(/^[a-z][a-z0-9-]{0,24}[a-z0-9]$/);
});

test.each([
  'bin/sync token=Hunter2Abcdef99',
  'bin/sync --token Hunter2Abcdef99',
  'bin/sync token Hunter2Abcdef',
  'TOKEN=Hunter2Abcdef99 bin/sync',
  'curl https://ada:Hunter2Abcdef99@example.com/run',
  'bin/sync Hunter2Abcdef99',
  'bin/sync hunterabcdefghijklmnopqrstu',
])('nothing of a secret is in the name of: %s', (command) => {
  expect(nameOf(command)).not.toMatch(/hunter|abcdef|99/);
});

test('one command at two times: each is held against the declared one of its time, and none is lost', () => {
  const declared = [
    { name: 'early', command: 'rake sync', cron: '0 3 * * *', timeZone: 'UTC' },
    { name: 'late', command: 'rake sync', cron: '0 20 * * *', timeZone: 'UTC' },
  ];
  const theirs = { jobs: [daily('rake sync', 20 * 60), daily('rake sync', 3 * 60)] };
  expect(mergeSchedules(declared, theirs)).toMatchObject({ jobs: declared, differences: [] });
  const [early] = declared;
  const half = mergeSchedules(early === undefined ? [] : [early], theirs);
  expect(half.differences).toMatchObject([{ kind: 'undeclared', name: 'rake-sync' }]);
  expect(half.jobs.map(({ cron }) => cron)).toEqual(['0 3 * * *', '0 20 * * *']);
});

test('a password in a command is recorded nowhere, and the run goes on to say so', () => {
  const url = 'bin/import amqp://ada:s3cret-pw@mq.example.com/x';
  expect(withoutSecrets(url)).toBe('bin/import amqp://***@mq.example.com/x');
  const { found, items } = withoutSecretsInCommands(
    {
      inventory: {
        ...inventory,
        processTypes: { ...inventory.processTypes, worker: url },
        releasePhase: url,
      },
      scheduler: { jobs: [daily(url)] },
    },
    [],
  );
  expect(items.map(({ id }) => id)).toEqual([
    'process/secret/worker',
    'process/secret/release',
    'process/secret/scheduler',
  ]);
  const plan = buildPlan(input({ ...found, found: items }));
  expect(plan.verdict).toBe('blocked');
  expect(JSON.stringify(plan)).not.toContain('s3cret-pw');
  refuseSecrets(JSON.parse(JSON.stringify(plan)) as Json, 'plan');
});
