import type { Catalogue, PostgresEngine } from '../digitalocean/prices.ts';

/**
 * Extensions of DigitalOcean's Managed PostgreSQL, Standard Edition (docs, "Supported extensions", 2025-11-26). The
 * cluster itself knows best (`pg_available_extensions`), but it does not exist yet when the plan is made.
 */
export const OFFERED_EXTENSIONS: ReadonlySet<string> = new Set([
  'address_standardizer',
  'address_standardizer_data_us',
  'bloom',
  'bool_plperl',
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'dblink',
  'dict_int',
  'earthdistance',
  'fuzzystrmatch',
  'h3',
  'h3_postgis',
  'hll',
  'hstore',
  'intagg',
  'intarray',
  'ip4r',
  'isn',
  'jsonb_plperl',
  'lo',
  'ltree',
  'pageinspect',
  'pg_buffercache',
  'pg_cron',
  'pg_partman',
  'pg_prewarm',
  'pg_repack',
  'pg_similarity',
  'pg_stat_statements',
  'pg_trgm',
  'pgaudit',
  'pgcrypto',
  'pgrouting',
  'pgrowlocks',
  'pgstattuple',
  'plperl',
  'plpgsql',
  'postgis',
  'postgis_legacy',
  'postgis_raster',
  'postgis_sfcgal',
  'postgis_tiger_geocoder',
  'postgis_topology',
  'postgres_fdw',
  'rum',
  'seg',
  'sslinfo',
  'tablefunc',
  'tcn',
  'timescaledb',
  'tsm_system_rows',
  'tsm_system_time',
  'unaccent',
  'unit',
  'uuid-ossp',
  'vector',
  'vectorscale',
  'plpgsql',
]);

/** One size of cluster that can be created, with as many nodes as it can have. */
export interface PostgresOffer {
  engine: PostgresEngine;
  slug: string;
  memoryGib: number;
  /** Disk that the price includes; null: nobody says. */
  diskGib: number | null;
  /** Connections left to users. */
  connections: number;
  /** One node; null: not known. */
  usdPerNode: number | null;
  /** The price is where DigitalOcean's range begins, not that of this size. */
  priceIsFrom: boolean;
  nodes: number[];
}

/** DigitalOcean has no API for the prices of databases, and tells no disk either: from its pages as of this day. */
export const POSTGRES_PRICES_AS_OF = '2026-10-02';
/**
 * Standard Edition, a node: prices as quoted in public notes of 2026-09-20 to 2026-10-02; disk after the API's example of
 * 2026-08-07, of which only the first is confirmed.
 */
const KNOWN: Readonly<Record<string, { diskGib: number; usdPerNode: number }>> = {
  'db-s-1vcpu-1gb': { diskGib: 10, usdPerNode: 15.15 },
  'db-s-1vcpu-2gb': { diskGib: 30, usdPerNode: 30.45 },
  'db-s-2vcpu-4gb': { diskGib: 60, usdPerNode: 60.9 },
};
/** More disk than a size includes, a GiB and node (public notes of 2026-09 and 2026-10). */
const STORAGE_USD_PER_GIB = 0.215;
/** DigitalOcean sells disk in steps (control panel, "Storage"; pricing page). */
const STORAGE_STEP_MIB = 10 * 1024;
/** "From $130 a node", Advanced Edition (public notes of 2026-10-05). */
const ADVANCED_FROM_USD = 130;

/** Sizes that can be created without a token to ask what is offered: the Standard Edition since 2026-11-30, one node. */
const WITHOUT_CATALOGUE: Catalogue['postgres'] = {
  pg: { versions: [], regions: [], layouts: [{ nodes: 1, sizes: Object.keys(KNOWN) }] },
};

/**
 * What can be created, smallest first, the Standard Edition before the Advanced one: as `GET /v2/databases/options`
 * answers. Which sizes, versions and numbers of nodes an edition has is its answer's, never this code's: the Standard
 * Edition lost its larger sizes and its standby in November 2026, and may get them back.
 */
export function postgresOffers(catalogue: Catalogue | undefined): PostgresOffer[] {
  const postgres = catalogue?.postgres ?? WITHOUT_CATALOGUE;
  return (['pg', 'advanced_pg'] as const).flatMap((engine) => {
    const layouts = postgres[engine]?.layouts ?? [];
    const slugs = [...new Set(layouts.flatMap(({ sizes }) => sizes))];
    return slugs
      .flatMap((slug): PostgresOffer[] => {
        const memoryGib = memoryOf(slug);
        if (memoryGib === undefined) return [];
        const known = KNOWN[slug];
        return [
          {
            engine,
            slug,
            memoryGib,
            diskGib: known?.diskGib ?? null,
            connections: connectionsOf(memoryGib),
            usdPerNode: known?.usdPerNode ?? (engine === 'advanced_pg' ? ADVANCED_FROM_USD : null),
            priceIsFrom: known === undefined && engine === 'advanced_pg',
            nodes: layouts.filter(({ sizes }) => sizes.includes(slug)).map(({ nodes }) => nodes),
          },
        ];
      })
      .sort((a, b) => a.memoryGib - b.memoryGib || (a.slug < b.slug ? -1 : 1));
  });
}

/** Disk in MiB as DigitalOcean sells it: so many bytes, rounded up to 10 GiB. */
export function storageMibFor(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20 / STORAGE_STEP_MIB) * STORAGE_STEP_MIB;
}

/** All nodes with their disk, US dollars a month; null: not known. `storageMib` null: what the size includes. */
export function clusterPrice(
  offer: Pick<PostgresOffer, 'usdPerNode' | 'diskGib'> | undefined,
  nodes: number,
  storageMib: number | null,
): number | null {
  if (offer?.usdPerNode == null) return null;
  if (storageMib === null) return cents(offer.usdPerNode * nodes);
  if (offer.diskGib === null) return null;
  const more = Math.max(0, storageMib / 1024 - offer.diskGib);
  return cents((offer.usdPerNode + more * STORAGE_USD_PER_GIB) * nodes);
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}

/** `gd-2vcpu-8gb-intel` names its memory; `c-96-intel` does not, and is left out. */
function memoryOf(slug: string): number | undefined {
  const gib = /-(\d+)gb(?:-|$)/.exec(slug)?.[1];
  return gib === undefined ? undefined : Number(gib);
}

/** 25 for each GiB, less 3, and never more than 997 (docs, PostgreSQL limits, 2025-11-05). */
function connectionsOf(memoryGib: number): number {
  return Math.min(25 * memoryGib - 3, 997);
}
