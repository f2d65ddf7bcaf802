/** The end of a text: at most so many lines, without empty ones after the last word. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n').trim();
}
