import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { startGitHub, type GitHubWorld, type TokenPermissions } from '../../rehearsal/github/world.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { proposeFiles, type FilesProposal, type ProposalApi } from '../../src/github/pull-request.ts';
import { createRepositoryClient } from '../../src/github/repository-client.ts';
import { silentLog } from '../../src/log.ts';

const JOB: TokenPermissions = { contents: 'write', 'pull-requests': 'write' };
const APP: TokenPermissions = { ...JOB, workflows: 'write' };
const CONFIG = { path: 'migration.yml', content: 'application: shop\nstrategy: auto\n' };
const WORKFLOW = { path: '.github/workflows/migrate.yml', content: 'on: push\n' };
const QUESTION = { key: 'add-on/papertrail', path: 'migration.yml', line: 2, body: 'What becomes of it?' };
const BRANCH = 'proposal';

let github: GitHubWorld;
let slept: number[];
beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
  github.settings.workflows.mayCreatePullRequests = true;
  slept = [];
});
afterEach(() => github.stop());

function api(permissions: TokenPermissions = APP): ProposalApi {
  const client = createRepositoryClient({
    repository: 'acme/shop',
    apiUrl: github.apiUrl,
    token: github.issueToken(permissions),
    clock: {
      now: () => new Date(),
      sleep: (milliseconds) => {
        slept.push(milliseconds);
        return Promise.resolve();
      },
    },
    signal: new AbortController().signal,
  });
  return { ...client, pageUrl: 'https://github.com/acme/shop' };
}

function propose(changes: Partial<FilesProposal> = {}, permissions?: TokenPermissions) {
  return proposeFiles(api(permissions), {
    branch: BRANCH,
    title: 'Move',
    body: 'Please look.',
    files: [CONFIG, WORKFLOW],
    comments: [QUESTION],
    ...changes,
  });
}

const changed = { files: [{ ...CONFIG, content: 'application: other\n' }, WORKFLOW], comments: [] };

function pull(number = 1) {
  const found = github.git.pulls[number - 1];
  if (found === undefined) throw new Error(`no pull request ${number}`);
  return found;
}

function commitsAhead(): number {
  const base = github.git.objects.history(github.git.branch('main')?.commit ?? '');
  const all = github.git.objects.history(github.git.branch(BRANCH)?.commit ?? '');
  return [...all].filter((sha) => !base.has(sha)).length;
}

describe('a first run', () => {
  test('opens one pull request of one commit with every file, and asks on its line', async () => {
    const before = github.git.branch('main')?.commit;
    const result = await propose();
    expect(result).toEqual({
      outcome: 'opened',
      url: 'https://github.com/acme/shop/pull/1',
      untouched: [],
      refused: [],
      unplaced: [],
    });
    expect(github.readFile(CONFIG.path, BRANCH)).toBe(CONFIG.content);
    expect(github.readFile(WORKFLOW.path, BRANCH)).toBe(WORKFLOW.content);
    expect(commitsAhead()).toBe(1);
    expect(github.git.branch('main')?.commit).toBe(before);
    expect(pull()).toMatchObject({ title: 'Move', head: BRANCH, base: 'main', state: 'open' });
    expect(pull().body).toContain('Please look.');
    expect(pull().comments).toMatchObject([{ path: 'migration.yml', line: 2 }]);
    expect(pull().comments[0]?.body).toContain('What becomes of it?');
  });

  test('leaves a file alone that was there before, and asks beside the lines what has none', async () => {
    github.setFile(CONFIG.path, 'mine\n');
    const result = await propose({
      body: ({ unplaced }) => unplaced.map(({ body }) => `- [ ] ${body}`).join('\n'),
    });
    expect(result.untouched).toEqual([{ path: CONFIG.path, why: 'it was there before' }]);
    expect(github.readFile(CONFIG.path, BRANCH)).toBe('mine\n');
    expect(pull().comments).toEqual([]);
    expect(pull().body).toContain('- [ ] What becomes of it?');
  });

  test('has nothing to do where all of it is there', async () => {
    github.setFile(CONFIG.path, CONFIG.content);
    github.setFile(WORKFLOW.path, WORKFLOW.content);
    expect((await propose()).outcome).toBe('nothing');
    expect(github.git.branch(BRANCH)).toBeUndefined();
  });
});

