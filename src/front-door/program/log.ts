/** One short line; Heroku's log adds time and dyno. Nothing that a visitor or a server sent is ever in it. */
export function log(line: string): void {
  console.log(`front-door: ${line}`);
}

/** What an error is called, never its message, which may quote what was sent. */
export function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && typeof error.name === 'string' ? error.name : 'unknown';
}
