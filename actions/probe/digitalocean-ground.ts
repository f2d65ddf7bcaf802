import { createApp, readAppById, waitForDeployment, newestDeployment } from '../../src/digitalocean/app.ts';
import type { App } from '../../src/digitalocean/app.ts';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import {
  clusterAddresses,
  ensureCluster,
  ensureDatabase,
  ensureUser,
  waitUntilOnline,
  type ClusterAddresses,
} from '../../src/digitalocean/cluster.ts';
import { ensureDroplet, waitUntilActive } from '../../src/digitalocean/droplet.ts';
import { ensureFirewall } from '../../src/digitalocean/firewall.ts';
import { readPostgresOptions } from '../../src/digitalocean/prices.ts';
import { certificateGeneration, redisAuthority } from '../../src/digitalocean/redis-certificates.ts';
import { renderRedisCloudInit } from '../../src/digitalocean/redis-cloud-init.ts';
import { datacentreOf, nightHour, timeZoneOf } from '../../src/digitalocean/region.ts';
import { networkRule } from '../../src/digitalocean/trusted-source.ts';
import { ensureVpc, type Vpc } from '../../src/digitalocean/vpc.ts';
import type { Edge } from '../../src/github/run.ts';
import type { TargetNames } from '../../src/migration/names.ts';
import { redisSecrets } from '../../src/migration/target.ts';
import type { MigrationKey } from '../../src/migration/secrets.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import { OWNER_VARIABLE } from '../provision/app-mark.ts';
import { admitToCluster } from '../runner-access.ts';
import { once } from './outcome.ts';
import { REACH_PROGRAM, TARGETS } from './reach-program.ts';

/** The least of each that serves: by the hour they cost cents. */
export const CLUSTER_SIZE = 'db-s-1vcpu-1gb';
export const DROPLET_SIZE = 's-1vcpu-1gb';
export const INSTANCE_SIZE = 'apps-s-1vcpu-0.5gb';
const DROPLET_MEMORY_MIB = 1024;
const HTTP_PORT = 8080;

/** What DigitalOcean's probes work on, each thing made when the first one needs it. */
export interface DigitalOceanGround {
  client: DigitalOcean;
  /** A cluster with a database and a user of the API's, this runner let in. */
  database: () => Promise<{ owner: PostgresAddress; loader: PostgresAddress }>;
  /** An app in the VPC that tells what it reaches there; with the domain, when there is one. */
  app: () => Promise<App>;
  domain: string | undefined;
}

export interface DigitalOceanGroundOptions {
  edge: Edge;
  client: DigitalOcean;
  names: TargetNames;
  migrationId: string;
  /** App Platform's, such as `fra`. */
  region: string;
  redisPort: number;
  /** Of this run alone: nothing that it makes outlives it. */
  key: MigrationKey;
  domain: string | undefined;
}

export function digitalOceanGround(options: DigitalOceanGroundOptions): DigitalOceanGround {
  const { edge, client, names } = options;
  const vpc = once(async () => {
    const wanted = { name: names.vpc, datacentre: datacentreOf(options.region), tag: names.tag };
    return (await ensureVpc(client, wanted)).vpc;
  });
  const cluster = once(async () => orderCluster(options, await vpc()));
  const droplet = once(async () => orderDroplet(options, await vpc()));
  return {
    client,
    domain: options.domain,
    database: once(async () => {
      const { id } = await cluster();
      const range = networkRule((await vpc()).range);
      await admitToCluster(edge, client, id, { always: [range] });
      await ensureDatabase(client, id, names.database);
      const { user } = await ensureUser(client, id, names.databaseUser);
      edge.mask(user.password);
      const { public: end, admin, ca } = await (await cluster()).addresses();
      const address = { ...end, database: names.database, tls: { mode: 'verify', ca } } as const;
      return {
        owner: { ...address, user: user.name, password: user.password },
        loader: { ...address, ...admin },
      };
    }),
    app: once(async () => {
      const [network, postgres, redis] = await Promise.all([
        vpc(),
        cluster().then(({ addresses }) => addresses()),
        droplet(),
      ]);
      const spec = appSpec(options, network, {
        postgres: `${postgres.private.host}:${postgres.private.port}`,
        redis: `${redis.privateAddress}:${options.redisPort}`,
      });
      const app = await createApp(client, spec);
      const deployment = await newestDeployment(client, app);
      if (deployment === undefined) throw new Error(`The app ${names.app} has no deployment.`);
      await waitForDeployment(client, app.id, deployment.id);
      return readAppById(client, app.id);
    }),
  };
}

