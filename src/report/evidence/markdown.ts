import {
  details,
  escapeMarkdown,
  gantt,
  heading,
  link,
  list,
  paragraph,
  raw,
  table,
  type Cell as MarkdownCell,
} from '../summary.ts';
import type { Block, Cell, Evidence, Timeline } from './document.ts';

const MARKS = { good: '✅', bad: '❌', open: '⚠️', plain: '' } as const;

/** The same facts as the page's, as a step summary: verdict and figures first, every section folded but the timeline. */
export function evidenceSummary(
  { title, verdict, figures, sections, footer }: Evidence,
  without: readonly string[] = [],
): string {
  return [
    heading(`${MARKS[verdict.tone]} ${verdict.words}`.trim(), 2),
    paragraph(title),
    paragraph(verdict.sentence),
    table(
      figures.map(({ label }) => label),
      figures.length === 0 ? [] : [figures.map(({ value }) => value)],
    ),
    ...sections
      .filter(({ id }) => !without.includes(id))
      .map(({ id, title: name, blocks }) =>
        id === 'timeline'
          ? `${heading(name, 3)}\n${blocks.map(blockMarkdown).join('\n')}`
          : details(name, blocks.map(blockMarkdown).join('\n')),
      ),
    paragraph(footer),
  ].join('\n');
}

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case 'text':
      return paragraph(block.text);
    case 'list':
      return list(block.items.map(cellMarkdown));
    case 'table':
      return `\n${table(
        block.columns.map(({ title, align }) => (align === undefined ? title : { title, align })),
        block.rows.map((row) => row.map(cellMarkdown)),
      )}`;
    case 'amounts':
      return `\n${table(
        block.amounts.map(({ label }) => label),
        [block.amounts.map(({ told }) => told)],
      )}`;
    case 'folded':
      return details(block.title, block.blocks.map(blockMarkdown).join('\n'));
    case 'timeline':
      return timelineMarkdown(block);
  }
}

function timelineMarkdown({ title, bars, downtime }: Timeline): string {
  return gantt(
    title,
    bars.map(({ name, from, to, tone }) => ({
      section:
        tone === 'down'
          ? downtime?.held === true
            ? 'Requests wait'
            : 'Without service'
          : downtime !== undefined && from >= downtime.to
            ? 'Afterwards'
            : 'While serving',
      name,
      start: from,
      end: to,
      kind: tone === 'serving' ? 'done' : 'critical',
    })),
  );
}

function cellMarkdown(cell: Cell): MarkdownCell {
  if (typeof cell === 'string') return cell;
  const { text, tone, address } = cell;
  const mark = tone === undefined || MARKS[tone] === '' ? '' : `${MARKS[tone]} `;
  return raw(`${mark}${address === undefined ? escapeMarkdown(text) : link(text, address).raw}`);
}
