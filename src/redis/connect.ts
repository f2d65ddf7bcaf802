import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { redisError } from './errors.ts';

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
  /** Logical database; default 0. */
  database?: number;
}

export interface RedisOptions {
  log?: Log;
  /** Aborting closes the connection. */
  signal?: AbortSignal;
  connectTimeoutMs?: number;
  /** How long the server may owe an answer before the connection counts as lost. Default 40,000. */
  silenceMs?: number;
}

/**
 * A server that owes an answer and says nothing for so long is lost: a network that swallows everything would otherwise
 * hold us, inside the fence too, until the system gives up after a quarter of an hour. Longer than a hold of writers
 * (30 s), which ours may have to wait for.
 */
const SILENCE_MS = 40_000;

/** A server that has just started answers LOADING for a while. */
const LOADING_LIMIT_MS = 60_000;

/**
 * Reads a `redis://` or `rediss://user:password@host:port/database` address. `tls` says how the certificate of a
 * `rediss://` server is treated (default: unverified, as Heroku's must be); `redis://` is unencrypted.
 * Throws a ConfigurationError that does not quote the address, since it holds a password.
 */
export function parseRedisUrl(url: string, tls: RedisTls = { mode: 'unverified' }): RedisAddress {
  const parsed = URL.parse(url.trim());
  if (parsed === null || !['redis:', 'rediss:'].includes(parsed.protocol) || parsed.hostname === '')
    throw new ConfigurationError(
      'A Redis address cannot be read: it must look like rediss://:password@host:6379, with special characters of the password percent-encoded.',
    );
  const path = parsed.pathname.replace(/^\//, '');
  if (!/^\d*$/.test(path))
    throw new ConfigurationError('A Redis address names a database that is no number.');
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    tls: parsed.protocol === 'rediss:' ? tls : { mode: 'off' },
    ...(parsed.username === '' ? {} : { username: decode(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decode(parsed.password) }),
    ...(path === '' ? {} : { database: Number(path) }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(
      'A Redis address holds a percent sign that is not part of an encoded character.',
    );
  }
}

/** Where a server is, without its password. */
export function describeRedis(address: RedisAddress): string {
  return `redis ${address.host}:${address.port}`;
}

/**
 * Opens a connection that never reconnects by itself: a lost connection is an error to the caller, not a pause.
 * Throws a ConfigurationError with the server's own reason when it refuses. The caller calls `disconnect`.
 */
export async function connectRedis(address: RedisAddress, options: RedisOptions = {}): Promise<Redis> {
  options.signal?.throwIfAborted();
  const redis = new Redis({
    host: address.host,
    port: address.port,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...tlsOptions(address),
    // The older protocol: replies are flat lists on every version of the server.
    protocol: 2,
    lazyConnect: true,
    connectTimeout: options.connectTimeoutMs ?? 15_000,
    keepAlive: 10_000,
    socketTimeout: options.silenceMs ?? SILENCE_MS,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    // It would ask INFO, which a restricted user may not.
    enableReadyCheck: false,
    disableClientInfo: true,
  });
  // What `connect` rejects with is often only "Connection is closed"; the reason comes as an event before it.
  let reason: unknown;
  redis.on('error', (error: unknown) => {
    reason ??= error;
    options.log?.debug(`${describeRedis(address)}: ${messageOf(error)}`);
  });
  const onAbort = (): void => disconnect(redis);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  redis.once('end', () => options.signal?.removeEventListener('abort', onAbort));
  try {
    await redis.connect();
    await untilLoaded(redis);
    await redis.select(address.database ?? 0);
    return redis;
  } catch (thrown) {
    disconnect(redis);
    options.signal?.throwIfAborted();
    throw redisError(reason ?? thrown, `Could not connect to ${describeRedis(address)}`);
  }
}

/** Runs `body` with a connection of its own and closes it; errors are cleaned as in `connectRedis`. */
export async function withRedis<T>(
  address: RedisAddress,
  options: RedisOptions,
  body: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = await connectRedis(address, options);
  try {
    return await body(redis);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw redisError(thrown, describeRedis(address));
  } finally {
    disconnect(redis);
  }
}

/** Closing what is closed already would have the client wait for the end of it, and hold the process for two seconds. */
export function disconnect(redis: Redis): void {
  if (redis.status !== 'end') redis.disconnect();
}

async function untilLoaded(redis: Redis): Promise<void> {
  const deadline = Date.now() + LOADING_LIMIT_MS;
  for (;;) {
    try {
      await redis.ping();
      return;
    } catch (thrown) {
      // A user that may not PING is no reason to stop.
      if (messageOf(thrown).startsWith('NOPERM')) return;
      if (!messageOf(thrown).startsWith('LOADING') || Date.now() > deadline) throw thrown;
      await delay(250);
    }
  }
}

function tlsOptions(address: RedisAddress): { tls?: Record<string, unknown> } {
  switch (address.tls.mode) {
    case 'off':
      return {};
    case 'unverified':
      return { tls: { rejectUnauthorized: false } };
    case 'verify': {
      const { ca, serverName } = address.tls;
      return {
        tls: {
          rejectUnauthorized: true,
          ca,
          ...(serverName === undefined ? {} : { servername: serverName }),
        },
      };
    }
  }
}
