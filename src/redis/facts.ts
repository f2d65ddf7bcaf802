import type { Redis } from 'ioredis';

/** What one Redis (or Valkey) server says about itself. */
export interface RedisFacts {
  version: string;
  flavour: 'redis' | 'valkey';
  usedMemoryBytes: number;
  /** null: no limit is set, or the server does not say. */
  maxmemoryBytes: number | null;
  /** What it does when memory is full, for example `noeviction`; null when it does not say. */
  policy: string | null;
  /** Keys per logical database that holds any. */
  keys: Record<number, number>;
  cluster: boolean;
  /** Heroku takes CONFIG away. */
  configAllowed: boolean;
}

/** Reads INFO; needs nothing that Heroku forbids. */
export async function readRedisFacts(redis: Redis): Promise<RedisFacts> {
  const info = await readInfo(redis);
  const valkey = info.get('valkey_version');
  const limit = Number(info.get('maxmemory') ?? 0);
  return {
    version: valkey ?? info.get('redis_version') ?? 'unknown',
    flavour: valkey !== undefined || info.get('server_name') === 'valkey' ? 'valkey' : 'redis',
    usedMemoryBytes: Number(info.get('used_memory') ?? 0),
    maxmemoryBytes: limit > 0 ? limit : null,
    policy: info.get('maxmemory_policy') ?? null,
    keys: Object.fromEntries(
      [...info].flatMap(([name, value]) => {
        const database = /^db(\d+)$/.exec(name)?.[1];
        const keys = /^keys=(\d+)/.exec(value)?.[1];
        return database === undefined || keys === undefined ? [] : [[Number(database), Number(keys)]];
      }),
    ),
    cluster: info.get('cluster_enabled') === '1',
    configAllowed: await redis.config('GET', 'maxmemory').then(
      () => true,
      () => false,
    ),
  };
}

/** INFO's lines by name: of all sections that the server tells without being asked for them, or of one. */
export async function readInfo(redis: Redis, section?: string): Promise<Map<string, string>> {
  const text = await (section === undefined ? redis.info() : redis.info(section));
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

/** The logical databases that hold keys on any of these servers, in order. */
export function databasesOf(...sides: RedisFacts[]): number[] {
  return [...new Set(sides.flatMap(({ keys }) => Object.keys(keys).map(Number)))].sort((a, b) => a - b);
}

/** Keys in all logical databases. */
export function keysOf({ keys }: RedisFacts): number {
  return Object.values(keys).reduce((total, count) => total + count, 0);
}
