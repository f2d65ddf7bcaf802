import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { connectRedis, parseRedisUrl, withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { redisError, RedisError } from '../../src/redis/errors.ts';
import { readRedisFacts } from '../../src/redis/facts.ts';
import { testRedis } from '../support/servers.ts';

const off = { mode: 'off' } as const;

test('addresses are read with their escapes, and a bad one is refused without quoting it', () => {
  expect(parseRedisUrl('rediss://:p%40ss@example.com:7000/3')).toEqual({
    host: 'example.com',
    port: 7000,
    password: 'p@ss',
    database: 3,
    tls: { mode: 'unverified' },
  });
  expect(parseRedisUrl('redis://localhost')).toEqual({ host: 'localhost', port: 6379, tls: off });
  for (const bad of ['http://:s3cret@x', 's3cret', 'redis://:s3cret%@x', 'redis://:s3cret@x/abc']) {
    expect(() => parseRedisUrl(bad)).toThrow(ConfigurationError);
    expect(() => parseRedisUrl(bad)).not.toThrow(/s3cret/);
  }
});

test('a wrong password is told as such, without showing it', async () => {
  const server = await testRedis(['requirepass right']);
  const address: RedisAddress = { host: server.host, port: server.port, tls: off };
  const wrong = connectRedis({ ...address, password: 'wrong-secret' });
  await expect(wrong).rejects.toThrow(/the password was refused/);
  await expect(wrong).rejects.toBeInstanceOf(ConfigurationError);
  await expect(wrong).rejects.not.toThrow(/wrong-secret/);
  await expect(connectRedis(address)).rejects.toThrow(/wants a password/);
});

test('an unreachable server is told at once, with the reason', async () => {
  const server = await testRedis();
  await server.stop();
  await expect(connectRedis({ host: server.host, port: server.port, tls: off })).rejects.toThrow(
    /nothing listens there.*ECONNREFUSED/,
  );
  await expect(connectRedis({ host: 'nowhere.invalid', port: 1, tls: off })).rejects.toThrow(
    /does not resolve/,
  );
});

test('TLS: unverified connects to any certificate, verified only to one of the given CA and name', async () => {
  const authority = await createAuthority('ours');
  const other = await createAuthority('theirs');
  const server = await testRedis([], {}, { tls: await authority.issue(['redis.shop.internal']) });
  const address = { host: server.host, port: server.port };
  const ping = (tls: RedisAddress['tls']): Promise<string> =>
    withRedis({ ...address, tls }, {}, (redis) => redis.ping());
  expect(await ping({ mode: 'unverified' })).toBe('PONG');
  expect(await ping({ mode: 'verify', ca: authority.pem, serverName: 'redis.shop.internal' })).toBe('PONG');
  await expect(ping({ mode: 'verify', ca: other.pem, serverName: 'redis.shop.internal' })).rejects.toThrow(
    /not signed by the CA/,
  );
  await expect(ping({ mode: 'verify', ca: authority.pem, serverName: 'other.internal' })).rejects.toThrow(
    /for another name/,
  );
});

test('a connection cut in the middle is an error at once, not a wait', async () => {
  const server = await testRedis();
  const proxy = await startTcpProxy({ target: () => server });
  await expect(
    withRedis({ host: proxy.host, port: proxy.port, tls: off }, {}, async (redis) => {
      await redis.ping();
      proxy.cut();
      for (;;) await redis.ping();
    }),
  ).rejects.toThrow(/redis 127\.0\.0\.1/);
  await proxy.close();
});

test('facts tell keys, memory and what is forbidden', async () => {
  const server = await testRedis(['rename-command CONFIG ""', 'maxmemory 64mb']);
  await withRedis({ host: server.host, port: server.port, tls: off }, {}, async (redis) => {
    await redis.set('a', 1);
    await redis.select(2);
    await redis.mset('b', 1, 'c', 1);
    expect(await readRedisFacts(redis)).toMatchObject({
      flavour: 'redis',
      maxmemoryBytes: 64 * 1024 * 1024,
      policy: 'noeviction',
      keys: { 0: 1, 2: 2 },
      cluster: false,
      configAllowed: false,
    });
  });
});

test('a server that owes an answer and stays silent is lost after a while', async () => {
  const server = await testRedis();
  let isSilent = false;
  // A network that swallows everything: nobody is told that the connection is gone.
  const swallowing = createServer((client) => {
    const upstream = connect(server.port, server.host);
    client.on('data', (bytes) => isSilent || upstream.write(bytes));
    upstream.on('data', (bytes) => isSilent || client.write(bytes));
    client.on('close', () => upstream.destroy());
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => swallowing.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = swallowing.address() as AddressInfo;
    const redis = await connectRedis({ host: '127.0.0.1', port, tls: { mode: 'off' } }, { silenceMs: 2_000 });
    await delay(2_500);
    // Nothing is owed, so nothing is missed.
    expect(await redis.ping()).toBe('PONG');
    isSilent = true;
    await expect(redis.ping()).rejects.toThrow(/Connection is closed|Socket timeout/);
    expect(redis.status).toBe('end');
  } finally {
    swallowing.close();
  }
});

test('what a server says that nobody has a name for is told without the command; a mistake of ours stays what it is', () => {
  const refused = Object.assign(new Error('ERR something new'), { command: { args: ['s3cret'] } });
  const told = redisError(refused, 'redis host:6379');
  expect(told).toBeInstanceOf(RedisError);
  expect(told.message).toBe('redis host:6379: ERR something new');
  expect(JSON.stringify(Object.entries(told))).not.toContain('s3cret');
  const mistake = new TypeError('x is undefined');
  expect(redisError(mistake, 'redis host:6379')).toBe(mistake);
});
