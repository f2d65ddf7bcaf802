import { z } from 'zod';
import { expect, type DigitalOcean } from './client.ts';

/** What DigitalOcean offers and asks for, read live. Prices in US dollars a month. */
export interface Catalogue {
  instanceSizes: InstanceSize[];
  dropletSizes: DropletSize[];
  /** Managed PostgreSQL: the Standard Edition (`pg`) and, where it is offered, the Advanced Edition (`advanced_pg`). */
  postgres: Partial<Record<PostgresEngine, PostgresOptions>>;
}

export type PostgresEngine = 'pg' | 'advanced_pg';

/** What can be created today: sizes differ by the number of nodes. */
export interface PostgresOptions {
  versions: string[];
  regions: string[];
  layouts: { nodes: number; sizes: string[] }[];
}

export interface InstanceSize {
  slug: string;
  memoryMib: number;
  cpus: number;
  dedicated: boolean;
  singleInstance: boolean;
  usdPerMonth: number;
}

export interface DropletSize {
  slug: string;
  memoryMib: number;
  diskGib: number;
  usdPerMonth: number;
  regions: string[];
}

const numeric = z.coerce.number();

const instanceSizeSchema = z.object({
  slug: z.string(),
  cpu_type: z.string().default('SHARED'),
  cpus: numeric,
  memory_bytes: numeric,
  usd_per_month: numeric,
  single_instance_only: z.boolean().default(false),
  deprecation_intent: z.string().nullish(),
});

const dropletSizeSchema = z.object({
  slug: z.string(),
  memory: z.number(),
  disk: z.number(),
  price_monthly: z.number(),
  regions: z.array(z.string()).default([]),
  available: z.boolean().default(true),
});

const engineSchema = z.object({
  regions: z.array(z.string()).nullish(),
  versions: z.array(z.string()).nullish(),
  layouts: z.array(z.object({ num_nodes: z.number(), sizes: z.array(z.string()).nullish() })).nullish(),
});

/** Reads instance sizes, droplet sizes and database options. Needs `app:read`, `sizes:read` and `database:read`. */
export async function readCatalogue(client: DigitalOcean): Promise<Catalogue> {
  const [instances, droplets, postgres] = await Promise.all([
    client.request(
      'GET',
      '/apps/tiers/instance_sizes',
      z.object({ instance_sizes: z.array(instanceSizeSchema) }),
    ),
    client.all((page) => client.dots.size.listSizes(page), 'sizes', dropletSizeSchema),
    readPostgresOptions(client),
  ]);
  return {
    instanceSizes: instances.instance_sizes
      .filter(({ deprecation_intent }) => !deprecation_intent)
      .map((size) => ({
        slug: size.slug,
        memoryMib: Math.round(size.memory_bytes / 2 ** 20),
        cpus: size.cpus,
        dedicated: size.cpu_type === 'DEDICATED',
        singleInstance:
          size.single_instance_only || /-fixed$|-0\.5gb$/.test(size.slug.replace(/^apps-d-.*/, '')),
        usdPerMonth: size.usd_per_month,
      })),
    dropletSizes: droplets
      .filter(({ available }) => available)
      .map((size) => ({
        slug: size.slug,
        memoryMib: size.memory,
        diskGib: size.disk,
        usdPerMonth: size.price_monthly,
        regions: size.regions,
      })),
    postgres,
  };
}

/** What of Managed PostgreSQL can be created by this account today (`GET /v2/databases/options`). */
export async function readPostgresOptions(client: DigitalOcean): Promise<Catalogue['postgres']> {
  const { options } = expect(
    await client.dots.database.listDatabaseOptions(),
    z.object({ options: z.object({ pg: engineSchema, advanced_pg: engineSchema.nullish() }) }),
    'GET /databases/options',
  );
  const { pg, advanced_pg: advanced } = options;
  return { pg: toOptions(pg), ...(advanced ? { advanced_pg: toOptions(advanced) } : {}) };
}

function toOptions({ versions, regions, layouts }: z.infer<typeof engineSchema>): PostgresOptions {
  return {
    versions: versions ?? [],
    regions: regions ?? [],
    layouts: (layouts ?? []).map(({ num_nodes, sizes }) => ({ nodes: num_nodes, sizes: sizes ?? [] })),
  };
}
