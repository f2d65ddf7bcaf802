import { componentName } from '../digitalocean/app-spec.ts';
import type { Catalogue } from '../digitalocean/prices.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import { sameName } from './cost.ts';
import { EDITION, editionsOf, type Edition } from './edition.ts';
import { automatic, blocked, type Item } from './item.ts';
import type { InstanceOffer } from './known-sizes.ts';
import type { PlannedCluster } from './own-postgres.ts';
import type { Plan, PlanComponent, PlanInput } from './plan.ts';
import { scheduleId, type MergedSchedules } from './plan-schedule.ts';
import { clusterPrice, postgresOffers, storageMibFor, type PostgresOffer } from './postgres-offer.ts';
import {
  dropletFor,
  instanceFor,
  keyValueLimitBytes,
  postgresFor,
  postgresNeeds,
  type PostgresNeeds,
} from './sizing.ts';

// Where each thing goes: pure, from what was read and what is offered.

/** Every process of the slug and every scheduled job has a component, a reason to be left out, or a blocker. */
export function placeProcesses(
  { inventory, catalogue }: Pick<PlanInput, 'inventory' | 'catalogue'>,
  { jobs, dynoSizes }: Pick<MergedSchedules, 'jobs' | 'dynoSizes'>,
): {
  components: PlanComponent[];
  leftOut: Plan['leftOut'];
  sidekiqCron: Plan['sidekiqCron'];
  /** Of what has no component: a blocker, or the home that it has instead. */
  homeless: Item[];
} {
  const components: PlanComponent[] = [];
  const leftOut: Plan['leftOut'] = [];
  const sidekiqCron: Plan['sidekiqCron'] = [];
  const homeless: Item[] = [];

  for (const [type, command] of Object.entries(processTypesOf(inventory)).sort(byName)) {
    const formation = inventory.formation.find((process) => process.type === type);
    if (type === 'release') {
      const placed = placeBrief(formation?.size, { inventory, catalogue });
      if ('problem' in placed)
        homeless.push(homelessItem(`process/${type}`, 'process', type, placed.problem));
      else components.push({ ...componentOf(type, 'release', command, 'release phase'), ...placed });
      continue;
    }
    if (formation === undefined || formation.quantity === 0) {
      leftOut.push({
        process: type,
        why: 'it has no dyno today, and App Platform has no component with none',
      });
      continue;
    }
    const scaled = inventory.autoscalers.find(({ limits }) => limits?.process === type)?.limits ?? null;
    // What scales it stands still on the new side: it gets what it may have at its busiest, whatever the hour is.
    const count = Math.max(formation.quantity, scaled?.max ?? 0);
    const from = `${scaled?.max == null ? formation.quantity : `${scaled.min ?? 1} to ${count}`} × ${formation.size}`;
    const placed = sizeFor(formation.size, count, { inventory, catalogue });
    if ('problem' in placed) {
      homeless.push(homelessItem(`process/${type}`, 'process', `${type} (${from})`, placed.problem));
      continue;
    }
    components.push({
      ...componentOf(type, type === 'web' ? 'service' : 'worker', command, from),
      instanceSize: placed.size.slug,
      count,
      usdPerMonth: placed.size.usdPerMonth === null ? null : placed.size.usdPerMonth * count,
      why: `${placed.why}${scaled?.max == null ? '' : `; as many as its autoscaler may start today (${scaled.max})`}`,
    });
  }
  const sidekiq = components.find(
    ({ kind, command }) => kind === 'worker' && /\bsidekiq(swarm)?\b/.test(command),
  );
  for (const { name, command, cron, timeZone, runsIn } of jobs) {
    if (runsIn === 'sidekiq-cron') {
      if (sidekiq === undefined) homeless.push(withoutSidekiq(name));
      else {
        sidekiqCron.push({ name, command, cron, timeZone });
        homeless.push(inSidekiq({ name, command, cron, timeZone }, sidekiq.name));
      }
      continue;
    }
    const placed = placeBrief(dynoSizes[name], { inventory, catalogue });
    if ('problem' in placed) homeless.push(homelessItem(scheduleId(name), 'schedule', name, placed.problem));
    else
      components.push({
        ...componentOf(name, 'scheduled', command, 'Scheduler'),
        ...placed,
        schedule: { cron, timeZone },
      });
  }
  return { components, leftOut, sidekiqCron, homeless };
}

