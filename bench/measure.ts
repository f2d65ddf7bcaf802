/** One way to do the work. Its clock runs while `run` does; `prepare` and `after` are not counted. */
export interface Variant {
  name: string;
  prepare?(): Promise<void>;
  /** Answers how much was done (bytes, keys), for the rate. */
  run(): Promise<number>;
  after?(): Promise<void>;
}

export interface Measurement {
  name: string;
  /** How much was done in one run. */
  amount: number;
  milliseconds: Spread;
  /** Milliseconds of each round, in order. */
  rounds: number[];
  /** `amount` in one second, at the median. */
  perSecond: number;
}

export interface Spread {
  median: number;
  least: number;
  most: number;
}

export interface MeasureOptions {
  rounds: number;
  /** A round before the first that does not count: files come into memory, servers reach their size. */
  warmUp?: boolean;
  tell: (line: string) => void;
}

/**
 * Measures all variants side by side: each round runs every variant once, and every other round in the opposite order,
 * so that a machine that grows slow or warm meanwhile does so for all. Answers in the order of `variants`.
 */
export async function measure(
  variants: readonly Variant[],
  { rounds, warmUp = false, tell }: MeasureOptions,
): Promise<Measurement[]> {
  const times = new Map<Variant, number[]>(variants.map((variant) => [variant, []]));
  const amounts = new Map<Variant, number>();
  for (let round = warmUp ? -1 : 0; round < rounds; round += 1) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      await variant.prepare?.();
      const started = performance.now();
      amounts.set(variant, await variant.run());
      const took = performance.now() - started;
      if (round >= 0) times.get(variant)?.push(took);
      const which = round < 0 ? 'warm-up' : `round ${round + 1} of ${rounds}`;
      tell(`${which}: ${variant.name} ${(took / 1000).toFixed(2)} s`);
      await variant.after?.();
    }
  }
  return variants.map((variant) => {
    const each = times.get(variant) ?? [];
    const milliseconds = spreadOf(each);
    const amount = amounts.get(variant) ?? 0;
    return {
      name: variant.name,
      amount,
      milliseconds,
      rounds: each,
      perSecond: (amount * 1000) / milliseconds.median,
    };
  });
}

/** Median, least and most. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    least: at(0),
    most: at(sorted.length - 1),
  };
}

/** Ours divided by theirs, round by round, so that what slowed a whole round down does not count. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  return spreadOf(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}
