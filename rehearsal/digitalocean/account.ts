import { page } from './api/page.ts';
import { ok, type Route } from './api/route.ts';
import { datacentres, dropletSizes, type DropletSize } from './catalogue.ts';
import { timestamp } from './platform.ts';

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
export function accountRoutes(pricePerMonth: () => number): Route[] {
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
  ];
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
