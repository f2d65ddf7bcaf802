import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { getOctokit } from '@actions/github';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGitHub } from '../../../rehearsal/github/world.ts';
import type { GitHubWorld, TokenPermissions } from '../../../rehearsal/github/world.ts';
import { silentLog } from '../../../src/log.ts';

// Asked through the client that the actions use, so that what it needs of an answer is there.
const shop = { owner: 'acme', repo: 'shop' };
let github: GitHubWorld;
beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterEach(() => github.stop());

function client(permissions: TokenPermissions, token = github.issueToken(permissions)) {
  return getOctokit(token, { baseUrl: github.apiUrl }).rest;
}

test('an environment tells its reviewers, self-review rule and branches, as a gate must see them', async () => {
  github.configureEnvironment('production', {
    reviewers: ['grace'],
    preventSelfReview: true,
    branchPolicy: ['main'],
  });
  github.configureEnvironment('staging', {});
  const { repos } = client({ actions: 'read' });
  const { data } = await repos.getEnvironment({ ...shop, environment_name: 'production' });
  expect(data.protection_rules).toMatchObject([
    {
      type: 'required_reviewers',
      prevent_self_review: true,
      reviewers: [{ type: 'User', reviewer: { login: 'grace' } }],
    },
    { type: 'branch_policy' },
  ]);
  expect(data.deployment_branch_policy).toEqual({ protected_branches: false, custom_branch_policies: true });
  const policies = await repos.listDeploymentBranchPolicies({ ...shop, environment_name: 'production' });
  expect(policies.data.branch_policies).toMatchObject([{ name: 'main' }]);
  const open = await repos.getEnvironment({ ...shop, environment_name: 'staging' });
  expect(open.data.protection_rules).toEqual([]);
  expect(open.data.deployment_branch_policy).toBeNull();
  await expect(repos.getEnvironment({ ...shop, environment_name: 'missing' })).rejects.toMatchObject({
    status: 404,
  });
});

test('a token may do what its job was granted, and nothing once the job has ended', async () => {
  const run = github.createRun({ actor: 'ada' });
  const named = { ...shop, run_id: run.id };
  expect((await client({ actions: 'read' }).actions.getWorkflowRun(named)).data.actor?.login).toBe('ada');
  await expect(client({ contents: 'read' }).actions.getWorkflowRun(named)).rejects.toMatchObject({
    status: 403,
  });
  await expect(client({}, 'ghs_unknown').actions.getWorkflowRun(named)).rejects.toMatchObject({
    status: 401,
  });
  const token = github.issueToken({ actions: 'read' });
  github.revokeToken(token);
  await expect(client({}, token).actions.getWorkflowRun(named)).rejects.toMatchObject({ status: 401 });
  expect(JSON.stringify(github.requests)).not.toContain('ghs_');
});

test('approvals stay over attempts without time or attempt, and GitHub refuses a review that it would not take', async () => {
  github.configureEnvironment('production', { reviewers: ['grace', 'ada'], preventSelfReview: true });
  const run = github.createRun({ actor: 'ada' });
  expect(() => github.approve(run.id, 'production', 'ada')).toThrow('may not approve its own');
  expect(() => github.approve(run.id, 'production', 'mallory')).toThrow('not a reviewer');
  github.approve(run.id, 'production', 'grace', 'looks right');
  github.updateRun(run.id, { attempt: 2, triggeringActor: 'grace' });
  const { actions } = client({ actions: 'read' });
  const { data } = await actions.getReviewsForRun({ ...shop, run_id: run.id });
  expect(data).toMatchObject([
    {
      state: 'approved',
      comment: 'looks right',
      user: { login: 'grace' },
      environments: [{ name: 'production' }],
    },
  ]);
  expect(Object.keys(data[0] ?? {})).not.toContain('run_attempt');
  expect((await actions.getWorkflowRun({ ...shop, run_id: run.id })).data).toMatchObject({
    run_attempt: 2,
    actor: { login: 'ada' },
    triggering_actor: { login: 'grace' },
  });
});

