import { Redis, type RedisOptions } from 'ioredis';
import { afterAll } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { copyRedis, type RedisCopyOptions, type RedisCopyResult } from '../../src/redis/copy.ts';
import { compareRedis, type RedisParity } from '../../src/redis/parity.ts';
import { testRedis } from '../support/servers.ts';

const clients: Redis[] = [];
afterAll(() => {
  for (const client of clients) if (client.status !== 'end') client.disconnect();
});

/** A client of the test's own, closed after the file's last test. */
export function clientOf(address: RedisAddress, options: Pick<RedisOptions, 'enableReadyCheck'> = {}): Redis {
  const client = new Redis({
    host: address.host,
    port: address.port,
    protocol: 2,
    retryStrategy: () => null,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls.mode === 'off' ? {} : { tls: { rejectUnauthorized: false } }),
    ...options,
  });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

export interface TwoRedis {
  source: RedisAddress;
  target: RedisAddress;
  from: Redis;
  to: Redis;
  copy: (options?: Partial<RedisCopyOptions>) => Promise<RedisCopyResult>;
  compare: (skip?: string[]) => Promise<RedisParity>;
}

/** A source that refuses CONFIG, as on Heroku, and an empty target that never evicts. */
export async function twoRedis(targetLines: string[] = [], sourceLines: string[] = []): Promise<TwoRedis> {
  const [one, other] = await Promise.all([
    testRedis(['rename-command CONFIG ""', ...sourceLines]),
    testRedis(['maxmemory-policy noeviction', ...targetLines]),
  ]);
  const source: RedisAddress = { host: one.host, port: one.port, tls: { mode: 'off' } };
  const target: RedisAddress = { host: other.host, port: other.port, tls: { mode: 'off' } };
  return {
    source,
    target,
    from: clientOf(source),
    to: clientOf(target),
    copy: (options = {}) =>
      copyRedis({
        source,
        target,
        skip: [],
        migrationId: 'shop-test',
        log: silentLog,
        clock: systemClock,
        ...options,
      }),
    compare: (skip = []) => compareRedis({ source, target, skip }),
  };
}
