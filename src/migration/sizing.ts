import type { Catalogue } from '../digitalocean/prices.ts';
import { redisMaxMemoryMib } from '../digitalocean/redis-cloud-init.ts';
import type { DynoSize } from '../heroku/inventory.ts';
import {
  KNOWN_DROPLET_SIZES,
  KNOWN_INSTANCE_SIZES,
  type DropletOffer,
  type InstanceOffer,
} from './known-sizes.ts';
import { postgresOffers, type PostgresOffer } from './postgres-offer.ts';

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

/** What a database uses today, as far as it is known. */
export interface PostgresUse {
  /** `heroku-postgresql:standard-0` */
  plan: string;
  sizeBytes: number;
  /** Connections open at the moment of the reading, and those that the role may open; null: not known or not limited. */
  connectionsUsed: number | null;
  connectionLimit: number | null;
}

/** What the new one must have at least, with the evidence for each figure. */
export interface PostgresNeeds {
  memoryGib: number;
  diskGib: number;
  connections: number;
  /** A standby takes over when the leader dies: Heroku's Premium, Private and Shield plans have one. */
  standby: boolean;
  why: string;
}

/** Half as much again: what grows until somebody looks. */
const HEADROOM = 1.5;

/**
 * The plan's memory (a cache that queries rely on; Essential plans promise none), and half as much disk and connections
 * again as are in use.
 */
export function postgresNeeds({
  plan,
  sizeBytes,
  connectionsUsed,
  connectionLimit,
}: PostgresUse): PostgresNeeds {
  const essential = isEssential(plan);
  const number = /-(\d+)(?:-[lx]+)?$/.exec(plan)?.[1];
  const memoryGib = essential ? 1 : (PLAN_MEMORY_GIB[Number(number ?? 0)] ?? 4);
  const diskGib = (sizeBytes / GIB) * HEADROOM;
  const connections =
    connectionsUsed === null ? Math.min(connectionLimit ?? 0, 20) : Math.ceil(connectionsUsed * HEADROOM);
  return {
    memoryGib,
    diskGib,
    connections,
    standby: hasStandby(plan),
    why: [
      essential ? `${plan} names no memory` : `${plan} has ${memoryGib} GiB of memory`,
      `the data and half as much again need ${diskGib.toFixed(1)} GiB of disk`,
      connectionsUsed === null
        ? 'how many connections are in use is not known'
        : `${connectionsUsed} connections are in use, and half as many again are ${connections}`,
    ].join('; '),
  };
}

export function isEssential(plan: string): boolean {
  return /:(essential|mini|basic|hobby)/.test(plan);
}

/** Whether Heroku keeps a second server ready (Dev Center, "Heroku Postgres plans", 2024-12-13). */
export function hasStandby(plan: string): boolean {
  return /:(premium|private|shield)-/.test(plan);
}

/**
 * The smallest cluster that has what is needed with as many nodes as are wanted; the Standard Edition before the
 * Advanced one, and of equal memory the one whose price is known. `undefined` when none is offered. An offer whose disk
 * nobody names is taken only when there is no other: the caller says so.
 */
export function postgresFor(
  needs: PostgresNeeds,
  nodes: number,
  catalogue: Catalogue | undefined,
): PostgresOffer | undefined {
  const fitting = postgresOffers(catalogue).filter(
    (offer) =>
      offer.memoryGib >= needs.memoryGib &&
      offer.connections >= needs.connections &&
      (offer.diskGib === null || offer.diskGib >= needs.diskGib) &&
      offer.nodes.includes(nodes),
  );
  return fitting.find(({ diskGib }) => diskGib !== null) ?? fitting[0];
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
