/**
 * What can be bought here and for how much: a small selection of the real catalogue. US dollars a month.
 *
 * Sources: droplets: DigitalOcean price list of 2022-07, confirmed by notes of 2026-09/10. App Platform: example of
 * `GET /v2/apps/tiers/instance_sizes` in the OpenAPI description of 2026-08-07. PostgreSQL: slugs from the example of
 * `GET /v2/databases/options` there, prices from notes of 2026-10 where there are any, else our estimate (marked).
 */

export interface DropletSize {
  slug: string;
  memoryMib: number;
  vcpus: number;
  diskGib: number;
  transferTib: number;
  price: number;
}

export const dropletSizes: readonly DropletSize[] = [
  { slug: 's-1vcpu-512mb-10gb', memoryMib: 512, vcpus: 1, diskGib: 10, transferTib: 0.5, price: 4 },
  { slug: 's-1vcpu-1gb', memoryMib: 1024, vcpus: 1, diskGib: 25, transferTib: 1, price: 6 },
  { slug: 's-1vcpu-2gb', memoryMib: 2048, vcpus: 1, diskGib: 50, transferTib: 2, price: 12 },
  { slug: 's-2vcpu-2gb', memoryMib: 2048, vcpus: 2, diskGib: 60, transferTib: 3, price: 18 },
  { slug: 's-2vcpu-4gb', memoryMib: 4096, vcpus: 2, diskGib: 80, transferTib: 4, price: 24 },
  { slug: 's-4vcpu-8gb', memoryMib: 8192, vcpus: 4, diskGib: 160, transferTib: 5, price: 48 },
  { slug: 's-8vcpu-16gb', memoryMib: 16384, vcpus: 8, diskGib: 320, transferTib: 6, price: 96 },
];

/** Weekly backups cost a fifth of the droplet (notes of 2026-09-30). */
export const backupShare = 0.2;

export interface AppSize {
  slug: string;
  cpuType: 'SHARED' | 'DEDICATED';
  vcpus: number;
  memoryMib: number;
  price: number;
  bandwidthGib: number;
  /** Cannot have more than one instance. */
  single: boolean;
}

export const appSizes: readonly AppSize[] = [
  shared('apps-s-1vcpu-0.5gb', 1, 512, 5, 50, true),
  shared('apps-s-1vcpu-1gb-fixed', 1, 1024, 10, 100, true),
  shared('apps-s-1vcpu-1gb', 1, 1024, 12, 150, false),
  shared('apps-s-1vcpu-2gb', 1, 2048, 25, 200, false),
  shared('apps-s-2vcpu-4gb', 2, 4096, 50, 250, false),
  dedicated('apps-d-1vcpu-0.5gb', 1, 512, 29, 100),
  dedicated('apps-d-1vcpu-1gb', 1, 1024, 34, 200),
  dedicated('apps-d-1vcpu-2gb', 1, 2048, 39, 300),
  dedicated('apps-d-1vcpu-4gb', 1, 4096, 49, 400),
  dedicated('apps-d-2vcpu-4gb', 2, 4096, 78, 500),
  dedicated('apps-d-2vcpu-8gb', 2, 8192, 98, 600),
  dedicated('apps-d-4vcpu-8gb', 4, 8192, 156, 700),
  dedicated('apps-d-4vcpu-16gb', 4, 16384, 196, 800),
  dedicated('apps-d-8vcpu-32gb', 8, 32768, 392, 900),
];

function shared(
  slug: string,
  vcpus: number,
  memoryMib: number,
  price: number,
  bandwidthGib: number,
  single: boolean,
): AppSize {
  return { slug, cpuType: 'SHARED', vcpus, memoryMib, price, bandwidthGib, single };
}

function dedicated(
  slug: string,
  vcpus: number,
  memoryMib: number,
  price: number,
  bandwidthGib: number,
): AppSize {
  return { slug, cpuType: 'DEDICATED', vcpus, memoryMib, price, bandwidthGib, single: false };
}

export interface ClusterSize {
  slug: string;
  memoryGib: number;
  /** Connections that PostgreSQL leaves to its users: 25 per GiB, less 3 (docs, PostgreSQL limits, 2025-11-05). */
  connections: number;
  diskMib: number;
  price: number;
}

