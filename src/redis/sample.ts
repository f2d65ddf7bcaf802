/** What a comparison of some of the keys is worth. */
export interface Confidence {
  /** Of the keys, how many were compared by content. */
  compared: number;
  of: number;
  share: number;
  /** `chance`: that at least one would have been found, had so many keys differed. */
  found: { differing: number; chance: number }[];
  words: string;
}

/** One of so many keys. */
const QUESTIONS = [100, 1_000, 10_000, 100_000];

/**
 * `compared` of `of` keys were chosen at random, none likelier than another: when one of N keys differs, all that differ
 * are missed with a chance of at most (1 − 1/N)^compared.
 */
export function confidenceOf({ compared, of }: { compared: number; of: number }): Confidence {
  const isAll = compared >= of;
  const questions = isAll ? [] : QUESTIONS.filter((one) => one <= of);
  const found = questions.map((one) => ({
    differing: Math.round(of / one),
    // As near to certain as it may be, it is not: a double would round it up.
    chance: Math.min(1 - (1 - 1 / one) ** compared, 1 - Number.EPSILON),
  }));
  const chances = questions.map(
    (one, index) => `1 in ${one.toLocaleString('en')} keys with ${percent(found[index]?.chance ?? 0)}`,
  );
  const share = of === 0 ? 1 : Math.min(compared / of, 1);
  const words =
    `${compared.toLocaleString('en')} of ${of.toLocaleString('en')} keys (${percent(share)}) were compared by content` +
    (isAll
      ? ': all of them.'
      : ', chosen at random.' +
        (chances.length === 0 ? '' : ` If keys differed, this would have been seen: ${chances.join(', ')}.`) +
        ' As many keys of the target were looked up on the source.');
  return { compared, of, share, found, words };
}

/** Rounded so that only certainty is 100 %. */
function percent(chance: number): string {
  if (chance === 1) return '100 %';
  const rounded = Math.floor(chance * 1_000) / 10;
  return `${rounded >= 99.9 ? '> 99.9' : rounded} %`;
}

/** So many of the items that pass by, each with the same chance, however many there are. */
export class Reservoir<Item> {
  readonly items: Item[] = [];
  passed = 0;
  readonly #size: number;
  readonly #random: () => number;

  /** `random` answers numbers from 0 to below 1. */
  constructor(size: number, random: () => number) {
    this.#size = size;
    this.#random = random;
  }

  /** `make` is called only for an item that is kept for now. */
  offer(make: () => Item): void {
    this.passed += 1;
    if (this.items.length < this.#size) {
      this.items.push(make());
      return;
    }
    const place = Math.floor(this.#random() * this.passed);
    if (place < this.#size) this.items[place] = make();
  }
}
