import { codeBlock } from './summary.ts';

const SHADES = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const NOTHING_KNOWN = '·';

/** Rows of figures as blocks of eight heights, the highest figure of all being the full block; null is a dot. */
export function heatMap(rows: readonly { label: string; cells: readonly (number | null)[] }[]): string {
  const highest = Math.max(0, ...rows.flatMap(({ cells }) => cells.map((cell) => cell ?? 0)));
  const width = Math.max(0, ...rows.map(({ label }) => label.length));
  const hours = Math.max(0, ...rows.map(({ cells }) => cells.length));
  const ruler = Array.from({ length: hours }, (_, hour) => (hour % 6 === 0 ? String(hour).padEnd(6) : ''))
    .join('')
    .trimEnd();
  const lines = rows.map(
    ({ label, cells }) => `${label.padEnd(width)} ${cells.map((cell) => shade(cell, highest)).join('')}`,
  );
  return codeBlock([`${' '.repeat(width)} ${ruler}`, ...lines].join('\n'));
}

function shade(cell: number | null, highest: number): string {
  if (cell === null) return NOTHING_KNOWN;
  const step = highest === 0 ? 0 : Math.min(SHADES.length - 1, Math.floor((cell / highest) * SHADES.length));
  return SHADES[step] ?? NOTHING_KNOWN;
}
