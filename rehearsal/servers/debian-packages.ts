import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { removeTemporaryDirectory, temporaryDirectory } from './process.ts';

const execute = promisify(execFile);

/**
 * Runs one of the system's tools in the language that we can read.
 *
 * @throws with the tool's own reason, in one line
 */
async function run(
  program: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C', ...options.env };
  try {
    return (await execute(program, args, { ...options, env, maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    const reason = said.split('\n').find((line) => line.startsWith('E: ')) ?? (said || messageOf(error));
    throw new Error(`${program}: ${reason.replace(/^E: /, '').slice(0, 200)}`);
  }
}

export interface UnpackedPackages {
  directory: string;
  /** LD_LIBRARY_PATH with the libraries that came along. */
  environment: Record<string, string>;
}

export interface FetchOptions {
  /** The packages wanted themselves, even when they are installed; libraries they miss come along. */
  packages: string[];
  /** Names of other packages that they need and that come along when the machine lacks them; default: libraries. */
  needed?: RegExp;
  /** Paths below the unpacked directory of programs that must find all of their libraries. */
  check: string[];
  cache: string;
  log: Log;
}

/**
 * Downloads packages of this Debian or Ubuntu with the libraries that the machine lacks, and unpacks them below
 * `cache`: nothing is installed, no root is needed, no system server comes into being. A second call finds them there;
 * two at the same time do not meet, since each unpacks aside and renames.
 *
 * @throws when the distribution has no such package or it does not fit the machine
 */
export async function fetchPackages(options: FetchOptions): Promise<UnpackedPackages> {
  const [first = ''] = options.packages;
  const shelf = shelfOfThisMachine(options.cache);
  const directory = join(shelf, first);
  if (!existsSync(directory)) {
    options.log.info(`Downloading ${first} into ${options.cache} (once).`);
    await aside(shelf, async (workplace) => {
      const root = join(workplace, 'root');
      await withPackageLists(workplace, (apt) => download(apt, options, root));
      const missing = await missingLibraries(root, options.check);
      if (missing.length > 0) throw new Error(`${first} lacks ${missing.join(', ')}`);
      moveInto(root, directory);
    });
  }
  return { directory, environment: libraryPath(directory) };
}

/**
 * The newest package whose name matches, by the number in the pattern's first group.
 *
 * @throws when the distribution has none from `oldest` on
 */
export async function newestPackage(pattern: RegExp, oldest: number, cache: string): Promise<string> {
  const shelf = shelfOfThisMachine(cache);
  const unpacked = newest(readdirSync(shelf), pattern, oldest);
  if (unpacked) return unpacked;
  return aside(shelf, (workplace) =>
    withPackageLists(workplace, async (apt) => {
      const stdout = await run('apt-cache', [...apt.options, 'pkgnames']);
      const name = newest(stdout.split('\n'), pattern, oldest);
      if (!name) throw new Error(`the distribution has no package ${pattern.source} from ${oldest} on`);
      return name;
    }),
  );
}

function newest(names: string[], pattern: RegExp, oldest: number): string | undefined {
  return names
    .map((name) => ({ name, major: Number(pattern.exec(name)?.[1] ?? Number.NaN) }))
    .filter(({ major }) => major >= oldest)
    .sort((a, b) => b.major - a.major)[0]?.name;
}

/** Packages of one release do not run on the next, and a home directory may be shared: each has a folder of its own. */
function shelfOfThisMachine(cache: string): string {
  const facts = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const fact = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(facts)?.[1] ?? '';
  const shelf = join(cache, `${fact('ID') || 'linux'}${fact('VERSION_ID')}-${process.arch}`);
  mkdirSync(shelf, { recursive: true });
  return shelf;
}

/** apt as we call it: with the machine's package lists or with lists of our own. */
interface Apt {
  options: string[];
}

/**
 * Uses the machine's package lists; when it has none (as in containers) or they are too old to download by, fetches
 * lists of our own beside the work.
 */
async function withPackageLists<T>(workplace: string, use: (apt: Apt) => Promise<T>): Promise<T> {
  const quiet = ['-qq', '-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=2'];
  try {
    return await use({ options: quiet });
  } catch {
    const state = join(workplace, 'apt');
    for (const path of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(state, path), { recursive: true });
    const apt: Apt = {
      options: [
        ...quiet,
        ...['-o', `Dir::State=${state}`, '-o', 'Dir::State::status=/var/lib/dpkg/status'],
        ...['-o', `Dir::State::lists=${join(state, 'lists')}`, '-o', `Dir::Cache=${join(state, 'cache')}`],
      ],
    };
    // One broken source among several fails the whole update, while the lists that we need may well have come.
    const update = await run('apt-get', [
      ...apt.options,
      '-o',
      'APT::Update::Error-Mode=any',
      'update',
    ]).catch((failure: unknown) => failure);
    return use(apt).catch((failure: unknown) => {
      throw update instanceof Error ? update : failure;
    });
  }
}

async function download(apt: Apt, { packages, needed = /^lib/ }: FetchOptions, root: string): Promise<void> {
  const archives = `${root}.archives`;
  for (const path of [root, archives]) mkdirSync(path, { recursive: true });
  const others = await packagesToBring(apt, packages, needed);
  await run('apt-get', [...apt.options, 'download', ...new Set([...packages, ...others])], {
    cwd: archives,
  });
  for (const archive of readdirSync(archives)) await run('dpkg-deb', ['-x', join(archives, archive), root]);
  chmodSync(root, 0o755);
}

/**
 * What installing the packages would bring, by apt's own reckoning. The C library must be the machine's,
 * and LLVM and Perl serve parts (just-in-time compilation, wrapper scripts) that we leave off.
 */
async function packagesToBring(apt: Apt, packages: string[], needed: RegExp): Promise<string[]> {
  const simulation = await run('apt-get', [
    ...apt.options,
    '--simulate',
    '--no-install-recommends',
    'install',
    ...packages,
  ]);
  return [...simulation.matchAll(/^Inst (\S+)/gm)]
    .flatMap(([, name]) => name ?? [])
    .filter(
      (name) => needed.test(name) && !/^(libc6|libc-bin|libllvm|libperl|libjson-perl)|-perl$/.test(name),
    );
}

async function missingLibraries(root: string, programs: string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const program of programs) {
    const stdout = await run('ldd', [join(root, program)], {
      env: libraryPath(root),
    });
    missing.push(
      ...[...stdout.matchAll(/(\S+) => not found|version `(\S+)' not found/g)].flatMap(
        ([, library, version]) => library ?? version ?? [],
      ),
    );
  }
  return [...new Set(missing)];
}

function libraryPath(root: string): Record<string, string> {
  const directories = ['usr/lib', 'lib'].flatMap((lib) => {
    const triplets = existsSync(join(root, lib)) ? readdirSync(join(root, lib)) : [];
    return triplets.filter((name) => name.includes('-linux-')).map((name) => join(root, lib, name));
  });
  return directories.length > 0 ? { LD_LIBRARY_PATH: directories.join(':') } : {};
}

export async function aside<T>(cache: string, work: (workplace: string) => Promise<T>): Promise<T> {
  const workplace = temporaryDirectory('fetch', cache);
  try {
    return await work(workplace);
  } finally {
    removeTemporaryDirectory(workplace);
  }
}

/** Whoever comes second finds the same content there and lets it be. */
export function moveInto(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
