import { z } from 'zod';
import type { HerokuInventory } from '../heroku/inventory.ts';
import { addOnFate, isMoved } from './add-on-kinds.ts';
import type { OwnPostgres, PlannedCluster } from './own-postgres.ts';
import type { Plan, PlanComponent } from './plan.ts';
import { POSTGRES_PRICES_AS_OF } from './postgres-offer.ts';

/** What belongs together on both sides, so that each part can be compared. */
export const costGroups = ['processes', 'postgres', 'redis', 'add-ons'] as const;
export type CostGroup = (typeof costGroups)[number];

const lineSchema = z.object({
  group: z.enum(costGroups),
  what: z.string(),
  /** US dollars a month; null: not known. */
  usd: z.number().nullable(),
  /** It costs this much at least. */
  atLeast: z.boolean(),
  note: z.string(),
});
export type CostLine = z.infer<typeof lineSchema>;

export const costSchema = z.object({
  usdPerMonth: z.number(),
  /** False when a line has no price, or only where it begins: the sum is then a lower bound. */
  complete: z.boolean(),
  lines: z.array(lineSchema),
});
export type Cost = z.infer<typeof costSchema>;

export function sumOf(lines: CostLine[]): Cost {
  const cents = lines.reduce((total, { usd }) => total + Math.round((usd ?? 0) * 100), 0);
  return {
    usdPerMonth: cents / 100,
    complete: lines.every(({ usd, atLeast }) => usd !== null && !atLeast),
    lines,
  };
}

/** The part of a cost that one group makes up. */
export function ofGroup(cost: Cost, group: CostGroup): Cost {
  return sumOf(cost.lines.filter((line) => line.group === group));
}

function line(group: CostGroup, what: string, usd: number | null, note: string, atLeast = false): CostLine {
  return { group, what, usd, atLeast, note };
}

const GROUP_OF_SERVICE: Partial<Record<string, CostGroup>> = {
  'heroku-postgresql': 'postgres',
  'heroku-redis': 'redis',
  scheduler: 'processes',
};

/** What Heroku bills a month: dynos by the API's own prices, add-ons by what they are really billed at. */
export function costBefore(inventory: HerokuInventory): Cost {
  const dynos = inventory.formation
    .filter(({ quantity }) => quantity > 0)
    .map(({ type, quantity, size }) => {
      const cents = inventory.dynoSizes.find(({ name }) => sameName(name, size))?.centsPerMonth ?? null;
      return line(
        'processes',
        `${type}: ${quantity} × ${size}`,
        cents === null ? null : (cents * quantity) / 100,
        cents === null ? 'Heroku names no price' : "Heroku's price of the dyno size",
      );
    });
  return sumOf([...dynos.sort(byWhat), ...ownAddOns(inventory).map(billedLine).sort(byWhat)]);
}

function ownAddOns({ app, addOns }: HerokuInventory): HerokuInventory['addOns'] {
  return addOns.filter(({ billedTo }) => billedTo === app.name);
}

function billedLine({
  service,
  plan,
  name,
  billedCentsPerMonth: cents,
}: HerokuInventory['addOns'][number]): CostLine {
  return line(
    GROUP_OF_SERVICE[service] ?? 'add-ons',
    `${plan} (${name})`,
    cents === null ? null : cents / 100,
    cents === null ? 'Heroku names no billed price' : 'billed price',
  );
}

function byWhat(one: CostLine, other: CostLine): number {
  return one.what < other.what ? -1 : 1;
}

/** Droplet backups, weekly, cost a fifth of the droplet (DigitalOcean pricing, 2026-09). */
export const BACKUP_SHARE = 0.2;
const NO_TOKEN = 'unknown: no token for DigitalOcean was given';
const LIVE_PRICE = "DigitalOcean's price, read live";

/** How sure the price of the cluster is. */
export interface PostgresKnown {
  /** What is known is the price where its edition begins. */
  priceIsFrom: boolean;
  /** How much the database holds is not known, so the size that was chosen is the least. */
  unread: boolean;
  ownPostgres: OwnPostgres;
}

/**
 * What DigitalOcean will bill a month, and the add-ons that stay at Heroku: they are in both.
 */
