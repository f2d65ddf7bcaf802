import { stripVTControlCharacters } from 'node:util';

// A name from outside may be written to look like a verdict: a heading, a link, a table row, a closed <details>.

/** Longer fields are cut: a summary is for a person, and one value must not push the rest over GitHub's limit. */
const LONGEST_FIELD = 1_000;
const LONGEST_LABEL = 60;

/** Shows text as it is, inside a line of Markdown or a table cell; cut after a thousand characters. */
export function escapeMarkdown(text: string): string {
  return (
    shorten(oneLine(text), LONGEST_FIELD)
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll(/[\\`*_{}[\]()#+!|~$^=-]/g, (character) => `\\${character}`)
      .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
      // Neither a mention that notifies someone nor an address that becomes a link.
      .replaceAll('@', '&#64;')
      .replaceAll('://', '&#58;//')
      .replaceAll(/www\./gi, (prefix) => `${prefix.slice(0, 3)}&#46;`)
  );
}

/** For text between or in HTML tags. */
export function escapeHtml(text: string): string {
  return shorten(oneLine(text), LONGEST_FIELD)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** What Mermaid reads as a statement when a line of a diagram begins with it. */
const STATEMENT =
  /^(gantt|title|section|click|call|href|vert|todayMarker|dateFormat|axisFormat|tickInterval|inclusiveEndDates|topAxis|excludes|includes|weekday|weekend|accTitle|accDescr|\d{4}-\d\d-\d\d)/i;

/** Mermaid has no escape that holds everywhere: what means something to it is replaced by what looks alike. */
export function mermaidText(text: string): string {
  const label = shorten(
    oneLine(text)
      .replaceAll(/["`]/g, "'")
      .replaceAll(':', '∶')
      .replaceAll(';', ',')
      .replaceAll('#', '♯')
      .replaceAll(/[<>{}[\]|\\%]/g, ' ')
      .trim(),
    LONGEST_LABEL,
  );
  if (label === '') return '–';
  return STATEMENT.test(label) ? `· ${label}` : label;
}

/** A line of a log that nobody reads to its end any more. */
const LONGEST_LINE = 10_000;

/** One line for a log: no colours, nothing the runner would obey as a workflow command, and of a length to be read. */
export function logLine(text: string): string {
  // The runner finds `::command::` at the beginning of a line and `##[command]` anywhere in it.
  return shorten(oneLine(text), LONGEST_LINE)
    .replace(/^\s*::/, '∶∶')
    .replaceAll('##[', '## [');
}

/** Keeps line breaks and tabs, drops colours and what turns the direction of text. For code blocks. */
export function plainLines(text: string): string {
  return stripVTControlCharacters(text.toWellFormed())
    .replaceAll(/\r\n?|[\u2028\u2029]/g, '\n')
    .replaceAll(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, ' ');
}

/** Says how much is missing; no character is cut in two. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, '');
  return `${kept}… (${(text.length - kept.length).toLocaleString('en-US')} more)`;
}

/** No line breaks, no control characters, and none that turn the direction of text or hide in it. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text.toWellFormed()).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
