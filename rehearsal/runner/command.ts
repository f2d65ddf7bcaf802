/** A workflow command such as `::error file=app.js,line=1::message` on a line of a step's output. */
export interface Command {
  name: string;
  properties: Record<string, string>;
  message: string;
}

/** The command on this line, if there is one. */
export function parseCommand(line: string): Command | undefined {
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
