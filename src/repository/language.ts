import { parsedObject } from './manifests.ts';

export type LanguageName = 'ruby' | 'node' | 'python' | 'go' | 'php' | 'java' | 'elixir';

/** A version as one file tells it: exact or a range, as written. */
export interface ToldVersion {
  version: string;
  path: string;
  line: number;
  /** Heroku's buildpack goes by it; others are for the developers' own machines. */
  byHeroku: boolean;
}

export interface Language {
  name: LanguageName;
  /** The file that tells it. */
  manifest: string;
  /** `null` when libraries are installed in whatever version there is that day. */
  lock: string | null;
  versions: ToldVersion[];
}

/** In the order in which Heroku's buildpacks are asked (Dev Center, "Officially Supported Buildpacks"). */
const LANGUAGES: readonly { name: LanguageName; manifests: string[]; locks: string[] }[] = [
  { name: 'ruby', manifests: ['Gemfile'], locks: ['Gemfile.lock'] },
  {
    name: 'node',
    manifests: ['package.json'],
    locks: [
      'package-lock.json',
      'yarn.lock',
      'pnpm-lock.yaml',
      'npm-shrinkwrap.json',
      'bun.lock',
      'bun.lockb',
    ],
  },
  {
    name: 'python',
    manifests: ['requirements.txt', 'Pipfile', 'pyproject.toml', 'setup.py'],
    locks: ['Pipfile.lock', 'poetry.lock', 'uv.lock', 'requirements.txt'],
  },
  {
    name: 'java',
    manifests: ['pom.xml', 'build.gradle', 'build.gradle.kts'],
    locks: ['pom.xml', 'gradle.lockfile'],
  },
  { name: 'php', manifests: ['composer.json', 'index.php'], locks: ['composer.lock'] },
  { name: 'go', manifests: ['go.mod'], locks: ['go.sum'] },
  { name: 'elixir', manifests: ['mix.exs'], locks: ['mix.lock'] },
];

/** Files that tell a version, by name, and what is told in them. */
const VERSION_FILES: readonly {
  file: string;
  language: LanguageName;
  byHeroku: boolean;
  read: (text: string) => { version: string; line: number } | undefined;
}[] = [
  // Bundler's own record; the Gemfile's line may be a range or name another file.
  {
    file: 'Gemfile.lock',
    language: 'ruby',
    byHeroku: true,
    read: match(/^RUBY VERSION[ \t]*\r?\n[ \t]+ruby (\d[\w.]*?)(?:p\d+)?[ \t\r]*$/m),
  },
  {
    file: 'Gemfile',
    language: 'ruby',
    byHeroku: true,
    read: match(/^[ \t]*ruby\s+['"]([^'"\n]{1,30})['"]/m),
  },
  { file: '.ruby-version', language: 'ruby', byHeroku: false, read: match(/^(?:ruby-)?(\d[\w.-]{0,30})/m) },
  { file: 'package.json', language: 'node', byHeroku: true, read: enginesNode },
  { file: '.node-version', language: 'node', byHeroku: false, read: match(/^v?(\d[\w.*-]{0,30})/m) },
  {
    file: '.nvmrc',
    language: 'node',
    byHeroku: false,
    read: match(/^v?(\d[\w.*-]{0,30}|lts\/[\w*-]{1,20}|node|stable)/m),
  },
  {
    file: '.python-version',
    language: 'python',
    byHeroku: true,
    read: match(/^(?:python-)?(\d[\w.]{0,30})/m),
  },
  { file: 'runtime.txt', language: 'python', byHeroku: true, read: match(/^python-(\d[\w.]{0,30})/m) },
  {
    file: 'Pipfile.lock',
    language: 'python',
    byHeroku: true,
    read: match(/"python_(?:full_)?version":\s*"([\d.]{1,20})"/),
  },
  {
    file: 'pyproject.toml',
    language: 'python',
    byHeroku: false,
    read: match(/^(?:requires-python|python)\s*=\s*["']([^"'\n]{1,40})["']/m),
  },
  { file: 'go.mod', language: 'go', byHeroku: true, read: goVersion },
  { file: 'composer.json', language: 'php', byHeroku: true, read: match(/"php"\s*:\s*"([^"\n]{1,40})"/) },
  {
    file: 'system.properties',
    language: 'java',
    byHeroku: true,
    read: match(/^[ \t]*java\.runtime\.version\s*=\s*([\w.+-]{1,40})/m),
  },
  {
    file: 'elixir_buildpack.config',
    language: 'elixir',
    byHeroku: true,
    read: match(/^[ \t]*elixir_version\s*=\s*([\w.-]{1,30})/m),
  },
];

