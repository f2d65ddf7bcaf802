import { z } from 'zod';
import type { Catalogue } from '../digitalocean/prices.ts';
import { BACKUP_SHARE } from './cost.ts';
import { KNOWN_DROPLET_SIZES, KNOWN_INSTANCE_SIZES, type DropletOffer } from './known-sizes.ts';
import type { PlannedCluster } from './own-postgres.ts';
import type { Plan } from './plan.ts';

export const roadmapSchema = z.object({
  steps: z.array(
    z.object({
      name: z.string(),
      /** What stands then, in a few words. */
      what: z.string(),
      /** The whole workload, US dollars a month; null: not known. */
      usdPerMonth: z.number().nullable(),
      /** From when on it pays. */
      pays: z.string(),
    }),
  ),
  /** What in this plan keeps the way on open. */
  open: z.array(z.string()),
});
export type Roadmap = z.infer<typeof roadmapSchema>;

/** What looking after servers of one's own takes; our assumption of November 2026, said wherever it is used. */
const HOURS_A_MONTH = 6;
const USD_AN_HOUR = 100;
const UPKEEP_USD = HOURS_A_MONTH * USD_AN_HOUR;
/** The system and the container runtime need some of a droplet's memory. */
const FOR_THE_SYSTEM_MIB = 512;

/**
 * The way on for this workload: App Platform now; then its containers on droplets of one's own, where the memory costs a
 * fraction; then Postgres beside them. Each pays when it saves more than the hours that it takes to run.
 */
export function makeRoadmap(
  plan: Pick<Plan, 'components' | 'cluster' | 'redis'>,
  datacentre: string,
  catalogue: Catalogue | undefined,
): Roadmap {
  const running = plan.components.filter(({ kind }) => kind === 'service' || kind === 'worker');
  const onPlatform = total(running.map(({ usdPerMonth }) => usdPerMonth));
  const memoryMib = running.reduce(
    (sum, { instanceSize, count }) => sum + memoryOf(instanceSize, catalogue) * count,
    0,
  );
  const host = hostsFor(memoryMib, datacentre, catalogue);
  const onDroplets = host?.usdPerMonth ?? null;
  const redis =
    plan.redis === null
      ? 0
      : plan.redis.usdPerMonth === null
        ? null
        : plan.redis.usdPerMonth * (1 + BACKUP_SHARE);
  const database = plan.cluster === null ? 0 : plan.cluster.usdPerMonth;
  const own = plan.cluster === null ? undefined : ownPostgres(plan.cluster, datacentre, catalogue);
  return {
    steps: [
      {
        name: 'Now: App Platform',
        what: [
          'App Platform runs the containers',
          ...(plan.cluster === null ? [] : ['DigitalOcean runs Postgres']),
          ...(plan.redis === null ? [] : ['Redis is on a droplet of yours']),
        ].join(', '),
        usdPerMonth: total([onPlatform, database, redis]),
        pays: `From the first day: no servers to look after${plan.redis === null ? '' : ' but that of Redis'}.`,
      },
      {
        name: 'Next: the same containers on droplets',
        what:
          host === undefined
            ? 'no droplet that is offered is large enough'
            : `${host.count} × ${host.slug} with Docker (for example with Kamal), for ${(memoryMib / 1024).toFixed(1)} GiB of instances and one droplet to spare${plan.cluster === null ? '' : '; Postgres stays managed'}`,
        usdPerMonth: total([onDroplets, database, redis]),
        pays: pays(onPlatform, onDroplets, 'instances'),
      },
      ...(plan.cluster === null
        ? []
        : [
            {
              name: 'Later: Postgres on droplets, too',
              what:
                own === undefined
                  ? 'no droplet that is offered is large enough'
                  : `2 × ${own.slug}, the second as a standby, with backups to object storage`,
              usdPerMonth: total([onDroplets, own?.usdPerMonth ?? null, redis]),
              pays: `${pays(database, own?.usdPerMonth ?? null, 'database')} Backups, upgrades and the standby are yours then.`,
            },
          ]),
    ],
    open: [
      'The app is an image from a Dockerfile of your own: it runs wherever Docker does.',
      'Config vars, commands and cron lines are plain; nothing is written for App Platform alone.',
      ...(plan.redis === null ? [] : ['Redis is on a droplet of yours already, and stays where it is.']),
      ...(plan.cluster === null
        ? []
        : [
            'Postgres is the plain one, reached by DATABASE_URL over the private network, where droplets reach it, too.',
          ]),
      'The domains are in a zone that can lead anywhere with one change of a record.',
    ],
  };
}

