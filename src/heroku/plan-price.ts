import { z } from 'zod';
import type { HerokuClient } from './client.ts';

const plan = z.object({ price: z.object({ cents: z.number() }) });
const dynoSize = z.object({ name: z.string(), cost: z.object({ cents: z.number() }).nullish() });

/** What an add-on's plan costs a month at most, in US dollars; null where Heroku does not say. */
export async function planPrice(client: HerokuClient, name: string): Promise<number | null> {
  const found = await client.find(`/plans/${encodeURIComponent(name)}`, plan);
  return found === undefined ? null : found.price.cents / 100;
}

/** The same for one dyno of a size such as `Basic`. */
export async function dynoPrice(client: HerokuClient, size: string): Promise<number | null> {
  const sizes = await client.list('/dyno-sizes', dynoSize);
  const cents = sizes.find(({ name }) => name.toLowerCase() === size.toLowerCase())?.cost?.cents;
  return cents === undefined ? null : cents / 100;
}
