import type { Redis } from 'ioredis';
import { usualJobSystems } from './jobs/index.ts';
import { OUR_PREFIX } from './our-keys.ts';

export { OUR_PREFIX } from './our-keys.ts';

/** Decides whether a key is carried from the old side to the new one. */
export type KeyChoice = (key: Buffer) => boolean;

/**
 * All keys but ours, those that match a `skip` pattern (Redis' own globs) and the heartbeats of processes on either
 * side, which would show workers on the new side that run on the old one. (Those of a Sidekiq with a namespace are
 * carried: finding it takes a look at all names. They live 60 s, and Sidekiq itself clears away the dead.)
 */
export async function chooseKeys(sides: Redis[], skip: string[]): Promise<KeyChoice> {
  // Byte for byte as latin1, so that keys that are no text match too.
  const heartbeats = new Set<string>();
  for (const redis of sides)
    for (const system of await usualJobSystems(redis))
      for (const key of await system.heartbeatKeys(redis))
        heartbeats.add(Buffer.from(key).toString('latin1'));
  // This is asked for millions of keys: a key becomes text, which is what takes the time, only where it may matter.
  const lengths = new Set([...heartbeats].map((name) => name.length));
  const prefixes = [Buffer.from(OUR_PREFIX)];
  const patterns: RegExp[] = [];
  for (const glob of skip) {
    if (/^[^*?[\]\\]+\*$/.test(glob)) prefixes.push(Buffer.from(glob.slice(0, -1)));
    else patterns.push(globToRegExp(glob));
  }
  return (key) => {
    for (const prefix of prefixes)
      if (key[0] === prefix[0] && key.subarray(0, prefix.length).equals(prefix)) return false;
    if (patterns.length === 0 && !lengths.has(key.length)) return true;
    const name = key.toString('latin1');
    for (const pattern of patterns) if (pattern.test(name)) return false;
    return !heartbeats.has(name);
  };
}

/** A glob as in Redis' KEYS: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, and `\` in front of a character taken literally. */
export function globToRegExp(glob: string): RegExp {
  const text = Buffer.from(glob, 'utf8').toString('latin1');
  const source = text.replaceAll(
    /\\([\s\S])|\[(\^?)((?:\\[\s\S]|[^\]])*)\]|\*|\?|[\s\S]/g,
    (token: string, escaped: string | undefined, not: string | undefined, set: string | undefined) => {
      if (escaped !== undefined) return literal(escaped);
      if (set !== undefined) return characterClass(set, not === '^');
      if (token === '*') return '[\\s\\S]*';
      if (token === '?') return '[\\s\\S]';
      return literal(token);
    },
  );
  return new RegExp(`^${source}$`);
}

/** Redis takes a range in either order; an empty set matches nothing, and its opposite anything. */
function characterClass(set: string, isOpposite: boolean): string {
  const members = [...set.matchAll(/\\([\s\S])|([\s\S])-([\s\S])|([\s\S])/g)].map(
    ([, escaped, first, last, single]) =>
      first !== undefined && last !== undefined
        ? [first, last].sort().map(literal).join('-')
        : literal(escaped ?? single ?? ''),
  );
  return `[${isOpposite ? '^' : ''}${members.join('')}]`;
}

function literal(character: string): string {
  return character.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