test('an artifact is listed and downloaded as a ZIP archive that others can read', async () => {
  const run = github.createRun({ actor: 'ada' });
  const folder = join(github.artifacts(run.id), 'migration-record-production');
  mkdirSync(join(folder, 'deeper'), { recursive: true });
  writeFileSync(join(folder, 'migration-record.json'), '{"é":1}\n');
  writeFileSync(join(folder, 'deeper', 'empty.txt'), '');
  const { actions } = client({ actions: 'read' });
  const { data } = await actions.listWorkflowRunArtifacts({
    ...shop,
    run_id: run.id,
    name: 'migration-record-production',
  });
  const archive = await actions.downloadArtifact({
    ...shop,
    artifact_id: data.artifacts[0]?.id ?? 0,
    archive_format: 'zip',
  });
  const directory = mkdtempSync(join(tmpdir(), 'artifact-'));
  const file = join(directory, 'a.zip');
  writeFileSync(file, Buffer.from(archive.data as ArrayBuffer));
  const unzip =
    "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(z.testzip(), sorted(z.namelist()), z.read('migration-record.json').decode())";
  const shown = execFileSync('python3', ['-c', unzip, file]).toString();
  rmSync(directory, { recursive: true });
  expect(shown).toBe("None ['deeper/empty.txt', 'migration-record.json'] {\"é\":1}\n\n");
});

test('files, branches and pull requests are kept: a second pull request for a branch is refused', async () => {
  github.setFile('migration.yml', 'application: shop\n');
  const { repos, git, pulls } = client({ contents: 'write', 'pull-requests': 'write' });
  const main = await git.getRef({ ...shop, ref: 'heads/main' });
  await git.createRef({ ...shop, ref: 'refs/heads/migration/files', sha: main.data.object.sha });
  const put = {
    ...shop,
    path: 'deep/Dockerfile',
    branch: 'migration/files',
    message: 'Add',
    content: Buffer.from('FROM scratch\n').toString('base64'),
  };
  expect((await repos.createOrUpdateFileContents(put)).status).toBe(201);
  await expect(repos.createOrUpdateFileContents(put)).rejects.toMatchObject({ status: 422 });
  await expect(repos.createOrUpdateFileContents({ ...put, sha: '0'.repeat(40) })).rejects.toMatchObject({
    status: 409,
  });
  expect(github.readFile('deep/Dockerfile', 'migration/files')).toBe('FROM scratch\n');
  expect(github.readFile('deep/Dockerfile')).toBeUndefined();
  const { data } = await repos.getContent({ ...shop, path: 'migration.yml' });
  expect(Buffer.from((data as { content: string }).content, 'base64').toString()).toBe('application: shop\n');

  const wanted = { ...shop, title: 'Files', body: 'b', head: 'migration/files', base: 'main' };
  await expect(pulls.create(wanted)).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('GitHub Actions is not permitted to create or approve pull requests.'),
  });
  github.settings.workflows.mayCreatePullRequests = true;
  await pulls.create(wanted);
  await expect(pulls.create(wanted)).rejects.toMatchObject({ status: 422 });
  const open = await pulls.list({ ...shop, head: 'acme:migration/files' });
  expect(open.data).toHaveLength(1);
  await pulls.update({ ...shop, pull_number: 1, state: 'closed' });
  expect(github.pullRequests()).toMatchObject([{ number: 1, state: 'closed', head: 'migration/files' }]);
});

test('it fails when told to: rate limit, server error, cut connection', async () => {
  const run = github.createRun({ actor: 'ada' });
  const ask = () => client({ actions: 'read' }).actions.getWorkflowRun({ ...shop, run_id: run.id });
  for (const kind of [429, 500] as const) {
    github.faults.inject({ path: /runs/u, times: 1, kind });
    await expect(ask()).rejects.toMatchObject({ status: kind });
    expect((await ask()).status).toBe(200);
  }
  github.faults.inject({ times: 1, kind: 'cut' });
  await expect(ask()).rejects.toThrow();
  // The client takes half an answer for an empty one: whoever asks must look at what came.
  github.faults.inject({ times: 1, kind: 'truncate' });
  expect((await ask()).data).toBe('');
  expect((await ask()).status).toBe(200);
});

test('a variable is told to a token that may read variables, which GITHUB_TOKEN never may', async () => {
  github.setVariable('GATE', 'open');
  const wanted = { ...shop, name: 'GATE' };
  const { data } = await client({ variables: 'read' }).actions.getRepoVariable(wanted);
  expect(data.value).toBe('open');
  await expect(client({ actions: 'read' }).actions.getRepoVariable(wanted)).rejects.toMatchObject({
    status: 403,
  });
});
