import { afterEach, beforeEach, expect, test } from '@jest/globals';

import type { GitHubWorld } from '../../rehearsal/github/world.ts';
import { startGitHub } from '../../rehearsal/github/world.ts';
import { readRepositorySettings, type RepositorySettings } from '../../src/github/repository-settings.ts';
import { silentLog } from '../../src/log.ts';

let github: GitHubWorld;

beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
  github.setFile('README.md', 'shop');
});
afterEach(() => github.stop());

const EVERYTHING = {
  actions: 'read',
  contents: 'read',
  environments: 'read',
  secrets: 'read',
  variables: 'read',
  administration: 'read',
} as const;

function settings(token: string): Promise<RepositorySettings> {
  return readRepositorySettings({
    repository: 'acme/shop',
    apiUrl: github.apiUrl,
    token,
    environments: ['staging', 'production'],
    signal: new AbortController().signal,
  });
}

test('rules, names of secrets and variables, and what workflows may do are read', async () => {
  github.configureEnvironment('production', {
    reviewers: ['bob'],
    preventSelfReview: true,
    branchPolicy: 'protected',
    canAdminsBypass: false,
  });
  github.settings.environmentSecrets.set('production', new Set(['HEROKU_TOKEN']));
  github.settings.secrets.add('MIGRATION_KEY');
  github.settings.organizationSecrets.add('DIGITALOCEAN_TOKEN');
  for (let index = 0; index < 65; index += 1) github.setVariable(`V${index}`, 'x');
  github.settings.workflows.mayCreatePullRequests = true;

  const found = await settings(github.issueToken(EVERYTHING));
  expect(found).toMatchObject({
    repository: { state: 'seen', value: { private: true, defaultBranch: 'main' } },
    defaultBranchProtected: { state: 'seen', value: true },
    environments: [
      { name: 'staging', rules: { state: 'absent' }, secrets: { state: 'absent' } },
      {
        name: 'production',
        rules: {
          state: 'seen',
          value: {
            reviewers: 1,
            preventsSelfReview: true,
            administratorsMayBypass: false,
            branches: 'protected',
          },
        },
        secrets: { state: 'seen', value: ['HEROKU_TOKEN'] },
      },
    ],
    secrets: { state: 'seen', value: ['MIGRATION_KEY'] },
    organizationSecrets: { state: 'seen', value: ['DIGITALOCEAN_TOKEN'] },
    actions: { state: 'seen', value: { enabled: true, allowed: 'all' } },
    workflows: { state: 'seen', value: { defaultPermissions: 'read', mayCreatePullRequests: true } },
  });
  // Three pages: GitHub gives no more than 30 variables at once.
  expect(found.variables).toMatchObject({ state: 'seen' });
  expect(found.variables.state === 'seen' && new Set(found.variables.value).size).toBe(65);
});

test("a job's token sees the rules and not the secrets, and each gap names the permission", async () => {
  github.configureEnvironment('production', {});
  const found = await settings(github.issueToken({ actions: 'read', contents: 'read' }));
  expect(found.environments[1]).toMatchObject({
    rules: { state: 'seen', value: { reviewers: 0, branches: 'any' } },
    secrets: { state: 'unknown', permission: 'Environments: read', why: expect.stringContaining('403') },
  });
  expect(found.secrets).toMatchObject({ state: 'unknown', permission: 'Secrets: read' });
  expect(found.workflows).toMatchObject({ state: 'unknown', permission: 'Administration: read' });
});

test('a token that GitHub does not know leaves everything unknown, nothing absent', async () => {
  const found = await settings('ghs_gone');
  expect(found.repository).toMatchObject({ state: 'unknown', why: expect.stringContaining('401') });
  expect(found.environments[0]?.rules).toMatchObject({ state: 'unknown' });
});
