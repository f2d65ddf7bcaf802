import type { DropletSize, InstanceSize } from '../digitalocean/prices.ts';

/** A size without its price: what is known when no token for DigitalOcean was given. */
type Offer<T> = Omit<T, 'usdPerMonth'> & { usdPerMonth: number | null };
export type InstanceOffer = Offer<InstanceSize>;
export type DropletOffer = Offer<DropletSize>;

function instance(slug: string, cpus: number, memoryMib: number, singleInstance = false): InstanceOffer {
  return { slug, cpus, memoryMib, singleInstance, dedicated: slug.startsWith('apps-d-'), usdPerMonth: null };
}

/** Instance sizes of App Platform (its OpenAPI example, 2026-08-07). Prices are only ever read live. */
export const KNOWN_INSTANCE_SIZES: readonly InstanceOffer[] = [
  instance('apps-s-1vcpu-0.5gb', 1, 512, true),
  instance('apps-s-1vcpu-1gb-fixed', 1, 1024, true),
  instance('apps-s-1vcpu-1gb', 1, 1024),
  instance('apps-s-1vcpu-2gb', 1, 2048),
  instance('apps-s-2vcpu-4gb', 2, 4096),
  instance('apps-d-1vcpu-0.5gb', 1, 512),
  instance('apps-d-1vcpu-1gb', 1, 1024),
  instance('apps-d-1vcpu-2gb', 1, 2048),
  instance('apps-d-1vcpu-4gb', 1, 4096),
  instance('apps-d-2vcpu-4gb', 2, 4096),
  instance('apps-d-2vcpu-8gb', 2, 8192),
  instance('apps-d-4vcpu-8gb', 4, 8192),
  instance('apps-d-4vcpu-16gb', 4, 16384),
  instance('apps-d-8vcpu-32gb', 8, 32768),
];

function droplet(slug: string, memoryGib: number, diskGib: number): DropletOffer {
  return { slug, memoryMib: memoryGib * 1024, diskGib, regions: [], usdPerMonth: null };
}

/** Shared-CPU droplets for Redis, smallest first. */
export const KNOWN_DROPLET_SIZES: readonly DropletOffer[] = [
  droplet('s-1vcpu-1gb', 1, 25),
  droplet('s-1vcpu-2gb', 2, 50),
  droplet('s-2vcpu-4gb', 4, 80),
  droplet('s-4vcpu-8gb', 8, 160),
  droplet('s-8vcpu-16gb', 16, 320),
];
