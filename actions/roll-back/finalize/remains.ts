import type { HerokuInventory } from '../../../src/heroku/inventory.ts';

/** One thing that Heroku goes on keeping, and billing. */
export interface Remaining {
  what: string;
  name: string;
  /** `null`: Heroku does not say. */
  usdPerMonth: number | null;
}

/** What is left on Heroku for a person to remove: the data is theirs, and so is the decision. */
export function remainsOf({ addOns, formation, dynoSizes, app }: HerokuInventory): Remaining[] {
  return [
    ...addOns
      .filter(({ billedTo }) => billedTo === app.name)
      .map(({ name, plan, billedCentsPerMonth }) => ({
        what: `add-on ${plan}`,
        name,
        usdPerMonth: billedCentsPerMonth === null ? null : billedCentsPerMonth / 100,
      })),
    ...formation
      .filter(({ quantity }) => quantity > 0)
      .map(({ type, quantity, size }) => {
        const cents = dynoSizes.find(({ name }) => name.toLowerCase() === size.toLowerCase())?.centsPerMonth;
        return {
          what: `dynos ${size}`,
          name: `${type}=${quantity}`,
          usdPerMonth: cents == null ? null : (cents * quantity) / 100,
        };
      }),
    { what: 'app', name: app.name, usdPerMonth: 0 },
  ];
}