/** Beyond 4 GiB the prices are our estimate by the same rate; DigitalOcean's own were not found. */
export const clusterSizes: readonly ClusterSize[] = [
  { slug: 'db-s-1vcpu-1gb', memoryGib: 1, connections: 22, diskMib: 10_240, price: 15.15 },
  { slug: 'db-s-1vcpu-2gb', memoryGib: 2, connections: 47, diskMib: 30_720, price: 30.45 },
  { slug: 'db-s-2vcpu-4gb', memoryGib: 4, connections: 97, diskMib: 61_440, price: 60.9 },
  { slug: 'db-s-4vcpu-8gb', memoryGib: 8, connections: 197, diskMib: 117_760, price: 121.8 },
  { slug: 'db-s-6vcpu-16gb', memoryGib: 16, connections: 397, diskMib: 281_600, price: 243.6 },
  { slug: 'gd-2vcpu-8gb', memoryGib: 8, connections: 197, diskMib: 30_720, price: 130 },
];

/**
 * Since 2026-10/11 the Standard Edition is limited to 4 GiB and one node; larger means the Advanced Edition
 * (announced change of plans, known through notes of 2026-10). Advanced starts at $130 a node.
 */
export const standardEdition = { largestGib: 4, nodes: [1] };
export const advancedEdition = { nodes: [1, 2, 3], price: 130 };

/** End of life of PostgreSQL's majors (postgresql.org). */
export const postgresEndOfLife: Record<string, string> = {
  '14': '2026-11-12T00:00:00Z',
  '15': '2027-11-12T00:00:00Z',
  '16': '2028-11-09T00:00:00Z',
  '17': '2029-11-08T00:00:00Z',
  '18': '2030-11-08T00:00:00Z',
};

/** Datacentres, for everything but App Platform. */
export const datacentres: Record<string, string> = {
  ams3: 'Amsterdam 3',
  blr1: 'Bangalore 1',
  fra1: 'Frankfurt 1',
  lon1: 'London 1',
  nyc1: 'New York 1',
  nyc2: 'New York 2',
  nyc3: 'New York 3',
  sfo2: 'San Francisco 2',
  sfo3: 'San Francisco 3',
  sgp1: 'Singapore 1',
  syd1: 'Sydney 1',
  tor1: 'Toronto 1',
};

export interface AppRegion {
  slug: string;
  label: string;
  flag: string;
  continent: string;
  /** The one datacentre whose private networks an app of the region can join (docs, "Enable VPC", 2025-09-24). */
  vpcDatacentre: string | undefined;
  data_centers: string[];
}

export const appRegions: readonly AppRegion[] = [
  region('ams', 'Amsterdam', 'netherlands', 'Europe', 'ams3'),
  { ...region('nyc', 'New York', 'usa', 'North America', 'nyc1'), data_centers: ['nyc1', 'nyc3'] },
  region('fra', 'Frankfurt', 'germany', 'Europe', 'fra1'),
  region('sfo', 'San Francisco', 'usa', 'North America', 'sfo3'),
  region('sgp', 'Singapore', 'singapore', 'Asia', 'sgp1'),
  region('blr', 'Bangalore', 'india', 'Asia', 'blr1'),
  region('tor', 'Toronto', 'canada', 'North America', 'tor1'),
  region('lon', 'London', 'uk', 'Europe', 'lon1'),
  region('syd', 'Sydney', 'australia', 'Australia', 'syd1'),
  { ...region('atl', 'Atlanta', 'usa', 'North America', 'atl1'), vpcDatacentre: undefined },
];

function region(slug: string, label: string, flag: string, continent: string, datacentre: string): AppRegion {
  return { slug, label, flag, continent, vpcDatacentre: datacentre, data_centers: [datacentre] };
}

/** Docs, "PostgreSQL supported extensions", 2025-11-26. */
export const postgresExtensions: ReadonlySet<string> = new Set(
  (
    'address_standardizer address_standardizer_data_us bloom bool_plperl btree_gin btree_gist citext cube dblink ' +
    'dict_int earthdistance fuzzystrmatch h3 h3_postgis hll hstore intagg intarray ip4r isn jsonb_plperl lo ltree ' +
    'pageinspect pgaudit pg_buffercache pg_cron pg_partman pg_prewarm pg_repack pg_similarity pg_stat_statements ' +
    'pg_trgm pgcrypto pgrouting pgrowlocks pgstattuple vector vectorscale plperl plpgsql postgis postgis_raster ' +
    'postgis_sfcgal postgis_tiger_geocoder postgis_topology postgres_fdw rum seg sslinfo tablefunc tcn timescaledb ' +
    'tsm_system_rows tsm_system_time unaccent unit uuid-ossp'
  ).split(' '),
);
