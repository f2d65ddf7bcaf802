/** What a check is about; the evidence shows them in this order. */
export const CHECK_AREAS = [
  'function',
  'compare',
  'data',
  'capacity',
  'jobs',
  'configuration',
  'third-parties',
  'security',
  'cost',
  'way-back',
] as const;
export type CheckArea = (typeof CHECK_AREAS)[number];

/**
 * One thing that verify looked at. It is plain data: it stands as it is in the record's section of verify, so no secret
 * and no config value is ever in it.
 *
 * `failed` also when it could not be looked at: unknown is no pass. `told` is for what nobody but a person can judge (a
 * checklist, a sum of money) and never for a check that gave no answer.
 */
export interface Check {
  /** Stable between runs and unique in one, such as `function/login` or `security/public-postgres`. */
  id: string;
  area: CheckArea;
  /** What must be true, in words: "The front page answers 200". */
  what: string;
  /** What was seen, or why nothing was. */
  found: string;
  state: 'passed' | 'failed' | 'told';
  /** What to do about it. */
  remedy?: string;
  /** Of a request: how long the answer took, and how long the old side's took in the same run. */
  milliseconds?: { newSide: number; oldSide?: number };
}

/** A check whose verdict is yes or no; the remedy is kept for when it is no. */
export function judged(
  id: string,
  area: CheckArea,
  what: string,
  verdict: { passed: boolean; found: string; remedy?: string },
): Check {
  const { passed, found, remedy } = verdict;
  return {
    id,
    area,
    what,
    found,
    state: passed ? 'passed' : 'failed',
    ...(passed || remedy === undefined ? {} : { remedy }),
  };
}

/** The lines of what failed, for an error and for the verdict. */
export function failedLines(checks: readonly Check[]): string[] {
  return checks
    .filter(({ state }) => state === 'failed')
    .map(({ what, found, remedy }) => `${what}: ${found}${remedy === undefined ? '' : ` – ${remedy}`}`);
}
