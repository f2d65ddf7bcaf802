import { createHash, X509Certificate } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { stopAll } from '../../rehearsal/servers/process.ts';
import { startRedis, type RedisServer } from '../../rehearsal/servers/redis.ts';
import { certificateGeneration, redisAuthority } from '../../src/digitalocean/redis-certificates.ts';
import {
  redisMaxMemoryMib,
  renderRedisCloudInit,
  USER_DATA_LIMIT,
} from '../../src/digitalocean/redis-cloud-init.ts';
import { redisSecrets, SECRET_VERSIONS, type RedisSecrets } from '../../src/migration/target.ts';
import { requireMigrationKey } from '../../src/migration/secrets.ts';

const key = requireMigrationKey('0123456789abcdef0123456789abcdef');
const subject = { key, migrationId: 'shop-production', mask: (): undefined => undefined };
const SERVER_NAME = 'redis.shop-production.internal';

afterAll(stopAll);

async function certificates(
  migrationId = subject.migrationId,
): Promise<{ ca: string; certificate: string; key: string }> {
  const secrets = redisSecrets({ ...subject, migrationId });
  const authority = await redisAuthority(secrets.ca, migrationId);
  return { ca: authority.pem, ...(await authority.issue(secrets.server, SERVER_NAME)) };
}

async function userData(): Promise<string> {
  const secrets = redisSecrets(subject);
  return renderRedisCloudInit({
    certificates: await certificates(),
    adminUser: 'admin',
    adminPassword: secrets.adminPassword,
    appUser: 'app',
    appPassword: secrets.appPassword,
    port: 6379,
    dropletMemoryMib: 1024,
    serverName: SERVER_NAME,
    migrationId: subject.migrationId,
    timeZone: 'Europe/Berlin',
  });
}

function fileOf(data: string, path: string): string {
  const { write_files: files } = parse(data) as { write_files: { path: string; content: string }[] };
  return files.find((file) => file.path === path)?.content ?? '';
}

test('passwords, keys and certificates are the same on each run, and others for another migration', async () => {
  expect(await certificates()).toEqual(await certificates());
  expect(redisSecrets(subject)).toEqual(redisSecrets(subject));
  expect(await userData()).toBe(await userData());
  const other = await certificates('shop-staging');
  expect(other.ca).not.toBe((await certificates()).ca);
  expect(other.key).not.toBe((await certificates()).key);
});

test('each secret can be rotated alone', () => {
  const plain = (secrets: RedisSecrets): string[] => [
    secrets.appPassword,
    secrets.adminPassword,
    secrets.ca.toString('hex'),
    secrets.server.toString('hex'),
  ];
  const before = plain(redisSecrets(subject));
  expect(new Set(before).size).toBe(4);
  const purposes = ['redisApp', 'redisAdmin', 'redisCa', 'redisServer'] as const;
  for (const [index, purpose] of purposes.entries()) {
    const after = plain(redisSecrets(subject, { ...SECRET_VERSIONS, [purpose]: 2 }));
    expect(after.map((secret, at) => secret === before[at])).toEqual(purposes.map((_, at) => at !== index));
  }
});

test('the authority stays what it is from release to release, or the application would no longer trust its server', async () => {
  const { ca } = await certificates();
  expect(createHash('sha256').update(ca).digest('hex')).toMatchInlineSnapshot(
    `"72a8d6d568626042cf1c192cdea5ae14cb619a8bf621e0d3688af94d72549bd2"`,
  );
});

test('each five years there are certificates with the same keys and later dates', async () => {
  expect(
    [2025, 2026, 2030, 2031, 2036].map((year) => certificateGeneration(new Date(Date.UTC(year, 5, 1)))),
  ).toEqual([1, 1, 1, 2, 3]);
  const seeds = redisSecrets(subject);
  const [first, second] = await Promise.all(
    [1, 2].map((one) => redisAuthority(seeds.ca, 'shop-production', one)),
  );
  const [old, fresh] = [new X509Certificate(first?.pem ?? ''), new X509Certificate(second?.pem ?? '')];
  expect([old.validTo, fresh.validFrom]).toEqual(['Jan  1 00:00:00 2036 GMT', 'Jan  1 00:00:00 2031 GMT']);
  expect(fresh.publicKey.equals(old.publicKey)).toBe(true);
  expect(fresh.serialNumber).not.toBe(old.serialNumber);
  expect(fresh.verify(old.publicKey)).toBe(true);
});

