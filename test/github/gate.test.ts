import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { GitHubWorld } from '../../rehearsal/github/world.ts';
import { startGitHub } from '../../rehearsal/github/world.ts';
import type { GateOptions } from '../../src/github/gate.ts';
import { checkGate } from '../../src/github/gate.ts';
import { silentLog } from '../../src/log.ts';

const digest = `sha256:${'a'.repeat(64)}`;
let github: GitHubWorld;

beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterEach(() => github.stop());

function options(runId: number, changes: Partial<GateOptions> = {}): GateOptions {
  const { actor, triggeringActor } = github.run(runId);
  return {
    mode: 'environment',
    environment: 'production',
    protected: true,
    recordedDigest: digest,
    enteredDigest: digest,
    prepareRunId: undefined,
    run: { repository: 'acme/shop', runId: String(runId), actor, triggeringActor, apiUrl: github.apiUrl },
    token: github.issueToken({ actions: 'read' }),
    signal: new AbortController().signal,
    ...changes,
  };
}

function reviewed(): number {
  github.configureEnvironment('production', {
    reviewers: ['bob', 'ada'],
    preventSelfReview: true,
    branchPolicy: 'protected',
  });
  return github.createRun({ actor: 'ada' }).id;
}

describe('the reviewed environment', () => {
  test('opens when somebody else approved this run for this plan, and tells what it saw', async () => {
    const run = reviewed();
    github.approve(run, 'production', 'bob', 'looks good');
    expect(await checkGate(options(run))).toEqual({
      mode: 'environment',
      approvedBy: 'bob',
      checks: [
        { what: 'digest of the approved plan', found: digest },
        { what: 'required reviewers', found: '2' },
        { what: 'self-review', found: 'prevented' },
        { what: 'deployment branches', found: 'protected branches only' },
        { what: 'administrators may bypass', found: 'yes' },
        { what: 'started by', found: 'ada' },
        { what: 'approved by', found: 'bob' },
        { what: 'comment of the approval', found: 'looks good' },
      ],
    });
  });

  test('stays closed without an approval, or with one for another environment, or a rejection', async () => {
    const run = reviewed();
    await expect(checkGate(options(run))).rejects.toThrow(
      /no one other than ada, who started it, has approved/,
    );
    github.configureEnvironment('staging', { reviewers: ['bob'] });
    github.approve(run, 'staging', 'bob');
    github.review(run, { environment: 'production', state: 'rejected', user: 'bob', comment: 'no' });
    await expect(checkGate(options(run))).rejects.toThrow(/no one other than ada/);
  });

  test('an approval by who started a later attempt does not count', async () => {
    github.configureEnvironment('production', {
      reviewers: ['bob', 'ada'],
      preventSelfReview: true,
      branchPolicy: 'protected',
      canAdminsBypass: false,
    });
    const run = github.createRun({ actor: 'ada' }).id;
    github.approve(run, 'production', 'bob');
    github.updateRun(run, { attempt: 2, triggeringActor: 'Bob' });
    await expect(checkGate(options(run))).rejects.toThrow(/no one other than ada and Bob/);
  });

  test('in a later attempt an approval counts only where nobody can pass without one', async () => {
    const run = reviewed();
    github.approve(run, 'production', 'bob');
    github.updateRun(run, { attempt: 2 });
    await expect(checkGate(options(run))).rejects.toThrow(/may be of an earlier one.*bypass/);
    github.configureEnvironment('production', {
      reviewers: ['bob'],
      preventSelfReview: true,
      branchPolicy: 'protected',
      canAdminsBypass: false,
    });
    await expect(checkGate(options(run))).resolves.toMatchObject({ approvedBy: 'bob' });
  });

  test('names the setting to change when the environment does not protect', async () => {
    const run = github.createRun({ actor: 'ada' }).id;
    await expect(checkGate(options(run))).rejects.toThrow(
      /"production" could not be read: it does not exist. Make it under Settings/,
    );
    github.configureEnvironment('production', { branchPolicy: 'protected' });
    await expect(checkGate(options(run))).rejects.toThrow(
      /no required reviewers: add at least one.*second-dispatch/,
    );
    github.configureEnvironment('production', { reviewers: ['bob'], branchPolicy: 'protected' });
    await expect(checkGate(options(run))).rejects.toThrow(/tick "Prevent self-review"/);
    github.configureEnvironment('production', { reviewers: ['bob'], preventSelfReview: true });
    await expect(checkGate(options(run))).rejects.toThrow(/any branch may deploy/);
    github.configureEnvironment('production', {
      reviewers: ['bob'],
      preventSelfReview: true,
      branchPolicy: ['main', '*'],
    });
    await expect(checkGate(options(run))).rejects.toThrow(/\(\*\) limit nothing/);
  });

  test('named deployment branches are a protection where not everybody may write to the one of this run', async () => {
    github.configureEnvironment('production', {
      reviewers: ['bob'],
      preventSelfReview: true,
      branchPolicy: ['main', 'release/*'],
    });
    const token = github.issueToken({ actions: 'read', contents: 'read' });
    const branchesSeen = async (branch: string): Promise<string | undefined> => {
      const run = github.createRun({ actor: 'ada', branch }).id;
      github.approve(run, 'production', 'bob');
      const { checks } = await checkGate(options(run, { token }));
      return checks.find(({ what }) => what === 'deployment branches')?.found;
    };
    expect(await branchesSeen('main')).toBe('main, release/*; this run is of main');
    github.git.createBranch('release/1', github.git.branch('main')?.commit ?? '');
    await expect(branchesSeen('release/1')).rejects.toThrow(
      /nothing protects release\/1: whoever may push there decides what runs\. Protect the branch/,
    );
    github.settings.protectedBranches.add('release/1');
    expect(await branchesSeen('release/1')).toBe('main, release/*; this run is of release/1');
    await expect(branchesSeen('release/gone')).rejects.toThrow(/branch "release\/gone" could not be read/);
  });

  test('an approval is for one plan', async () => {
    const run = reviewed();
    github.approve(run, 'production', 'bob');
    await expect(checkGate(options(run, { recordedDigest: `sha256:${'b'.repeat(64)}` }))).rejects.toThrow(
      /the plan changed since/,
    );
    await expect(checkGate(options(run, { enteredDigest: undefined }))).rejects.toThrow(
      /input plan-digest is empty/,
    );
  });

  test('whatever GitHub does not answer keeps it closed: token, permission, rate limit, outage, cut answers', async () => {
    const run = reviewed();
    github.approve(run, 'production', 'bob');
    const refused = (changes: Partial<GateOptions> = {}) => expect(checkGate(options(run, changes))).rejects;
    await refused({ token: github.issueToken({ contents: 'read' }) }).toThrow(
      /403.*permissions: actions: read/,
    );
    await refused({ token: 'ghs_wrong' }).toThrow(/refused the token \(401\)/);
    await refused({ token: undefined }).toThrow(/give the input github-token/);
    for (const [kind, told] of [
      [429, /slow down \(429\)/],
      [503, /in trouble \(HTTP 503\)/],
      ['cut', /could not be read/],
      ['truncate', /could not be read|form that is not known/],
    ] as const) {
      for (const path of [/environments/, /approvals/, /runs\/\d+$/]) {
        github.faults.inject({ path, times: 1, kind });
        await refused().toThrow(told);
      }
    }
    await expect(checkGate(options(run))).resolves.toMatchObject({ approvedBy: 'bob' });
  });
});

