import { CODE_RULES, type CodeRule } from './code-rules.ts';
import { PLACES_KEPT, shownPath, type Finding } from './evidence.ts';

/** Longer lines are generated, not written. */
const LONGEST_LINE = 2_000;
/** Of one kind: whoever writes thousands of hosts into a file does not make the report as long. */
const FINDINGS_OF_A_KIND = 50;

export interface Scanner {
  /** Looks through one file and remembers what it finds. */
  scan(path: string, text: string): void;
  /** By kind, then by what was found. */
  findings(): Finding[];
  /** Kinds of which there were more different things than are kept. */
  cut(): string[];
}

export function createScanner(rules: readonly CodeRule[] = CODE_RULES): Scanner {
  const anyWord = wordsOf(rules);
  const byRule = rules.map((rule) => ({ rule, anyWord: wordsOf([rule]) }));
  const found = new Map<string, Finding>();
  const perKind = new Map<string, number>();
  const cut = new Set<string>();

  function remember(kind: string, what: string, path: string, line: number): void {
    const key = `${kind} ${what}`;
    let finding = found.get(key);
    if (finding === undefined) {
      const known = perKind.get(kind) ?? 0;
      if (known >= FINDINGS_OF_A_KIND) {
        cut.add(kind);
        return;
      }
      perKind.set(kind, known + 1);
      finding = { kind, what, places: [], count: 0 };
      found.set(key, finding);
    }
    finding.count++;
    if (finding.places.length < PLACES_KEPT)
      finding.places.push({ path: shownPath(path), line, match: what });
  }

  return {
    scan(path, text) {
      if (!anyWord.test(text)) return;
      const fitting = byRule.filter(
        ({ rule, anyWord: word }) => (rule.files === undefined || rule.files.test(path)) && word.test(text),
      );
      if (fitting.length === 0) return;
      const comment = commentOf(path);
      const words = wordsOf(fitting.map(({ rule }) => rule));
      for (const { line, number } of linesWith(text, words)) {
        if (line.length > LONGEST_LINE || comment.test(line)) continue;
        for (const { rule } of fitting) {
          for (const match of line.matchAll(rule.pattern)) {
            const what = rule.what(match, line);
            if (what !== undefined) remember(rule.kind, what, path, number);
          }
        }
      }
    },
    findings: () => [...found.values()].sort((a, b) => order(a.kind, b.kind) || order(a.what, b.what)),
    cut: () => [...cut].sort(),
  };
}

/** The lines in which `words` stands, with their numbers; the text is not taken apart for it. */
function* linesWith(text: string, words: RegExp): Generator<{ line: string; number: number }> {
  const search = new RegExp(words.source, 'g');
  let number = 1;
  let counted = 0;
  for (let found = search.exec(text); found !== null; found = search.exec(text)) {
    const begin = text.lastIndexOf('\n', found.index) + 1;
    const newline = text.indexOf('\n', found.index);
    const end = newline < 0 ? text.length : newline;
    for (let at = text.indexOf('\n', counted); at >= 0 && at < begin; at = text.indexOf('\n', at + 1))
      number++;
    counted = begin;
    yield { line: text.slice(begin, end), number };
    search.lastIndex = end;
  }
}

function wordsOf(rules: readonly CodeRule[]): RegExp {
  const words = new Set(rules.flatMap((rule) => rule.words));
  return new RegExp([...words].map((word) => word.replaceAll(/[.$()]/g, '\\$&')).join('|'));
}

/** A line that is nothing but a comment, as far as one line can tell. */
function commentOf(path: string): RegExp {
  if (/\.(js|mjs|cjs|jsx|ts|mts|cts|tsx|go|java|kt|kts|scala|php|rs|cs)$/.test(path))
    return /^\s*(\/\/|\*|\/\*)/;
  if (/\.(html|htm|vue|svelte|xml|hbs|heex|eex)$/.test(path)) return /^\s*<!--/;
  return /^\s*(#|<%#|-#)/;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
