import { clusterAddresses, findCluster, findUser, type Endpoint } from '../digitalocean/cluster.ts';
import type { DigitalOcean } from '../digitalocean/client.ts';
import { findPool, type Pool } from '../digitalocean/connection-pool.ts';
import { findDroplet } from '../digitalocean/droplet.ts';
import { findFirewall } from '../digitalocean/firewall.ts';
import { certificateGeneration, redisAuthority } from '../digitalocean/redis-certificates.ts';
import { ConfigurationError } from '../errors.ts';
import type { PostgresAddress } from '../postgres/connect.ts';
import type { RedisAddress } from '../redis/connect.ts';
import { JOURNAL_DATABASE } from './journal.ts';
import type { TargetNames } from './names.ts';
import { deriveSecret, type MigrationKey } from './secrets.ts';

/** The passwords follow the numbers of migration.yml; the certificates' keys stay as long as the droplet. */
export const SECRET_VERSIONS = { redisApp: 1, redisAdmin: 1, redisCa: 1, redisServer: 1 } as const;

/** The new side's databases as a runner reaches them, once it is admitted. Passwords are masked before this is returned. */
export interface Target {
  clusterId: string;
  /** The application's own user: owns the tables. */
  owner: PostgresAddress;
  /** doadmin in the application's database: loads data and creates extensions. */
  loader: PostgresAddress;
  journal: PostgresAddress;
  /** Where the application itself connects. */
  privatePostgres: Endpoint;
  /** The same through the connection pool, under whose name the database goes there; undefined when there is none. */
  privatePool: (Endpoint & { database: string }) | undefined;
  redis: TargetRedis | undefined;
}

export interface TargetRedis {
  dropletId: number;
  firewallId: string;
  /** The user of the migration: everything allowed. */
  admin: RedisAddress;
  /** The application's user, closed until the switch. */
  app: RedisAddress;
  appUser: string;
  /** Where the application itself connects. */
  privateHost: string;
  port: number;
}

/** There is no cluster, or no user of the application on it: nothing was prepared yet. */
export class NotProvisionedError extends ConfigurationError {}

export interface TargetSubject {
  migrationId: string;
  names: TargetNames;
  key: MigrationKey;
  redisPort: number;
  /** Numbers of the passwords, which migration.yml raises for new ones; the first ones unless given. */
  redisPasswords?: { app: number; admin: number } | undefined;
  /** Masks a secret, before anything else is done with it. */
  mask: (value: string) => void;
}

/**
 * Reads where the target is, from DigitalOcean and the migration key: no connection string travels between jobs.
 * Throws a ConfigurationError when the infrastructure is missing. `redis` is undefined when there is no droplet.
 */
export async function readTarget(client: DigitalOcean, subject: TargetSubject): Promise<Target> {
  const { names, mask } = subject;
  const cluster = await findCluster(client, names.cluster);
  if (cluster === undefined) {
    throw new NotProvisionedError(
      `DigitalOcean has no database cluster "${names.cluster}": run provision with \`stage: infrastructure\` first.`,
    );
  }
  const [addresses, user, pool, redis] = await Promise.all([
    clusterAddresses(client, cluster.id),
    findUser(client, cluster.id, names.databaseUser),
    findPool(client, cluster.id, names.pool),
    readTargetRedis(client, subject),
  ]);
  if (user === undefined) {
    throw new NotProvisionedError(
      `Cluster "${names.cluster}" has no user "${names.databaseUser}": run provision with \`stage: infrastructure\` again.`,
    );
  }
  mask(addresses.admin.password);
  mask(user.password);
  const base = { ...addresses.public, tls: { mode: 'verify', ca: addresses.ca } } as const;
  return {
    clusterId: cluster.id,
    owner: { ...base, database: names.database, user: user.name, password: user.password },
    loader: { ...base, database: names.database, ...addresses.admin },
    journal: { ...base, database: JOURNAL_DATABASE, ...addresses.admin },
    privatePostgres: addresses.private,
    privatePool: poolAddress(pool),
    redis,
  };
}

function poolAddress(pool: Pool | undefined): Target['privatePool'] {
  const end = pool?.private_connection ?? pool?.connection;
  if (pool === undefined || end == null) return undefined;
  return { host: end.host, port: end.port, database: pool.name };
}

/** The Redis part alone; `undefined` while there is no droplet with addresses. */
export async function readTargetRedis(
  client: DigitalOcean,
  subject: TargetSubject,
): Promise<TargetRedis | undefined> {
  const { names, redisPort: port } = subject;
  const [droplet, firewall] = await Promise.all([
    findDroplet(client, names.droplet, names.tag),
    findFirewall(client, names.firewall),
  ]);
  if (
    droplet?.publicAddress === undefined ||
    droplet.privateAddress === undefined ||
    firewall === undefined
  ) {
    return undefined;
  }
  const secrets = redisSecrets(subject);
  const { pem } = await redisAuthority(
    secrets.ca,
    subject.migrationId,
    certificateGeneration(client.clock.now()),
  );
  const base = {
    host: droplet.publicAddress,
    port,
    tls: { mode: 'verify', ca: pem, serverName: names.redisServerName },
  } as const;
  return {
    dropletId: droplet.id,
    firewallId: firewall.id,
    admin: { ...base, username: names.redisAdminUser, password: secrets.adminPassword },
    app: { ...base, username: names.redisAppUser, password: secrets.appPassword },
    appUser: names.redisAppUser,
    privateHost: droplet.privateAddress,
    port,
  };
}

export interface RedisSecrets {
  appPassword: string;
  adminPassword: string;
  /** Seeds of the CA's and the server's key. */
  ca: Buffer;
  server: Buffer;
}

/** Redis passwords and key seeds, the same in every phase and every run; the passwords are masked. */
export function redisSecrets(
  subject: Pick<TargetSubject, 'key' | 'migrationId' | 'mask' | 'redisPasswords'>,
  numbers: Partial<Record<keyof typeof SECRET_VERSIONS, number>> = {},
): RedisSecrets {
  const { key, migrationId, mask, redisPasswords } = subject;
  const versions = {
    ...SECRET_VERSIONS,
    ...(redisPasswords && { redisApp: redisPasswords.app, redisAdmin: redisPasswords.admin }),
    ...numbers,
  };
  const secrets = {
    appPassword: deriveSecret(key, 'redis-app', versions.redisApp, migrationId).toString('hex'),
    adminPassword: deriveSecret(key, 'redis-admin', versions.redisAdmin, migrationId).toString('hex'),
    ca: deriveSecret(key, 'redis-ca', versions.redisCa, migrationId),
    server: deriveSecret(key, 'redis-server', versions.redisServer, migrationId),
  };
  mask(secrets.appPassword);
  mask(secrets.adminPassword);
  return secrets;
}