describe('a later run', () => {
  test('that finds the same changes nothing and asks nothing twice', async () => {
    await propose();
    const head = github.git.branch(BRANCH)?.commit;
    const writes = github.requests.filter(({ method }) => method !== 'GET').length;
    expect((await propose()).outcome).toBe('unchanged');
    expect(github.git.branch(BRANCH)?.commit).toBe(head);
    expect(github.git.pulls).toHaveLength(1);
    expect(pull().comments).toHaveLength(1);
    expect(github.requests.filter(({ method }) => method !== 'GET')).toHaveLength(writes);
  });

  test('brings the same pull request up to date, and asks only what is new', async () => {
    await propose();
    const result = await propose({
      files: [{ ...CONFIG, content: 'application: other\nnew: 1\n' }, WORKFLOW],
      body: 'Changed.',
      comments: [QUESTION, { ...QUESTION, key: 'other --> question' }],
    });
    expect(result).toMatchObject({ outcome: 'updated', untouched: [] });
    expect(github.readFile(CONFIG.path, BRANCH)).toBe('application: other\nnew: 1\n');
    expect(github.git.pulls).toHaveLength(1);
    expect(pull().comments).toHaveLength(2);
    expect(pull().body).toContain('Changed.');
    expect(pull().body).not.toContain('Please look.');
  });

  test('keeps what a person wrote around our part of the text, and writes none where they took it out', async () => {
    await propose();
    pull().body = `Hello.\r\n${pull().body.replaceAll('\n', '\r\n')}\r\nBye.`;
    await propose({ body: 'Changed.' });
    expect(pull().body).toMatch(/^Hello\.\n[^]*Changed\.[^]*\nBye\.$/);
    pull().body = 'All mine.';
    expect((await propose({ body: 'Again.' })).outcome).toBe('unchanged');
    expect(pull().body).toBe('All mine.');
  });

  test('never touches what a person edited or deleted, and still writes the rest', async () => {
    await propose();
    github.git.commit(BRANCH, 'ada', 'Mine', { [CONFIG.path]: 'application: ada\n' });
    const files = [CONFIG, { ...WORKFLOW, content: 'on: workflow_dispatch\n' }];
    expect(
      await propose({ ...changed, files: [...changed.files.slice(0, 1), ...files.slice(1)] }),
    ).toMatchObject({
      outcome: 'updated',
      untouched: [{ path: CONFIG.path, why: 'a person edited it' }],
    });
    expect(github.readFile(CONFIG.path, BRANCH)).toBe('application: ada\n');
    expect(github.readFile(WORKFLOW.path, BRANCH)).toBe('on: workflow_dispatch\n');

    github.git.commit(BRANCH, 'ada', 'Without', { [WORKFLOW.path]: null });
    const again = await propose();
    expect(again.untouched).toEqual([
      { path: CONFIG.path, why: 'a person edited it' },
      { path: WORKFLOW.path, why: 'a person deleted it' },
    ]);
    expect(github.readFile(WORKFLOW.path, BRANCH)).toBeUndefined();
  });

  test('goes on after a person’s other commits on the branch', async () => {
    await propose();
    github.git.commit(BRANCH, 'ada', 'Beside', { 'README.md': 'hello' });
    expect(await propose(changed)).toMatchObject({ outcome: 'updated', untouched: [] });
    expect(github.readFile('README.md', BRANCH)).toBe('hello');
    expect(github.readFile(CONFIG.path, BRANCH)).toBe('application: other\n');
  });

  test('does not mind a base that has moved, and yields to a file that it has got since', async () => {
    await propose();
    github.git.commit('main', 'ada', 'Work', { 'app.rb': '1' });
    expect(await propose(changed)).toMatchObject({ outcome: 'updated', untouched: [] });
    github.git.commit('main', 'ada', 'Own', { [CONFIG.path]: 'application: ours\n' });
    expect((await propose()).untouched).toEqual([
      { path: CONFIG.path, why: 'the base branch has got one of its own' },
    ]);
    expect(github.readFile(CONFIG.path, BRANCH)).toBe('application: ours\n');
    expect((await propose()).untouched).toHaveLength(1);
    expect(github.git.pulls).toHaveLength(1);
  });
});

