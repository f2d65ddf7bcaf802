import type { Redis } from 'ioredis';

export interface RedisFacts {
  version: string;
  flavour: 'redis' | 'valkey';
  usedMemoryBytes: number;
  /** null: no limit is set, or the server does not say. */
  maxmemoryBytes: number | null;
  policy: string | null;
  /** Keys per logical database. */
  keys: Record<number, number>;
  cluster: boolean;
  configAllowed: boolean;
}

export function readRedisFacts(redis: Redis): Promise<RedisFacts> {
  void redis;
  return Promise.reject(new Error('not yet'));
}
