import { page } from './api/page.ts';
import { notFound } from './api/error.ts';
import { ok, type Route } from './api/route.ts';
import { datacentres, dropletSizes, type DropletSize } from './catalogue.ts';
import { timestamp } from './platform.ts';
import type { PlayedLatencies } from './played.ts';

/** A size as `GET /v2/sizes` and every droplet show it. */
export function showSize(size: DropletSize): object {
  return {
    slug: size.slug,
    memory: size.memoryMib,
    vcpus: size.vcpus,
    disk: size.diskGib,
    transfer: size.transferTib,
    price_monthly: size.price,
    price_hourly: Math.round((size.price / 672) * 100_000) / 100_000,
    regions: Object.keys(datacentres),
    available: true,
    description: 'Basic',
  };
}

/** A datacentre as `GET /v2/regions` and every droplet show it. */
export function showRegion(slug: string): object {
  return {
    name: datacentres[slug] ?? slug,
    slug,
    features: ['backups', 'ipv6', 'metadata', 'install_agent', 'storage'],
    available: true,
    sizes: dropletSizes.map((size) => size.slug),
  };
}

/** What belongs to the account and to the catalogue rather than to one resource. */
export function accountRoutes(pricePerMonth: () => number, played: PlayedLatencies): Route[] {
  const usage = (): string => (pricePerMonth() / 30).toFixed(2);
  return [
    {
      method: 'GET',
      path: '/v2/account',
      scope: 'account:read',
      handle: () => ok({ account: theAccount }),
    },
    {
      method: 'GET',
      path: '/v2/customers/my/balance',
      scope: 'billing:read',
      handle: () =>
        ok({
          month_to_date_balance: usage(),
          account_balance: '0.00',
          month_to_date_usage: usage(),
          generated_at: timestamp(),
        }),
    },
    {
      method: 'GET',
      path: '/v2/account/keys',
      scope: 'ssh_key:read',
      handle: (call) => page(call, 'ssh_keys', []),
    },
    {
      method: 'GET',
      path: '/v2/sizes',
      scope: 'sizes:read',
      handle: (call) => page(call, 'sizes', dropletSizes.map(showSize)),
    },
    {
      method: 'GET',
      path: '/v2/regions',
      scope: 'regions:read',
      handle: (call) => page(call, 'regions', Object.keys(datacentres).map(showRegion)),
    },
    {
      method: 'GET',
      path: '/v2/registries',
      scope: 'registry:read',
      handle: () => ok({ registries: played.registries.names.map(showRegistry) }),
    },
    {
      method: 'GET',
      path: '/v2/registries/subscription',
      scope: 'registry:read',
      handle: () => {
        const { names, tier } = played.registries;
        if (names.length === 0) throw notFound();
        return ok({
          subscription: { tier: registryTiers[tier], created_at: REGISTERED, updated_at: REGISTERED },
        });
      },
    },
  ];
}

const REGISTERED = '2026-01-05T09:12:44Z';

function showRegistry(name: string): object {
  return { name, region: 'fra1', storage_usage_bytes: 0, created_at: REGISTERED };
}

/** Container Registry's pricing page, 2026-09. */
const registryTiers = {
  starter: registryTier('starter', 0, 1, 0.5),
  basic: registryTier('basic', 500, 5, 5),
  professional: registryTier('professional', 2000, 0, 100),
};

function registryTier(slug: string, cents: number, repositories: number, storageGib: number): object {
  return {
    name: slug.replace(/^./, (first) => first.toUpperCase()),
    slug,
    included_repositories: repositories,
    included_storage_bytes: storageGib * 1024 ** 3,
    allow_storage_overage: slug !== 'starter',
    included_bandwidth_bytes: storageGib * 1024 ** 3,
    monthly_price_in_cents: cents,
    storage_overage_price_in_cents: 2,
  };
}

export const theAccount = {
  droplet_limit: 25,
  floating_ip_limit: 5,
  email: 'operator@shop.example',
  name: 'Shop',
  uuid: 'b6fr89dbf6d9156cace5f3c78dc9851d957381ef',
  email_verified: true,
  status: 'active',
  status_message: ' ',
  team: { uuid: '5df3e3004a17e242b7c20ca6c9fc25b701a47ece', name: 'Shop' },
};
