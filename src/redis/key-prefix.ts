/** What separates the parts of a key's name, by custom. */
const PART = /[^:/|]+[:/|]*/g;
/** A word: no digits but a few at its end, such as `v2`; nothing that may be an identifier, a host or a person. */
const WORD = /^[A-Za-z_][A-Za-z_.-]{0,30}\d{0,2}[:/|]+$/;
const DEEPEST = 2;

/**
 * The words that a key's name begins with, each with the separator behind it, two at most: `cache:`, then
 * `cache:views/`. Empty for a name that begins with anything else. What stands behind the last separator is never in it.
 */
export function prefixesOf(key: Buffer): string[] {
  const parts = key.toString('latin1', 0, 100).match(PART) ?? [];
  const prefixes: string[] = [];
  for (const part of parts.slice(0, DEEPEST)) {
    if (!WORD.test(part)) break;
    prefixes.push(`${prefixes.at(-1) ?? ''}${part}`);
  }
  return prefixes;
}

/** Redis' own glob for all keys that begin so. */
export function globOf(prefix: string): string {
  return `${prefix.replaceAll(/[*?[\]\\]/g, '\\$&')}*`;
}
