import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigurationError } from '../../src/errors.ts';
import { numberOf } from '../github/number-of.ts';
import type { BuiltInContext, BuiltIns } from './built-in.ts';

/** Third-party actions that the rehearsal plays by name instead of downloading them. Each says so in its log. */
export const ownBuiltIns: BuiltIns = {
  'actions/checkout': checkOut,
  'actions/setup-node': (context) => context.info('Played: Node 24 is there already.'),
  'actions/upload-artifact': upload,
  'actions/download-artifact': download,
  'actions/attest-build-provenance': attest,
  'actions/attest': attest,
  'docker/login-action': logIn,
  'docker/setup-buildx-action': (context) => context.info('Played: no builder is needed.'),
  'docker/build-push-action': buildImage,
  'run:postgres-tools': (context) => context.info("Played: this machine's PostgreSQL tools are used."),
};

/**
 * Where the caller's repository is one of git, a ref is what git has of it; the run's own commit, and each ref of a folder
 * without history, is what the folder holds.
 */
function checkOut(context: BuiltInContext): void {
  const { path = '', ref = '' } = context.inputs;
  const target = resolve(context.workspace, path);
  const known = ['', context.env['GITHUB_SHA']].includes(ref);
  if (!known && existsSync(join(context.callerRepository, '.git'))) {
    mkdirSync(target, { recursive: true });
    const archive = execFileSync('git', ['archive', ref], { cwd: context.callerRepository, stdio: 'pipe' });
    execFileSync('tar', ['-x'], { cwd: target, input: archive });
    context.info(`Played: checked out ${ref} of ${context.callerRepository}.`);
    return;
  }
  cpSync(context.callerRepository, target, {
    recursive: true,
    filter: (source) => !['.git', 'node_modules'].includes(basename(source)),
  });
  // What is there is a checkout, which is how an action tells it from a workspace with nothing but its configuration.
  if (existsSync(join(context.callerRepository, '.git')))
    execFileSync('git', ['init', '--quiet'], { cwd: target, stdio: 'pipe' });
  context.info(`Played: copied ${context.callerRepository}.`);
}

function upload(context: BuiltInContext): void {
  const { name = 'artifact', path = '', overwrite = 'false' } = context.inputs;
  const whenMissing = context.inputs['if-no-files-found'] ?? 'warn';
  const files = path
    .split('\n')
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== '')
    .flatMap((pattern) => listFiles(context.workspace, pattern));
  if (files.length === 0) {
    const message = `No files were found with the provided path: ${path}. No artifacts will be uploaded.`;
    if (whenMissing === 'error') throw new ConfigurationError(message);
    if (whenMissing === 'warn') context.info(`##[warning]${message}`);
    return;
  }
  const folder = join(context.artifacts(context.runId), name);
  if (existsSync(folder)) {
    if (overwrite !== 'true') {
      throw new ConfigurationError(
        'Failed to CreateArtifact: Received non-retryable error: (409) Conflict: an artifact with this name already exists on the workflow run',
      );
    }
    rmSync(folder, { recursive: true });
  }
  const root = commonFolder(files);
  for (const file of files) {
    const target = join(folder, file.slice(root.length));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(file, target);
  }
  context.setOutput('artifact-id', String(numberOf(`${context.runId}/${name}`)));
  context.info(`Played: artifact ${name} holds ${files.length} file(s).`);
}

function download(context: BuiltInContext): void {
  const { name, path = '' } = context.inputs;
  const from = context.inputs['run-id'];
  const runId = from === undefined || from === '' ? context.runId : Number(from);
  if (runId !== context.runId && (context.inputs['github-token'] ?? '') === '') {
    throw new ConfigurationError('To download an artifact of another run, github-token must be given.');
  }
  if (name === undefined || name === '')
    throw new ConfigurationError('This played download-artifact needs a name.');
  const folder = join(context.artifacts(runId), name);
  if (!existsSync(folder)) {
    throw new ConfigurationError(`Unable to download artifact(s): Artifact not found for name: ${name}`);
  }
  const target = resolve(context.workspace, path);
  mkdirSync(target, { recursive: true });
  cpSync(folder, target, { recursive: true });
  context.setOutput('download-path', target);
  context.info(`Played: artifact ${name} of run ${runId} copied.`);
}

/** Signs nothing, and fails as the real one does when there is nothing to sign. */
function attest(context: BuiltInContext): void {
  const paths = (context.inputs['subject-path'] ?? '')
    .split('\n')
    .map((path) => path.trim())
    .filter((path) => path !== '');
  const files = paths.flatMap((path) => listFiles(context.workspace, path));
  if (files.length === 0) throw new ConfigurationError(`Could not find subject at path ${paths.join(', ')}`);
  for (const file of files) {
    const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
    context.info(`Played: no attestation is made on one machine; ${basename(file)} has sha256:${digest}.`);
  }
}

function logIn(context: BuiltInContext): void {
  const { registry = 'docker.io', username = '', password = '' } = context.inputs;
  context.mask(password);
  if (username === '' || password === '') throw new ConfigurationError('Username and password required');
  context.info(`Played: login to ${registry}.`);
}

/** The digest is that of the build context, so that equal sources are the same image, as with a reproducible build. */
function buildImage(context: BuiltInContext): void {
  const root = resolve(context.workspace, context.inputs.context ?? '');
  const hash = createHash('sha256');
  for (const file of listFiles(root, '.').sort()) {
    const contents = createHash('sha256').update(readFileSync(file)).digest('hex');
    hash.update(`${file.slice(root.length)}:${contents}\n`);
  }
  const digest = `sha256:${hash.digest('hex')}`;
  context.setOutput('digest', digest);
  context.setOutput('imageid', digest);
  context.info(`Played: ${context.inputs.tags ?? 'the image'} would be built; its digest is ${digest}.`);
}

function listFiles(root: string, pattern: string): string[] {
  const absolute = resolve(root, pattern);
  const found = existsSync(absolute) ? [absolute] : globSync(absolute);
  return found.flatMap((entry) =>
    statSync(entry).isDirectory()
      ? globSync(join(entry, '**')).filter((file) => statSync(file).isFile())
      : [entry],
  );
}

/** Files are kept relative to their least common folder, as upload-artifact does. */
function commonFolder(files: string[]): string {
  const folders = files.map((file) => dirname(file).split('/'));
  const [first = []] = folders;
  const depth = first.findIndex((part, index) => folders.some((folder) => folder[index] !== part));
  return first.slice(0, depth < 0 ? first.length : depth).join('/');
}
