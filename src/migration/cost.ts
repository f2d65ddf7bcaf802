import { z } from 'zod';
import type { HerokuInventory } from '../heroku/inventory.ts';

const lineSchema = z.object({
  what: z.string(),
  /** US dollars a month; null: not known. */
  usd: z.number().nullable(),
  note: z.string(),
});
export type CostLine = z.infer<typeof lineSchema>;

export const costSchema = z.object({
  usdPerMonth: z.number(),
  /** False when a line has no price: the sum is then a lower bound. */
  complete: z.boolean(),
  lines: z.array(lineSchema),
});
export type Cost = z.infer<typeof costSchema>;

export function sumOf(lines: CostLine[]): Cost {
  const cents = lines.reduce((total, { usd }) => total + Math.round((usd ?? 0) * 100), 0);
  return { usdPerMonth: cents / 100, complete: lines.every(({ usd }) => usd !== null), lines };
}

/** What Heroku bills a month: dynos by the API's own prices, add-ons by what they are really billed at. */
export function costBefore(inventory: HerokuInventory): Cost {
  const dynos = inventory.formation
    .filter(({ quantity }) => quantity > 0)
    .map(({ type, quantity, size }) => {
      const cents = inventory.dynoSizes.find(({ name }) => sameName(name, size))?.centsPerMonth ?? null;
      return {
        what: `${type}: ${quantity} × ${size}`,
        usd: cents === null ? null : (cents * quantity) / 100,
        note: cents === null ? 'Heroku names no price' : "Heroku's price of the dyno size",
      };
    });
  const addOns = inventory.addOns
    .filter(({ billedTo }) => billedTo === inventory.app.name)
    .map(({ name, plan, billedCentsPerMonth }) => ({
      what: `${plan} (${name})`,
      usd: billedCentsPerMonth === null ? null : billedCentsPerMonth / 100,
      note: billedCentsPerMonth === null ? 'Heroku names no billed price' : 'billed price',
    }));
  return sumOf([...dynos, ...addOns]);
}

/** Heroku writes dyno sizes with different capitals in different answers. */
export function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** "saves $12.30 a month (25 %)", or what else is true. */
export function savingOf(before: Cost, after: Cost): string {
  if (!before.complete || !after.complete) return 'not all prices are known';
  const difference = before.usdPerMonth - after.usdPerMonth;
  const percent =
    before.usdPerMonth === 0 ? 0 : Math.round((Math.abs(difference) / before.usdPerMonth) * 100);
  return `${difference >= 0 ? 'saves' : 'costs'} $${Math.abs(difference).toFixed(2)} ${difference >= 0 ? 'a month' : 'more a month'} (${percent} %)`;
}
