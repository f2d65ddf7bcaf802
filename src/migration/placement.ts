import { componentName } from '../digitalocean/app-spec.ts';
import type { Catalogue } from '../digitalocean/prices.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import { sameName } from './cost.ts';
import { blocked, type Item } from './item.ts';
import type { Plan, PlanComponent, PlanInput } from './plan.ts';
import { postgresOffers, type PostgresOffer } from './postgres-offer.ts';
import {
  dropletFor,
  instanceFor,
  keyValueLimitBytes,
  postgresFor,
  postgresNeeds,
  postgresVersionFor,
  type PostgresNeeds,
} from './sizing.ts';

// Where each thing goes: pure, from what was read and what is offered.

/** Every process of the slug and every scheduled job has a component, a reason to be left out, or a blocker. */
export function placeProcesses(
  { inventory, catalogue }: Pick<PlanInput, 'inventory' | 'catalogue'>,
  scheduled: readonly { name: string; command: string; cron: string; timeZone: string }[],
): { components: PlanComponent[]; leftOut: Plan['leftOut']; homeless: Item[] } {
  const components: PlanComponent[] = [];
  const leftOut: Plan['leftOut'] = [];
  const homeless: Item[] = [];
  const smallest =
    instanceFor({ memoryMib: 512, dedicated: false }, 1, catalogue)?.slug ?? 'apps-s-1vcpu-0.5gb';

  for (const [type, command] of Object.entries(inventory.processTypes ?? {}).sort(byName)) {
    if (type === 'release') {
      components.push(component(type, 'release', command, 'release phase', smallest, 1, 0, null));
      continue;
    }
    const formation = inventory.formation.find((process) => process.type === type);
    if (formation === undefined || formation.quantity === 0) {
      leftOut.push({
        process: type,
        why: 'it has no dyno today, and App Platform has no component with none',
      });
      continue;
    }
    const from = `${formation.quantity} × ${formation.size}`;
    const dyno = inventory.dynoSizes.find(({ name }) => sameName(name, formation.size));
    const size = instanceFor(dyno ?? { memoryMib: 512, dedicated: false }, formation.quantity, catalogue);
    if (size === undefined || dyno === undefined) {
      homeless.push(
        blocked({
          id: `process/${type}`,
          area: 'process',
          what: `${type} (${from}) has no instance size`,
          why:
            dyno === undefined
              ? `Heroku does not say how large a ${formation.size} dyno is`
              : `App Platform offers nothing with ${dyno.memoryMib} MiB${dyno.dedicated ? ' and dedicated CPU' : ''}`,
          remedy: 'Spread the process over more, smaller dynos first, or run it on a droplet of its own.',
        }),
      );
      continue;
    }
    const price = size.usdPerMonth === null ? null : size.usdPerMonth * formation.quantity;
    const kind = type === 'web' ? 'service' : 'worker';
    components.push({
      ...component(type, kind, command, from, size.slug, formation.quantity, price, null),
      why: `a ${formation.size} dyno has ${dyno.memoryMib} MiB${dyno.dedicated ? ' and dedicated CPU' : ''}, ${size.slug} has ${size.memoryMib} MiB${size.dedicated ? ' and dedicated CPU' : ''}`,
    });
  }
  for (const { name, command, cron, timeZone } of scheduled) {
    components.push(component(name, 'scheduled', command, 'Scheduler', smallest, 1, 0, { cron, timeZone }));
  }
  return { components, leftOut, homeless };
}

