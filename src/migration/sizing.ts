import type { Catalogue } from '../digitalocean/prices.ts';
import { redisMaxMemoryMib } from '../digitalocean/redis-cloud-init.ts';
import type { DynoSize } from '../heroku/inventory.ts';
import {
  KNOWN_DROPLET_SIZES,
  KNOWN_INSTANCE_SIZES,
  type DropletOffer,
  type InstanceOffer,
} from './known-sizes.ts';
import type { PostgresOffer } from './postgres-offer.ts';

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
/** What is planned with where a plan's memory is nowhere to be read: that of the smallest plan that names one. */
const ASSUMED_MEMORY_GIB = 4;

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
  /** False: the plan is not one whose memory is known, and `memoryGib` is assumed. */
  memoryKnown: boolean;
  diskGib: number;
  /** What a size must take to be chosen; 0 where memory decides. */
  connections: number;
  /**
   * Those in use at the reading with headroom, never more than may be open today; null: not known. A figure of the moment:
   * what takes fewer is asked about, and no size hangs on it, so that the same world has the same plan at any hour.
   */
  connectionsInUse: number | null;
  /** A standby takes over when the leader dies: Heroku's Premium, Private and Shield plans have one. */
  standby: boolean;
  /** What does not change from one moment to the next. */
  why: string;
  /** The evidence for `connectionsInUse`. */
  whyConnections: string;
}

/** Half as much again: what grows until somebody looks. */
const HEADROOM = 1.5;

/**
 * The plan's memory (a cache that queries rely on; Essential plans promise none), half as much disk again as is in use,
 * and on Essential plans, which allow few, as many connections as today.
 */
export function postgresNeeds({
  plan,
  sizeBytes,
  connectionsUsed,
  connectionLimit,
}: PostgresUse): PostgresNeeds {
  const essential = isEssential(plan);
  const number = /:(?:standard|premium|private|shield)-(\d+)(?:-[lx]+)?$/.exec(plan)?.[1];
  const known = number === undefined ? undefined : PLAN_MEMORY_GIB[Number(number)];
  const memoryGib = essential ? 1 : (known ?? ASSUMED_MEMORY_GIB);
  const connections = essential ? (connectionLimit ?? 0) : 0;
  const withHeadroom = connectionsUsed === null ? null : Math.ceil(connectionsUsed * HEADROOM);
  const connectionsInUse =
    withHeadroom === null ? null : Math.min(withHeadroom, connectionLimit ?? withHeadroom);
  return {
    memoryGib,
    memoryKnown: essential || known !== undefined,
    diskGib: (sizeBytes / GIB) * HEADROOM,
    connections,
    connectionsInUse,
    standby: hasStandby(plan),
    why: [
      essential
        ? `${plan} names no memory`
        : known === undefined
          ? `how much memory ${plan} has is not known, and ${memoryGib} GiB are assumed`
          : `${plan} has ${known} GiB of memory`,
      `${(sizeBytes / GIB).toFixed(1)} GiB of data and half as much again`,
      ...(connections > 0 ? [`${connections} connections, as many as today`] : []),
    ].join('; '),
    whyConnections:
      connectionsUsed === null
        ? 'how many connections are in use is not known'
        : `${connectionsUsed} connections were in use at the reading, and half as many again are ${connectionsInUse ?? 0}${
            connectionLimit === null ? '' : ` (of ${connectionLimit} that may be)`
          }`,
  };
}

function isEssential(plan: string): boolean {
  return /:(essential|mini|basic|hobby)/.test(plan);
}

/** Whether Heroku keeps a second server ready (Dev Center, "Heroku Postgres plans", 2024-12-13). */
function hasStandby(plan: string): boolean {
  return /:(premium|private|shield)-/.test(plan);
}

/**
 * The smallest of these that has what is needed with as many nodes as are wanted, in the order in which they are given;
 * `undefined` when none has. An offer whose disk nobody names is taken only when there is no other: an item says so.
 */
export function postgresFor(
  needs: Pick<PostgresNeeds, 'memoryGib' | 'diskGib' | 'connections'>,
  nodes: number,
  offers: readonly PostgresOffer[],
): PostgresOffer | undefined {
  const fitting = offers.filter(
    (offer) =>
      offer.memoryGib >= needs.memoryGib &&
      offer.connections >= needs.connections &&
      (offer.diskGib === null || offer.diskGib >= needs.diskGib) &&
      offer.nodes.includes(nodes),
  );
  return fitting.find(({ diskGib }) => diskGib !== null) ?? fitting[0];
}

/** The smallest droplet whose Redis may hold what today's may, or twice what is used if that is not known. */
export function dropletFor(
  needs: { limitBytes: number | null; usedBytes: number },
  datacentre: string,
  catalogue: Catalogue | undefined,
): { size: DropletOffer; why: string } | undefined {
  const wanted = (needs.limitBytes ?? needs.usedBytes * 2) / MIB;
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
      why: `Redis may use ${redisMaxMemoryMib(size.memoryMib)} MiB there; ${needs.limitBytes === null ? `its limit of today is not known, and twice its use is ${Math.ceil(wanted)} MiB` : `today it may use ${Math.ceil(wanted)} MiB`}`,
    }
  );
}

/** Memory in MiB and connections of Heroku Key-Value Store plans (Elements as transcribed 2026-07-19). */
const KEY_VALUE_PLANS: Readonly<Record<string, { mib: number; connections: number }>> = {
  mini: { mib: 25, connections: 20 },
  'premium-0': { mib: 50, connections: 40 },
  'premium-1': { mib: 100, connections: 80 },
  'premium-2': { mib: 250, connections: 200 },
  'premium-3': { mib: 500, connections: 400 },
  'premium-5': { mib: 1024, connections: 1_000 },
  'premium-7': { mib: 7 * 1024, connections: 10_000 },
  'premium-9': { mib: 10 * 1024, connections: 25_000 },
  'premium-10': { mib: 25 * 1024, connections: 40_000 },
  'premium-12': { mib: 50 * 1024, connections: 65_000 },
  'premium-14': { mib: 100 * 1024, connections: 65_000 },
};

function keyValuePlan(plan: string): { mib: number; connections: number } | undefined {
  const name = plan.split(':')[1] ?? '';
  return Object.hasOwn(KEY_VALUE_PLANS, name) ? KEY_VALUE_PLANS[name] : undefined;
}

/** What a plan such as `heroku-redis:premium-0` may hold, in bytes; null for a plan that is not known. */
export function keyValueLimitBytes(plan: string): number | null {
  const mebibytes = keyValuePlan(plan)?.mib;
  return mebibytes === undefined ? null : mebibytes * MIB;
}

/** How many connections a plan takes; undefined for a plan that is not known. */
export function keyValueConnections(plan: string): number | undefined {
  return keyValuePlan(plan)?.connections;
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
