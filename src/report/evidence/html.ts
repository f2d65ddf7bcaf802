import { createHash } from 'node:crypto';

import { escapeHtml } from '../escape.ts';
import type { Block, Cell, Column, Evidence, Section } from './document.ts';
import { ganttSvg } from './gantt-svg.ts';
import { STYLE } from './style.ts';

/**
 * The evidence as one page: HTML that needs no network, no script and no other file. Whatever came from outside goes
 * through `escapeHtml`, which also cuts what is huge and drops what turns or hides text; its policy forbids loading and
 * running anything even if something slipped through.
 */
export function evidencePage(evidence: Evidence): string {
  const { title, verdict, figures, sections, footer } = evidence;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${hashOf(STYLE)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(`${verdict.words} – ${title}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<div class="verdict ${verdict.tone}"><strong>${escapeHtml(verdict.words)}</strong><p>${escapeHtml(verdict.sentence)}</p></div>
${figuresHtml(figures)}
${sections.map(sectionHtml).join('\n')}
<footer>${escapeHtml(footer)}</footer>
</main>
</body>
</html>
`;
}

/** As a browser hashes what stands between the tags (CSP Level 3, hash sources). */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function figuresHtml(figures: Evidence['figures']): string {
  if (figures.length === 0) return '';
  const one = ({ label, value, tone }: Evidence['figures'][number]): string =>
    `<div><dt>${escapeHtml(label)}</dt><dd${classOf(tone)}>${escapeHtml(value)}</dd></div>`;
  return `<dl class="figures">${figures.map(one).join('')}</dl>`;
}

function sectionHtml({ id, title, blocks }: Section): string {
  return `<section id="${escapeHtml(id)}">\n<h2>${escapeHtml(title)}</h2>\n${blocks.map(blockHtml).join('\n')}\n</section>`;
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `<p${classOf(block.tone)}>${escapeHtml(block.text)}</p>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li${classOf(toneOf(item))}>${cellHtml(item)}</li>`).join('')}</ul>`;
    case 'table':
      return tableHtml(block.columns, block.rows);
    case 'amounts':
      return amountsHtml(block.amounts);
    case 'folded':
      return `<details><summary>${escapeHtml(block.title)}</summary>\n${block.blocks.map(blockHtml).join('\n')}\n</details>`;
    case 'timeline':
      return ganttSvg(block);
  }
}

function tableHtml(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const classes = ({ align }: Column, cell?: Cell): string =>
    [align, cell === undefined ? undefined : toneOf(cell)].filter((one) => one !== undefined).join(' ');
  const head = columns.map(
    (column) => `<th scope="col"${attribute('class', classes(column))}>${escapeHtml(column.title)}</th>`,
  );
  const body = rows.map((row) => {
    const cells = columns.map((column, index) => {
      const cell = row[index] ?? '';
      // On a narrow screen each cell stands on its own line behind the title of its column.
      return `<td${attribute('class', classes(column, cell))} data-title="${escapeHtml(column.title)}"><span>${cellHtml(cell)}</span></td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<table><thead><tr>${head.join('')}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table>`;
}

function cellHtml(cell: Cell): string {
  if (typeof cell === 'string') return escapeHtml(cell);
  const text = cell.code ? `<code>${escapeHtml(cell.text)}</code>` : escapeHtml(cell.text);
  return cell.address !== undefined && isWebAddress(cell.address)
    ? `<a href="${escapeHtml(cell.address)}" rel="noreferrer noopener">${text}</a>`
    : text;
}

/** `javascript:` and the like are shown as text. */
function isWebAddress(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && ['https:', 'http:'].includes(url.protocol) && address.length < 1_000;
}

function amountsHtml(amounts: readonly { label: string; value: number; told: string }[]): string {
  const top = Math.max(1, ...amounts.map(({ value }) => (Number.isFinite(value) ? value : 0)));
  const one = ({ label, value, told }: (typeof amounts)[number], index: number): string => {
    const width = Math.min(100, Math.max(0, ((Number.isFinite(value) ? value : 0) / top) * 100)).toFixed(1);
    return (
      `<div><dt>${escapeHtml(label)}</dt>` +
      `<dd><svg aria-hidden="true"><rect class="${index === 0 ? 'first' : 'other'}" width="${width}%" height="100%" rx="2"/></svg></dd>` +
      `<dd>${escapeHtml(told)}</dd></div>`
    );
  };
  return `<dl class="amounts">${amounts.map(one).join('')}</dl>`;
}

function toneOf(cell: Cell): string | undefined {
  return typeof cell === 'string' ? undefined : cell.tone;
}

function classOf(tone: string | undefined): string {
  return attribute('class', tone ?? '');
}

function attribute(name: string, value: string): string {
  return value === '' ? '' : ` ${name}="${value}"`;
}
