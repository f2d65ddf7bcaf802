import { ConfigurationError } from '../../src/errors.ts';

type Combination = Record<string, unknown>;

/** The combinations of a `strategy.matrix` in GitHub's order, with `exclude` and then `include` applied. */
export function expandMatrix(matrix: unknown): Combination[] {
  if (typeof matrix !== 'object' || matrix === null) throw new ConfigurationError('A matrix must be a map.');
  const { include, exclude, ...axes } = matrix as Record<string, unknown>;
  let combinations: Combination[] = Object.keys(axes).length === 0 ? [] : [{}];
  for (const [axis, values] of Object.entries(axes)) {
    if (!Array.isArray(values)) throw new ConfigurationError(`The matrix axis "${axis}" must be a list.`);
    combinations = combinations.flatMap((combination) =>
      (values as unknown[]).map((value) => ({ ...combination, [axis]: value })),
    );
  }
  const excluded = asCombinations(exclude, 'exclude');
  combinations = combinations.filter(
    (combination) => !excluded.some((one) => agrees(combination, one, Object.keys(one))),
  );
  return addIncluded(combinations, asCombinations(include, 'include'), Object.keys(axes));
}

/** An included entry extends every combination whose original values it does not contradict; else it stands alone. */
function addIncluded(combinations: Combination[], included: Combination[], axes: string[]): Combination[] {
  const original = combinations.map((combination) => ({ ...combination }));
  const extended = combinations.map((combination) => ({ ...combination }));
  const alone: Combination[] = [];
  for (const entry of included) {
    const shared = axes.filter((axis) => axis in entry);
    const fitting = original.flatMap((combination, index) =>
      agrees(combination, entry, shared) ? [index] : [],
    );
    if (fitting.length === 0) alone.push(entry);
    for (const index of fitting) Object.assign(extended[index] ?? {}, entry);
  }
  return [...extended, ...alone];
}

function agrees(combination: Combination, other: Combination, keys: string[]): boolean {
  return keys.every((key) => JSON.stringify(combination[key]) === JSON.stringify(other[key]));
}

function asCombinations(value: unknown, name: string): Combination[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new ConfigurationError(`The matrix's "${name}" must be a list.`);
  return value as Combination[];
}
