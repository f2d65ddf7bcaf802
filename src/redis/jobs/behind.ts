/** A pattern behind a prefix that is meant letter by letter, in Redis' own globs. */
export function behind(prefix: string, pattern: string): string {
  return `${prefix.replaceAll(/[*?[\]\\]/g, '\\$&')}${pattern}`;
}