/** Web first, the release phase last, whatever order Heroku answers in. */
function byName([one]: [string, string], [other]: [string, string]): number {
  const rank = (type: string): number => (type === 'web' ? 0 : type === 'release' ? 2 : 1);
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

function component(
  process: string,
  kind: PlanComponent['kind'],
  command: string,
  from: string,
  instanceSize: string,
  count: number,
  usdPerMonth: number | null,
  schedule: PlanComponent['schedule'],
): PlanComponent {
  const why = 'runs for a moment, in the smallest size';
  return {
    name: componentName(process),
    kind,
    command,
    from,
    instanceSize,
    count,
    usdPerMonth,
    schedule,
    why,
  };
}

export interface PlacedPostgres {
  cluster: Plan['cluster'];
  needs: PostgresNeeds;
  /** What is offered under the chosen name; undefined when nothing is. */
  offer: PostgresOffer | undefined;
  /** Whether a cluster with a standby that is large enough is offered at all. */
  standbyOffered: boolean;
}

/** Id of the question whether the new cluster gets a standby, as the Heroku plan has one. */
export const STANDBY = 'postgres/standby';

/**
 * The cluster: as migration.yml names it, else the smallest that has what today's use needs. A plan with a standby gets
 * one where that is offered, unless migration.yml answers that a single node is enough.
 */
export function placePostgres(
  {
    config,
    database,
    live,
    catalogue,
    inventory,
  }: Pick<PlanInput, 'config' | 'database' | 'live' | 'catalogue' | 'inventory'>,
  answers: Readonly<Record<string, string>>,
): PlacedPostgres {
  const limit = database?.connectionLimit ?? null;
  const free = live?.freeConnections ?? null;
  const needs = postgresNeeds({
    plan: planOf(inventory, 'heroku-postgresql'),
    sizeBytes: database?.sizeBytes ?? 0,
    connectionsUsed: limit === null || free === null ? null : Math.max(0, limit - free),
    connectionLimit: limit,
  });
  const withStandby = needs.standby ? postgresFor(needs, 2, catalogue) : undefined;
  const nodes = withStandby === undefined || answers[STANDBY] === 'single-node' ? 1 : 2;
  const wanted = config.postgres.size;
  const offers = postgresOffers(catalogue);
  const offer =
    wanted === undefined
      ? postgresFor(needs, nodes, catalogue)
      : (offers.find(({ slug, nodes: possible }) => slug === wanted && possible.includes(nodes)) ??
        offers.find(({ slug }) => slug === wanted));
  const count = offer?.nodes.includes(nodes) === false ? (offer.nodes[0] ?? 1) : nodes;
  const engine = offer?.engine ?? 'pg';
  return {
    needs,
    offer,
    standbyOffered: withStandby !== undefined,
    cluster: {
      engine,
      nodes: count,
      version: postgresVersionFor(database?.major ?? 0, catalogue?.postgres[engine]?.versions) ?? '',
      size: wanted ?? offer?.slug ?? '',
      usdPerMonth: offer?.usdPerNode == null ? null : offer.usdPerNode * count,
      why:
        wanted !== undefined
          ? 'migration.yml says so'
          : offer === undefined
            ? 'no size is large enough'
            : needs.why,
    },
  };
}

/** The droplet of Redis: as migration.yml names it, else the smallest that holds what the plan may hold. */
export function placeRedis(
  { config, redis, catalogue, inventory }: Pick<PlanInput, 'config' | 'redis' | 'catalogue' | 'inventory'>,
  datacentre: string,
): NonNullable<Plan['redis']> {
  const needs = {
    limitBytes: redis?.maxmemoryBytes ?? keyValueLimitBytes(planOf(inventory, 'heroku-redis')),
    usedBytes: redis?.usedMemoryBytes ?? 0,
  };
  const chosen = dropletFor(needs, datacentre, catalogue);
  const wanted = config.redis.size;
  const named = catalogue?.dropletSizes.find(({ slug }) => slug === wanted);
  const size = wanted ?? chosen?.size.slug ?? '';
  const price = (wanted === undefined ? chosen?.size.usdPerMonth : named?.usdPerMonth) ?? null;
  return {
    size,
    port: config.redis.port,
    memoryMib: (wanted === undefined ? chosen?.size.memoryMib : named?.memoryMib) ?? memoryFromSlug(size),
    usdPerMonth: price,
    why: wanted === undefined ? (chosen?.why ?? 'no droplet is large enough') : 'migration.yml says so',
  };
}

/** `heroku-postgresql:standard-0`, or `unknown`. Of several the one whose name comes first, whatever Heroku's order. */
export function planOf(inventory: Pick<HerokuInventory, 'addOns'>, service: string): string {
  return (
    inventory.addOns
      .filter((addOn) => addOn.service === service)
      .map(({ plan }) => plan)
      .sort()[0] ?? 'unknown'
  );
}

/** `s-1vcpu-2gb` names its memory. */
function memoryFromSlug(slug: string): number {
  const match = /-(\d+)(mb|gb)(?:-|$)/.exec(slug);
  return match === null ? 1024 : Number(match[1]) * (match[2] === 'gb' ? 1024 : 1);
}

/** Whether the edition can be had in a datacentre; true when nobody says where it can. */
export function offeredIn(
  catalogue: Catalogue | undefined,
  engine: PostgresOffer['engine'],
  datacentre: string,
): boolean {
  const regions = catalogue?.postgres[engine]?.regions ?? [];
  return regions.length === 0 || regions.includes(datacentre);
}
