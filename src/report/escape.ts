// A name from outside may be written to look like a verdict: a heading, a link, a table row, a closed <details>.

/** Shows text as it is, inside a line of Markdown or a table cell. */
export function escapeMarkdown(text: string): string {
  return (
    oneLine(text)
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll(/[\\`*_{}[\]()#+!|~$^=-]/g, (character) => `\\${character}`)
      .replace(/^(\d+)([.)])/, '$1\\$2')
      // Neither a mention that notifies someone nor an address that becomes a link.
      .replaceAll('@', '&#64;')
      .replaceAll('://', '&#58;//')
      .replaceAll('www.', 'www&#46;')
  );
}

export function escapeHtml(text: string): string {
  return oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Mermaid has no escape that holds everywhere: what means something to it is replaced by what looks alike. */
export function mermaidText(text: string): string {
  return oneLine(text)
    .replaceAll(/["`]/g, "'")
    .replaceAll(':', '∶')
    .replaceAll(';', ',')
    .replaceAll('#', '♯')
    .replaceAll(/[<>{}[\]|\\%]/g, ' ')
    .trim();
}

/** No line breaks, no control characters, and none that turn the direction of text or hide in it. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