function inSidekiq({ name, command, cron, timeZone }: Plan['sidekiqCron'][number], worker: string): Item {
  return automatic({
    id: scheduleId(name),
    area: 'schedule',
    what: `${name}: ${command}`,
    becomes: `sidekiq-cron in ${worker}, ${cron} ${timeZone}`,
    why: 'migration.yml says `runs-in: sidekiq-cron`; the image must hold the config/schedule.yml that provision proposes',
  });
}

function withoutSidekiq(name: string): Item {
  return blocked({
    id: scheduleId(name),
    area: 'schedule',
    what: `${name} has nothing that starts it`,
    why: 'migration.yml says `runs-in: sidekiq-cron`, and no worker that moves runs Sidekiq',
    remedy: 'Leave `runs-in` out: then App Platform starts it.',
  });
}

type Offered = Pick<PlanInput, 'inventory' | 'catalogue'>;

/** The instance size for so many dynos of a size, with the evidence; or why there is none. */
function sizeFor(
  dynoSize: string,
  count: number,
  { inventory, catalogue }: Offered,
): { size: InstanceOffer; why: string } | { problem: string } {
  const dyno = inventory.dynoSizes.find(({ name }) => sameName(name, dynoSize));
  if (dyno === undefined) return { problem: `Heroku does not say how large a ${dynoSize} dyno is` };
  const size = instanceFor(dyno, count, catalogue);
  const has = ({ memoryMib, dedicated }: { memoryMib: number; dedicated: boolean }): string =>
    `${memoryMib} MiB${dedicated ? ' and dedicated CPU' : ''}`;
  if (size === undefined) return { problem: `App Platform offers nothing with ${has(dyno)}` };
  return { size, why: `a ${dynoSize} dyno has ${has(dyno)}, ${size.slug} has ${has(size)}` };
}

/** What runs for a moment: in a size like its dyno's, and in the smallest where Heroku names none. */
function placeBrief(
  dynoSize: string | undefined,
  offered: Offered,
): Pick<PlanComponent, 'instanceSize' | 'why'> | { problem: string } {
  // Schedules name sizes that Heroku no longer sells, such as Hobby.
  if (dynoSize !== undefined && offered.inventory.dynoSizes.some(({ name }) => sameName(name, dynoSize))) {
    const placed = sizeFor(dynoSize, 1, offered);
    return 'problem' in placed ? placed : { instanceSize: placed.size.slug, why: placed.why };
  }
  const smallest = instanceFor({ memoryMib: 512, dedicated: false }, 1, offered.catalogue);
  return {
    instanceSize: smallest?.slug ?? 'apps-s-1vcpu-0.5gb',
    why: `the smallest size with the memory of a Standard-1X dyno (512 MiB): ${dynoSize === undefined ? 'which dyno size it has at Heroku is not known' : `Heroku does not say how large a ${dynoSize} dyno is`}`,
  };
}

function homelessItem(id: string, area: 'process' | 'schedule', what: string, why: string): Item {
  return blocked({
    id,
    area,
    what: `${what} has no instance size`,
    why,
    remedy: 'Spread the process over more, smaller dynos first, or run it on a droplet of its own.',
  });
}

/**
 * Where the slug cannot be read, the formation tells the commands as well: what runs is placed and priced all the same.
 * The release phase is in the slug only.
 */
function processTypesOf({ processTypes, formation }: HerokuInventory): Record<string, string> {
  return processTypes ?? Object.fromEntries(formation.map(({ type, command }) => [type, command]));
}

