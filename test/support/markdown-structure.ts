/** What a text of GitHub's Markdown is made of, without its words: as a reader that knows escapes and fences sees it. */
export interface MarkdownStructure {
  headings: number;
  tables: number;
  rows: number;
  items: number;
  quotes: number;
  fences: number;
  /** How often each HTML tag stands there. */
  tags: Record<string, number>;
  /** Where links and images lead, without those of addresses that are written out by us. */
  links: string[];
  /** What makes it another text than whoever composed it meant. */
  faults: string[];
}

export function structureOf(markdown: string): MarkdownStructure {
  const structure: MarkdownStructure = {
    ...{ headings: 0, tables: 0, rows: 0, items: 0, quotes: 0, fences: 0 },
    ...{ tags: {}, links: [], faults: [] },
  };
  const fault = (what: string, line: string): void => {
    structure.faults.push(`${what}: ${line.slice(0, 160)}`);
  };
  let fence: string | undefined;
  let columns: number | undefined;
  for (const line of markdown.split('\n')) {
    if (/(?!\t)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(line)) fault('a character that cannot be seen', line);
    const ticks = /^(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== undefined) {
      if (line.trim() === fence) fence = undefined;
      continue;
    }
    if (ticks !== undefined) {
      fence = ticks;
      structure.fences += 1;
      continue;
    }
    const bare = line.replaceAll(/\\[!-/:-@[-`{-~]/g, '').replaceAll(/`[^`]*`/g, '');
    if (/^#{1,6} /.test(bare)) structure.headings += 1;
    if (/^(=+|-+)\s*$/.test(bare)) fault('an underlined heading', line);
    if (/^[-*+] |^\d+[.)] /.test(bare)) structure.items += 1;
    if (/^>/.test(bare)) structure.quotes += 1;
    const cells = /^\|.*\|$/.test(bare) ? bare.split('|').length : undefined;
    if (cells === undefined) {
      columns = undefined;
      if (bare.includes('|')) fault('a bar outside of a table', line);
    } else if (columns === undefined) {
      structure.tables += 1;
      columns = cells;
    } else {
      structure.rows += 1;
      if (cells !== columns) fault('a row of another width', line);
    }
    for (const [, tag = ''] of bare.matchAll(/<(\/?[a-z!][^\s>]*)/gi))
      structure.tags[tag] = (structure.tags[tag] ?? 0) + 1;
    const withoutLinks = bare.replaceAll(/!?\[[^\]]*\]\(([^)]*)\)/g, (whole, to: string) => {
      structure.links.push(`${whole.startsWith('!') ? 'image ' : ''}${to}`);
      return '';
    });
    if (/:\/\/|\bwww\.|(?<![\w.&])@\w/.test(withoutLinks)) fault('what becomes a link by itself', line);
  }
  if (fence !== undefined) fault('a fence that is never closed', fence);
  return structure;
}
