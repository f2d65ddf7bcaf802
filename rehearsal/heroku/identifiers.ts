/** Source of ids and names, from one stream of random numbers, so that a run can be repeated. */
export interface Identifiers {
  uuid(): string;
  /** `length` lower-case hexadecimal digits. */
  hex(length: number): string;
  /** `length` decimal digits without a leading zero, as in `run.4821`. */
  digits(length: number): string;
  pick<T>(choices: readonly [T, ...T[]]): T;
}

export function createIdentifiers(random: () => number): Identifiers {
  const below = (limit: number): number => Math.floor(random() * limit);
  const hex = (length: number): string => Array.from({ length }, () => below(16).toString(16)).join('');
  return {
    hex,
    // Version 4: schema checks and clients look at the version and variant digits.
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${(8 + below(4)).toString(16)}${hex(3)}-${hex(12)}`,
    digits: (length) => String(10 ** (length - 1) + below(9 * 10 ** (length - 1))),
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
  };
}
