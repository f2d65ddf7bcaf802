import { realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { ConfigurationError } from '../errors.ts';
import { isTest, scanChoice } from './code-rules.ts';
import { scriptKeepsItsShell } from './command.ts';
import { createContentsReader } from './contents.ts';
import { shownPath, type Finding } from './evidence.ts';
import {
  herokuScripts,
  readAppJson,
  readAptfile,
  readDockerfile,
  readHerokuYml,
  type ImageFacts,
} from './image.ts';
import { readLanguages, type Language } from './language.ts';
import { DEFAULT_LIMITS, type ReadLimits } from './limits.ts';
import { isManifest, librariesOf, oncePerLibrary, type Library } from './manifests.ts';
import { readPools, type PoolFacts } from './pools.ts';
import { readProcfile, type ProcfileProcess } from './procfile.ts';
import { createScanner } from './scan.ts';
import { leaveOut, listFiles, type Listing, type TreeFile } from './tree.ts';

/** What the checkout tells about the move: plain data, without a line of anybody's code and without a secret. */
export interface RepositoryFacts {
  /** The directory of the app, relative to the checkout; empty for the checkout itself, `null` when several could be it. */
  directory: string | null;
  /** Every directory with a Procfile or heroku.yml; without any, those with a manifest of a language. */
  appDirectories: { path: string; procfile: boolean; languages: string[] }[];
  files: { listed: number; scanned: number; tests: number; bytes: number };
  /** What was not read, and why: unknown, not absent. */
  leftOut: { path: string; why: string }[];
  leftOutCount: number;
  /** Kinds of findings of which there are more than are kept. */
  cutKinds: string[];
  procfile: { path: string; processes: RepositoryProcess[] } | null;
  languages: Language[];
  libraries: Library[];
  findings: Finding[];
  image: ImageFacts;
  pools: PoolFacts[];
  rails: RailsFacts | null;
  /** Schedules in files that a library loads by itself or a task installs. */
  scheduleFiles: string[];
}

export interface RepositoryProcess extends ProcfileProcess {
  /** The command runs a shell script of the repository that stays in front of its program. */
  scriptInFront: string | null;
}

export interface RailsFacts {
  version: string | null;
  /** `config/credentials.yml.enc` and those of environments. */
  credentials: string[];
  /** Active Storage's services that write to the disk, by their names in config/storage.yml. */
  diskServices: string[];
}

export interface ReadRepositoryOptions {
  /** The app's directory in a monorepo, relative to the checkout. */
  subdirectory?: string;
  limits?: Partial<ReadLimits>;
  /** Milliseconds since any moment. */
  now?: () => number;
}

/** After so many files the process's other work has its turn: reading is synchronous. */
const FILES_AT_ONCE = 200;

/**
 * Reads the checkout at `directory`. Nothing of it is executed, no link is followed out of it, and how much is read is
 * bounded; what was not read is named.
 *
 * @throws ConfigurationError when the directory is none, or the subdirectory lies outside of it.
 */
export async function readRepository(
  directory: string,
  options: ReadRepositoryOptions = {},
): Promise<RepositoryFacts> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const now = options.now ?? (() => performance.now());
  const until = now() + limits.milliseconds;
  const isLate = (): boolean => now() > until;

  const root = await rootOf(directory);
  const under = await subdirectoryOf(root, options.subdirectory);
  const listing = await listAll(root, under, limits, isLate);
  const texts = manifestTexts(listing, limits);

  const appDirectories = findAppDirectories(listing.files, under);
  const appDirectory = chooseDirectory(
    appDirectories,
    options.subdirectory === undefined ? undefined : under,
  );
  const at = (file: string): string =>
    appDirectory === null || appDirectory === '' ? file : `${appDirectory}/${file}`;
  const inApp = (file: string): string | undefined =>
    appDirectory === null ? undefined : texts.read(at(file));

  const libraries = oncePerLibrary(readLibraries(listing, texts.read, isLate));
  const languages = appDirectory === null ? [] : readLanguages(appDirectory, texts.has, texts.read);
  const procfile = procfileOf(at('Procfile'), inApp('Procfile'), (script) => inApp(script));
  const scanned = await scanAll(listing, limits, isLate);

  return {
    directory: appDirectory,
    appDirectories,
    files: { listed: listing.files.length, ...scanned.files },
    leftOut: listing.leftOut,
    leftOutCount: listing.leftOutCount,
    cutKinds: scanned.cut,
    procfile,
    languages,
    libraries,
    findings: scanned.findings,
    image: imageOf(listing.files, at, inApp, texts.read),
    pools: readPools(procfile?.processes ?? [], inApp, {
      sidekiq: versionOf(libraries, 'sidekiq'),
      language: languages[0]?.name ?? null,
      usesNodePool: libraries.some(
        ({ ecosystem, name }) => ecosystem === 'npm' && /^(pg|pg-promise|knex)$/.test(name),
      ),
    }),
    rails: railsOf(libraries, listing.files, inApp('config/storage.yml')),
    scheduleFiles: listing.files
      .map(({ path }) => path)
      .filter((path) =>
        /(^|\/)config\/(schedule\.(yml|yaml|rb)|sidekiq_?(cron|schedule|scheduler)?\.yml|recurring\.yml|clock\.rb)$|(^|\/)(clock|schedule)\.(rb|py)$/.test(
          path,
        ),
      )
      .filter(
        (path) =>
          !/(^|\/)sidekiq\.yml$/.test(path) || /^\s*:?(scheduler|schedule):/m.test(texts.read(path) ?? ''),
      )
      .slice(0, 20)
      .map(shownPath),
  };
}

