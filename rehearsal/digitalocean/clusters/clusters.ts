import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { messageOf } from '../../../src/errors.ts';
import { createAuthority } from '../../servers/certificates.ts';
import type { PostgresServer } from '../../servers/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../../servers/tcp-proxy.ts';
import { addressWithin } from '../addresses.ts';
import { conflict, notFound, parseBody, unprocessable } from '../api/error.ts';
import { timestamp, type Platform } from '../platform.ts';
import type { Projects } from '../projects.ts';
import type { Tags } from '../tags.ts';
import type { Vpcs } from '../vpcs.ts';
import type { ManagedBinaries } from './allowed-extensions.ts';
import { urnOf, type Cluster } from './cluster.ts';
import { requireOffered } from './options.ts';
import { startPooler } from './pooler.ts';
import { startClusterServer } from './server.ts';
import type { Otherwise } from '../played.ts';
import { admitsAddress, admitsApp, appsToDeploy, replaceRules } from './trusted-sources.ts';

const createSchema = z.object({
  name: z.string().regex(/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/, 'invalid cluster name'),
  engine: z.string(),
  version: z.string().optional(),
  num_nodes: z.number().int(),
  size: z.string(),
  region: z.string(),
  private_network_uuid: z.string().optional(),
  tags: z.array(z.string()).nullish(),
  project_id: z.string().optional(),
  storage_size_mib: z.number().int().optional(),
  rules: z.array(z.unknown()).optional(),
});

export interface Neighbours {
  tags: Tags;
  vpcs: Vpcs;
  projects: Projects;
}

/** All clusters, from creation to deletion. */
export class Clusters {
  readonly #clusters = new Map<string, Cluster>();
  readonly #platform: Platform;
  readonly #managed: ManagedBinaries;
  readonly #neighbours: Neighbours;
  #deployApp: (appId: string) => void = () => undefined;

  constructor(platform: Platform, managed: ManagedBinaries, neighbours: Neighbours) {
    this.#platform = platform;
    this.#managed = managed;
    this.#neighbours = neighbours;
    neighbours.tags.count('databases', () => this.list());
    neighbours.vpcs.countMembers((vpcId) =>
      this.list()
        .filter((cluster) => cluster.vpcId === vpcId)
        .map((cluster) => ({ name: cluster.name, urn: urnOf(cluster), created_at: cluster.createdAt })),
    );
  }

  get otherwise(): readonly Otherwise[] {
    return this.#platform.played.otherwise;
  }

  get major(): number {
    return this.#managed.binaries.major;
  }

  /** Told when trusted sources that name an app have changed. */
  onAppRulesChanged(deployApp: (appId: string) => void): void {
    this.#deployApp = deployApp;
  }

