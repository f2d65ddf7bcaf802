import { lstatSync } from 'node:fs';
import { join } from 'node:path';

import { createContentsReader } from '../repository/contents.ts';
import { parsedObject } from '../repository/manifests.ts';

/** What a build needs to know of an app's directory beyond what `readRepository` tells. */
export interface BuildFacts {
  /** Every gem of Gemfile.lock, with its version. */
  gems: Readonly<Record<string, string>>;
  /** Scripts of package.json that a build may run. */
  scripts: string[];
  /** `packageManager` of package.json, such as `pnpm@9.1.0`. */
  packageManager: string | null;
  /** Names of what package.json depends on. */
  npm: string[];
  /** Names of the Python libraries that the manifests name, in lower case with hyphens. */
  pypi: string[];
  /** requirements.txt names no other file and not the source itself. */
  requirementsAlone: boolean;
  /** Files that are there, of those that a build looks for. */
  files: string[];
  /** Queues of config/sidekiq.yml. */
  queues: string[];
  /** The Dockerfile, or config/schedule.yml, of an earlier proposal: it begins with our line. */
  ours: string[];
  /** Ruby only: an app without views has no sessions, which Sidekiq's pages need. */
  apiOnly: boolean;
}

/** The first line of every file that is proposed, by which a later run knows its own. */
export const MARK = 'Proposed by heroku-to-digitalocean';

const LOOKED_FOR = [
  'Dockerfile',
  '.dockerignore',
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  '.yarnrc.yml',
  'pnpm-lock.yaml',
  '.npmrc',
  'Gemfile.lock',
  '.ruby-version',
  '.tool-versions',
  'bin/rails',
  'config/schedule.yml',
  'config/schedule.yaml',
  'config/application.rb',
  'requirements.txt',
  'Pipfile',
  'Pipfile.lock',
  'poetry.lock',
  'uv.lock',
  'pyproject.toml',
  'setup.py',
  'manage.py',
];
const LONGEST = 16 * 1024 * 1024;

/** Reads the manifests of an app's directory. Nothing of it is executed, and no link is followed. */
export function readBuildFacts(directory: string): BuildFacts {
  const reader = createContentsReader();
  const read = (path: string): string => {
    const contents = reader.read({ path, opens: join(directory, path) }, LONGEST);
    return 'text' in contents ? contents.text : '';
  };
  const manifest = parsedObject(read('package.json'));
  const packageManager = manifest['packageManager'];
  return {
    gems: gemsIn(read('Gemfile.lock')),
    scripts: namesIn(manifest['scripts']),
    packageManager:
      typeof packageManager === 'string' && /^(npm|yarn|pnpm)@\d[\w.+-]{0,40}/.test(packageManager)
        ? (packageManager.split('+')[0] ?? null)
        : null,
    npm: [...namesIn(manifest['dependencies']), ...namesIn(manifest['devDependencies'])],
    pypi: pythonLibraries(
      ['requirements.txt', 'Pipfile', 'pyproject.toml', 'poetry.lock', 'uv.lock', 'Pipfile.lock'].map(read),
    ),
    requirementsAlone: !/^\s*(-[rce]\b|--(requirement|constraint|editable)\b|\.|file:)/m.test(
      read('requirements.txt'),
    ),
    files: LOOKED_FOR.filter((path) => isFile(join(directory, path))),
    queues: queuesIn(read('config/sidekiq.yml')),
    ours: ['Dockerfile', 'config/schedule.yml'].filter((path) => read(path).slice(0, 2_000).includes(MARK)),
    apiOnly: /^\s*config\.api_only\s*=\s*true/m.test(read('config/application.rb')),
  };
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function gemsIn(lock: string): Record<string, string> {
  return Object.fromEntries(
    [...lock.matchAll(/^ {4}([\w.-]+) \(([0-9][0-9A-Za-z.]*)[^)]*\)\r?$/gm)].map((found) => [
      found[1] ?? '',
      found[2] ?? '',
    ]),
  );
}

function namesIn(value: unknown): string[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
}

function pythonLibraries(texts: readonly string[]): string[] {
  const names = texts.flatMap((text) =>
    [...text.matchAll(/(?:^\s*["']?|^name = "|["'])([A-Za-z][\w.-]{1,60})(?=["'\s=<>~!;[]|$)/gm)].map(
      (found) => (found[1] ?? '').toLowerCase().replaceAll(/[-_.]+/g, '-'),
    ),
  );
  return [...new Set(names)];
}

/** `- default`, `- [critical, 2]` below `:queues:`. */
function queuesIn(text: string): string[] {
  const block = /^:?queues:[ \t]*\r?\n((?:[ \t]*(?:-.*|#.*)?\r?\n?)+)/m.exec(text)?.[1] ?? '';
  return [...block.matchAll(/^[ \t]*-[ \t]*\[?[ \t]*["']?([\w-]{1,60})/gm)].map((found) => found[1] ?? '');
}