/** A monorepo has hundreds of manifests; whoever has thousands is told that the deepest were not read. */
const MOST_MANIFESTS = 1_000;

function readLibraries(
  listing: Listing,
  read: (path: string) => string | undefined,
  isLate: () => boolean,
): Library[] {
  const manifests = listing.files.filter(({ path }) => isManifest(path) && !isTest(path));
  const libraries: Library[] = [];
  for (const [index, { path }] of manifests.entries()) {
    if (index >= MOST_MANIFESTS || isLate()) {
      leaveOut(listing, path, 'this manifest and those after it: there are too many');
      break;
    }
    libraries.push(...librariesOf(shownPath(path), read(path) ?? ''));
  }
  return libraries;
}

async function rootOf(directory: string): Promise<string> {
  try {
    const root = await realpath(resolve(directory));
    if ((await stat(root)).isDirectory()) return root;
  } catch {
    // Told below.
  }
  throw new ConfigurationError(
    `There is no checkout at ${directory}. Add a step with actions/checkout before this one, or correct the path. Nothing was changed.`,
  );
}

async function subdirectoryOf(root: string, subdirectory: string | undefined): Promise<string> {
  if (subdirectory === undefined) return '';
  try {
    const real = await realpath(join(root, subdirectory));
    if ((real === root || real.startsWith(root + sep)) && (await stat(real)).isDirectory()) {
      return real
        .slice(root.length + 1)
        .split(sep)
        .join('/');
    }
  } catch {
    // Told below.
  }
  throw new ConfigurationError(
    `The app's directory "${subdirectory}" is not a directory of the checkout. Correct it; nothing was changed.`,
  );
}

/** Of a subdirectory's app, the pipelines beside it belong to it too. */
async function listAll(
  root: string,
  under: string,
  limits: ReadLimits,
  isLate: () => boolean,
): Promise<Listing> {
  const listing = await listFiles(root, under, limits, isLate);
  if (under === '') return listing;
  for (const beside of ['.github', '.circleci']) {
    const exists = await stat(join(root, beside)).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!exists) continue;
    const more = await listFiles(root, beside, { ...limits, files: 1_000 }, isLate);
    listing.files.push(...more.files);
  }
  return listing;
}

/** Files of which the whole text is needed, read once. */
function manifestTexts(
  listing: Listing,
  limits: ReadLimits,
): { has: (path: string) => boolean; read: (path: string) => string | undefined } {
  const byPath = new Map(listing.files.map((file) => [file.path, file]));
  const reader = createContentsReader();
  const refused = new Set<string>();
  return {
    has: (path) => byPath.has(path),
    read(path) {
      const file = byPath.get(path);
      if (file === undefined || refused.has(path)) return undefined;
      const contents = reader.read(file, limits.manifestBytes);
      if ('text' in contents) return contents.text;
      refused.add(path);
      leaveOut(listing, path, contents.unread);
      return undefined;
    },
  };
}

const LANGUAGE_MANIFEST =
  /(^|\/)(Gemfile|package\.json|requirements\.txt|Pipfile|pyproject\.toml|go\.mod|composer\.json|pom\.xml|build\.gradle(\.kts)?|mix\.exs)$/;
const DEPLOYED = /(^|\/)(Procfile|heroku\.yml)$/;
const MOST_DIRECTORIES = 20;

function findAppDirectories(files: readonly TreeFile[], under: string): RepositoryFacts['appDirectories'] {
  const found = new Map<string, { procfile: boolean; deployed: boolean; languages: string[] }>();
  for (const { path } of files) {
    if (isTest(path)) continue;
    const deployed = DEPLOYED.test(path);
    if (!deployed && !LANGUAGE_MANIFEST.test(path)) continue;
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? '' : path.slice(0, slash);
    const one = found.get(directory) ?? { procfile: false, deployed: false, languages: [] };
    if (deployed) one.deployed = true;
    else one.languages.push(path.slice(slash + 1));
    if (path.endsWith('Procfile')) one.procfile = true;
    found.set(directory, one);
  }
  const all = [...found].map(([path, one]) => ({ path, ...one }));
  const deployed = all.filter((one) => one.deployed || one.path === under);
  return (deployed.some((one) => one.deployed) ? deployed : all)
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .slice(0, MOST_DIRECTORIES)
    .map(({ path, procfile, languages }) => ({ path: shownPath(path), procfile, languages }));
}

