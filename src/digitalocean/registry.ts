import { z } from 'zod';
import { createOrFind, orUndefined, type DigitalOcean } from './client.ts';
import { DigitalOceanError } from './refusal.ts';

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

/** One of them: the first part of the address of every image in it. */
export interface Registry {
  name: string;
  /** Not a date when DigitalOcean does not say. */
  createdAt: Date;
  /** DigitalOcean counts it now and then. */
  usedBytes: number;
}

const registrySchema = z.object({
  name: z.string(),
  created_at: z.string().nullish(),
  storage_usage_bytes: z.number().nullish(),
});
const registriesSchema = z.object({ registries: z.array(registrySchema).nullish() });
const tierSchema = z.object({
  slug: z.string(),
  monthly_price_in_cents: z.number().nullish(),
  included_repositories: z.number().nullish(),
  included_storage_bytes: z.number().nullish(),
});
const subscriptionSchema = z.object({ subscription: z.object({ tier: tierSchema.nullish() }).nullish() });
const optionsSchema = z.object({
  options: z.object({
    available_regions: z.array(z.string()).nullish(),
    subscription_tiers: z.array(tierSchema).nullish(),
  }),
});

/** Reads only, with the scope `registry:read`. (`/v2/registry` without the plural is deprecated and knows one alone.) */
export async function listRegistries(client: DigitalOcean): Promise<Registry[]> {
  const found = await orUndefined(() => client.request('GET', '/registries', registriesSchema));
  return (found?.registries ?? []).map(toRegistry);
}

/** What the account has, and what it pays for it. Reads only. */
export async function readRegistries(client: DigitalOcean): Promise<Registries> {
  const names = (await listRegistries(client)).map(({ name }) => name);
  return { names, tier: names.length === 0 ? undefined : await readSubscription(client) };
}

/** The tier that all registries of the account share; undefined when there is none. Reads only. */
export async function readSubscription(client: DigitalOcean): Promise<RegistryTier | undefined> {
  const answer = await orUndefined(() =>
    client.request('GET', '/registries/subscription', subscriptionSchema),
  );
  const tier = answer?.subscription?.tier;
  return tier == null ? undefined : toTier(tier);
}

/** What may be had: the tiers with today's prices, and where images may lie. Reads only. */
export async function readRegistryOffer(
  client: DigitalOcean,
): Promise<{ tiers: RegistryTier[]; regions: string[] }> {
  const { options } = await client.request('GET', '/registries/options', optionsSchema);
  return {
    tiers: (options.subscription_tiers ?? []).map(toTier),
    regions: options.available_regions ?? [],
  };
}

/** Whether nobody has a registry of that name: names are unique among all of DigitalOcean's customers. Changes nothing. */
export async function registryNameFree(client: DigitalOcean, name: string): Promise<boolean> {
  try {
    await client.request('POST', '/registries/validate-name', z.unknown(), { name });
    return true;
  } catch (error) {
    if (error instanceof DigitalOceanError && error.status === 409) return false;
    throw error;
  }
}

/** Makes a registry, with which the account's subscription begins. One whose answer was lost is found by its name. */
export function createRegistry(
  client: DigitalOcean,
  wanted: { name: string; tier: string; region: string | undefined },
): Promise<Registry> {
  const { name, tier, region } = wanted;
  const body = { name, subscription_tier_slug: tier, ...(region === undefined ? {} : { region }) };
  const one = z.object({ registry: registrySchema });
  return createOrFind(
    async () => toRegistry((await client.request('POST', '/registries', one, body)).registry),
    async () => (await listRegistries(client)).find((found) => found.name === name),
  );
}

/** Takes a registry away with all that lies in it: look first. One that has gone meanwhile is a success. */
export async function deleteRegistry(client: DigitalOcean, name: string): Promise<void> {
  await orUndefined(() => client.request('DELETE', `/registries/${name}`, z.unknown()));
}

/** Fewer places have registries than droplets, and these are nearest to those that have none. */
const NEAREST: Record<string, string> = { lon: 'ams', tor: 'nyc', atl: 'nyc', ric: 'nyc' };

/** Where images lie near a datacentre; undefined leaves it to DigitalOcean. */
export function registryRegion(datacentre: string, regions: readonly string[]): string | undefined {
  const place = datacentre.slice(0, 3);
  const beside = (name: string): string | undefined => regions.find((region) => region.startsWith(name));
  return regions.find((region) => region === datacentre) ?? beside(place) ?? beside(NEAREST[place] ?? place);
}

function toRegistry(found: z.infer<typeof registrySchema>): Registry {
  const createdAt = new Date(found.created_at ?? NaN);
  return { name: found.name, createdAt, usedBytes: found.storage_usage_bytes ?? 0 };
}

function toTier(tier: z.infer<typeof tierSchema>): RegistryTier {
  const cents = tier.monthly_price_in_cents ?? null;
  return {
    slug: tier.slug,
    usdPerMonth: cents === null ? null : cents / 100,
    repositories: tier.included_repositories ?? null,
    storageBytes: tier.included_storage_bytes ?? null,
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