export function costAfter(
  { components, cluster, redis }: Pick<Plan, 'components' | 'cluster' | 'redis'>,
  inventory: HerokuInventory,
  answers: Readonly<Record<string, string>>,
  postgres: PostgresKnown,
): Cost {
  return sumOf([
    ...components.map(componentLine),
    ...(cluster === null ? absentCluster(postgres) : [clusterLine(cluster, postgres)]),
    ...(redis === null ? [] : redisLines(redis)),
    ...ownAddOns(inventory)
      .filter((addOn) => !isMoved(addOn))
      .flatMap((addOn): CostLine[] => {
        const fate = addOnFate(addOn, inventory.addOns, answers);
        if (fate === 'drop') return [];
        const billed = billedLine(addOn);
        return fate === 'replace'
          ? [{ ...billed, usd: null, note: 'unknown: what you take in its place' }]
          : [{ ...billed, note: `${billed.note}, stays at Heroku` }];
      })
      .sort(byWhat),
  ]);
}

function clusterLine(
  { version, nodes, size, usdPerMonth }: PlannedCluster,
  { priceIsFrom, unread }: PostgresKnown,
): CostLine {
  return line(
    'postgres',
    `PostgreSQL ${version}: ${nodes === 1 ? '' : `${nodes} × `}${size}`,
    usdPerMonth,
    usdPerMonth === null
      ? 'unknown: DigitalOcean has no API for database prices'
      : priceIsFrom
        ? `where the Advanced Edition begins, as of ${POSTGRES_PRICES_AS_OF} (there is no API for it)`
        : `pricing page as of ${POSTGRES_PRICES_AS_OF} (there is no API for it)${
            unread ? '; the least, since the database could not be read' : ''
          }`,
    priceIsFrom || unread,
  );
}

function absentCluster({ ownPostgres }: PostgresKnown): CostLine[] {
  if (ownPostgres === 'none') return [];
  return [line('postgres', 'PostgreSQL', null, 'unknown: whether the app has a database could not be read')];
}

function componentLine({ name, kind, count, instanceSize, usdPerMonth }: PlanComponent): CostLine {
  const brief = kind === 'release' || kind === 'scheduled';
  const note = brief ? 'billed only while it runs' : usdPerMonth === null ? NO_TOKEN : LIVE_PRICE;
  return line('processes', `${name}: ${count} × ${instanceSize}`, usdPerMonth, note);
}

function redisLines({ size, usdPerMonth }: NonNullable<Plan['redis']>): CostLine[] {
  return [
    line('redis', `Redis droplet: ${size}`, usdPerMonth, usdPerMonth === null ? NO_TOKEN : LIVE_PRICE),
    line(
      'redis',
      'Backups of the droplet',
      usdPerMonth === null ? null : usdPerMonth * BACKUP_SHARE,
      usdPerMonth === null ? NO_TOKEN : 'weekly, a fifth of its price',
    ),
  ];
}

/** The registry that is made where the account has none: 5 repositories and 5 GiB (Container Registry's pricing page, 2026-09). */
export const REGISTRY_TIER = 'basic';
export const REGISTRY_USD = 5;

/** What the comparison cannot know, one sentence each. */
export function notInTheCost(plan: Pick<Plan, 'components'>, before: Cost, after: Cost): string[] {
  const scheduled = plan.components.some(({ kind }) => kind === 'scheduled' || kind === 'release');
  const unpriced = [...before.lines, ...after.lines].filter(({ usd }) => usd === null);
  return [
    ...unpriced.map(({ what, note }) => `${what}: ${note}`),
    ...(scheduled
      ? ['What scheduled and release jobs cost for the minutes that they run, on both sides.']
      : []),
    `DigitalOcean's container registry, one for all images of the account: ${REGISTRY_USD} USD a month (${REGISTRY_TIER}) when it is made for this; nothing more when the account has one, or the image is pushed elsewhere.`,
    'Traffic beyond what the instance sizes include, builds beyond the free minutes, taxes and support plans.',
    "Heroku's team or enterprise contract, should its prices differ from those that the API names.",
  ];
}

/** Heroku writes dyno sizes with different capitals in different answers. */
export function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** By how much the new side is cheaper, in percent of the old one; negative when it is dearer, null when not known. */
export function savingPercent(before: Cost, after: Cost): number | null {
  if (!before.complete || !after.complete || before.usdPerMonth === 0) return null;
  return Math.round(((before.usdPerMonth - after.usdPerMonth) / before.usdPerMonth) * 100);
}

/** "saves $12.30 a month (25 %)", or what else is true. */
export function savingOf(before: Cost, after: Cost): string {
  if (!before.complete || !after.complete) return 'not all prices are known';
  const difference = before.usdPerMonth - after.usdPerMonth;
  const percent = Math.abs(savingPercent(before, after) ?? 0);
  return `${difference >= 0 ? 'saves' : 'costs'} $${Math.abs(difference).toFixed(2)} ${difference >= 0 ? 'a month' : 'more a month'} (${percent} %)`;
}
