import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** All that a reader may copy from stands in these. */
export const project = join(import.meta.dirname, '..', '..');
export const documents = ['*.md', 'docs/*.md', 'actions/*/README.md'].flatMap((pattern) =>
  globSync(pattern, { cwd: project }),
);

export interface Block {
  document: string;
  line: number;
  /** '' where the document names none. */
  language: string;
  text: string;
}

export const blocks: Block[] = documents.flatMap((document) => {
  const text = textOf(document);
  return [...text.matchAll(/^([ \t]*)```(\w*)\n([^]*?)^\1```/gm)].map((match) => ({
    document,
    line: text.slice(0, match.index).split('\n').length,
    language: match[2] ?? '',
    // A block in a list is as far to the right as its list.
    text: (match[3] ?? '').replaceAll(new RegExp(`^${match[1] ?? ''}`, 'gm'), ''),
  }));
});

export const yaml = blocks.filter(({ language }) => language === 'yaml' || language === 'yml');

export const where = ({ document, line }: Pick<Block, 'document' | 'line'>): string => `${document}:${line}`;

export function textOf(document: string): string {
  return readFileSync(join(project, document), 'utf8');
}