test('a TLS client that knows the CA and the name accepts the server, any other refuses it', async () => {
  const { ca, certificate, key: privateKey } = await certificates();
  const server = createServer({ cert: certificate, key: privateKey }, (socket) => socket.end('hello'));
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const dial = async (authority: string, servername: string): Promise<boolean> => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca: authority, servername });
    return new Promise((resolve) => {
      socket.once('secureConnect', () => resolve(socket.authorized));
      socket.once('error', () => resolve(false));
    }).finally(() => socket.destroy()) as Promise<boolean>;
  };
  try {
    expect(await dial(ca, SERVER_NAME)).toBe(true);
    expect(await dial(ca, 'redis.other.internal')).toBe(false);
    expect(await dial((await certificates('shop-staging')).ca, SERVER_NAME)).toBe(false);
    expect(new X509Certificate(certificate).verify(new X509Certificate(ca).publicKey)).toBe(true);
  } finally {
    server.close();
  }
});

test('the cloud-init is small enough, serves TLS only, evicts nothing and holds no password', async () => {
  const data = await userData();
  const secrets = redisSecrets(subject);
  expect(data.startsWith('#cloud-config\n')).toBe(true);
  expect(Buffer.byteLength(data)).toBeLessThan(USER_DATA_LIMIT);
  const configuration = fileOf(data, '/etc/redis/redis.conf').split('\n');
  expect(configuration).toContain('port 0');
  expect(configuration).toContain('tls-port 6379');
  expect(configuration).toContain('maxmemory-policy noeviction');
  expect(configuration).toContain('appendonly yes');
  expect(data).not.toContain(secrets.appPassword);
  expect(data).not.toContain(secrets.adminPassword);
  expect(data).toMatch(/redis:[\w.-]+@sha256:[0-9a-f]{64}/);
});

test('Redis leaves room for the system, and a quarter of the rest for forks and buffers, on a droplet of any size', () => {
  for (const memoryMib of [512, 1024, 2048, 4096, 8192, 65_536]) {
    const redis = redisMaxMemoryMib(memoryMib);
    expect(redis).toBeGreaterThan(memoryMib / 4);
    expect(256 + redis / 0.75).toBeLessThanOrEqual(memoryMib);
  }
});

test('a real Redis with that configuration refuses plain text, a wrong password, another authority or name and what is dangerous, and is closed', async () => {
  const data = await userData();
  const secrets = redisSecrets(subject);
  const files = await certificates();
  const lines = fileOf(data, '/etc/redis/redis.conf')
    .split('\n')
    .filter((line) => !/^(#|tls-port|port|bind|dir|aclfile|tls-.*-file|$)/.test(line));
  const server: RedisServer = await startRedis({
    name: 'droplet',
    configuration: [...lines, 'aclfile users.acl'],
    files: { 'users.acl': fileOf(data, '/var/lib/redis/users.acl') },
    tls: { certificate: files.certificate, key: files.key },
  });
  const dial = (username: string, password: string, tls: object | undefined): Redis => {
    const client = new Redis({
      host: server.host,
      port: server.port,
      username,
      password,
      ...(tls === undefined ? {} : { tls }),
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      disconnectTimeout: 100,
    });
    client.on('error', () => undefined);
    return client;
  };
  const tls = { ca: files.ca, servername: SERVER_NAME };
  const app = dial('app', secrets.appPassword, tls);
  const admin = dial('admin', secrets.adminPassword, tls);
  const plain = dial('app', secrets.appPassword, undefined);
  const stranger = dial('app', 'wrong', tls);
  const nobody = dial('default', '', tls);
  const { ca: otherCa } = await certificates('shop-staging');
  const misled = dial('app', secrets.appPassword, { ...tls, ca: otherCa });
  const elsewhere = dial('app', secrets.appPassword, { ...tls, servername: 'redis.other.internal' });
  try {
    expect(await app.ping()).toBe('PONG');
    expect(await app.info('server')).toContain('redis_version');
    expect(await app.get('heroku-to-digitalocean:open')).toBeNull();
    await expect(app.set('a', '1')).rejects.toThrow(/NOPERM/);
    await expect(app.flushall()).rejects.toThrow(/NOPERM/);
    await expect(app.config('GET', '*')).rejects.toThrow(/NOPERM/);
    expect(await admin.set('a', '1')).toBe('OK');
    // A droplet of 1 GiB; snapshots beside the append-only file.
    expect(await admin.config('GET', 'maxmemory')).toEqual(['maxmemory', String(576 * 1024 * 1024)]);
    expect(await admin.config('GET', 'save')).toEqual(['save', '3600 1 300 100 60 10000']);
    expect(await admin.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    await expect(plain.ping()).rejects.toThrow();
    await expect(stranger.ping()).rejects.toThrow();
    await expect(nobody.ping()).rejects.toThrow();
    await expect(misled.ping()).rejects.toThrow();
    await expect(elsewhere.ping()).rejects.toThrow();
    expect(createHash('sha256').update(secrets.appPassword).digest('hex')).toHaveLength(64);
  } finally {
    for (const client of [app, admin, plain, stranger, nobody, misled, elsewhere]) client.disconnect();
    await server.stop();
  }
});
