import type { Log } from '../../src/log.ts';
import { createFaultSwitch, type FaultSwitch } from '../faults.ts';
import type { RecordedRequest } from '../recorded-request.ts';
import type { Authority } from '../servers/certificates.ts';
import type { TcpProxy } from '../servers/tcp-proxy.ts';
import { accountRoutes, theAccount } from './account.ts';
import { startApiServer } from './api/server.ts';
import { createTokenStore } from './api/tokens.ts';
import { priceOf, type App } from './apps/app.ts';
import { Apps } from './apps/apps.ts';
import { startIngress, type Ingress } from './apps/ingress.ts';
import { appRoutes } from './apps/routes.ts';
import { backupShare } from './catalogue.ts';
import type { Cluster } from './clusters/cluster.ts';
import { Clusters, endpointsOf } from './clusters/clusters.ts';
import { clusterRoutes } from './clusters/routes.ts';
import type { Rule } from './clusters/trusted-sources.ts';
import { prepareBinaries } from './clusters/server.ts';
import { domainRoutes } from './domains.ts';
import { DnsStore, publicZones, type Dns, type RecordType } from './dns.ts';
import type { PublicZones } from '../public-dns/answers.ts';
import type { Droplet } from './droplets/droplet.ts';
import { Droplets } from './droplets/droplets.ts';
import { Firewalls } from './droplets/firewalls.ts';
import { AlertPolicies } from './monitoring.ts';
import type { Branch, Platform } from './platform.ts';
import { defaultPlayed, type PlayedLatencies } from './played.ts';
import { Projects } from './projects.ts';
import { Registries } from './registries.ts';
import { Schedule } from './schedule.ts';
import { Tags } from './tags.ts';
import { Vpcs } from './vpcs.ts';

export interface DigitalOceanOptions {
  log: Log;
  authority: Authority;
  /** The public IPv4 address from which the runner reaches public endpoints. */
  egressAddress: () => string;
  /**
   * The directory of the code that an image holds; undefined = no such image (the deployment fails). Asked by digest
   * (`sha256:…`) first, then by reference (`registry/repository@sha256:…` or `registry/repository:tag`).
   */
  images: (digestOrReference: string) => { code: string } | undefined;
  /** What App Platform may read at GitHub; undefined = it was not given access. None unless told. */
  branches?: (repository: string, branch: string) => Branch | undefined;
  played?: Partial<PlayedLatencies>;
  /** What the public says of names in zones that somebody else serves: App Platform looks at them to prove a domain. */
  namesElsewhere?: (name: string, type: RecordType) => { value: string; ttl: number }[];
}

export interface DigitalOceanWorld {
  /** Base of the API without `/v2`. */
  apiUrl: string;
  /** Where the public names of apps are served, by SNI and Host. */
  ingress: Omit<Ingress, 'stop'>;
  dns: Dns;
  /** What the public is told of the zones here. */
  zones: PublicZones;
  tokens: { add(token: string, scopes: 'all' | readonly string[]): void };
  faults: FaultSwitch;
  requests: readonly RecordedRequest[];
  played: PlayedLatencies;
  clusters(): ClusterView[];
  droplets(): DropletView[];
  apps(): AppView[];
  /** Alert policies of monitoring, by what they measure and whom they tell. */
  alerts(): {
    uuid: string;
    type: string;
    value: number;
    tags: string[];
    entities: string[];
    alerts: { email: string[] };
  }[];
  /** Container registries; what a runner's `docker push` reaches, and no route of the API. */
  registries: Pick<Registries, 'push' | 'replace' | 'view'>;
  /** US dollars a month of everything that exists now, but for the subscription that registries share. */
  pricePerMonth(): number;
  stop(): Promise<void>;
}

export interface ClusterView {
  id: string;
  name: string;
  status: 'creating' | 'online';
  /** Superuser access for tests and for the end-of-run comparison; the actions never see it. */
  superuserUrl(database: string): string;
  /** Runs SQL as the superuser. */
  query<Row = Record<string, unknown>>(database: string, sql: string, values?: unknown[]): Promise<Row[]>;
  publicEndpoint: { host: string; port: number };
  privateEndpoint: { host: string; port: number };
  /** What everybody reaches it through, apps and the pool too: to be cut, or slowed down. */
  proxies: readonly TcpProxy[];
  /** The trusted sources as they stand. */
  rules: readonly Rule[];
  /** As a fail-over does: every session ends, and for a moment nobody is let in. */
  restart(): Promise<void>;
}

export interface DropletView {
  id: number;
  name: string;
  status: 'new' | 'active' | 'off';
  publicAddress: string;
  privateAddress: string;
  /**
   * Present once its cloud-init has started a Redis; `port` is the one for TLS of its configuration. Its `proxies` are what
   * everybody reaches it through, to be cut.
   */
  redis?: { host: string; port: number; proxies: readonly TcpProxy[]; restart(): Promise<void> };
}

export interface AppView {
  id: string;
  name: string;
  defaultIngress: string;
  /** Of the newest deployment. */
  phase: string;
  domains: { name: string; phase: string }[];
  components: { name: string; kind: string; pids: number[] }[];
  invocations: { job: string; phase: string; startedAt: string }[];
  /** Output of one component, or of all, oldest first. */
  logs(component?: string): string[];
  /** Resolves when no deployment is in progress or waiting. */
  settled(): Promise<void>;
}

