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

export interface PostgresSize {
  slug: string;
  memoryGib: number;
  /** Disk that the price includes. Only the first is confirmed; the others follow the API's example of 2026-08. */
  diskGib: number;
  /** Connections left to users: 25 per GiB, less 3 (docs, PostgreSQL limits, 2025-11-05). */
  connections: number;
  usdPerMonth: number;
}

/**
 * Prices of single-node Standard Edition clusters. DigitalOcean has no API for them: taken from its pricing page as
 * quoted in public notes of 2026-09-20 to 2026-10-02. Larger sizes are closed to new clusters since 2026-11-30.
 */
export const POSTGRES_PRICES_AS_OF = '2026-10-02';
export const POSTGRES_SIZES: readonly PostgresSize[] = [
  { slug: 'db-s-1vcpu-1gb', memoryGib: 1, diskGib: 10, connections: 22, usdPerMonth: 15.15 },
  { slug: 'db-s-1vcpu-2gb', memoryGib: 2, diskGib: 30, connections: 47, usdPerMonth: 30.45 },
  { slug: 'db-s-2vcpu-4gb', memoryGib: 4, diskGib: 60, connections: 97, usdPerMonth: 60.9 },
];
