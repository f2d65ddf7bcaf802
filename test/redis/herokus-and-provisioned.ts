import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { parseCloudInit } from '../../rehearsal/digitalocean/droplets/cloud-init.ts';
import { configuredRedis } from '../../rehearsal/digitalocean/droplets/redis-configuration.ts';
import { keyValueStoreConfiguration } from '../../rehearsal/heroku/key-value-store.ts';
import { onFreePort, freePort } from '../../rehearsal/servers/free-port.ts';
import { startRedis, type RedisServer } from '../../rehearsal/servers/redis.ts';
import { redisAuthority } from '../../src/digitalocean/redis-certificates.ts';
import { renderRedisCloudInit } from '../../src/digitalocean/redis-cloud-init.ts';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import { redisSecrets } from '../../src/migration/target.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';

/**
 * Heroku's Redis: TLS with a certificate that nobody can verify, CONFIG and the like renamed away. `lines` of redis.conf
 * come last.
 */
export async function herokusRedis(
  lines: string[] = [],
): Promise<{ server: RedisServer; address: RedisAddress }> {
  const password = 'herokus';
  const server = await startRedis({
    name: 'heroku',
    configuration: [...keyValueStoreConfiguration({ password }), ...lines],
    tls: await (await createAuthority('Heroku')).issue(['localhost']),
  });
  const { host, port } = server;
  return { server, address: { host, port, password, tls: { mode: 'unverified' } } };
}

export interface ProvisionedRedis {
  server: RedisServer;
  admin: RedisAddress;
  /** The application's user, closed as `provision` leaves it. */
  app: RedisAddress;
  appUser: string;
  ca: string;
  serverName: string;
}

/**
 * The Redis of the droplet that `provision` asks for: its own cloud-config, played on this machine. `lines` of redis.conf
 * come last.
 */
export async function provisionedRedis(migrationId: string, lines: string[] = []): Promise<ProvisionedRedis> {
  const secrets = redisSecrets({
    key: requireMigrationKey('0123456789abcdef0123456789abcdef'),
    migrationId,
    mask: () => undefined,
  });
  const serverName = `redis.${migrationId}.internal`;
  const authority = await redisAuthority(secrets.ca, migrationId);
  const init = parseCloudInit(
    renderRedisCloudInit({
      certificates: { ca: authority.pem, ...(await authority.issue(secrets.server, serverName)) },
      adminUser: 'admin',
      adminPassword: secrets.adminPassword,
      appUser: 'app',
      appPassword: secrets.appPassword,
      port: 6379,
      dropletMemoryMib: 1024,
      serverName,
      migrationId,
      timeZone: 'Europe/Berlin',
    }),
  );
  const wanted = init && configuredRedis(init, 'ubuntu-24-04-x64');
  if (wanted === undefined) throw new Error('The cloud-config starts no Redis.');
  const started: { server?: RedisServer } = {};
  await onFreePort(async (port) => {
    started.server = await startRedis({
      name: 'provisioned',
      configuration: [...wanted.lines, 'port 0', `tls-port ${port}`, ...lines],
      files: wanted.files,
    });
  }, freePort);
  if (started.server === undefined) throw new Error('The provisioned Redis has no port.');
  const { host, port } = started.server;
  const address = { host, port, tls: { mode: 'verify', ca: authority.pem, serverName } } as const;
  return {
    server: started.server,
    admin: { ...address, username: 'admin', password: secrets.adminPassword },
    app: { ...address, username: 'app', password: secrets.appPassword },
    appUser: 'app',
    ca: authority.pem,
    serverName,
  };
}