/**
 * Starts a played DigitalOcean on free loopback ports: a control plane that speaks API v2 and acts on real servers and
 * processes. `stop` ends all of them.
 */
export async function startDigitalOcean(options: DigitalOceanOptions): Promise<DigitalOceanWorld> {
  const faults = createFaultSwitch();
  const played = { ...defaultPlayed, ...options.played };
  const tokens = createTokenStore(played);
  const requests: RecordedRequest[] = [];
  const schedule = new Schedule();
  const logs: { read: (path: string) => string | undefined } = { read: () => undefined };
  const api = await startApiServer({
    log: options.log,
    tokens,
    faults,
    requests,
    plain: (path) => logs.read(path),
  });
  const branches = options.branches ?? (() => undefined);
  const platform: Platform = { ...options, branches, played, schedule, apiUrl: api.url };

  const dns = new DnsStore();
  if (options.namesElsewhere !== undefined) dns.elsewhere = options.namesElsewhere;
  const tags = new Tags();
  const vpcs = new Vpcs();
  const projects = new Projects();
  const clusters = new Clusters(platform, await prepareBinaries(platform), { tags, vpcs, projects });
  const droplets = new Droplets(platform, new Firewalls(), { tags, vpcs, projects });
  const apps = new Apps(platform, { vpcs, clusters, projects, dns });
  const alerts = new AlertPolicies(theAccount.email);
  const registries = new Registries(played);
  const ingress = await startIngress(apps, options.authority);
  logs.read = (path) => readLogs(apps, path);

  const pricePerMonth = (): number =>
    sum(clusters.list().map(({ size, nodes }) => size.price * nodes)) +
    sum(droplets.list().map(({ size, backups }) => size.price * (backups ? 1 + backupShare : 1))) +
    sum(apps.list().map(({ spec }) => priceOf(spec)));
  api.serve([
    ...accountRoutes(pricePerMonth),
    ...registries.routes(),
    ...tags.routes((id) => droplets.find(id)),
    ...vpcs.routes(),
    ...projects.routes(),
    ...domainRoutes(dns),
    ...clusterRoutes(clusters),
    ...droplets.routes(),
    ...alerts.routes(),
    ...appRoutes(apps, api.url),
  ]);

  return {
    apiUrl: api.url,
    ingress,
    dns,
    zones: publicZones(dns),
    tokens,
    faults,
    requests,
    played,
    clusters: () => clusters.list().map(viewCluster),
    droplets: () => droplets.list().map(viewDroplet),
    apps: () => apps.list().map(viewApp),
    alerts: () => alerts.list(),
    registries,
    pricePerMonth,
    stop: async () => {
      schedule.stop();
      await Promise.all([api.stop(), ingress.stop()]);
      await apps.stop();
      await Promise.all([clusters.stop(), droplets.stop()]);
    },
  };
}

/** `/logs/<app>` or `/logs/<app>/<component>`: what `historic_urls` lead to. */
function readLogs(apps: Apps, path: string): string | undefined {
  const [, section, id, component] = path.split('/');
  const app = apps.list().find((candidate) => candidate.id === id);
  if (section !== 'logs' || app === undefined) return undefined;
  return app.logs
    .read(component)
    .map((line) => `${line}\n`)
    .join('');
}

function viewCluster(cluster: Cluster): ClusterView {
  const server = (): NonNullable<Cluster['server']> => {
    if (cluster.server === undefined) throw new Error(`Cluster ${cluster.name} is still being created.`);
    return cluster.server;
  };
  return {
    id: cluster.id,
    name: cluster.name,
    status: cluster.status,
    superuserUrl: (database) => server().url(database),
    query: (database, sql, values) => server().query(database, sql, values),
    publicEndpoint: { host: cluster.publicEndpoint.host, port: cluster.publicEndpoint.port },
    privateEndpoint: { host: cluster.privateEndpoint.host, port: cluster.privateEndpoint.port },
    proxies: endpointsOf(cluster),
    rules: cluster.rules,
    restart: () => server().restart(),
  };
}

function viewDroplet(droplet: Droplet): DropletView {
  const { server, proxies, ports: [port] = [] } = droplet.redis ?? {};
  return {
    id: droplet.id,
    name: droplet.name,
    status: droplet.status,
    publicAddress: droplet.publicAddress,
    privateAddress: droplet.privateAddress,
    ...(server === undefined || proxies === undefined || port === undefined
      ? {}
      : { redis: { host: droplet.privateAddress, port, proxies, restart: () => server.restart() } }),
  };
}

function viewApp(app: App): AppView {
  return {
    id: app.id,
    name: app.name,
    defaultIngress: `https://${app.host}`,
    phase: app.deployments[0]?.phase ?? 'UNKNOWN',
    domains: app.domains.map(({ spec, phase }) => ({ name: spec.domain, phase })),
    components: app.active?.release.components() ?? [],
    invocations: app.invocations.map(({ job, phase, createdAt }) => ({
      job,
      phase,
      startedAt: createdAt.toISOString(),
    })),
    logs: (component) => app.logs.read(component),
    settled: () => app.settled,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
