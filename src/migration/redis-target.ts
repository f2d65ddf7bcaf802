import { redisMaxMemoryMib } from '../digitalocean/redis-cloud-init.ts';
import { REDIS_IMAGE } from '../digitalocean/redis-image.ts';
import type { ServerVersion } from '../redis/payload-versions.ts';

/** What the new Redis will be. */
export interface RedisTarget extends ServerVersion {
  /** What it may use; null: its size is not known yet. */
  limitBytes: number | null;
  /** Logical databases, from 0 on. */
  databases: number;
}

/** redis.conf sets no other number. */
const DATABASES = 16;

/**
 * The Redis that provision makes on a droplet with so much memory; null: no size is chosen. `image`: what migration.yml
 * has in the place of ours.
 */
export function plannedRedis(dropletMemoryMib: number | null, image: string = REDIS_IMAGE): RedisTarget {
  return {
    ...serverIn(image),
    limitBytes: dropletMemoryMib === null ? null : redisMaxMemoryMib(dropletMemoryMib) * 2 ** 20,
    databases: DATABASES,
  };
}

/** What the name and the tag of an image say that is in it; a digest alone says nothing. */
function serverIn(image: string): ServerVersion {
  const [, name = '', version = 'unknown'] =
    /(?:^|\/)([a-z0-9._-]+)(?::v?(\d+\.\d+)[^/]*)?@/.exec(image) ?? [];
  return { flavour: name.includes('valkey') ? 'valkey' : 'redis', version };
}

export function nameOf({ flavour, version }: ServerVersion): string {
  return `${flavour === 'valkey' ? 'Valkey' : 'Redis'} ${version}`;
}
