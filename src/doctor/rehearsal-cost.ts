import type { HerokuInventory } from '../heroku/inventory.ts';
import { costAfter, type CostLine } from '../migration/cost.ts';
import { ownPostgresOf } from '../migration/own-postgres.ts';
import type { Plan } from '../migration/plan.ts';

/** What a rehearsal creates, while it stands. */
export interface RehearsalCost {
  /** Name of the environment. */
  environment: string;
  /** Prices in US dollars a month, each with its source. */
  lines: CostLine[];
  usdPerMonth: number;
  usdPerHour: number;
  /** False: some price is not known, or only where it begins. */
  complete: boolean;
}

/**
 * DigitalOcean bills by time up to the price of a month, which is reached after 28 days (its pricing pages, "Billing",
 * 2026): an hour is never more than this part of it.
 */
export const HOURS_TO_A_MONTHS_PRICE = 672;

/** Droplet, cluster and components of one environment; without the add-ons that stay at Heroku. */
export function rehearsalCost(
  environment: string,
  placed: Pick<Plan, 'components' | 'cluster' | 'redis'>,
  inventory: HerokuInventory,
  priceIsFrom: boolean,
): RehearsalCost {
  const ownPostgres = ownPostgresOf(inventory, undefined);
  const lines = costAfter(placed, inventory, {}, { priceIsFrom, unread: false, ownPostgres }).lines.filter(
    ({ group }) => group !== 'add-ons',
  );
  const usdPerMonth = lines.reduce((sum, { usd }) => sum + (usd ?? 0), 0);
  return {
    environment,
    lines,
    usdPerMonth,
    usdPerHour: usdPerMonth / HOURS_TO_A_MONTHS_PRICE,
    complete: lines.every(({ usd, atLeast }) => usd !== null && !atLeast),
  };
}
