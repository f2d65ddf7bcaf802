import type { Language, LanguageName } from '../repository/language.ts';

/** The version of a language in an image's tag, and what has to be looked at by a person. */
export interface ImageVersion {
  /** `3.2.2`, or as much of it as is told: `20`. */
  tag: string;
  /** The file that tells it; `null`: none does. */
  from: string | null;
  /** Why somebody should look; `null` when the version is told exactly enough. */
  check: string | null;
}

/** What is taken when nothing tells a version: the usual one of late 2026. */
const USUAL: Readonly<Record<'ruby' | 'node' | 'python', string>> = {
  ruby: '3.4',
  node: '24',
  python: '3.14',
};

/** What Heroku goes by wins over what is only for developers' machines. */
export function imageVersion(
  name: LanguageName & keyof typeof USUAL,
  { versions }: Pick<Language, 'versions'>,
): ImageVersion {
  const told = versions.find(({ byHeroku }) => byHeroku) ?? versions[0];
  const tag = told === undefined ? undefined : tagOf(told.version);
  if (told === undefined || tag === undefined) {
    return {
      tag: USUAL[name],
      from: null,
      check: `no file tells the version of ${name}: ${USUAL[name]} is a guess, \`heroku run\` shows what runs`,
    };
  }
  const from = `${told.path}:${told.line}`;
  if (/^[^\d~^=]*>/.test(told.version))
    return { tag, from, check: `${from} takes any ${name} that is ${told.version}; ${tag} is the oldest` };
  return { tag, from, check: null };
}

/** The part of a version or range that does not vary: `~> 3.2.0` is `3.2`, `^20.1.0` and `20.x` are `20`. */
function tagOf(version: string): string | undefined {
  const exact = /^\s*={0,3}\s*v?(\d+(?:\.\d+){0,2})\s*$/.exec(version)?.[1];
  if (exact !== undefined) return exact;
  const [, sign = '', major, minor, patch] =
    /(~>|~=|[~^]|>=?)?\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version) ?? [];
  if (major === undefined) return undefined;
  const two = minor === undefined ? major : `${major}.${minor}`;
  if (sign === '~>' || sign === '~=') return patch === undefined ? major : two;
  if (sign === '^') return major;
  return sign === '~' ? two : /[x*]/i.test(version) || patch === undefined ? two : `${two}.${patch}`;
}
