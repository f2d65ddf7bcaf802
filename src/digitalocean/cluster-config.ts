import { z } from 'zod';
import type { DigitalOcean } from './client.ts';

/**
 * Settings that PostgreSQL lets only a superuser give to a database, and DigitalOcean's API gives to the whole cluster
 * (API reference, "postgres_advanced_config"), with how each value is written there. The value comes from Postgres in the
 * setting's own unit: milliseconds, kilobytes, words.
 */
const BY_API: Record<string, (value: string) => string | number> = {
  deadlock_timeout: Number,
  log_min_duration_statement: Number,
  log_error_verbosity: (value) => value.toUpperCase(),
  temp_file_limit: Number,
  track_functions: (value) => value,
  track_io_timing: (value) => value,
  'pg_stat_statements.track': (value) => value,
};

/** Whether DigitalOcean's API can set what a role of ours cannot. */
export function isSetByApi(setting: string): boolean {
  return Object.hasOwn(BY_API, setting);
}

const configSchema = z.object({ config: z.record(z.string(), z.unknown()) });

/**
 * Gives these settings to the whole cluster, where they are not so yet. Returns the names of those that were set.
 *
 * @param settings by name, each in its own unit as `pg_settings` tells it
 */
export async function ensureClusterConfig(
  client: DigitalOcean,
  clusterId: string,
  settings: ReadonlyMap<string, string>,
): Promise<string[]> {
  const wanted = [...settings].flatMap(([name, value]): [string, string | number][] => {
    const write = BY_API[name];
    return write === undefined ? [] : [[name, write(value)]];
  });
  if (wanted.length === 0) return [];
  const path = `/databases/${clusterId}/config`;
  const { config } = await client.request('GET', path, configSchema);
  const missing = wanted.filter(([name, value]) => config[name] !== value);
  if (missing.length === 0) return [];
  await client.request('PATCH', path, z.unknown(), { config: Object.fromEntries(missing) });
  return missing.map(([name]) => name);
}
