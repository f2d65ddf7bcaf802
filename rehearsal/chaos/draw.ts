import { seededRandom } from '../load/random.ts';
import type { EnvironmentName, StrategyName, TrafficName } from '../world.ts';
import { CHAOS_FAULTS, type ChaosFault } from './fault.ts';

export interface Draw {
  /** The one under load. With production, staging is moved first, and a reviewer approves. */
  environment: EnvironmentName;
  strategy: StrategyName;
  traffic: TrafficName;
  /** How many share the copy of Postgres. */
  runners: number;
  /** In the order of the places. */
  faults: { fault: ChaosFault; at: number }[];
  random: () => number;
}

/** About as many steps begin in a pipeline in which nothing goes wrong: the last third of staging's is its cutover. */
export const PLACES = { staging: 78, production: 150 } as const;
const PRODUCTION_SHARE = 0.25;
const SHARED_SHARE = 0.2;
const MOST_FAULTS = 3;

/** What goes wrong in a run, and at the beginning of which step: the same seed draws the same. */
export function draw(seed: number): Draw {
  const random = seededRandom(seed);
  const environment = random() < PRODUCTION_SHARE ? 'production' : 'staging';
  const strategy = random() < 0.5 ? 'window' : 'live';
  const traffic = random() < 0.5 ? 'dns' : 'front-door';
  const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const runners = random() < SHARED_SHARE ? 2 : 1;
  const count = 1 + Math.floor(random() * MOST_FAULTS);
  const faults = Array.from({ length: count }, () => ({
    fault: oneOf<ChaosFault>(oneOf(CHAOS_FAULTS)),
    at: 1 + Math.floor(random() * PLACES[environment]),
  }));
  return {
    ...{ environment, strategy, traffic, runners, random },
    faults: faults.toSorted((one, other) => one.at - other.at),
  };
}