/** asdf's and mise's names for the languages. */
const TOOL_NAMES: Readonly<Record<string, LanguageName>> = {
  ruby: 'ruby',
  nodejs: 'node',
  node: 'node',
  python: 'python',
  golang: 'go',
  go: 'go',
  php: 'php',
  java: 'java',
  elixir: 'elixir',
};

/**
 * The languages of one directory.
 *
 * @param read the text of a file beside the manifest, undefined when there is none.
 */
export function readLanguages(
  directory: string,
  has: (path: string) => boolean,
  read: (path: string) => string | undefined,
): Language[] {
  const at = (file: string): string => (directory === '' ? file : `${directory}/${file}`);
  const present = LANGUAGES.flatMap(({ name, manifests, locks }): Language[] => {
    const manifest = manifests.find((file) => has(at(file)));
    if (manifest === undefined) return [];
    const lock = locks.find((file) => has(at(file)));
    return [{ name, manifest: at(manifest), lock: lock === undefined ? null : at(lock), versions: [] }];
  });
  const tools = toolVersions(read(at('.tool-versions')) ?? '', at('.tool-versions'));
  return present.map((language) => ({
    ...language,
    versions: [
      ...VERSION_FILES.filter((told) => told.language === language.name).flatMap((told) => {
        const text = read(at(told.file));
        const found = text === undefined ? undefined : told.read(text);
        return found === undefined ? [] : [{ ...found, path: at(told.file), byHeroku: told.byHeroku }];
      }),
      ...tools
        .filter((told) => told.language === language.name)
        .map(({ version, path, line }) => ({ version, path, line, byHeroku: false })),
    ],
  }));
}

/**
 * The language in which workers can wait, as the manifests tell: those of Node beside another one are mostly for its
 * assets. Null: none of the three, or not one alone.
 */
export function waitingLanguageOf(
  languages: readonly Pick<Language, 'name'>[],
): 'node' | 'ruby' | 'python' | null {
  const names = languages.map(({ name }) => name);
  const own = names.filter((name) => name !== 'node');
  if (own.length === 0) return names.includes('node') ? 'node' : null;
  const [only, ...others] = own;
  return others.length === 0 && (only === 'ruby' || only === 'python') ? only : null;
}

function toolVersions(
  text: string,
  path: string,
): { language: LanguageName; version: string; path: string; line: number }[] {
  return text.split('\n').flatMap((line, index) => {
    const [, tool = '', version] = /^[ \t]*([a-z]+)\s+([\w.+-]{1,30})/.exec(line) ?? [];
    const language = Object.hasOwn(TOOL_NAMES, tool) ? TOOL_NAMES[tool] : undefined;
    return language === undefined || version === undefined
      ? []
      : [{ language, version, path, line: index + 1 }];
  });
}

function match(pattern: RegExp): (text: string) => { version: string; line: number } | undefined {
  return (text) => {
    const found = pattern.exec(text);
    const version = found?.[1]?.trim();
    if (found === null || version === undefined || version === '') return undefined;
    const before = text.slice(0, found.index + found[0].indexOf(version));
    return { version: shownVersion(version), line: before.split('\n').length };
  };
}

function enginesNode(text: string): { version: string; line: number } | undefined {
  const engines = parsedObject(text)['engines'];
  const node: unknown =
    typeof engines === 'object' && engines !== null ? Reflect.get(engines, 'node') : undefined;
  if (typeof node !== 'string') return undefined;
  const at = text.indexOf('"engines"');
  return { version: shownVersion(node), line: text.slice(0, Math.max(at, 0)).split('\n').length };
}

/** Heroku's own comment in go.mod wins over the language's version. */
function goVersion(text: string): { version: string; line: number } | undefined {
  return match(/^\/\/ \+heroku goVersion (?:go)?([\w.]{1,20})/m)(text) ?? match(/^go (\d[\w.]{0,20})/m)(text);
}

function shownVersion(version: string): string {
  return version.replaceAll(/[^\w.+~^<>=|*,/ -]/g, '').slice(0, 40);
}

/** The numbers that two exact versions share, or undefined when one of them is a range: then they may agree. */
export function disagree(one: string, other: string): boolean {
  const exact = /^\d+(\.\d+){0,2}$/;
  if (!exact.test(one) || !exact.test(other)) return false;
  const [a, b] = [one.split('.'), other.split('.')];
  return a.slice(0, Math.min(a.length, b.length)).some((part, index) => part !== b[index]);
}
