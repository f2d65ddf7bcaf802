import type { Spread } from './measure.ts';

/** A figure's least and most, beside it as `<name>Spread`. */
export type Figures = Record<string, unknown>;

export function figure(name: string, spread: Spread | undefined, digits = 3): Figures {
  if (spread === undefined) return { [name]: null, [`${name}Spread`]: null };
  const round = (value: number): number => Number(value.toFixed(digits));
  return {
    [name]: round(spread.median),
    [`${name}Spread`]: { least: round(spread.least), most: round(spread.most) },
  };
}

/** The median, and what it lies between. */
export function told(spread: Spread | undefined, digits = 2): string {
  if (spread === undefined) return 'not measured';
  const text = (value: number): string => value.toFixed(digits);
  return `${text(spread.median).padStart(8)}  (${text(spread.least)} to ${text(spread.most)})`;
}

export function times({ median, least, most }: Spread, factor: number): Spread {
  return { median: median * factor, least: least * factor, most: most * factor };
}

/** Names and what is told of them, one line each, after an empty one. */
export function table(lines: ReadonlyMap<string, string>): string[] {
  const width = Math.max(0, ...[...lines.keys()].map((name) => name.length));
  return ['', ...[...lines].map(([name, value]) => `${name.padEnd(width)}  ${value}`)];
}
