/** A workflow command on a line of a step's output: `::error file=app.js,line=1::message`, or the older `##[error]message`. */
export interface Command {
  name: string;
  properties: Record<string, string>;
  message: string;
}

/** The older form is one with these names only (actions/runner, ActionCommandManager and its extensions). */
const OLDER = new Set([
  ...['add-mask', 'add-matcher', 'add-path', 'debug', 'echo', 'endgroup', 'error', 'group', 'notice'],
  ...['remove-matcher', 'save-state', 'set-env', 'set-output', 'stop-commands', 'warning'],
]);

/** The command on this line, if there is one. */
export function parseCommand(line: string): Command | undefined {
  return newer(line) ?? older(line);
}

/** Unlike the newer form it may stand anywhere in the line. */
function older(line: string): Command | undefined {
  const [, name = '', properties = '', message = ''] =
    /##\[([^\] ]+)(?: ([^\]]*))?\](.*)$/su.exec(line) ?? [];
  if (!OLDER.has(name.toLowerCase())) return undefined;
  const pairs = properties.split(';').flatMap((pair) => {
    const [key = '', ...value] = pair.split('=');
    return key.trim() === '' ? [] : [[key.trim(), value.join('=')] as const];
  });
  return { name: name.toLowerCase(), properties: Object.fromEntries(pairs), message };
}

function newer(line: string): Command | undefined {
  const match = /^\s*::([a-zA-Z-]+)(?:\s+([^:]*(?::(?!:)[^:]*)*))?::(.*)$/su.exec(line);
  if (!match) return undefined;
  const properties = Object.fromEntries(
    (match[2] ?? '')
      .split(',')
      .map((pair) => pair.split('='))
      .filter(([key, value]) => key !== undefined && key.trim() !== '' && value !== undefined)
      .map(([key = '', ...value]) => [key.trim(), unescapeProperty(value.join('='))]),
  );
  return { name: (match[1] ?? '').toLowerCase(), properties, message: unescapeMessage(match[3] ?? '') };
}

function unescapeMessage(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}

function unescapeProperty(text: string): string {
  return unescapeMessage(text.replaceAll('%3A', ':').replaceAll('%2C', ','));
}