describe('the second dispatch', () => {
  function prepared(from: { path?: string; branch?: string; headRepository?: string } = {}): number {
    const run = github.createRun({ actor: 'ada', ...from });
    github.updateRun(run.id, { status: 'completed', conclusion: 'success' });
    mkdirSync(join(github.artifacts(run.id), 'migration-record-production'));
    return run.id;
  }
  const second = (prepareRun: number, actor: string, changes: Partial<GateOptions> = {}) => {
    const run = github.createRun({ actor, path: '.github/workflows/cutover.yml' }).id;
    return checkGate(options(run, { mode: 'second-dispatch', prepareRunId: String(prepareRun), ...changes }));
  };

  test('opens for a second person who enters the digest of the plan', async () => {
    const run = prepared();
    const evidence = await second(run, 'bob');
    expect(evidence).toMatchObject({ mode: 'second-dispatch', approvedBy: 'bob' });
    expect(evidence.checks).toContainEqual({ what: 'prepared by', found: 'ada' });
    expect(evidence.checks).toContainEqual({
      what: 'prepared in',
      found: `https://github.com/acme/shop/actions/runs/${run} (.github/workflows/migrate.yml on main)`,
    });
  });

  test('stays closed for the same person, also when only a re-run was theirs', async () => {
    await expect(second(prepared(), 'Ada')).rejects.toThrow(/Ada started the run that prepared and this one/);
    const rerun = prepared();
    github.updateRun(rerun, { triggeringActor: 'bob' });
    await expect(second(rerun, 'bob')).rejects.toThrow(/a second person must dispatch/);
  });

  test('stays closed for another digest, an unknown run, an unfinished one, and one without a record', async () => {
    await expect(second(prepared(), 'bob', { enteredDigest: `sha256:${'b'.repeat(64)}` })).rejects.toThrow(
      /plan changed/,
    );
    await expect(second(42, 'bob')).rejects.toThrow(/run 42 could not be read: it does not exist/);
    await expect(second(0, 'bob', { prepareRunId: '../../user' })).rejects.toThrow(
      /must be the number of the run/,
    );
    const unfinished = prepared();
    github.updateRun(unfinished, { conclusion: 'failure' });
    await expect(second(unfinished, 'bob')).rejects.toThrow(/is failure, not a success/);
    const empty = github.createRun({ actor: 'ada' }).id;
    github.updateRun(empty, { status: 'completed', conclusion: 'success' });
    await expect(second(empty, 'bob')).rejects.toThrow(/holds no artifact migration-record-production/);
  });
});

