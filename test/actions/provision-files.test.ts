import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startGitHub, type GitHubWorld, type TokenPermissions } from '../../rehearsal/github/world.ts';
import { silentLog } from '../../src/log.ts';
import { testInFull } from '../support/or-skipped.ts';
import {
  HEROKU_TOKEN,
  MIGRATION_KEY,
  SECRET_VALUE,
  startSides,
  type PhaseRun,
  type Sides,
} from './played-sides.ts';

// A run that makes something takes some seconds.
const BRANCH = 'heroku-to-digitalocean-files';
const MAY: TokenPermissions = { contents: 'write', 'pull-requests': 'write' };

let sides: Sides;
let github: GitHubWorld;
beforeAll(async () => {
  sides = await startSides();
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
  github.settings.workflows.mayCreatePullRequests = true;
  mkdirSync(join(sides.directory, '.git'));
  const manifest = { engines: { node: '24.x' }, dependencies: { express: '^5.0.0' } };
  writeFileSync(join(sides.directory, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(sides.directory, 'package-lock.json'), '{}');
  writeFileSync(join(sides.directory, 'Procfile'), 'web: node web.mjs\nworker: node worker.mjs\n');
  expect((await sides.runPhase('assess')).code).toBe(0);
});
afterAll(async () => {
  await github.stop();
  await sides.stop();
});

function run(permissions: TokenPermissions, inputs: Record<string, string> = {}): Promise<PhaseRun> {
  return sides.runPhase(
    'provision',
    { stage: 'infrastructure', 'github-token': github.issueToken(permissions), ...inputs },
    { GITHUB_API_URL: github.apiUrl },
  );
}

function files(): string[] {
  const { objects } = github.git;
  const tree = objects.commit(github.git.branch(BRANCH)?.commit ?? '')?.tree ?? '';
  return [...objects.files(tree).keys()].sort();
}

test('a dry run writes the files into a directory, and nothing into the repository', async () => {
  const { code, outputs, summary } = await run(MAY, { 'dry-run': 'true' });
  expect(code).toBe(0);
  const dockerfile = readFileSync(join(outputs['files'] ?? '', 'Dockerfile'), 'utf8');
  expect(dockerfile).toContain('ARG NODE_VERSION=24');
  expect(existsSync(join(outputs['files'] ?? '', '.do/app.yaml'))).toBe(true);
  expect(summary).toContain('Files for the repository');
  expect(outputs['pull-request']).toBeUndefined();
  expect(github.git.branch(BRANCH)).toBeUndefined();
  expect(github.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
});

test('`propose-files: false` looks at nothing', async () => {
  const before = github.requests.length;
  const { outputs } = await run(MAY, { 'dry-run': 'true', 'propose-files': 'false' });
  expect(outputs['files']).toBeUndefined();
  expect(github.requests).toHaveLength(before);
});

testInFull(
  'without the permission the phase succeeds and says which one; with it there is one pull request, which a person may edit',
  async () => {
    const refused = await run({ contents: 'read' });
    expect(refused.code).toBe(0);
    expect(refused.outputs['outcome']).toBe('done');
    expect(refused.log).toContain('::notice title=Files were not proposed');
    expect(refused.log).toContain('contents: write');
    expect(existsSync(join(refused.outputs['files'] ?? '', 'Dockerfile'))).toBe(true);

    const { code, outputs, summary } = await run(MAY);
    expect(code).toBe(0);
    expect(outputs).toMatchObject({
      outcome: 'unchanged',
      'pull-request': 'https://github.com/acme/shop/pull/1',
    });
    expect(files()).toEqual(['.do/app.yaml', '.dockerignore', 'Dockerfile']);
    expect(summary).toContain('opened');
    const [pull] = github.git.pulls;
    for (const path of files()) expect(pull?.body).toContain(`\`${path}\``);
    expect(pull?.body).toContain('docker build .');

    const head = github.git.branch(BRANCH)?.commit;
    await run(MAY);
    expect(github.git.branch(BRANCH)?.commit).toBe(head);
    expect(github.git.pulls).toHaveLength(1);

    github.git.commit(BRANCH, 'ada', 'Mine', { Dockerfile: 'FROM node:24\n' });
    const edited = await run(MAY);
    expect(github.readFile('Dockerfile', BRANCH)).toBe('FROM node:24\n');
    expect(edited.log).toContain('Dockerfile is left as it is: a person edited it');
    const told = JSON.stringify([
      github.git.pulls,
      github.requests,
      files().map((path) => github.readFile(path, BRANCH)),
    ]);
    for (const secret of [SECRET_VALUE, HEROKU_TOKEN, MIGRATION_KEY]) expect(told).not.toContain(secret);
  },
  120_000,
);

const alone = (permissions: TokenPermissions): Promise<PhaseRun> =>
  sides.runPhase(
    'provision',
    {
      command: 'propose-files',
      'github-token': github.issueToken(permissions),
      // A job that may write to the repository has neither.
      'digitalocean-token': '',
      'migration-key': '',
    },
    { GITHUB_API_URL: github.apiUrl },
  );

test('`command: propose-files` fails where it may not write, and makes nothing', async () => {
  const before = sides.digitalOcean.requests.length;
  const { code, log, outputs } = await alone({ contents: 'read' });
  expect(code).toBe(1);
  expect(log).toContain('contents: write');
  expect(existsSync(join(outputs['files'] ?? '', 'Dockerfile'))).toBe(true);
  expect(sides.digitalOcean.requests).toHaveLength(before);
});

test('without a checkout it fails: that nothing was proposed is no success of what was to propose', async () => {
  renameSync(join(sides.directory, '.git'), join(sides.directory, 'no-git'));
  try {
    const { code, log, outputs } = await alone(MAY);
    expect([code, outputs['outcome']]).toEqual([1, undefined]);
    expect(log).toMatch(
      /No files are proposed: there is no checkout.*Check the application's repository out/,
    );
  } finally {
    renameSync(join(sides.directory, 'no-git'), join(sides.directory, '.git'));
  }
});

test('with the permission it opens the pull request, without a token of DigitalOcean', async () => {
  const before = sides.digitalOcean.requests.length;
  const { code, log, outputs, summary } = await alone(MAY);
  expect(log).not.toContain('::error');
  expect(code).toBe(0);
  expect(outputs).toMatchObject({ outcome: 'proposed', changed: 'false' });
  expect(outputs['pull-request']).toBe('https://github.com/acme/shop/pull/1');
  expect(files()).toContain('Dockerfile');
  expect(summary).toContain('Files for the repository');
  expect(sides.digitalOcean.requests).toHaveLength(before);
});
