import { z } from 'zod';
import { orUndefined, type DigitalOcean } from './client.ts';

/** The container registries of the account, which share one subscription. */
export interface Registries {
  names: string[];
  /** Undefined without a registry, or when DigitalOcean names none. */
  tier: RegistryTier | undefined;
}

export interface RegistryTier {
  /** `starter`, `basic` or `professional`. */
  slug: string;
  usdPerMonth: number | null;
  /** 0: as many as you like. */
  repositories: number | null;
  storageBytes: number | null;
}

const registriesSchema = z.object({ registries: z.array(z.object({ name: z.string() })).nullish() });
const subscriptionSchema = z.object({
  subscription: z
    .object({
      tier: z
        .object({
          slug: z.string(),
          monthly_price_in_cents: z.number().nullish(),
          included_repositories: z.number().nullish(),
          included_storage_bytes: z.number().nullish(),
        })
        .nullish(),
    })
    .nullish(),
});

/** Reads only, with the scope `registry:read`. (`/v2/registry` without the plural is deprecated and knows one alone.) */
export async function readRegistries(client: DigitalOcean): Promise<Registries> {
  const found = await orUndefined(() => client.request('GET', '/registries', registriesSchema));
  const names = (found?.registries ?? []).map(({ name }) => name);
  if (names.length === 0) return { names, tier: undefined };
  const answer = await orUndefined(() =>
    client.request('GET', '/registries/subscription', subscriptionSchema),
  );
  const tier = answer?.subscription?.tier;
  if (tier == null) return { names, tier: undefined };
  const cents = tier.monthly_price_in_cents ?? null;
  return {
    names,
    tier: {
      slug: tier.slug,
      usdPerMonth: cents === null ? null : cents / 100,
      repositories: tier.included_repositories ?? null,
      storageBytes: tier.included_storage_bytes ?? null,
    },
  };
}

/** `basic, 5.00 USD a month for the whole account, with 5 repositories and 5.0 GiB`; an empty text when nobody says. */
export function tierTold(tier: RegistryTier | undefined): string {
  if (tier === undefined) return '';
  const { slug, usdPerMonth, repositories, storageBytes } = tier;
  const price =
    usdPerMonth === null ? 'at a price that is not told' : `${usdPerMonth.toFixed(2)} USD a month`;
  const holds = [
    ...(repositories === null || repositories === 0
      ? []
      : [`${repositories} ${repositories === 1 ? 'repository' : 'repositories'}`]),
    ...(storageBytes === null ? [] : [`${(storageBytes / 1024 ** 3).toFixed(1)} GiB`]),
  ];
  return `${slug}, ${price} for the whole account${holds.length === 0 ? '' : `, with ${holds.join(' and ')}`}`;
}