describe('what the second dispatch believes of the run that prepared', () => {
  const prepare = (from: { path?: string; branch?: string; headRepository?: string }): number => {
    const run = github.createRun({ actor: 'ada', ...from }).id;
    github.updateRun(run, { status: 'completed', conclusion: 'success' });
    mkdirSync(join(github.artifacts(run), 'migration-record-production'));
    return run;
  };
  const dispatch = (prepareRun: number, changes: Partial<GateOptions> = {}) => {
    const run = github.createRun({ actor: 'bob', path: '.github/workflows/cutover.yml' }).id;
    return checkGate(options(run, { mode: 'second-dispatch', prepareRunId: String(prepareRun), ...changes }));
  };

  test('a record of another workflow is none', async () => {
    await expect(dispatch(prepare({ path: '.github/workflows/tests.yml' }))).rejects.toThrow(
      /run of \.github\/workflows\/tests\.yml, not of migrate\.yml/,
    );
    await expect(dispatch(prepare({ path: 'docs/migrate.yml' }))).rejects.toThrow(/not of migrate\.yml/);
    await expect(
      dispatch(prepare({ path: '.github/workflows/migrate.yml@refs/heads/main' })),
    ).resolves.toBeDefined();
  });

  test("a fork's run is none, although its branch is called main", async () => {
    await expect(dispatch(prepare({ headRepository: 'mallory/shop' }))).rejects.toThrow(
      /comes from mallory\/shop, not from acme\/shop/,
    );
  });

  test('a branch that anybody may write to is none, and one that cannot be looked at neither', async () => {
    const token = github.issueToken({ actions: 'read', contents: 'read' });
    const asked = (path: string, init: RequestInit = {}) =>
      fetch(`${github.apiUrl}/repos/acme/shop/git/${path}`, {
        ...init,
        headers: { authorization: `Bearer ${github.issueToken({ contents: 'write' })}` },
      });
    const main = (await (await asked('ref/heads/main')).json()) as { object: { sha: string } };
    const body = JSON.stringify({ ref: 'refs/heads/feature', sha: main.object.sha });
    expect((await asked('refs', { method: 'POST', body })).status).toBe(201);
    await expect(dispatch(prepare({ branch: 'feature' }), { token })).rejects.toThrow(
      /ran on feature, which is neither the default branch nor protected/,
    );
    const elsewhere = prepare({ branch: 'my-own' });
    await expect(dispatch(elsewhere, { token })).rejects.toThrow(/branch "my-own" could not be read/);
    await expect(dispatch(elsewhere)).rejects.toThrow(/403/);
  });
});

test('without a gate only what migration.yml does not protect goes through', async () => {
  const run = github.createRun({ actor: 'ada' }).id;
  await expect(checkGate(options(run, { mode: 'none' }))).rejects.toThrow(/protected in migration.yml/);
  expect(await checkGate(options(run, { mode: 'none', protected: false }))).toMatchObject({
    approvedBy: null,
  });
  expect(github.requests).toHaveLength(0);
});
