import { ConfigurationError } from './errors.ts';

/**
 * Words between spaces; quotes hold a word together, and a backslash takes the next character as it is. No shell takes
 * part, so nothing else has a meaning.
 *
 * @param setting where the line stands, for the message
 */
export function splitCommand(line: string, setting: string): string[] {
  const words = line.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+|["'\\]/gs) ?? [];
  return words.map((word) => {
    if (/^["'\\]$/.test(word)) {
      throw new ConfigurationError(`${setting} has a quote that is not closed, or ends with a backslash.`);
    }
    return word.replaceAll(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs,
      (_whole, double?: string, single?: string, one?: string) =>
        double !== undefined ? double.replaceAll(/\\(.)/gs, '$1') : (single ?? one ?? ''),
    );
  });
}
