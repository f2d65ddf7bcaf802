import type { HerokuClient } from '../../src/heroku/client.ts';
import { dynoPrice, planPrice } from '../../src/heroku/plan-price.ts';
import type { ProbeId } from '../../src/probe/probes.ts';
import type { LivePrices } from '../provision/prices.ts';
import { CLUSTER_SIZE, DROPLET_SIZE, INSTANCE_SIZE } from './digitalocean-ground.ts';
import { DYNO_SIZE } from './heroku-ground.ts';
import { SCHEDULER_PLAN } from './scheduler-address.ts';

/** One thing that the chosen probes make, for which of them, and what it costs by the companies' own price lists. */
export interface OrderLine {
  what: string;
  for: ProbeId[];
  /** US dollars; null where nobody says. */
  usdPerMonth: number | null;
}

export interface Plans {
  postgres: string;
  keyValueStore: string;
}

/** Both companies bill by the second or the hour; an hour is at most this part of a month (its pricing pages). */
const HOURS_OF_A_MONTH = 672;
/** A run of all of them, with its waiting for clusters and builds. */
const HOURS = 1;

/** What the chosen probes would make. Reads prices only. */
export async function orderOf(
  chosen: readonly ProbeId[],
  { heroku, prices, plans }: { heroku: HerokuClient; prices: LivePrices; plans: Plans },
): Promise<OrderLine[]> {
  const onDynos: ProbeId[] = [
    ...(['router-hold', 'foreign-slug', 'slug-outlives-app', 'attached-dyno', 'empty-slug'] as const),
  ];
  const inTheCluster: ProbeId[] = ['doadmin', 'open-sessions', 'private-network', 'plain-domain'];
  const inTheVpc: ProbeId[] = ['private-network', 'plain-domain'];
  const wanted: [line: Omit<OrderLine, 'usdPerMonth'>, price: () => Promise<number | null>][] = [
    [
      { what: `Heroku add-on ${SCHEDULER_PLAN}`, for: ['scheduler-address'] },
      () => planPrice(heroku, SCHEDULER_PLAN),
    ],
    [
      { what: `Heroku add-on ${plans.postgres}`, for: ['default-credential'] },
      () => planPrice(heroku, plans.postgres),
    ],
    [
      { what: `Heroku add-on ${plans.keyValueStore}`, for: ['key-value-store'] },
      () => planPrice(heroku, plans.keyValueStore),
    ],
    [
      { what: `two Heroku apps, with one ${DYNO_SIZE} dyno between them`, for: onDynos },
      () => dynoPrice(heroku, DYNO_SIZE),
    ],
    [
      { what: `DigitalOcean cluster ${CLUSTER_SIZE} in a VPC`, for: inTheCluster },
      () => Promise.resolve(prices.cluster('pg', CLUSTER_SIZE, 1)),
    ],
    [
      { what: `DigitalOcean droplet ${DROPLET_SIZE}, with its firewall`, for: inTheVpc },
      () => Promise.resolve(prices.droplet(DROPLET_SIZE, true)),
    ],
    [
      { what: `DigitalOcean app of one ${INSTANCE_SIZE}`, for: inTheVpc },
      () => Promise.resolve(prices.instances(INSTANCE_SIZE, 1)),
    ],
  ];
  const lines = wanted
    .map(([line, price]) => ({ line: { ...line, for: line.for.filter((id) => chosen.includes(id)) }, price }))
    .filter(({ line }) => line.for.length > 0);
  return Promise.all(lines.map(async ({ line, price }) => ({ ...line, usdPerMonth: await price() })));
}

/** What a run of an hour costs at most, in US dollars; null when the price of something is not known. */
export function runCost(lines: readonly OrderLine[]): number | null {
  if (lines.some(({ usdPerMonth }) => usdPerMonth === null)) return null;
  const month = lines.reduce((sum, { usdPerMonth }) => sum + (usdPerMonth ?? 0), 0);
  return Math.ceil((month / HOURS_OF_A_MONTH) * HOURS * 100) / 100;
}