function chooseDirectory(all: RepositoryFacts['appDirectories'], asked: string | undefined): string | null {
  if (asked !== undefined) return asked;
  const withProcfile = all.filter(({ procfile }) => procfile);
  const atTop = all.some(({ path, procfile }) => path === '' && (procfile || withProcfile.length === 0));
  if (atTop || all.length === 0) return '';
  const only = withProcfile.length > 0 ? withProcfile : all;
  return only.length === 1 ? (only[0]?.path ?? '') : null;
}

function procfileOf(
  path: string,
  text: string | undefined,
  read: (script: string) => string | undefined,
): RepositoryFacts['procfile'] {
  if (text === undefined) return null;
  const processes = readProcfile(text).map((process) => {
    const script = process.script === null ? undefined : read(process.script);
    const inFront = script !== undefined && scriptKeepsItsShell(script);
    return { ...process, scriptInFront: inFront ? process.script : null };
  });
  return { path, processes };
}

function imageOf(
  files: readonly TreeFile[],
  at: (file: string) => string,
  inApp: (file: string) => string | undefined,
  read: (path: string) => string | undefined,
): ImageFacts {
  const aptfile = inApp('Aptfile');
  const herokuYml = inApp('heroku.yml');
  const appJson = inApp('app.json');
  const packageJson = inApp('package.json');
  const present = (file: string): boolean => files.some(({ path }) => path === at(file));
  return {
    dockerfiles: files
      .filter(
        ({ path }) =>
          /(^|\/)Dockerfile(\.[\w-]+)?$/.test(path) &&
          !/\.(dev|development|test)$/.test(path) &&
          scanChoice(path) === 'scan',
      )
      .slice(0, 10)
      .map(({ path }) => readDockerfile(shownPath(path), read(path) ?? '')),
    aptfile: aptfile === undefined ? null : { path: at('Aptfile'), packages: readAptfile(aptfile) },
    herokuYml: herokuYml === undefined ? null : readHerokuYml(at('heroku.yml'), herokuYml),
    appJson: appJson === undefined ? null : readAppJson(at('app.json'), appJson),
    profileScripts: files
      .map(({ path }) => path)
      .filter((path) => path === at('.profile') || path.startsWith(at('.profile.d/')))
      .slice(0, 10)
      .map(shownPath),
    buildHooks: [
      ...herokuScripts(packageJson ?? '').map((hook) => ({ path: at('package.json'), hook })),
      ...['bin/pre_compile', 'bin/post_compile', 'compile']
        .filter(present)
        .map((hook) => ({ path: at(hook), hook })),
    ],
  };
}

function railsOf(
  libraries: readonly Library[],
  files: readonly TreeFile[],
  storage: string | undefined,
): RailsFacts | null {
  if (!libraries.some(({ ecosystem, name }) => ecosystem === 'gem' && /^rail(s|ties)$/.test(name)))
    return null;
  return {
    version: versionOf(libraries, 'railties') ?? versionOf(libraries, 'rails'),
    credentials: files
      .map(({ path }) => path)
      .filter((path) => /(^|\/)config\/credentials(\.yml|\/\w+\.yml)\.enc$/.test(path))
      .slice(0, 5)
      .map(shownPath),
    diskServices: diskServicesOf(storage ?? ''),
  };
}

/** Line by line: the file is a template of Ruby's, not YAML yet. */
function diskServicesOf(storage: string): string[] {
  const services: string[] = [];
  let service: string | undefined;
  for (const line of storage.split('\n').slice(0, 1_000)) {
    service = /^(\w{1,40}):/.exec(line)?.[1] ?? service;
    if (service !== undefined && /^[ \t]+service:[ \t]*["']?Disk\b/.test(line)) services.push(service);
  }
  return services;
}

function versionOf(libraries: readonly Library[], wanted: string): string | null {
  return libraries.find(({ name, locked }) => name === wanted && locked)?.version ?? null;
}

async function scanAll(
  listing: Listing,
  limits: ReadLimits,
  isLate: () => boolean,
): Promise<{ findings: Finding[]; cut: string[]; files: Omit<RepositoryFacts['files'], 'listed'> }> {
  const scanner = createScanner();
  const reader = createContentsReader();
  const files = { scanned: 0, tests: 0, bytes: 0 };
  for (const [index, file] of listing.files.entries()) {
    if (index % FILES_AT_ONCE === 0) {
      await setImmediate();
      if (isLate()) {
        leaveOut(
          listing,
          file.path,
          `more than ${limits.milliseconds / 1000} seconds: this file and those after it`,
        );
        break;
      }
    }
    const choice = scanChoice(file.path);
    if (choice === 'test') files.tests++;
    if (choice !== 'scan') continue;
    const contents = reader.read(file, limits.codeBytes);
    if ('unread' in contents) {
      leaveOut(listing, file.path, contents.unread);
      continue;
    }
    files.scanned++;
    files.bytes += contents.bytes;
    scanner.scan(file.path, contents.text);
  }
  return { findings: scanner.findings(), cut: scanner.cut(), files };
}
