import { ConfigurationError } from '../../src/errors.ts';

/**
 * Reads a file in the form of GITHUB_OUTPUT, GITHUB_ENV and GITHUB_STATE: `name=value` lines and
 * `name<<DELIMITER … DELIMITER` blocks. Throws on a line that is neither and on a block without its end.
 */
export function parseCommandFile(text: string, file: string): [name: string, value: string][] {
  const entries: [string, string][] = [];
  const lines = text.split(/\r?\n/u);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (line === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      entries.push([line.slice(0, equals), line.slice(equals + 1)]);
    } else if (heredoc > 0) {
      const delimiter = line.slice(heredoc + 2);
      const end = lines.indexOf(delimiter, index + 1);
      if (delimiter === '' || end < 0)
        throw new ConfigurationError(`${file}: the block of "${line}" has no end.`);
      entries.push([line.slice(0, heredoc), lines.slice(index + 1, end).join('\n')]);
      index = end;
    } else {
      throw new ConfigurationError(`Unable to process file command '${file}': invalid format '${line}'.`);
    }
  }
  return entries;
}