describe('what people do with the pull request', () => {
  test.each([true, false])(
    'merged: a run with nothing new says so (branch kept: %s)',
    async (keepsBranch) => {
      await propose();
      github.git.squashPull(pull(), 'ada');
      if (!keepsBranch) github.git.deleteBranch(BRANCH);
      expect(await propose()).toMatchObject({
        outcome: 'merged',
        url: 'https://github.com/acme/shop/pull/1',
      });
      expect(github.git.pulls).toHaveLength(1);
    },
  );

  test.each([true, false])('merged: what is new is a second one (branch kept: %s)', async (keepsBranch) => {
    await propose();
    github.git.squashPull(pull(), 'ada');
    if (!keepsBranch) github.git.deleteBranch(BRANCH);
    expect(await propose(changed)).toMatchObject({
      outcome: 'opened',
      url: 'https://github.com/acme/shop/pull/2',
      untouched: [],
    });
    expect(github.readFile(CONFIG.path, BRANCH)).toBe('application: other\n');
    expect(commitsAhead()).toBe(1);
  });

  test('merged and edited since: the edit stays', async () => {
    await propose();
    github.git.squashPull(pull(), 'ada');
    github.git.commit('main', 'ada', 'Answer', { [CONFIG.path]: 'application: ada\n' });
    expect(await propose(changed)).toMatchObject({
      outcome: 'merged',
      untouched: [{ path: CONFIG.path, why: 'a person edited it' }],
    });
  });

  test('closed: nothing is opened again', async () => {
    await propose();
    github.git.closePull(pull());
    const head = github.git.branch(BRANCH)?.commit;
    expect(await propose(changed)).toMatchObject({
      outcome: 'closed',
      url: 'https://github.com/acme/shop/pull/1',
    });
    expect(github.git.branch(BRANCH)?.commit).toBe(head);
    github.git.deleteBranch(BRANCH);
    expect((await propose(changed)).outcome).toBe('closed');
    expect(github.git.pulls).toHaveLength(1);
  });

  test('a branch of that name that is somebody’s own is left alone', async () => {
    const main = github.git.branch('main')?.commit ?? '';
    github.git.createBranch(BRANCH, main);
    await expect(propose()).rejects.toThrow(/the branch proposal is not of an earlier proposal/);
    const head = github.git.commit(BRANCH, 'ada', 'Mine', { 'a.txt': '1' });
    await expect(propose()).rejects.toThrow(ConfigurationError);
    expect(github.git.branch(BRANCH)?.commit).toBe(head);
  });
});

describe('what a token may', () => {
  test('a job’s own token writes no workflows: the rest is proposed, and the body is told', async () => {
    const text = (refused: readonly string[]) => `Add by hand: ${refused.join(', ')}`;
    const result = await propose({ body: ({ refused }) => text(refused) }, JOB);
    expect(result).toMatchObject({ outcome: 'opened', refused: [WORKFLOW.path] });
    expect(github.readFile(CONFIG.path, BRANCH)).toBe(CONFIG.content);
    expect(github.readFile(WORKFLOW.path, BRANCH)).toBeUndefined();
    expect(pull().body).toContain(`Add by hand: ${WORKFLOW.path}`);
    expect(await propose({ body: ({ refused }) => text(refused) }, JOB)).toMatchObject({
      outcome: 'unchanged',
      refused: [WORKFLOW.path],
    });
    // A token that may adds them to the same one.
    expect(await propose()).toMatchObject({ outcome: 'updated', refused: [] });
    expect(github.readFile(WORKFLOW.path, BRANCH)).toBe(WORKFLOW.content);
  });

  test('jobs that may not open pull requests leave the branch, and the page that opens one', async () => {
    github.settings.workflows.mayCreatePullRequests = false;
    const result = await propose({}, JOB);
    expect(result).toMatchObject({
      outcome: 'not-opened',
      url: 'https://github.com/acme/shop/compare/main...proposal?expand=1',
      unplaced: [QUESTION],
    });
    expect(github.readFile(CONFIG.path, BRANCH)).toBe(CONFIG.content);
    github.settings.workflows.mayCreatePullRequests = true;
    expect(await propose({}, JOB)).toMatchObject({ outcome: 'opened', unplaced: [] });
  });

  test.each<[string, TokenPermissions]>([
    ['contents: read only', { contents: 'read', 'pull-requests': 'write' }],
    ['no pull requests', { contents: 'write' }],
  ])('without the right the message names it: %s', async (_what, permissions) => {
    await expect(propose({}, permissions)).rejects.toThrow(ConfigurationError);
    await expect(propose({}, permissions)).rejects.toThrow(/contents: write|pull-requests/);
  });

  test('a token that is not known is refused', async () => {
    const client = createRepositoryClient({
      repository: 'acme/shop',
      apiUrl: github.apiUrl,
      token: 'ghs_none',
      clock: { now: () => new Date(), sleep: () => Promise.resolve() },
      signal: new AbortController().signal,
    });
    const asked = proposeFiles(
      { ...client, pageUrl: '' },
      { branch: BRANCH, title: 't', body: 'b', files: [CONFIG] },
    );
    await expect(asked).rejects.toThrow(/HTTP 401.*Bad credentials/);
  });
});

