import type { Catalogue } from '../digitalocean/prices.ts';
import { redisMaxMemoryMib } from '../digitalocean/redis-cloud-init.ts';
import type { DynoSize } from '../heroku/inventory.ts';
import {
  KNOWN_DROPLET_SIZES,
  KNOWN_INSTANCE_SIZES,
  type DropletOffer,
  type InstanceOffer,
} from './known-sizes.ts';
import { POSTGRES_SIZES, type PostgresSize } from './postgres-offer.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/**
 * The cheapest instance size that is not smaller than the dyno: as much memory, dedicated CPU for dedicated dynos, and
 * one that can have `count` instances. `undefined` when DigitalOcean has none that large.
 */
export function instanceFor(
  dyno: Pick<DynoSize, 'memoryMib' | 'dedicated'>,
  count: number,
  catalogue: Catalogue | undefined,
): InstanceOffer | undefined {
  const offers: readonly InstanceOffer[] = catalogue?.instanceSizes ?? KNOWN_INSTANCE_SIZES;
  return [...offers]
    .filter(
      (size) =>
        size.memoryMib >= dyno.memoryMib &&
        (!dyno.dedicated || size.dedicated) &&
        (count === 1 || !size.singleInstance),
    )
    .sort(
      (a, b) =>
        (a.usdPerMonth ?? 0) - (b.usdPerMonth ?? 0) ||
        Number(a.dedicated) - Number(b.dedicated) ||
        a.memoryMib - b.memoryMib ||
        a.cpus - b.cpus ||
        a.slug.localeCompare(b.slug),
    )[0];
}

/** Memory of Heroku Postgres plans in GiB by the number behind the tier (Dev Center, 2024-09-06). */
const PLAN_MEMORY_GIB = [4, 4, 8, 15.25, 30.5, 61, 122, 244, 488, 768, 1024];

export interface PostgresChoice {
  size: PostgresSize;
  why: string;
}

/**
 * The smallest cluster size with the memory of the Heroku plan and room for half as much data again. Essential plans
 * name no memory: there the size of the data decides. `undefined` when no size that can be created is large enough.
 */
export function postgresFor(
  plan: string,
  sizeBytes: number,
  connections: number | null,
  catalogue: Catalogue | undefined,
): PostgresChoice | undefined {
  const number = /-(\d+)(?:-[lx]+)?$/.exec(plan)?.[1];
  const essential = /:(essential|mini|basic|hobby)/.test(plan);
  const memoryGib = essential ? 1 : (PLAN_MEMORY_GIB[Number(number ?? 0)] ?? 4);
  const diskGib = (sizeBytes / GIB) * 1.5;
  const offered = catalogue?.postgres.sizes;
  const size = POSTGRES_SIZES.find(
    (one) =>
      one.memoryGib >= memoryGib &&
      one.diskGib >= diskGib &&
      one.connections >= Math.min(connections ?? 0, 20) &&
      (offered === undefined || offered.includes(one.slug)),
  );
  if (size === undefined) return undefined;
  const memory = essential ? `${plan} names no memory` : `${plan} has ${memoryGib} GiB of memory`;
  return { size, why: `${memory}; the data and half as much again need ${diskGib.toFixed(1)} GiB of disk` };
}

/** The smallest droplet whose Redis may hold what the plan holds today, or twice what is used if the plan is unknown. */
export function dropletFor(
  needs: { limitBytes: number | null; usedBytes: number },
  datacentre: string,
  catalogue: Catalogue | undefined,
): { size: DropletOffer; why: string } | undefined {
  const wanted = Math.max(needs.limitBytes ?? 0, needs.usedBytes * 2) / MIB;
  const offers: readonly DropletOffer[] = catalogue?.dropletSizes ?? KNOWN_DROPLET_SIZES;
  const size = [...offers]
    .filter(
      (one) =>
        /^s-\d+vcpu-\d+gb$/.test(one.slug) &&
        redisMaxMemoryMib(one.memoryMib) >= wanted &&
        (one.regions.length === 0 || one.regions.includes(datacentre)),
    )
    .sort((a, b) => (a.usdPerMonth ?? 0) - (b.usdPerMonth ?? 0) || a.memoryMib - b.memoryMib)[0];
  return (
    size && {
      size,
      why: `Redis may use ${redisMaxMemoryMib(size.memoryMib)} MiB there; today's limit or twice today's use is ${Math.ceil(wanted)} MiB`,
    }
  );
}

/** Memory of Heroku Key-Value Store plans in MiB (Elements as transcribed 2026-07-19). */
const KEY_VALUE_MIB: Record<string, number> = {
  mini: 25,
  'premium-0': 50,
  'premium-1': 100,
  'premium-2': 250,
  'premium-3': 500,
  'premium-5': 1024,
  'premium-7': 7 * 1024,
  'premium-9': 10 * 1024,
  'premium-10': 25 * 1024,
  'premium-12': 50 * 1024,
  'premium-14': 100 * 1024,
};

/** What a plan such as `heroku-redis:premium-0` may hold, in bytes; null for a plan that is not known. */
export function keyValueLimitBytes(plan: string): number | null {
  const mebibytes = KEY_VALUE_MIB[plan.split(':')[1] ?? ''];
  return mebibytes === undefined ? null : mebibytes * MIB;
}

/** Major versions as text: the source's own when offered, else the next newer one. */
export function postgresVersionFor(
  sourceMajor: number,
  offered: readonly string[] | undefined,
): string | undefined {
  if (offered === undefined || offered.length === 0) return String(Math.max(sourceMajor, 15));
  return offered
    .map(Number)
    .filter((major) => major >= sourceMajor)
    .sort((a, b) => a - b)
    .map(String)[0];
}
