import { Redis } from 'ioredis';
import type { Log } from '../log.ts';

/** How the server's certificate is treated; Heroku's is self-signed and cannot be verified. */
export type RedisTls =
  | { mode: 'unverified' }
  | {
      mode: 'verify';
      ca: string;
      /** Name in the certificate, when the address is a bare IP. */ serverName?: string;
    }
  | { mode: 'off' };

export interface RedisAddress {
  host: string;
  port: number;
  username?: string;
  password?: string;
  tls: RedisTls;
  database?: number;
}

export interface RedisOptions {
  log?: Log;
  signal?: AbortSignal;
  connectTimeoutMs?: number;
}

export function parseRedisUrl(url: string, tls?: RedisTls): RedisAddress {
  void url;
  void tls;
  throw new Error('not yet');
}

export function describeRedis(address: RedisAddress): string {
  return `${address.host}:${address.port}`;
}

export async function connectRedis(address: RedisAddress, options: RedisOptions = {}): Promise<Redis> {
  void address;
  void options;
  await Promise.reject(new Error('not yet'));
  return new Redis();
}

export async function withRedis<T>(
  address: RedisAddress,
  options: RedisOptions,
  body: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = await connectRedis(address, options);
  try {
    return await body(redis);
  } finally {
    redis.disconnect();
  }
}
