import { escapeHtml, escapeMarkdown, mermaidText, plainLines, shorten } from './escape.ts';

export { escapeMarkdown } from './escape.ts';

// Pieces of a step summary. Text from outside (names from Heroku, errors, table names) is always escaped; what a
// caller composed of these pieces is passed as `raw`.

export interface RawMarkdown {
  raw: string;
}
export type Cell = string | number | boolean | null | RawMarkdown;
export type Column = string | { title: string; align: 'left' | 'right' };

/** Markdown of our own, not escaped again: the caller vouches for it. */
export function raw(markdown: string): RawMarkdown {
  return { raw: markdown };
}

/** A link of our own; text alone where the address is none of the web's or would end the link early. */
export function link(text: string, address: string): RawMarkdown {
  return /^https?:\/\/[^\s()<>]+$/.test(address)
    ? raw(`[${escapeMarkdown(text)}](${address})`)
    : raw(escapeMarkdown(text));
}

export function heading(text: string, level: 1 | 2 | 3 | 4 = 2): string {
  return `${'#'.repeat(level)} ${escapeMarkdown(text)}\n`;
}

export function paragraph(text: Cell): string {
  return `${cellText(text)}\n`;
}

export function list(items: readonly Cell[]): string {
  return items.map((item) => `- ${cellText(item)}\n`).join('');
}

/** Numbers stand to the right and with thousands separated. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const titles = columns.map((column) => escapeMarkdown(typeof column === 'string' ? column : column.title));
  const rules = columns.map((column) =>
    typeof column !== 'string' && column.align === 'right' ? '---:' : '---',
  );
  const body = rows.map((row) => line(columns.map((_, index) => cellText(row[index] ?? null))));
  return `${line(titles)}${line(rules)}${body.join('')}\n`;
}

/** Folded until the reader wants it; `body` is Markdown composed of these pieces. */
export function details(title: string, body: string): string {
  return `<details>\n<summary>${escapeHtml(title)}</summary>\n\n${body.trim()}\n\n</details>\n\n`;
}

// Of GitHub's limit of 1 MiB for the summaries of a step, one block may take a part only.
const LONGEST_BLOCK = 50_000;

/** Shown as it is, without colours; a fence longer than any in the text keeps the text inside. */
export function codeBlock(code: string, language = ''): string {
  const text = shorten(plainLines(code), LONGEST_BLOCK);
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((ticks) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language.replaceAll(/[^a-z0-9-]/gi, '')}\n${text}\n${fence}\n`;
}

export interface GanttTask {
  section: string;
  name: string;
  start: Date;
  end: Date;
  /** `critical` is drawn in red: the time without service. */
  kind?: 'done' | 'critical' | 'milestone';
}

/** A timeline as GitHub draws it; tasks of one section must follow each other. Empty without tasks. */
export function gantt(title: string, tasks: readonly GanttTask[]): string {
  if (tasks.length === 0) return '';
  const lines = ['gantt', `  title ${mermaidText(title)}`, '  dateFormat x', '  axisFormat %H:%M:%S'];
  let section: string | undefined;
  for (const task of tasks) {
    if (task.section !== section) lines.push(`  section ${mermaidText(task.section)}`);
    section = task.section;
    const kind = { done: 'done, ', critical: 'crit, ', milestone: 'milestone, ' }[task.kind ?? 'done'];
    // A bar of no length is not drawn at all.
    const end = Math.max(task.end.getTime(), task.start.getTime() + 1);
    lines.push(`  ${mermaidText(task.name)} :${kind}${task.start.getTime()}, ${end}`);
  }
  return codeBlock(lines.join('\n'), 'mermaid');
}

/** Shares of a whole; slices of nothing are left out, since Mermaid refuses them. */
export function pie(title: string, slices: readonly { label: string; value: number }[]): string {
  const shown = slices
    .map(({ label, value }) => ({ label, value: hundredths(value) }))
    .filter(({ value }) => value > 0);
  if (shown.length === 0) return '';
  const lines = shown.map(({ label, value }) => `  "${mermaidText(label)}" : ${value}`);
  return codeBlock([`pie showData title ${mermaidText(title)}`, ...lines].join('\n'), 'mermaid');
}

/** Amounts beside each other, such as the monthly cost before and after; what is no number is drawn as nothing. */
export function bars(
  title: string,
  unit: string,
  amounts: readonly { label: string; value: number }[],
): string {
  if (amounts.length === 0) return '';
  const values = amounts.map(({ value }) => Math.max(0, hundredths(value)));
  const top = Math.max(1, ...values);
  return codeBlock(
    [
      'xychart-beta',
      `  title "${mermaidText(title)}"`,
      `  x-axis [${amounts.map(({ label }) => `"${mermaidText(label)}"`).join(', ')}]`,
      `  y-axis "${mermaidText(unit)}" 0 --> ${Math.ceil(top)}`,
      `  bar [${values.join(', ')}]`,
    ].join('\n'),
    'mermaid',
  );
}

function hundredths(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : 0;
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'object') return cell.raw;
  if (typeof cell === 'number') return cell.toLocaleString('en-US', { maximumFractionDigits: 2 });
  return typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : escapeMarkdown(cell);
}