function pays(now: number | null, then: number | null, of: string): string {
  if (now === null || then === null) return 'Not known: prices are missing.';
  const saving = now - then;
  const assumption = `${HOURS_A_MONTH} hours a month at $${USD_AN_HOUR} (our assumption, November 2026)`;
  if (saving >= UPKEEP_USD) {
    return `Already: it saves $${saving.toFixed(0)} a month, more than ${assumption}.`;
  }
  if (saving <= 0) return `Not at this size: it costs $${(-saving).toFixed(0)} a month more.`;
  if (saving < UPKEEP_USD / 50) {
    return `Not at this size: it saves $${saving.toFixed(0)} a month, and looking after it takes ${assumption}.`;
  }
  return `It saves $${saving.toFixed(0)} a month. It pays when ${
    of === 'instances' ? 'the instances grow' : 'the database grows'
  } to ${(UPKEEP_USD / saving).toFixed(1)} times of today, or when looking after them takes less than ${(saving / USD_AN_HOUR).toFixed(1)} hours a month; reckoned with ${assumption}.`;
}

function total(parts: (number | null)[]): number | null {
  let sum = 0;
  for (const part of parts) {
    if (part === null) return null;
    sum += part;
  }
  return Math.round(sum * 100) / 100;
}

function memoryOf(slug: string, catalogue: Catalogue | undefined): number {
  const offers = catalogue?.instanceSizes ?? KNOWN_INSTANCE_SIZES;
  return offers.find((offer) => offer.slug === slug)?.memoryMib ?? 0;
}

/** The cheapest way to have the memory on equal droplets with one to spare, so that one may die; with backups. */
function hostsFor(
  memoryMib: number,
  datacentre: string,
  catalogue: Catalogue | undefined,
): { slug: string; count: number; usdPerMonth: number | null } | undefined {
  return droplets(datacentre, catalogue)
    .filter((size) => size.memoryMib > FOR_THE_SYSTEM_MIB)
    .map((size) => {
      const count = Math.max(1, Math.ceil(memoryMib / (size.memoryMib - FOR_THE_SYSTEM_MIB))) + 1;
      const usdPerMonth = size.usdPerMonth === null ? null : count * size.usdPerMonth * (1 + BACKUP_SHARE);
      return { slug: size.slug, count, usdPerMonth };
    })
    .sort(
      (a, b) =>
        (a.usdPerMonth ?? 0) - (b.usdPerMonth ?? 0) || a.count - b.count || (a.slug < b.slug ? -1 : 1),
    )[0];
}

/** Two droplets with the memory that the cluster has. */
function ownPostgres(
  cluster: PlannedCluster,
  datacentre: string,
  catalogue: Catalogue | undefined,
): { slug: string; usdPerMonth: number | null } | undefined {
  const gib = Number(/-(\d+)gb(?:-|$)/.exec(cluster.size)?.[1] ?? 1);
  const size = droplets(datacentre, catalogue)
    .filter(({ memoryMib }) => memoryMib >= gib * 1024)
    .sort((a, b) => (a.usdPerMonth ?? 0) - (b.usdPerMonth ?? 0) || a.memoryMib - b.memoryMib)[0];
  if (size === undefined) return undefined;
  return {
    slug: size.slug,
    usdPerMonth: size.usdPerMonth === null ? null : 2 * size.usdPerMonth * (1 + BACKUP_SHARE),
  };
}

function droplets(datacentre: string, catalogue: Catalogue | undefined): DropletOffer[] {
  const offers: readonly DropletOffer[] = catalogue?.dropletSizes ?? KNOWN_DROPLET_SIZES;
  return offers.filter(
    ({ slug, regions }) =>
      /^s-\d+vcpu-\d+gb$/.test(slug) && (regions.length === 0 || regions.includes(datacentre)),
  );
}
