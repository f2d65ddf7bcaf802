/** What a comparison of some of the rows is worth. */
export interface Confidence {
  /** Of the rows, how many were compared by content; every table's number of rows was compared too. */
  compared: number;
  of: number;
  share: number;
  /** `chance`: that so many rows which differ in content, wherever in the large tables, would have been found. */
  found: { differing: number; chance: number }[];
  words: string;
}

const QUESTIONS = [1, 10, 100, 1_000];

/**
 * `share` of the rows of each large table were compared, chosen by the hash of their key, so that no row is likelier to
 * be looked at than another: N rows that differ are all missed with a chance of (1 − share)^N.
 */
export function confidenceOf(
  rows: { compared: number; of: number },
  share: number,
  sampledTables: number,
): Confidence {
  const found = QUESTIONS.map((differing) => ({ differing, chance: 1 - (1 - share) ** differing }));
  const chances = found.map(
    ({ differing, chance }) =>
      `${differing.toLocaleString('en')} ${differing === 1 ? 'row' : 'rows'} with ${percent(chance)}`,
  );
  const all = rows.of === 0 ? 1 : rows.compared / rows.of;
  const words =
    `${rows.compared.toLocaleString('en')} of ${rows.of.toLocaleString('en')} rows (${percent(all)}) were compared by content: ` +
    (sampledTables === 0
      ? 'all of every table, since none is large.'
      : `${percent(share)} of the rows of ${sampledTables} large ${sampledTables === 1 ? 'table' : 'tables'}, chosen by their keys, and all of the others. ` +
        `If rows of a large table differed in content, they were found: ${chances.join(', ')}. Every table's number of rows was compared too.`);
  return { ...rows, share: all, found: sampledTables === 0 ? [] : found, words };
}

/** Rounded so that only certainty is 100 %. */
function percent(chance: number): string {
  if (chance === 1) return '100 %';
  const rounded = Math.floor(chance * 1_000) / 10;
  return `${rounded >= 99.9 && chance < 1 ? '> 99.9' : rounded} %`;
}
