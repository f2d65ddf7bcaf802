/** Cells may hold hostile text (names from Heroku, errors); `raw` marks Markdown of our own. */
export interface RawMarkdown {
  raw: string;
}
export type Cell = string | number | boolean | null | RawMarkdown;
export function escapeMarkdown(_text: string): string {
  throw new Error('not written yet');
}
export function heading(_text: string, _level?: 1 | 2 | 3 | 4): string {
  throw new Error('not written yet');
}
export function table(
  _columns: readonly (string | { title: string; align: 'left' | 'right' })[],
  _rows: readonly (readonly Cell[])[],
): string {
  throw new Error('not written yet');
}
export function details(_title: string, _body: string): string {
  throw new Error('not written yet');
}
export function codeBlock(_text: string, _language?: string): string {
  throw new Error('not written yet');
}
export interface GanttTask {
  section: string;
  name: string;
  start: Date;
  end: Date;
  kind?: 'done' | 'critical' | 'milestone';
}
export function gantt(_title: string, _tasks: readonly GanttTask[]): string {
  throw new Error('not written yet');
}
export function pie(_title: string, _slices: readonly { label: string; value: number }[]): string {
  throw new Error('not written yet');
}
export function bars(
  _title: string,
  _unit: string,
  _bars: readonly { label: string; value: number }[],
): string {
  throw new Error('not written yet');
}
