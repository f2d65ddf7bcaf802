import { seededRandom } from '../load/random.ts';
import type { StrategyName } from '../world.ts';
import { CHAOS_FAULTS, type ChaosFault } from './fault.ts';

export interface Draw {
  strategy: StrategyName;
  /** In the order of the places. */
  faults: { fault: ChaosFault; at: number }[];
  random: () => number;
}

/** About as many steps begin in a whole pipeline of one environment, and more in a re-run. */
const PLACES = 60;
const MOST_FAULTS = 3;

/** What goes wrong in a run, and at the beginning of which step: the same seed draws the same. */
export function draw(seed: number): Draw {
  const random = seededRandom(seed);
  const count = 1 + Math.floor(random() * MOST_FAULTS);
  const faults = Array.from({ length: count }, () => ({
    fault: CHAOS_FAULTS[Math.floor(random() * CHAOS_FAULTS.length)] as ChaosFault,
    at: 1 + Math.floor(random() * PLACES),
  }));
  return {
    strategy: random() < 0.5 ? 'window' : 'live',
    faults: faults.toSorted((one, other) => one.at - other.at),
    random,
  };
}
