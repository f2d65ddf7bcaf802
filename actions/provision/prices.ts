import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import { readCatalogue, type Catalogue } from '../../src/digitalocean/prices.ts';
import { messageOf } from '../../src/errors.ts';
import { BACKUP_SHARE } from '../../src/migration/cost.ts';
import type { PlanWithCluster } from '../../src/migration/own-postgres.ts';
import { clusterPrice, postgresOffers } from '../../src/migration/postgres-offer.ts';

/** What things cost today, in US dollars a month; null where nobody says. */
export interface LivePrices {
  /** `count` instances of a component that runs all the time. */
  instances(size: string, count: number): number | null;
  droplet(size: string, withBackups: boolean): number | null;
  /** All nodes together. DigitalOcean has no API for these: they are the pricing page's, as assess had them. Without `storageMib`: what the size includes. */
  cluster(engine: string, size: string, nodes: number, storageMib?: number | null): number | null;
}

/** Reads DigitalOcean's price lists (GET only). When they cannot be read, that is told and no price is known. */
export async function readLivePrices(client: DigitalOcean): Promise<LivePrices> {
  try {
    return livePrices(await readCatalogue(client));
  } catch (error) {
    client.signal?.throwIfAborted();
    client.log.warning(`Today's prices are not known: ${messageOf(error)}`);
    return { instances: () => null, droplet: () => null, cluster: () => null };
  }
}

export function livePrices(catalogue: Catalogue): LivePrices {
  const offers = postgresOffers(catalogue);
  return {
    instances: (slug, count) => {
      const size = catalogue.instanceSizes.find((one) => one.slug === slug);
      return size === undefined ? null : size.usdPerMonth * count;
    },
    droplet: (slug, withBackups) => {
      const size = catalogue.dropletSizes.find((one) => one.slug === slug);
      return size === undefined ? null : cents(size.usdPerMonth * (withBackups ? 1 + BACKUP_SHARE : 1));
    },
    cluster: (engine, slug, nodes, storageMib = null) =>
      clusterPrice(
        offers.find((one) => one.engine === engine && one.slug === slug),
        nodes,
        storageMib,
      ),
  };
}

/** What assess promised of one thing, and what it costs today. */
export interface PriceLine {
  what: string;
  promised: number | null;
  now: number | null;
}

/** The prices of a stage line by line: what the reviewer of the plan saw, beside what DigitalOcean asks now. */
export function comparePrices(
  plan: PlanWithCluster,
  stage: 'infrastructure' | 'application',
  prices: LivePrices,
): PriceLine[] {
  if (stage === 'application') {
    return plan.components
      .filter(({ kind }) => kind === 'service' || kind === 'worker')
      .map(({ name, instanceSize, count, usdPerMonth }) => ({
        what: `${name}: ${count} × ${instanceSize}`,
        promised: usdPerMonth,
        now: prices.instances(instanceSize, count),
      }));
  }
  const { cluster, redis } = plan;
  return [
    {
      what: `PostgreSQL: ${cluster.nodes} × ${cluster.size}`,
      promised: cluster.usdPerMonth,
      now: prices.cluster(cluster.engine, cluster.size, cluster.nodes, cluster.storageMib),
    },
    ...(redis === null
      ? []
      : [
          {
            what: `Redis droplet with weekly backups: ${redis.size}`,
            promised: redis.usdPerMonth === null ? null : cents(redis.usdPerMonth * (1 + BACKUP_SHARE)),
            now: prices.droplet(redis.size, true),
          },
        ]),
  ];
}

/** Lines whose price is another than promised; a price that is not known on one side is one of them. */
export function differingPrices(lines: readonly PriceLine[]): PriceLine[] {
  return lines.filter(({ promised, now }) =>
    promised === null || now === null ? promised !== now : Math.abs(promised - now) >= 0.005,
  );
}

/** `web: 2 × apps-s-1vcpu-1gb costs 28.00 USD a month, and assess promised 24.00.` */
export function tellDifference({ what, promised, now }: PriceLine): string {
  const usd = (price: number | null): string =>
    price === null ? 'an unknown price' : `${price.toFixed(2)} USD a month`;
  return `${what} costs ${usd(now)}, and assess promised ${usd(promised)}. Run assess again for a plan with today's prices.`;
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}
