import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';

import { startGitHub, type GitHubWorld, type TokenPermissions } from '../../rehearsal/github/world.ts';
import { silentLog } from '../../src/log.ts';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { testInFull } from '../support/or-skipped.ts';
import { CONFIG, HEROKU_TOKEN, SECRET_VALUE, startSides, type PhaseRun, type Sides } from './played-sides.ts';

// A run of assess takes some seconds.
const BRANCH = 'heroku-to-digitalocean-init';
const SHA = '1'.repeat(40);
const SUITE = 'acme/heroku-to-digitalocean';
const SECRETS = [SECRET_VALUE, 'old-postgres', 'old-redis', HEROKU_TOKEN];
const APP: TokenPermissions = { contents: 'write', 'pull-requests': 'write', workflows: 'write' };
const JOB: TokenPermissions = { contents: 'write', 'pull-requests': 'write' };

let sides: Sides;
let github: GitHubWorld;
beforeAll(async () => {
  sides = await startSides({
    app: {
      pipeline: { name: 'shop', stage: 'staging' },
      domains: ['staging.shop.example.com', '*.shop.example.com'],
    },
  });
  rmSync(join(sides.directory, 'migration.yml'));
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterAll(async () => {
  await github.stop();
  await sides.stop();
});

function run(
  permissions: TokenPermissions,
  inputs: Record<string, string> = {},
  environment: Record<string, string> = {},
): Promise<PhaseRun> {
  return sides.runPhase(
    'assess',
    {
      environment: '',
      'heroku-app': 'shop-staging',
      'digitalocean-token': '',
      'migration-key': '',
      init: 'true',
      'github-token': github.issueToken(permissions),
      record: `init-${Math.random().toString(36).slice(2)}.json`,
      ...inputs,
    },
    {
      GITHUB_API_URL: github.apiUrl,
      GITHUB_ACTION_REPOSITORY: SUITE,
      GITHUB_ACTION_REF: SHA,
      ...environment,
    },
  );
}

function files(): string[] {
  const { objects } = github.git;
  const tree = objects.commit(github.git.branch(BRANCH)?.commit ?? '')?.tree ?? '';
  return [...objects.files(tree).keys()].sort();
}

test('jobs that may not open pull requests: the branch, the address that opens one, and the setting', async () => {
  const before = github.git.branch('main')?.commit;
  const { code, log, outputs } = await run(JOB);
  expect(code).toBe(1);
  expect(log).toContain('Allow GitHub Actions to create and approve pull requests');
  expect(outputs['pull-request']).toBe(`https://github.com/acme/shop/compare/main...${BRANCH}?expand=1`);
  expect(github.git.branch('main')?.commit).toBe(before);
});

test('a job’s own token proposes migration.yml, and gives the text of the workflows that it may not write', async () => {
  github.settings.workflows.mayCreatePullRequests = true;
  const { code, log, outputs, summary } = await run(JOB);
  expect(code).toBe(0);
  expect(outputs['pull-request']).toBe('https://github.com/acme/shop/pull/1');
  expect(summary).toContain('A pull request was opened');
  expect(log).toContain('::warning title=Workflows were not written');
  expect(files()).toEqual(['migration.yml']);
  const [pull] = github.git.pulls;
  expect(pull?.title).toBe('Move shop to DigitalOcean');
  expect(pull?.body).toContain(`uses: ${SUITE}/.github/workflows/migrate.yml@${SHA}`);
  const kept = readFileSync(join(outputs.proposal ?? '', '.github/workflows/migrate.yml'), 'utf8');
  expect(parse(kept)).toMatchObject({ jobs: { migrate: { with: { application: 'shop' } } } });
});

test('migration.yml is what was found, and each open question stands on its line', () => {
  const text = github.readFile('migration.yml', BRANCH) ?? '';
  const config = parseMigrationConfig(text, 'migration.yml');
  expect(config).toMatchObject({
    application: 'shop',
    environments: {
      staging: { herokuApp: 'shop-staging', region: 'ams', domains: ['staging.shop.example.com'] },
    },
    dns: { zone: 'example.com' },
    schedule: [{ command: 'node job.mjs nightly', cron: '0 3 * * *' }],
    decisions: {},
  });
  expect(text).toContain(`raw.githubusercontent.com/${SUITE}/${SHA}/migration.schema.json`);
  const lines = text.split('\n');
  const comments = github.git.pulls[0]?.comments ?? [];
  expect(comments.length).toBeGreaterThan(1);
  for (const { line, body } of comments) {
    const plain = body.replaceAll(/\\(?=[^\w\s])/g, '');
    const id = /Answer with (\S+) under/.exec(plain)?.[1];
    if (id === undefined) expect(lines[line - 1]).toContain('# CHECK: ');
    else expect(lines[line - 1]?.replaceAll('"', '')).toContain(`#   ${id}: `);
  }
});

testInFull(
  'a second run changes nothing; a token that may adds the workflows to the same pull request',
  async () => {
    const head = github.git.branch(BRANCH)?.commit;
    const asked = github.git.pulls[0]?.comments.length;
    const again = await run(JOB);
    expect(again.summary).toContain('The pull request is up to date');
    expect(github.git.branch(BRANCH)?.commit).toBe(head);

    const { outputs } = await run(APP);
    expect(outputs['pull-request']).toBe('https://github.com/acme/shop/pull/1');
    expect(files()).toEqual([
      '.github/workflows/destroy.yml',
      '.github/workflows/finalize.yml',
      '.github/workflows/migrate.yml',
      '.github/workflows/probe.yml',
      '.github/workflows/rehearse-staging.yml',
      '.github/workflows/roll-back.yml',
      'migration.yml',
    ]);
    expect(github.git.pulls).toHaveLength(1);
    expect(github.git.pulls[0]?.comments).toHaveLength(asked ?? 0);
    expect(github.git.pulls[0]?.body).not.toContain('Workflows to add by hand');
  },
);

test('no secret is in the pull request, its questions or the requests to GitHub', () => {
  const told =
    JSON.stringify([github.git.pulls, github.requests]) + (github.readFile('migration.yml', BRANCH) ?? '');
  for (const secret of SECRETS) expect(told).not.toContain(secret);
});

testInFull(
  'with a migration.yml of one’s own that file is not proposed, and the questions stand in the text',
  async () => {
    github.git.closePull(only());
    github.git.deleteBranch(BRANCH);
    expect((await run(APP)).summary).toContain('It was closed by a person');

    const other = await startGitHub({ log: silentLog, repository: 'acme/shop' });
    const usual = github;
    github = other;
    try {
      other.settings.workflows.mayCreatePullRequests = true;
      writeFileSync(join(sides.directory, 'migration.yml'), CONFIG);
      const { code, summary } = await run(APP, { environment: 'staging', 'fail-on': 'never' });
      expect([code, summary]).toEqual([0, expect.stringContaining('A pull request was opened')]);
      expect(files()).not.toContain('migration.yml');
      expect(only().comments).toEqual([]);
      expect(only().body).toContain('- [ ] ');
    } finally {
      rmSync(join(sides.directory, 'migration.yml'));
      github = usual;
      await other.stop();
    }
  },
);

testInFull(
  'an action of the workspace proposes no workflows, since nobody can say what they would call',
  async () => {
    const other = await startGitHub({ log: silentLog, repository: 'acme/shop' });
    const usual = github;
    github = other;
    try {
      const { summary } = await run(APP, {}, { GITHUB_ACTION_REPOSITORY: '', GITHUB_ACTION_REF: '' });
      expect(files()).toEqual(['migration.yml']);
      expect(summary).toContain('No workflows are proposed');
    } finally {
      github = usual;
      await other.stop();
    }
  },
);

function only() {
  const [pull] = github.git.pulls;
  if (pull === undefined) throw new Error('There is no pull request.');
  return pull;
}