  list(): Cluster[] {
    return [...this.#clusters.values()];
  }

  get(id: string): Cluster {
    const cluster = this.#clusters.get(id);
    if (cluster === undefined) throw notFound();
    return cluster;
  }

  /** The cluster and its server; 422 while it is still being created. */
  online(id: string): { cluster: Cluster; server: PostgresServer } {
    const cluster = this.get(id);
    if (cluster.server === undefined) throw unprocessable('the database cluster is not online');
    return { cluster, server: cluster.server };
  }

  async create(body: unknown): Promise<Cluster> {
    const wanted = parseBody(createSchema, body);
    const version = wanted.version ?? String(this.major);
    const { engine, size } = requireOffered({ ...wanted, version }, this.major);
    if (this.list().some(({ name }) => name === wanted.name)) throw conflict('cluster name is not available');
    const vpc = this.#neighbours.vpcs.join(wanted.private_network_uuid, wanted.region);
    const id = randomUUID();
    const fromOutside = (found: Cluster): boolean =>
      admitsAddress(found.rules, this.#platform.egressAddress());
    const fromWithin = (found: Cluster): boolean =>
      admitsAddress(found.rules, addressWithin(vpc.ip_range)) &&
      !this.#platform.played.otherwise.includes('private-network-closed');
    const cluster: Cluster = {
      id,
      name: wanted.name,
      engine,
      version,
      region: wanted.region,
      size,
      nodes: wanted.num_nodes,
      storageMib: wanted.storage_size_mib ?? size.diskMib,
      vpcId: vpc.id,
      projectId: wanted.project_id ?? this.#neighbours.projects.defaultId,
      status: 'creating',
      createdAt: timestamp(),
      users: [{ name: 'doadmin', role: 'primary', password: newPassword(), replication: true }],
      databases: ['defaultdb'],
      rules: wanted.rules ? replaceRules({ rules: wanted.rules }, id, []) : [],
      pools: [],
      config: new Map(),
      maintenance: { day: 'sunday', hour: '04:00:00' },
      tags: this.#neighbours.tags.use(wanted.tags),
      uri: `https://api.digitalocean.com/v2/databases/${id}`,
      authority: await createAuthority(`${wanted.name} Project CA`),
      server: undefined,
      publicEndpoint: await this.#endpoint(id, fromOutside),
      // Trusted sources hold in the private network too; `app:` rules cover an app's public address only
      // (observed 2026-08), so an app in the VPC comes in by a rule for the VPC's range.
      privateEndpoint: await this.#endpoint(id, fromWithin),
      publicPooler: await this.#endpoint(id, fromOutside, () => this.#clusters.get(id)?.pooler),
      privatePooler: await this.#endpoint(id, fromWithin, () => this.#clusters.get(id)?.pooler),
      pooler: undefined,
      appEndpoints: new Map(),
    };
    this.#clusters.set(id, cluster);
    this.#neighbours.projects.assign(urnOf(cluster), cluster.projectId);
    void this.#bring(cluster);
    return cluster;
  }

  replaceTrustedSources(id: string, body: unknown): void {
    const cluster = this.get(id);
    const before = cluster.rules;
    cluster.rules = replaceRules(body, id, before);
    for (const appId of appsToDeploy(before, cluster.rules)) this.#deployApp(appId);
  }

  /** The address of the cluster's public endpoint as one app sees it: open to it by an `app:` rule only. */
  async endpointForApp(cluster: Cluster, appId: string): Promise<{ host: string; port: number }> {
    const known = cluster.appEndpoints.get(appId);
    if (known !== undefined) return known;
    const endpoint = await this.#endpoint(cluster.id, (found) => admitsApp(found.rules, appId));
    cluster.appEndpoints.set(appId, endpoint);
    return endpoint;
  }

  async delete(id: string): Promise<void> {
    const cluster = this.get(id);
    this.#clusters.delete(id);
    this.#neighbours.projects.release(urnOf(cluster));
    await close(cluster);
  }

  async stop(): Promise<void> {
    await Promise.all(this.list().map(close));
  }

  /** A listener of its own that leads to the cluster once it runs. */
  #endpoint(
    id: string,
    admits: (cluster: Cluster) => boolean,
    leadsTo: () => { port: number } | undefined = () => this.#clusters.get(id)?.server,
  ): Promise<TcpProxy> {
    return startTcpProxy({
      target: () => ({ host: '127.0.0.1', port: leadsTo()?.port ?? 1 }),
      admit: () => {
        const cluster = this.#clusters.get(id);
        return cluster?.server !== undefined && admits(cluster);
      },
    });
  }

  async #bring(cluster: Cluster): Promise<void> {
    const { schedule, played, log } = this.#platform;
    try {
      const [server] = await Promise.all([this.#start(cluster), schedule.wait(played.clusterMs)]);
      if (!this.#clusters.has(cluster.id) || schedule.stopped) {
        await server.stop();
        return;
      }
      cluster.server = server;
      cluster.pooler = await startPooler({
        tls: await cluster.authority.issue([
          ...new Set([cluster.publicPooler.host, cluster.privatePooler.host]),
        ]),
        server: () => server.port,
        databaseOf: (name) => cluster.pools.find((pool) => pool.name === name)?.db,
      });
      cluster.status = 'online';
    } catch (error) {
      // There is no status for "failed": it stays `creating`, as a real one would.
      log.warning(`The played cluster ${cluster.name} does not come online: ${messageOf(error)}`);
    }
  }

  async #start(cluster: Cluster): Promise<PostgresServer> {
    const hosts = new Set([cluster.publicEndpoint.host, cluster.privateEndpoint.host]);
    return startClusterServer(this.#managed, {
      name: cluster.name,
      adminPassword: cluster.users[0]?.password ?? '',
      tls: await cluster.authority.issue([...hosts]),
      connections: cluster.size.connections,
    });
  }
}

/** A password as DigitalOcean makes them. */
export function newPassword(): string {
  return `AVNS_${randomBytes(15).toString('base64url')}`;
}

/** Every way in. */
export function endpointsOf(cluster: Cluster): TcpProxy[] {
  const { publicEndpoint, privateEndpoint, publicPooler, privatePooler, appEndpoints } = cluster;
  return [publicEndpoint, privateEndpoint, publicPooler, privatePooler, ...appEndpoints.values()];
}

async function close(cluster: Cluster): Promise<void> {
  await Promise.all([
    ...endpointsOf(cluster).map((endpoint) => endpoint.close()),
    cluster.pooler?.close(),
    cluster.server?.stop(),
  ]);
}
