import { mermaidText } from './escape.ts';
import { codeBlock } from './summary.ts';

export interface FlowNode {
  id: string;
  /** Lines of text, the first being the name. */
  lines: readonly string[];
  shape?: 'box' | 'database' | 'round';
}
export interface FlowGroup {
  title: string;
  nodes: readonly FlowNode[];
}
export interface FlowEdge {
  from: string;
  to: string;
  label?: string;
  /** Drawn dashed: it moves, or is only there for a time. */
  dashed?: boolean;
}

const SHAPES = { box: ['["', '"]'], database: ['[("', '")]'], round: ['(["', '"])'] } as const;

/**
 * Groups of things and what leads from one to another, as GitHub draws it from left to right. Ids are numbered here, so a
 * name from outside never becomes part of the diagram's grammar; an edge to a node that is not there is left out.
 */
export function flowchart(groups: readonly FlowGroup[], edges: readonly FlowEdge[]): string {
  const numbers = new Map<string, string>();
  const lines = ['flowchart LR'];
  for (const [index, { title, nodes }] of groups.entries()) {
    if (nodes.length === 0) continue;
    lines.push(`  subgraph g${index}["${mermaidText(title)}"]`, '    direction TB');
    for (const node of nodes) {
      const id = `n${numbers.size}`;
      numbers.set(node.id, id);
      const [open, close] = SHAPES[node.shape ?? 'box'];
      lines.push(`    ${id}${open}${node.lines.map(mermaidText).join('<br/>')}${close}`);
    }
    lines.push('  end');
  }
  for (const { from, to, label, dashed } of edges) {
    const [begin, end] = [numbers.get(from), numbers.get(to)];
    if (begin === undefined || end === undefined) continue;
    const arrow = dashed === true ? '-.->' : '-->';
    lines.push(`  ${begin} ${arrow}${label === undefined ? '' : `|"${mermaidText(label)}"|`} ${end}`);
  }
  return numbers.size === 0 ? '' : codeBlock(lines.join('\n'), 'mermaid');
}