/** Web first, the release phase last, whatever order Heroku answers in. */
function byName([one]: [string, string], [other]: [string, string]): number {
  const rank = (type: string): number => (type === 'web' ? 0 : type === 'release' ? 2 : 1);
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

function componentOf(
  process: string,
  kind: PlanComponent['kind'],
  command: string,
  from: string,
): Omit<PlanComponent, 'instanceSize' | 'why'> {
  return { name: componentName(process), kind, command, from, count: 1, usdPerMonth: 0, schedule: null };
}

export interface PlacedPostgres {
  cluster: PlannedCluster;
  needs: PostgresNeeds;
  /** What is offered under the chosen name; undefined when nothing is. */
  offer: PostgresOffer | undefined;
  /** Whether a cluster with a standby that is large enough is offered at all. */
  standbyOffered: boolean;
  /** Both editions, with the smallest size of each that has what is needed with as many nodes. */
  editions: (Edition & { fit: PostgresOffer | undefined })[];
}

/** Id of the question whether the new cluster gets a standby, as the Heroku plan has one. */
export const STANDBY = 'postgres/standby';

/**
 * The cluster: as migration.yml names it, else the smallest that has what today's use needs, of the edition that
 * migration.yml answers, else of the Standard one before the Advanced one. A plan with a standby gets one where that is
 * offered, unless migration.yml answers that a single node is enough.
 *
 * @param datacentre leaves out editions that are not offered there
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
  datacentre?: string,
): PlacedPostgres {
  const limit = database?.connectionLimit ?? null;
  const free = live?.freeConnections ?? null;
  const needs = postgresNeeds({
    plan: planOf(inventory, 'heroku-postgresql'),
    sizeBytes: database?.sizeBytes ?? 0,
    connectionsUsed: limit === null || free === null ? null : Math.max(0, limit - free),
    connectionLimit: limit,
  });
  const editions = editionsOf(catalogue, datacentre, database?.major ?? 0);
  // An answer that cannot be is an item that blocks; until it is mended the plan goes by what can.
  const answered = editions.find(({ name, refused }) => name === answers[EDITION] && refused === null);
  const offers = (answered === undefined ? editions : [answered]).flatMap((edition) => edition.offers);
  const { storageBytes, pool } = config.postgres;
  const storageMib = storageBytes === undefined ? null : storageMibFor(storageBytes);
  // Disk that is bought on its own is none that a size must include.
  const asked = (storageMib ?? 0) / 1024 >= needs.diskGib ? { ...needs, diskGib: 0 } : needs;
  const withStandby = needs.standby ? postgresFor(asked, 2, offers) : undefined;
  const nodes = withStandby === undefined || answers[STANDBY] === 'single-node' ? 1 : 2;
  const wanted = config.postgres.size;
  // A size that migration.yml names is one of any that exist, also where it cannot be had: that is an item of its own.
  const all = postgresOffers(catalogue);
  const offer =
    wanted === undefined
      ? postgresFor(asked, nodes, offers)
      : (all.find(({ slug, nodes: possible }) => slug === wanted && possible.includes(nodes)) ??
        all.find(({ slug }) => slug === wanted));
  const count = offer?.nodes.includes(nodes) === false ? (offer.nodes[0] ?? 1) : nodes;
  const edition =
    editions.find(({ engine }) => engine === offer?.engine) ??
    answered ??
    editions.find(({ refused }) => refused === null) ??
    editions[0];
  return {
    needs,
    offer,
    standbyOffered: withStandby !== undefined,
    editions: editions.map((one) => ({ ...one, fit: postgresFor(asked, nodes, one.offers) })),
    cluster: {
      engine: edition?.engine ?? 'pg',
      nodes: count,
      version: edition?.version ?? '',
      size: wanted ?? offer?.slug ?? '',
      storageMib,
      pool: pool ?? null,
      usdPerMonth: clusterPrice(offer, count, storageMib),
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