describe('weather', () => {
  test('a rate limit is waited for', async () => {
    github.faults.inject({ times: 2, kind: 429 });
    github.faults.inject({ method: 'POST', times: 2, kind: 429 });
    expect((await propose()).outcome).toBe('opened');
    expect(slept).toContain(1_000);
  });

  test.each(['cut', 'truncate', 500] as const)(
    'whatever request ends with %s, there is one pull request and one of each question',
    async (kind) => {
      // One run tells how many requests there are; then each of them fails once.
      const undisturbed = await startGitHub({ log: silentLog, repository: 'acme/shop' });
      undisturbed.settings.workflows.mayCreatePullRequests = true;
      const usual = github;
      github = undisturbed;
      await propose();
      const count = undisturbed.requests.length;
      await undisturbed.stop();
      github = usual;
      for (let after = 0; after < count; after += 1) {
        const world = await startGitHub({ log: silentLog, repository: 'acme/shop' });
        world.settings.workflows.mayCreatePullRequests = true;
        github = world;
        try {
          world.faults.inject({ times: 1, after, kind });
          const result = await propose();
          expect(['opened', 'updated', 'unchanged']).toContain(result.outcome);
          expect(result).toMatchObject({ untouched: [], refused: [], unplaced: [] });
          expect(world.git.pulls).toHaveLength(1);
          expect(world.git.pulls[0]?.comments).toHaveLength(1);
          expect(world.readFile(CONFIG.path, BRANCH)).toBe(CONFIG.content);
          expect(commitsAhead()).toBe(1);
        } finally {
          github = usual;
          await world.stop();
        }
      }
    },
  );

  test('somebody’s push between our look and our write is kept', async () => {
    await propose();
    const watching = api();
    let pushed = false;
    const racing: ProposalApi = {
      ...watching,
      ask: (what, route, parameters, schema) => {
        if (route.startsWith('POST /git/commits') && !pushed) {
          pushed = true;
          github.git.commit(BRANCH, 'ada', 'Mine', { 'mine.txt': '1', [CONFIG.path]: 'application: ada\n' });
        }
        return watching.ask(what, route, parameters, schema);
      },
    };
    const result = await proposeFiles(racing, { branch: BRANCH, title: 'Move', body: 'b', ...changed });
    expect(result.untouched).toEqual([{ path: CONFIG.path, why: 'a person edited it' }]);
    expect(github.readFile('mine.txt', BRANCH)).toBe('1');
    expect(github.readFile(CONFIG.path, BRANCH)).toBe('application: ada\n');
  });

  test('two runs at once end with one pull request', async () => {
    const both = await Promise.all([propose(), propose()]);
    expect(both.map(({ outcome }) => outcome).sort()).toContain('opened');
    expect(github.git.pulls).toHaveLength(1);
    expect(commitsAhead()).toBe(1);
  });
});
