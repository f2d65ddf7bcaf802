import type { Ecosystem } from './known-libraries.ts';
import { KNOWN_LIBRARIES, roleOf } from './known-libraries.ts';

/** A library that matters for the move, as a manifest or lock file names it. */
export interface Library {
  ecosystem: Ecosystem;
  name: string;
  /** The locked version (`6.4.1`), or the range that the manifest asks for; `null` when neither is told. */
  version: string | null;
  locked: boolean;
  path: string;
  line: number;
}

type Read = (text: string) => Omit<Library, 'path'>[];

/** Lock files tell the version, manifests what was asked for; the former wins for the same library. */
const MANIFESTS: readonly { name: RegExp; read: Read }[] = [
  { name: /(^|\/)Gemfile\.lock$/, read: gemfileLock },
  {
    name: /(^|\/)Gemfile$/,
    read: byLine('gem', false, /^\s*gem\s*\(?\s*['"]([\w.-]+)['"](?:\s*,\s*['"]([^'"]{1,40})['"])?/),
  },
  { name: /(^|\/)package\.json$/, read: packageJson },
  { name: /(^|\/)package-lock\.json$/, read: packageLock },
  { name: /(^|\/)yarn\.lock$/, read: yarnLock },
  {
    name: /(^|\/)pnpm-lock\.yaml$/,
    read: byLine('npm', true, /^ {2}['"]?\/?((?:@[\w.-]+\/)?[\w.-]+)[@/](\d[\w.-]*)/),
  },
  {
    name: /(^|\/)requirements[\w.-]*\.txt$|(^|\/)requirements\/[\w.-]+\.txt$/,
    read: byLine(
      'pypi',
      false,
      /^\s*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:[=~<>!]=?=?\s*([\w.*-]{1,40}))?/,
    ),
  },
  { name: /(^|\/)(poetry|uv|pdm)\.lock$/, read: tomlLock },
  { name: /(^|\/)pyproject\.toml$/, read: pyproject },
  { name: /(^|\/)Pipfile\.lock$/, read: byLine('pypi', true, /^ {8}"([A-Za-z0-9][\w.-]*)": \{/) },
  { name: /(^|\/)Pipfile$/, read: byLine('pypi', false, /^\s*["']?([A-Za-z0-9][\w.-]*)["']?\s*=/) },
  {
    name: /(^|\/)go\.mod$/,
    read: byLine('go', true, /^\s*(?:require\s+)?([\w.-]+\.[\w.-]+\/[\w./-]+)\s+v([\w.+-]+)/),
  },
  {
    name: /(^|\/)composer\.json$/,
    read: byLine('composer', false, /^\s*"([\w.-]+\/[\w.-]+)"\s*:\s*"([^"]{1,40})"/),
  },
  { name: /(^|\/)composer\.lock$/, read: composerLock },
  { name: /(^|\/)pom\.xml$/, read: byLine('maven', false, /<artifactId>\s*([\w.-]+)\s*<\/artifactId>/) },
  {
    name: /(^|\/)build\.gradle(\.kts)?$/,
    read: byLine('maven', false, /['"(][\w.-]+:([\w.-]+)(?::([\w.-]+))?['")]/),
  },
  { name: /(^|\/)mix\.exs$/, read: byLine('hex', false, /^\s*\{:(\w+),\s*"([^"]{1,40})"/) },
  { name: /(^|\/)mix\.lock$/, read: byLine('hex', true, /^\s*"(\w+)":\s*\{:hex,\s*:\w+,\s*"([\w.+-]+)"/) },
];

/** Whether the file tells libraries. */
export function isManifest(path: string): boolean {
  return MANIFESTS.some(({ name }) => name.test(path));
}

/** The libraries of one manifest that matter for a move; nothing else of it is kept. */
export function librariesOf(path: string, text: string): Library[] {
  const manifest = MANIFESTS.find(({ name }) => name.test(path));
  return manifest === undefined ? [] : manifest.read(text).map((library) => ({ ...library, path }));
}

/** Each library once, locked versions first, then the shallower file. */
export function oncePerLibrary(all: readonly Library[]): Library[] {
  const best = new Map<string, Library>();
  const asked = new Set(all.filter(({ locked }) => !locked).map(({ name }) => name));
  for (const library of all) {
    // npm's lock files hold what libraries bring along, too, such as the `cron` of another scheduler.
    if (library.ecosystem === 'npm' && !asked.has(library.name)) continue;
    const key = `${library.ecosystem} ${library.name}`;
    const known = best.get(key);
    if (known === undefined || (!known.locked && library.locked)) best.set(key, library);
  }
  return [...best.values()].sort((a, b) => compare(a.ecosystem, b.ecosystem) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A name and perhaps a version in every line that `pattern` fits. */
function byLine(ecosystem: Ecosystem, locked: boolean, pattern: RegExp): Read {
  return (text) =>
    text.split('\n').flatMap((line, index) => {
      const found = line.length > 1_000 ? null : pattern.exec(line);
      return found === null ? [] : known(ecosystem, found[1] ?? '', found[2], locked, index + 1);
    });
}

function known(
  ecosystem: Ecosystem,
  name: string,
  version: string | undefined,
  locked: boolean,
  line: number,
): Omit<Library, 'path'>[] {
  // PyPI's names are the same in any case and with any of `-`, `_` and `.` (PEP 503).
  const normal = ecosystem === 'pypi' ? name.toLowerCase().replaceAll(/[-_.]+/g, '-') : name;
  if (roleOf(ecosystem, normal) === undefined) return [];
  return [{ ecosystem, name: normal, version: shortVersion(version), locked, line }];
}

function shortVersion(version: string | undefined): string | null {
  const short = version?.replaceAll(/[^\w.+~^<>=|* -]/g, '').trim();
  return short === undefined || short === '' ? null : short.slice(0, 40);
}

function packageJson(text: string): Omit<Library, 'path'>[] {
  const parsed = parsedObject(text);
  return ['dependencies', 'optionalDependencies'].flatMap((group) => {
    const entries = parsed[group];
    if (typeof entries !== 'object' || entries === null) return [];
    return Object.entries(entries).flatMap(([name, version]) =>
      known('npm', name, typeof version === 'string' ? version : undefined, false, lineOf(text, `"${name}"`)),
    );
  });
}

/** Only what the application asks for itself: what a library brings along is the library's own affair. */
function gemfileLock(text: string): Omit<Library, 'path'>[] {
  const asked = /^DEPENDENCIES$([\s\S]*?)(?:^\S|(?![\s\S]))/m.exec(text)?.[1];
  const direct = new Set([...(asked ?? '').matchAll(/^ {2}([\w.-]+)/gm)].map((found) => found[1]));
  return byLine(
    'gem',
    true,
    /^ {4}([\w.-]+) \(([0-9][0-9A-Za-z.-]*)\)/,
  )(text).filter(({ name }) => asked === undefined || name === 'railties' || direct.has(name));
}

/** `"django>=4.2"` in a list, or `django = "^4.2"` in Poetry's table. */
function pyproject(text: string): Omit<Library, 'path'>[] {
  const names =
    /(?:^\s*|["'])([A-Za-z0-9][\w.-]{0,60})(?:\[[\w, -]*\])?\s*(?:[~=<>!^]{1,3}\s*["'{]?[~=<>^]*([0-9][\w.*]{0,30})?|["'])/g;
  return text
    .split('\n')
    .flatMap((line, index) =>
      [...line.slice(0, 2_000).matchAll(names)].flatMap((found) =>
        known('pypi', found[1] ?? '', found[2], false, index + 1),
      ),
    );
}

/** Lock files are large: only the known names are looked for, and nothing is parsed. */
function packageLock(text: string): Omit<Library, 'path'>[] {
  return Object.keys(KNOWN_LIBRARIES.npm).flatMap((name) => {
    const at = text.indexOf(`"node_modules/${name}": {`);
    if (at < 0) return [];
    const version = /"version": "([^"]{1,40})"/.exec(text.slice(at, at + 400))?.[1];
    return known('npm', name, version, true, lineAt(text, at));
  });
}

function yarnLock(text: string): Omit<Library, 'path'>[] {
  return Object.keys(KNOWN_LIBRARIES.npm).flatMap((name) => {
    const at = [`\n${name}@`, `\n"${name}@`].map((start) => text.indexOf(start)).find((found) => found >= 0);
    if (at === undefined) return [];
    const version = /\n {2}version:? "?([^"\n]{1,40})"?/.exec(text.slice(at, at + 600))?.[1];
    return known('npm', name, version, true, lineAt(text, at + 1));
  });
}

function tomlLock(text: string): Omit<Library, 'path'>[] {
  return eachOnce('pypi', text, /^name = "([\w.-]{1,80})"\r?\nversion = "([^"]{1,40})"/gm);
}

function composerLock(text: string): Omit<Library, 'path'>[] {
  return eachOnce(
    'composer',
    text,
    /^ {8}"name": "([\w.-]{1,60}\/[\w.-]{1,60})",\r?\n {8}"version": "v?([^"]{1,40})"/gm,
  );
}

/** The first entry of each known library in a lock file. */
function eachOnce(ecosystem: Ecosystem, text: string, pattern: RegExp): Omit<Library, 'path'>[] {
  const seen = new Set<string>();
  return [...text.matchAll(pattern)].flatMap((found) => {
    const name = found[1] ?? '';
    if (seen.has(name)) return [];
    seen.add(name);
    return known(ecosystem, name, found[2], true, 0).map((library) => ({
      ...library,
      line: lineAt(text, found.index),
    }));
  });
}

/** An object from JSON, empty when it is none: a broken manifest is the application's to mend, not ours to judge. */
export function parsedObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

function lineOf(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 1 : lineAt(text, at);
}

/** Counted from 1. */
function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++;
  return line;
}
