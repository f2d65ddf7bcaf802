import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startGitHub, type GitHubWorld } from '../../rehearsal/github/world.ts';
import type { BuiltInContext } from '../../rehearsal/runner/built-in.ts';
import type { WorkflowResult } from '../../rehearsal/runner/options.ts';
import { ownBuiltIns } from '../../rehearsal/runner/own-built-ins.ts';
import { runWorkflow } from '../../rehearsal/runner/run-workflow.ts';
import { silentLog } from '../../src/log.ts';

// The job "image" of prepare.yml as it is, on a repository of real git: what is in the build context, and where it is from.
const root = join(import.meta.dirname, '../..');
const REPOSITORY = 'registry.example.com/acme/shop';
const GIVEN = `${REPOSITORY}@sha256:${'b'.repeat(64)}`;
const MARK = 'Proposed by heroku-to-digitalocean';

let directory: string;
let shop: string;
let github: GitHubWorld;
/** What was built: the files of the context and the inputs of the action. */
let built: { read: (path: string) => string | undefined; inputs: Record<string, string> }[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'image-workflow-'));
  shop = join(directory, 'shop');
  built = [];
  cpSync(join(root, '.github'), join(directory, 'project/.github'), { recursive: true });
  const scribe = `
    import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
    const { INPUT_IMAGE: image, INPUT_COMMAND: command, INPUT_STAGE: stage, GITHUB_OUTPUT: output } = process.env;
    const repository = process.env['INPUT_IMAGE-REPOSITORY'];
    writeFileSync('migration-record.json', '{}');
    if (stage === 'registry') appendFileSync(output, 'image-mark=the-mark\\n');
    if (existsSync('builder')) appendFileSync(output, 'image-build=' + readFileSync('builder', 'utf8') + '\\n');
    if (existsSync('running')) appendFileSync(output, 'commit=' + readFileSync('running', 'utf8').trim() + '\\n');
    console.log([command, stage, image, repository].join(' ').trimEnd());
    if (stage === 'application') console.log('application of', process.env.INPUT_COMMIT);
  `;
  for (const phase of ['assess', 'provision', 'migrate-db', 'verify'])
    put(join(directory, 'project/actions', phase), {
      'action.yml': `name: ${phase}\nruns: { using: node24, main: index.mjs }\n`,
      'index.mjs': scribe,
    });
  mkdirSync(shop);
  git('init', '--quiet');
  github = await startGitHub({
    ...{ log: silentLog, repository: 'acme/shop' },
    directory: join(directory, 'github'),
  });
  github.configureEnvironment('staging', {});
});

afterEach(async () => {
  await github.stop();
  rmSync(directory, { recursive: true, force: true });
});

function put(folder: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

function git(...words: string[]): string {
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...who, ...words], { cwd: shop, encoding: 'utf8' }).trim();
}

/** Commits these files beside those that are there; returns the commit. */
function commit(files: Record<string, string>): string {
  put(shop, files);
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Work');
  return git('rev-parse', 'HEAD');
}

