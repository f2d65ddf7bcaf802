import type { Cost } from '../../src/migration/cost.ts';

/** "$12.30", or "at least $12.30" when not all of it is known. */
export function money({ complete, usdPerMonth }: Pick<Cost, 'complete' | 'usdPerMonth'>): string {
  return `${complete ? '' : 'at least '}$${usdPerMonth.toFixed(2)}`;
}
