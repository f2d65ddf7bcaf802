import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { getOctokit } from '@actions/github';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { startGitHub, type GitHubWorld, type TokenPermissions } from '../../../rehearsal/github/world.ts';
import { silentLog } from '../../../src/log.ts';

// The client's types are made from GitHub's own description of its API: what is read here must be in both.
const shop = { owner: 'acme', repo: 'shop' };
const WRITE: TokenPermissions = { contents: 'write', 'pull-requests': 'write' };
let github: GitHubWorld;
beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
  github.settings.workflows.mayCreatePullRequests = true;
});
afterEach(() => github.stop());

function client(permissions: TokenPermissions = WRITE) {
  return getOctokit(github.issueToken(permissions), { baseUrl: github.apiUrl }).rest;
}

const FILES = { 'b.txt': 'two\n', 'a/deep/é.txt': 'ü\n', 'a.txt': '', 'a-b/c': 'x' };

test('a commit of several files has the ids that git itself gives', async () => {
  const { git } = client();
  const tree = await git.createTree({
    ...shop,
    tree: Object.entries(FILES).map(([path, content]) => ({ path, mode: '100644', type: 'blob', content })),
  });
  const directory = mkdtempSync(join(tmpdir(), 'git-'));
  try {
    for (const [path, content] of Object.entries(FILES)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), content);
    }
    const run = (...words: string[]) =>
      execFileSync('git', words, { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .trim();
    run('init', '--quiet');
    run('add', '--all');
    expect(tree.data.sha).toBe(run('write-tree'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a tree on top of another keeps what it does not name, and takes files away', async () => {
  const { git, repos } = client();
  github.git.commit('main', 'ada', 'Files', { keep: 'k', 'in/gone': 'g', change: '1' });
  const main = (await git.getRef({ ...shop, ref: 'heads/main' })).data.object.sha;
  const base = (await git.getCommit({ ...shop, commit_sha: main })).data.tree.sha;
  const { data: tree } = await git.createTree({
    ...shop,
    base_tree: base,
    tree: [
      { path: 'in/gone', mode: '100644', type: 'blob', sha: null },
      { path: 'change', mode: '100644', type: 'blob', content: '2' },
    ],
  });
  const { data: commit } = await git.createCommit({ ...shop, message: 'm', tree: tree.sha, parents: [main] });
  await git.createRef({ ...shop, ref: 'refs/heads/new', sha: commit.sha });
  expect(github.readFile('keep', 'new')).toBe('k');
  expect(github.readFile('in/gone', 'new')).toBeUndefined();
  expect(github.readFile('change', 'new')).toBe('2');
  const { data } = await repos.compareCommitsWithBasehead({ ...shop, basehead: 'main...new' });
  expect(data).toMatchObject({ status: 'ahead', ahead_by: 1, behind_by: 0 });
  expect(data.commits.map(({ sha }) => sha)).toEqual([commit.sha]);
});

test('a branch moves forward only, unless forced', async () => {
  const { git } = client();
  const first = (await git.getRef({ ...shop, ref: 'heads/main' })).data.object.sha;
  const ours = github.git.commit('main', 'ada', 'One', { a: '1' });
  await git.createRef({ ...shop, ref: 'refs/heads/work', sha: ours });
  const again = git.createRef({ ...shop, ref: 'refs/heads/work', sha: ours });
  await expect(again).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('already exists'),
  });
  await expect(git.updateRef({ ...shop, ref: 'heads/work', sha: first })).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('Update is not a fast forward'),
  });
  await git.updateRef({ ...shop, ref: 'heads/work', sha: first, force: true });
  await expect(git.updateRef({ ...shop, ref: 'heads/none', sha: first })).rejects.toMatchObject({
    status: 422,
  });
});

test('a job’s token writes no workflow, an app’s with that permission does', async () => {
  const tree: { path: string; mode: '100644'; type: 'blob'; content: string }[] = [
    { path: '.github/workflows/x.yml', mode: '100644', type: 'blob', content: 'on: push' },
  ];
  await expect(client().git.createTree({ ...shop, tree })).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('Resource not accessible by integration'),
  });
  expect((await client({ ...WRITE, workflows: 'write' }).git.createTree({ ...shop, tree })).status).toBe(201);
});

test('review comments stand on lines of the diff only', async () => {
  const { git, pulls } = client();
  const main = (await git.getRef({ ...shop, ref: 'heads/main' })).data.object.sha;
  await git.createRef({ ...shop, ref: 'refs/heads/work', sha: main });
  await expect(pulls.create({ ...shop, title: 't', head: 'work', base: 'main' })).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('No commits between main and work'),
  });
  github.git.commit('work', 'ada', 'Two lines', { a: '1\n2\n' });
  await pulls.create({ ...shop, title: 't', head: 'work', base: 'main' });
  const review = (line: number) =>
    pulls.createReview({
      ...shop,
      pull_number: 1,
      event: 'COMMENT',
      comments: [{ path: 'a', line, body: 'q' }],
    });
  await review(2);
  await expect(review(3)).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('must be part of the diff'),
  });
  const { data } = await pulls.listReviewComments({ ...shop, pull_number: 1 });
  expect(data.map(({ path, line, body }) => ({ path, line, body }))).toEqual([
    { path: 'a', line: 2, body: 'q' },
  ]);
});

test('of a pull request that is merged or closed the head stays known, though its branch is gone', async () => {
  const { git, pulls } = client();
  for (const [index, name] of ['one', 'two'].entries()) {
    const main = (await git.getRef({ ...shop, ref: 'heads/main' })).data.object.sha;
    await git.createRef({ ...shop, ref: `refs/heads/${name}`, sha: main });
    const head = github.git.commit(name, 'ada', name, { [name]: '1' });
    await pulls.create({ ...shop, title: name, head: name, base: 'main' });
    const pull = github.git.pulls[index];
    if (pull === undefined) throw new Error('no pull request');
    if (name === 'one') github.git.squashPull(pull, 'ada');
    await git.deleteRef({ ...shop, ref: `heads/${name}` });
    const { data } = await pulls.list({ ...shop, state: 'all', head: `acme:${name}` });
    expect(data).toMatchObject([{ state: 'closed', head: { ref: name, sha: head } }]);
    expect(data[0]?.merged_at === null).toBe(name === 'two');
  }
  expect(github.readFile('one')).toBe('1');
  expect(github.readFile('two')).toBeUndefined();
});
