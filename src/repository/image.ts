import { parse } from 'yaml';

import { parsedObject } from './manifests.ts';

/** What the application's image must hold and do, beyond its language. */
export interface ImageFacts {
  dockerfiles: DockerfileFacts[];
  aptfile: { path: string; packages: string[] } | null;
  herokuYml: HerokuYmlFacts | null;
  appJson: AppJsonFacts | null;
  /** Scripts that a dyno runs before the process: `.profile` and those in `.profile.d/`. */
  profileScripts: string[];
  /** What a buildpack runs at a build: `heroku-postbuild` in package.json, `bin/post_compile` … */
  buildHooks: { path: string; hook: string }[];
}

export interface DockerfileFacts {
  path: string;
  /** Words of its RUN lines that look like packages of the system. */
  installs: string[];
  /** Names that ENV and ARG lines set. */
  sets: string[];
  precompilesAssets: boolean;
  collectsStatic: boolean;
}

export interface HerokuYmlFacts {
  path: string;
  /** Built from a Dockerfile: no buildpack adds anything to its environment. */
  buildsImage: boolean;
  processes: string[];
}

export interface AppJsonFacts {
  path: string;
  /** Scripts by name, such as `postdeploy`. */
  scripts: string[];
  cron: boolean;
}

export function readDockerfile(path: string, text: string): DockerfileFacts {
  // A line that ends with a backslash goes on in the next one.
  const lines = text.replaceAll(/\\\r?\n/g, ' ').split('\n');
  const installs = lines
    .filter((line) => /^\s*RUN\b/i.test(line) && /\b(apt-get|apt|apk|dnf|yum|microdnf)\b/.test(line))
    .flatMap((line) => line.slice(0, 20_000).match(/(?<=\s)[a-z0-9][a-z0-9.+-]{1,60}(?=[\s=:]|$)/g) ?? []);
  const sets = lines.flatMap((line) => {
    const named = /^\s*(?:ENV|ARG)\s+(.*)$/i.exec(line)?.[1];
    if (named === undefined) return [];
    return named.includes('=')
      ? [...named.matchAll(/(?:^|\s)([A-Za-z_]\w{0,60})=/g)].map((found) => found[1] ?? '')
      : [named.split(/\s/)[0] ?? ''];
  });
  return {
    path,
    installs: [...new Set(installs)].sort(),
    sets: [...new Set(sets)].sort(),
    precompilesAssets: /\bassets:precompile\b/.test(text),
    collectsStatic: /\bcollectstatic\b/.test(text),
  };
}

/** Packages of an Aptfile: names, or addresses of `.deb` files, of which only the file's name is kept. */
export function readAptfile(text: string): string[] {
  const packages = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith(':repo:'))
    .map((line) => (line.includes('/') ? (line.split('/').at(-1) ?? '') : line).replace(/[=:].*$/, ''))
    .filter((name) => /^[a-z0-9][a-z0-9.+_-]{0,80}$/i.test(name));
  return [...new Set(packages)];
}

export function readHerokuYml(path: string, text: string): HerokuYmlFacts {
  const parsed = yamlObject(text);
  const build = objectOf(parsed['build']);
  return {
    path,
    buildsImage: build['docker'] !== undefined,
    processes: names(Object.keys({ ...objectOf(build['docker']), ...objectOf(parsed['run']) })),
  };
}

export function readAppJson(path: string, text: string): AppJsonFacts {
  const parsed = parsedObject(text);
  return {
    path,
    scripts: names(Object.keys(objectOf(parsed['scripts']))),
    cron: parsed['cron'] !== undefined,
  };
}

/** Scripts of package.json that only Heroku's buildpack runs. */
export function herokuScripts(text: string): string[] {
  const scripts = objectOf(parsedObject(text)['scripts']);
  return ['heroku-prebuild', 'heroku-postbuild', 'heroku-cleanup'].filter((name) => name in scripts);
}

const MOST_NAMES = 50;
const LONGEST_YAML = 64 * 1024;

/** Names as they can be shown; anything else in their place is left out. */
function names(values: unknown[]): string[] {
  return values
    .filter((value): value is string => typeof value === 'string' && /^[\w.:/@+-]{1,120}$/.test(value))
    .slice(0, MOST_NAMES);
}

function yamlObject(text: string): Record<string, unknown> {
  try {
    // No aliases: a small file of them grows to gigabytes.
    return objectOf(parse(text.slice(0, LONGEST_YAML), { maxAliasCount: 0, logLevel: 'silent' }));
  } catch {
    return {};
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
