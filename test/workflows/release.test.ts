import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, matchesGlob } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readWorkflow } from '../../rehearsal/runner/workflow-file.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';

// The scripts of release.yml, run in a repository of git, with a `gh` that keeps what it is asked and answers for GitHub.
const root = join(import.meta.dirname, '..', '..');
const { jobs } = readWorkflow(join(root, '.github/workflows/release.yml'), root);
const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);

let directory: string;
let checkout: string;
const git = (...words: string[]): string =>
  execFileSync('git', words, { cwd: checkout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

const gh = `#!/bin/sh
printf '%s\\n' "$*" >> "$STATE/asked"
case "$*" in
  'release view'*) test -e "$STATE/released" ;;
  'release create'*) touch "$STATE/released" ;;
  *'--jq .immutable') cat "$STATE/immutable" ;;
  *'--method PATCH'*) test -e "$STATE/has-branch" ;;
esac
`;

beforeEach(() => {
  directory = temporaryDirectory('release');
  checkout = join(directory, 'checkout');
  for (const folder of ['bin', 'state', 'checkout']) mkdirSync(join(directory, folder));
  writeFileSync(join(directory, 'bin/gh'), gh, { mode: 0o755 });
  writeFileSync(join(directory, 'state/immutable'), 'true\n');
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'A maintainer');
  git('config', 'user.email', 'maintainer@example.com');
  commit('1.2.0');
});

/** A commit whose package.json says so; main of the other side follows when it was merged. */
function commit(version: string, merged = true): void {
  writeFileSync(join(checkout, 'package.json'), JSON.stringify({ version, type: 'module' }));
  git('add', '.');
  git('commit', '--quiet', '--allow-empty', '--message', version);
  if (merged) git('update-ref', 'refs/remotes/origin/main', 'HEAD');
}

function run(step: string, tag: string): { status: number | null; said: string; asked: string[] } {
  const script = steps.find(({ name }) => name === step)?.run;
  if (script === undefined) throw new Error(`release.yml has no script "${step}".`);
  const file = join(directory, 'script.sh');
  writeFileSync(file, script);
  // As the runner starts it.
  const { status, stdout, stderr } = spawnSync('bash', ['-e', file], {
    cwd: checkout,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: [join(directory, 'bin'), process.env['PATH']].join(delimiter),
      STATE: join(directory, 'state'),
      GITHUB_REF_NAME: tag,
      GITHUB_REPOSITORY: 'acme/suite',
    },
  });
  const asked = join(directory, 'state/asked');
  return {
    status,
    said: stdout + stderr,
    asked: existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : [],
  };
}

test('a tag that says what package.json says, on main, is released', () => {
  git('tag', 'v1.2.0');
  expect(run('Check the tag', 'v1.2.0')).toEqual({ status: 0, said: '', asked: [] });
  expect(run('Create the release', 'v1.2.0').asked).toEqual([
    'release view v1.2.0',
    'release create v1.2.0 --verify-tag --generate-notes',
  ]);
  // The job is run again.
  expect(run('Create the release', 'v1.2.0').asked.slice(2)).toEqual(['release view v1.2.0']);
  expect(run('See that it is immutable', 'v1.2.0')).toMatchObject({ status: 0, said: '' });
});

test('a tag of another version, and one that was never merged, publish nothing', () => {
  const other = run('Check the tag', 'v1.3.0');
  expect([other.status, other.said]).toEqual([
    1,
    expect.stringMatching(/v1\.3\.0 and package\.json says 1\.2\.0/),
  ]);
  git('checkout', '--quiet', '-b', 'aside');
  commit('1.3.0', false);
  const aside = run('Check the tag', 'v1.3.0');
  expect([aside.status, aside.said]).toEqual([1, expect.stringMatching(/v1\.3\.0 is not on main/)]);
  // Nothing is published by another job before that one has looked.
  expect(jobs.publish?.needs).toBe('test');
  expect(jobs.test?.steps?.map(({ name }) => name)).toContain('Check the tag');
});

test('a release that can still be changed stops before the branch of its major version moves', () => {
  for (const answer of ['false\n', 'null\n', '']) {
    writeFileSync(join(directory, 'state/immutable'), answer);
    const { status, said } = run('See that it is immutable', 'v1.2.0');
    expect([status, said]).toEqual([1, expect.stringMatching(/Enable release immutability/)]);
  }
  const names = jobs.publish?.steps?.map(({ name }) => name) ?? [];
  expect(names.indexOf('See that it is immutable')).toBeLessThan(
    names.indexOf('Move the branch of the major version'),
  );
});

test('the branch of the major version is made once, moves to each newer release, and never back to an older one', () => {
  const move = (tag: string) => run('Move the branch of the major version', tag);
  git('tag', 'v1.2.0');
  const first = git('rev-parse', 'HEAD');
  expect(move('v1.2.0').asked).toEqual([
    `api --method PATCH repos/acme/suite/git/refs/heads/v1 -f sha=${first} -F force=true`,
    `api --method POST repos/acme/suite/git/refs -f ref=refs/heads/v1 -f sha=${first}`,
  ]);
  writeFileSync(join(directory, 'state/has-branch'), '');
  for (const [version, branch] of [
    ['1.10.0', 'v1'],
    ['2.0.0', 'v2'],
  ] as const) {
    commit(version);
    git('tag', '-a', `v${version}`, '-m', version);
    expect(move(`v${version}`).asked.at(-1)).toBe(
      `api --method PATCH repos/acme/suite/git/refs/heads/${branch} -f sha=${git('rev-parse', 'HEAD')} -F force=true`,
    );
  }
  const asked = move('v2.0.0').asked.length;
  // A mend of what is older: 1.10 is the newest of its major version still, and 10 is more than 9.
  commit('1.9.1');
  git('tag', 'v1.9.1');
  const older = move('v1.9.1');
  expect([older.status, older.said.trim(), older.asked.length]).toEqual([
    0,
    '::notice::v1 stays at v1.10.0, which is newer than v1.9.1.',
    asked,
  ]);
});

test('everything that a bundle runs is attested, chunks included', () => {
  const step = jobs.publish?.steps?.find(
    ({ uses }) => uses?.startsWith('actions/attest-build-provenance@') === true,
  );
  const pattern = String(step?.with?.['subject-path']);
  const bundled = globSync('dist/**/*.{js,mjs,cjs,node,wasm}', { cwd: root });
  expect(bundled.some((file) => !file.endsWith('/index.js'))).toBe(true);
  expect(bundled.filter((file) => !matchesGlob(file, pattern))).toEqual([]);
});

test('Dependabot looks after the packages and the actions, and takes nothing that is younger than a week', () => {
  const { updates } = parse(readFileSync(join(root, '.github/dependabot.yml'), 'utf8')) as {
    updates: { 'package-ecosystem': string; directory: string; cooldown: { 'default-days': number } }[];
  };
  expect(updates.map((one) => one['package-ecosystem']).sort()).toEqual(['github-actions', 'npm']);
  for (const update of updates) {
    expect(update.directory).toBe('/');
    expect(update.cooldown['default-days']).toBeGreaterThanOrEqual(7);
  }
});