interface OrderedCluster {
  id: string;
  addresses: () => Promise<ClusterAddresses>;
}

async function orderCluster(
  { edge, client, names, region }: DigitalOceanGroundOptions,
  vpc: Vpc,
): Promise<OrderedCluster> {
  const offered = (await readPostgresOptions(client)).pg?.versions ?? [];
  const version = offered.toSorted((a, b) => Number(a) - Number(b)).at(-1);
  if (version === undefined) throw new Error('DigitalOcean offers this account no PostgreSQL.');
  const { cluster } = await ensureCluster(client, {
    engine: 'pg',
    version,
    size: CLUSTER_SIZE,
    nodes: 1,
    datacentre: datacentreOf(region),
    name: names.cluster,
    vpcId: vpc.id,
    tag: names.tag,
    storageMib: null,
    trusted: [networkRule(vpc.range)],
  });
  await waitUntilOnline(client, cluster.id, names.cluster);
  const addresses = once(async () => {
    const found = await clusterAddresses(client, cluster.id);
    edge.mask(found.admin.password);
    return found;
  });
  return { id: cluster.id, addresses };
}

/** The very droplet that carries the application's Redis, behind its firewall. */
async function orderDroplet(
  { edge, client, names, region, migrationId, redisPort, key }: DigitalOceanGroundOptions,
  vpc: Vpc,
): Promise<{ privateAddress: string }> {
  const datacentre = datacentreOf(region);
  const timeZone = timeZoneOf(datacentre);
  const secrets = redisSecrets({ key, migrationId, mask: (value) => edge.mask(value) });
  const authority = await redisAuthority(secrets.ca, migrationId, certificateGeneration(edge.clock.now()));
  await ensureFirewall(client, { name: names.firewall, tag: names.tag, port: redisPort, range: vpc.range });
  const { droplet } = await ensureDroplet(client, {
    name: names.droplet,
    datacentre,
    size: DROPLET_SIZE,
    vpcId: vpc.id,
    tag: names.tag,
    backupHour: nightHour(timeZone),
    userData: renderRedisCloudInit({
      certificates: { ca: authority.pem, ...(await authority.issue(secrets.server, names.redisServerName)) },
      serverName: names.redisServerName,
      migrationId,
      adminUser: names.redisAdminUser,
      adminPassword: secrets.adminPassword,
      appUser: names.redisAppUser,
      appPassword: secrets.appPassword,
      port: redisPort,
      dropletMemoryMib: DROPLET_MEMORY_MIB,
      timeZone,
    }),
  });
  return waitUntilActive(client, droplet.id);
}

function appSpec(
  { names, region, domain }: DigitalOceanGroundOptions,
  vpc: Vpc,
  targets: { postgres: string; redis: string },
): { name: string } & Record<string, unknown> {
  return {
    name: names.app,
    region,
    vpc: { id: vpc.id },
    envs: [
      { key: OWNER_VARIABLE, value: names.tag, scope: 'RUN_TIME', type: 'GENERAL' },
      { key: TARGETS, value: JSON.stringify(targets), scope: 'RUN_TIME', type: 'GENERAL' },
    ],
    services: [
      {
        name: 'reach',
        image: { registry_type: 'DOCKER_HUB', registry: 'library', repository: 'node', tag: '24-alpine' },
        // No quote of this kind is in it.
        run_command: `node -e '${REACH_PROGRAM}'`,
        http_port: HTTP_PORT,
        instance_size_slug: INSTANCE_SIZE,
        instance_count: 1,
        health_check: { http_path: '/health' },
      },
    ],
    ...(domain === undefined ? {} : { domains: [{ domain, type: 'PRIMARY' }] }),
    ingress: { rules: [{ match: { path: { prefix: '/' } }, component: { name: 'reach' } }] },
  };
}