async function prepare(
  heroku: { running: string | undefined },
  inputs: { image?: string; commit?: string } = {},
  repository = REPOSITORY,
): Promise<WorkflowResult & { log: string; job: Record<string, string> }> {
  if (heroku.running !== undefined) put(shop, { running: heroku.running });
  const result = await runWorkflow({
    file: join(directory, 'project/.github/workflows/prepare.yml'),
    projectRoot: join(directory, 'project'),
    workspace: shop,
    event: 'workflow_call',
    inputs: { environment: 'staging', 'github-environment': 'staging', ...inputs },
    actor: 'ada',
    vars: { IMAGE_REPOSITORY: repository },
    repositorySecrets: {},
    environments: { staging: { secrets: { DIGITALOCEAN_TOKEN: 'a-token-of-digitalocean' } } },
    approve: () => Promise.reject(new Error('nobody may be asked')),
    github,
    builtIns: { 'docker/build-push-action': build },
    env: {},
    directory: join(directory, 'runs'),
  });
  const job = result.jobs.find(({ id }) => id.endsWith('image'));
  // What was said, without the scripts that said it.
  const logs = job?.steps.map((step) => readFileSync(step.log, 'utf8')) ?? [];
  const log = logs.map((text) => text.replaceAll(/##\[group\]Run [^]*?##\[endgroup\]/gu, '')).join('');
  return { ...result, log, job: job?.outputs ?? {} };
}

function build(context: BuiltInContext): void {
  const kept = join(directory, `context-${built.length}`);
  cpSync(join(context.workspace, context.inputs.context ?? ''), kept, { recursive: true });
  const read = (path: string): string | undefined =>
    existsSync(join(kept, path)) ? readFileSync(join(kept, path), 'utf8') : undefined;
  built.push({ read, inputs: context.inputs });
  void ownBuiltIns['docker/build-push-action']?.(context);
}

test('the image holds the commit that Heroku runs, not what the workflow was started from', async () => {
  const running = commit({ 'app.rb': 'puts 1', Dockerfile: 'FROM ruby:3.3\n', 'migration.yml': '{}' });
  commit({ 'app.rb': 'puts 2', Dockerfile: 'FROM ruby:3.4\n', '.dockerignore': `# ${MARK}\n`, 'new.rb': '' });
  const result = await prepare({ running });
  expect(result.conclusion).toBe('success');
  const [image] = built;
  expect(image?.read('app.rb')).toBe('puts 1');
  expect(image?.read('Dockerfile')).toBe('FROM ruby:3.3\n');
  // Neither newer code nor the record of the migration.
  const others = ['new.rb', '.dockerignore', 'migration-record.json'];
  expect(others.map((path) => image?.read(path))).toEqual([undefined, undefined, undefined]);
  expect(image?.inputs.tags?.trim()).toBe(`${REPOSITORY}:${running}`);
  expect(image?.inputs.labels).toBe(`org.opencontainers.image.revision=${running}`);
  expect(result.job.commit).toBe(running);
  expect(result.job.image).toMatch(/^registry\.example\.com\/acme\/shop@sha256:[0-9a-f]{64}$/u);
  expect(result.log).toContain(`try-image  ${result.job.image}`);
  expect(result.log).not.toContain('notice');
});

test("DigitalOcean's registry is seen to before the image is built, and the image is pushed with the mark of it", async () => {
  const running = commit({ 'app.rb': 'puts 1', Dockerfile: 'FROM ruby:3.3\n', 'migration.yml': '{}' });
  const repository = 'registry.digitalocean.com/acme/shop';
  const result = await prepare({ running }, {}, repository);
  expect(result.conclusion).toBe('success');
  const steps = result.jobs.find(({ id }) => id.endsWith('image'))?.steps.map(({ name }) => name) ?? [];
  const at = (pattern: RegExp): number => steps.findIndex((name) => pattern.test(name));
  expect(at(/registry is there/u)).toBeLessThan(at(/build/u));
  expect(result.log).toContain(` registry  ${repository}`);
  expect(built[0]?.inputs.tags?.trim().split('\n')).toEqual([
    `${repository}:${running}`,
    `${repository}:the-mark`,
  ]);
  // One that was given is claimed, too, and nothing is pushed.
  const given = `${repository}@sha256:${'b'.repeat(64)}`;
  const taken = await prepare({ running }, { image: given });
  expect(taken.log).toContain(` registry ${given === taken.job.image ? '' : 'x'} ${given}`);
  expect(built).toHaveLength(1);
});

test('generated files that the commit has not are laid over it, and it is said which; what it has stays', async () => {
  const running = commit({
    'app.rb': 'puts 1',
    '.dockerignore': 'theirs\n',
    'config/schedule.yml': 'theirs',
  });
  commit({
    ...{ 'app.rb': 'puts 2', Dockerfile: 'FROM ruby:3.4\n', '.dockerignore': 'ours\n' },
    ...{ 'config/schedule.yml': `# ${MARK}\n`, 'app/jobs/the command.rb': `# ${MARK}\n`, 'lib/own.rb': '' },
  });
  const result = await prepare({ running });
  expect(result.conclusion).toBe('success');
  const [image] = built;
  expect(image?.read('app.rb')).toBe('puts 1');
  expect(image?.read('Dockerfile')).toBe('FROM ruby:3.4\n');
  expect(image?.read('app/jobs/the command.rb')).toBe(`# ${MARK}\n`);
  expect([image?.read('.dockerignore'), image?.read('config/schedule.yml')]).toEqual(['theirs\n', 'theirs']);
  expect(image?.read('lib/own.rb')).toBeUndefined();
  expect(result.log).toMatch(
    /notice.*taken from [0-9a-f]{40}: \.\/Dockerfile \.\/app\/jobs\/the command\.rb/u,
  );
});

test('without a commit of Heroku it is what the workflow was started from, and that is said', async () => {
  commit({ 'app.rb': 'puts 1', Dockerfile: 'FROM ruby:3.4\n' });
  const result = await prepare({ running: undefined });
  expect(result.conclusion).toBe('success');
  expect(built[0]?.read('app.rb')).toBe('puts 1');
  expect(result.log).toMatch(/notice.*Heroku names no commit.*the image is built from [0-9a-f]{40} of main/u);
  expect(result.job.commit).toMatch(/^[0-9a-f]{40}$/u);
});

test('a commit that is not in this repository fails the job before anything is built or made, and says what to do', async () => {
  commit({ 'app.rb': 'puts 1', Dockerfile: 'FROM ruby:3.4\n' });
  const running = 'd'.repeat(40);
  const result = await prepare({ running });
  expect(result.conclusion).toBe('failure');
  expect(result.log).toContain(`${running} could not be checked out, and it is what Heroku runs`);
  expect(result.log).toContain('give the input image');
  expect(built).toEqual([]);
  expect(result.jobs.find(({ id }) => id.endsWith('infrastructure'))?.conclusion).toBe('skipped');
});

test('without any Dockerfile nothing is built, and it is said where one comes from', async () => {
  const running = commit({ 'app.rb': 'puts 1' });
  const result = await prepare({ running });
  expect([result.conclusion, result.log]).toEqual(['failure', expect.stringContaining('propose-files.yml')]);
  expect(built).toEqual([]);
});

test('an image that was given is taken, whatever it holds, and one of the commit that runs here', async () => {
  const running = commit({ 'app.rb': 'puts 1', Dockerfile: 'FROM ruby:3.4\n' });
  for (const inputs of [
    { image: GIVEN, commit: '' },
    { image: GIVEN, commit: running },
  ]) {
    const result = await prepare({ running }, inputs);
    expect(result.conclusion).toBe('success');
    expect([result.job.image, result.job.commit ?? '']).toEqual([GIVEN, inputs.commit]);
    expect(result.log).toContain(`try-image  ${GIVEN}`);
  }
  expect(built).toEqual([]);
});

test('staging proved another commit than production runs: production gets an image of its own, and it is said', async () => {
  const running = commit({ 'app.rb': 'puts 1', Dockerfile: 'FROM ruby:3.4\n' });
  const newer = commit({ 'app.rb': 'puts 2' });
  const result = await prepare({ running }, { image: GIVEN, commit: newer });
  expect(result.conclusion).toBe('success');
  expect(built[0]?.read('app.rb')).toBe('puts 1');
  expect(result.job.commit).toBe(running);
  expect(result.job.image).not.toBe(GIVEN);
  expect(result.log).toMatch(new RegExp(`notice.*holds ${newer}, and Heroku runs ${running} here`, 'u'));
});

test('App Platform builds: nothing is built or tried, what is lost stands in the summary, and the rest runs with the commit', async () => {
  const running = commit({ 'app.rb': 'puts 1', 'migration.yml': '{}', builder: 'app-platform' });
  const given = `registry.digitalocean.com/acme/shop@sha256:${'b'.repeat(64)}`;
  const result = await prepare({ running }, { image: given, commit: running });
  expect(result.conclusion).toBe('success');
  expect(built).toEqual([]);
  expect(result.log).not.toMatch(/try-image|registry/u);
  // What staging deployed is not handed on.
  expect([result.job.image ?? '', result.job.commit]).toEqual(['', running]);
  expect(
    result.jobs
      .map(({ id, conclusion }) => [id.split('/').at(-1), conclusion])
      // Nobody shares the copy here.
      .filter(([id]) => id !== 'copy-shares'),
  ).toEqual(['assess', 'image', 'infrastructure', 'copy', 'application'].map((id) => [id, 'success']));
  const said = (id: string): string =>
    result.jobs
      .find((job) => job.id.endsWith(id))
      ?.steps.map((step) => readFileSync(step.log, 'utf8'))
      .join('') ?? '';
  expect(said('application')).toContain(`application of ${running}`);
  const summaries = result.jobs.flatMap(({ steps }) => steps.map(({ summary }) => summary)).join('');
  expect(summaries).toMatch(
    /not booted before the cluster exists[^]*no digest[^]*a rebuild needs the branch/u,
  );
});

test('App Platform builds, and Heroku names no commit: refused before anything is made', async () => {
  commit({ 'app.rb': 'puts 1', 'migration.yml': '{}', builder: 'app-platform' });
  const result = await prepare({ running: undefined });
  expect(result.conclusion).toBe('failure');
  expect(result.log).toMatch(/error.*nobody could tell whether the same is built/u);
  expect(result.jobs.find(({ id }) => id.endsWith('infrastructure'))?.conclusion).toBe('skipped');
});
