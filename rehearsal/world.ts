import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import type { Log } from '../src/log.ts';
import { startDigitalOcean, type DigitalOceanWorld } from './digitalocean/world.ts';
import { startDocker, type DockerWorld } from './docker/world.ts';
import { startCloudflare, type CloudflareWorld } from './cloudflare/world.ts';
import { answerOf, type PublicZones } from './public-dns/answers.ts';
import { startResolver, type PlayedResolver } from './public-dns/resolver.ts';
import { startRoute53, type Route53World } from './route53/world.ts';
import { startGitHub, type GitHubWorld } from './github/world.ts';
import { startKeyValueStore, type KeyValueStoreServer } from './heroku/key-value-store-server.ts';
import { keyValueStoreUrl } from './heroku/key-value-store.ts';
import { herokuPostgresSettings, prepareHerokuDatabase } from './heroku/postgres.ts';
import { unverifiableCertificate } from './heroku/unverifiable-certificate.ts';
import { startHeroku, type HerokuApp, type HerokuWorld } from './heroku/world.ts';
import { createNames } from './names.ts';
import { findPostgres, type PostgresBinaries } from './servers/binaries.ts';
import { createAuthority, type Authority } from './servers/certificates.ts';
import { startForwardProxy } from './servers/forward-proxy.ts';
import { freePort } from './servers/free-port.ts';
import { startPostgres, type PostgresServer } from './servers/postgres.ts';
import { startTcpProxy, type TcpProxy } from './servers/tcp-proxy.ts';
import { processTypes, scheduledCommands } from './shop/procfile.ts';
import { seedRedis } from './shop/seed-redis.ts';
import { seedShop } from './shop/seed.ts';

export type EnvironmentName = 'staging' | 'production';
export type ZoneServer = 'digitalocean' | 'cloudflare' | 'route53';
export type StrategyName = 'window' | 'live' | 'auto';
export type TrafficName = 'dns' | 'front-door' | 'cdn';

export interface WorldOptions {
  log: Log;
  environments: readonly EnvironmentName[];
  /** Megabytes of the shop's database, in each environment. */
  sizeMb: number;
  seed: number;
  directory: string;
  /** What migration.yml says of it; `window` unless given. */
  strategy?: StrategyName;
  /** What it says of visitors; `dns` unless given. With `cdn` Cloudflare proxies the shop's names. */
  traffic?: TrafficName;
  /** How many runners share the copy of Postgres, by what it says; one unless given. */
  runners?: number;
  /** Who serves the shop's zone; DigitalOcean unless given. */
  serves?: ZoneServer;
  /** A minute of both sides' schedulers, milliseconds; a second unless given. */
  schedulerMinuteMs?: number;
}

/** One environment's Heroku side: its servers behind proxies with knobs, and the app that uses them. */
export interface OldSide {
  app: HerokuApp;
  /** The shop's public host name. */
  hostName: string;
  databaseUrl: string;
  redisUrl: string;
  postgres: PostgresServer;
  redis: KeyValueStoreServer;
  proxies: { postgres: TcpProxy; redis: TcpProxy };
}

export interface World {
  heroku: HerokuWorld;
  digitalOcean: DigitalOceanWorld;
  github: GitHubWorld;
  /** The runner's own, played. */
  docker: DockerWorld;
  /** Only when it serves the zone. */
  cloudflare: CloudflareWorld | undefined;
  route53: Route53World | undefined;
  /** Public resolvers, each with a cache of its own. */
  resolvers: readonly PlayedResolver[];
  /** What the public would be told of a name now, by somebody without a cache. */
  lookUp(name: string): string | undefined;
  authority: Authority;
  /** PEM file of the world's authority, for NODE_EXTRA_CA_CERTS. */
  authorityFile: string;
  postgres: PostgresBinaries;
  /** The forward proxy as one client sees it: each has its own name cache. */
  proxyUrl(client: string): string;
  /** Answers with the runner's public address. */
  egressUrl: string;
  oldSides: ReadonlyMap<EnvironmentName, OldSide>;
  /** The user's repository: what a checkout copies. */
  workspace: string;
  /** What its migration.yml says of the strategy. */
  strategy: StrategyName;
  /** And of visitors. */
  traffic: TrafficName;
  tokens: { heroku: string; digitalOcean: string; cloudflare: string; aws: string };
  /** Lifetime of the shop's records in seconds, and how long resolvers keep them here. */
  ttl: { seconds: number; playedMs: number };
  stop(): Promise<void>;
}

/** An address from the block for documentation (RFC 5737): as which the played companies see the runner. */
export const EGRESS_ADDRESS = '203.0.113.10';
const ZONE = 'example.com';
const TTL_SECONDS = 30;
/** How long a second of a record's lifetime lasts in a resolver's cache, so that nobody waits; printed beside the downtime. */
const TTL_SECOND_MS = 150;
const REDIS_KEYS = 2000;

/** Digest of the shop's image: the played build gives it, and the played App Platform knows what is in it. */
export const SHOP_IMAGE_DIGEST = `sha256:${'5a0b'.repeat(16)}`;
const SHOP_CODE = join(import.meta.dirname, 'shop');

/** Three companies and a shop on one machine. Everything in it ends with `stop`, or with this process. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { log, directory, strategy = 'window', traffic = 'dns' } = options;
  const authority = await createAuthority('Rehearsal authority');
  const authorityFile = join(directory, 'authority.pem');
  writeFileSync(authorityFile, authority.pem);

  const scheduler =
    options.schedulerMinuteMs === undefined ? {} : { schedulerMinuteMs: options.schedulerMinuteMs };
  /** Whoever serves zones, but for DigitalOcean. */
  const served: PublicZones[] = [];
  const outside = { resolverUrl: '' };
  const nodeDirectory = nodeOfDynos(directory);
  const heroku = await startHeroku({
    ...{ log, authority, played: scheduler },
    machine: () => outsideOfDynos(outside.resolverUrl, { authorityFile, nodeDirectory }),
  });
  const digitalOcean = await startDigitalOcean({
    log,
    authority,
    egressAddress: () => EGRESS_ADDRESS,
    namesElsewhere: (name, type) =>
      served.flatMap((zones) => zones.answers(name, type)).map(({ data, ttl }) => ({ value: data, ttl })),
    images: (reference) =>
      // Node alone, which the probes run: the machine has it.
      reference.includes(SHOP_IMAGE_DIGEST) || reference === 'library/node:24-alpine'
        ? { code: SHOP_CODE }
        : undefined,
    // A rehearsal plays an afternoon of polling in a minute.
    played: { requestsPerMinute: 5000, requestsPerHour: 50_000, ...scheduler },
  });
  const github = await startGitHub({ log, repository: 'acme/shop', directory: join(directory, 'github') });
  const docker = await startDocker({
    images: (reference) => (reference.includes(SHOP_IMAGE_DIGEST) ? { code: SHOP_CODE } : undefined),
  });
  for (const name of ['staging', 'production-prepare', 'production-rehearsal'])
    github.configureEnvironment(name, {});
  github.configureEnvironment('production', {
    reviewers: ['robin'],
    preventSelfReview: true,
    branchPolicy: 'protected',
    // As the gate advises: so an approval counts in a later attempt of the run, too.
    canAdminsBypass: false,
  });
  const tokens = {
    heroku: 'HRKU-rehearsal-token-of-acme',
    digitalOcean: 'dop_v1_rehearsal_token_of_acme',
    cloudflare: 'cloudflare_rehearsal_token_of_acme',
    aws: 'AKIAREHEARSALOFACME',
  };
  heroku.tokens.add(tokens.heroku, ['global']);
  digitalOcean.tokens.add(tokens.digitalOcean, 'all');
  const { serves = 'digitalocean' } = options;
  const zone = await serveZone(serves, traffic, { ...options, authority, heroku, digitalOcean, tokens });
  served.push(...[zone.cloudflare, zone.route53].filter((one) => one !== undefined));
  const everybody = [...served, digitalOcean.zones];

  const postgres = await findPostgres(log);
  const oldSides = new Map<EnvironmentName, OldSide>();
  await Promise.all(
    options.environments.map(async (name) => {
      const side = await startOldSide(name, { ...options, heroku, postgres });
      const target = side.app.dnsTargets()[side.hostName] ?? side.app.webHost;
      zone.lead(side.hostName, target);
      oldSides.set(name, side);
    }),
  );

  const names = createNames({
    served: everybody,
    heroku: heroku.router,
    digitalOcean: digitalOcean.ingress,
    cloudflare: zone.cloudflare?.edge,
    ttlSecondMs: TTL_SECOND_MS,
  });
  const proxy = await startForwardProxy({ resolve: names.resolve });
  outside.resolverUrl = proxy.resolverUrl;
  const egress = await startEgressAnswer();
  const resolvers = await Promise.all(
    Array.from({ length: 3 }, () => startResolver({ served: everybody, ttlSecondMs: TTL_SECOND_MS })),
  );
  return {
    heroku,
    digitalOcean,
    github,
    docker,
    cloudflare: zone.cloudflare,
    route53: zone.route53,
    resolvers,
    lookUp: (name) => answerOf(everybody, name, 'A').answers.at(-1)?.data.replace(/\.$/, ''),
    authority,
    authorityFile,
    postgres,
    proxyUrl: (client) => proxy.urlFor(client),
    egressUrl: egress.url,
    oldSides,
    workspace: await writeRepository(join(directory, 'repository'), options),
    ...{ strategy, traffic },
    tokens,
    ttl: { seconds: ttlOf(serves), playedMs: ttlOf(serves) * TTL_SECOND_MS },
    stop: async () => {
      await proxy.close();
      await Promise.all([heroku.stop(), digitalOcean.stop(), github.stop(), docker.stop(), egress.close()]);
      await Promise.all([
        zone.cloudflare?.stop(),
        zone.route53?.stop(),
        ...resolvers.map((one) => one.stop()),
      ]);
      for (const side of oldSides.values()) {
        await side.proxies.postgres.close();
        await Promise.all([side.postgres.stop(), side.redis.stop()]);
      }
    },
  };
}

/** Cloudflare's least on most plans is 60 s. */
function ttlOf(serves: ZoneServer): number {
  return serves === 'cloudflare' ? 60 : TTL_SECONDS;
}

interface ServedZone {
  cloudflare: CloudflareWorld | undefined;
  route53: Route53World | undefined;
  /** Writes the record that leads a name there, as its people did long ago. */
  lead(name: string, target: string): void;
}

/** The shop's zone, at whoever serves it. */
async function serveZone(
  serves: ZoneServer,
  traffic: TrafficName,
  world: {
    log: Log;
    authority: Authority;
    heroku: HerokuWorld;
    digitalOcean: DigitalOceanWorld;
    tokens: World['tokens'];
  },
): Promise<ServedZone> {
  const { log, authority, heroku, digitalOcean, tokens } = world;
  const ttl = ttlOf(serves);
  if (serves === 'cloudflare') {
    const cloudflare = await startCloudflare({
      log,
      authority,
      originOf: (host) => (host.endsWith('.ondigitalocean.app') ? digitalOcean.ingress : heroku.router).https,
    });
    const proxied = traffic === 'cdn';
    cloudflare.createZone(ZONE, proxied ? 'enterprise' : 'free');
    cloudflare.tokens.add(tokens.cloudflare);
    const lead = (name: string, target: string): void => {
      cloudflare.addRecord({ type: 'CNAME', name, content: target, ttl: proxied ? 1 : ttl, proxied });
    };
    return { cloudflare, route53: undefined, lead };
  }
  if (serves === 'route53') {
    const route53 = await startRoute53({ log });
    const zone = route53.createZone(ZONE);
    route53.users.add(tokens.aws);
    const lead = (name: string, target: string): void => {
      route53.addSet(zone, { name, type: 'CNAME', ttl, values: [target] });
    };
    return { cloudflare: undefined, route53, lead };
  }
  digitalOcean.dns.createZone(ZONE);
  const lead = (name: string, target: string): void => {
    digitalOcean.dns.setRecord({ name, type: 'CNAME', data: `${target}.`, ttl });
  };
  return { cloudflare: undefined, route53: undefined, lead };
}

export function hostNameOf(environment: EnvironmentName): string {
  return environment === 'production' ? `shop.${ZONE}` : `staging.shop.${ZONE}`;
}

async function startOldSide(
  name: EnvironmentName,
  world: WorldOptions & { heroku: HerokuWorld; postgres: PostgresBinaries },
): Promise<OldSide> {
  const { sizeMb, seed, heroku } = world;
  const tls = await unverifiableCertificate();
  const passwords = { postgres: `p${seed}w%r/d-${name}`, redis: `redis-${name}-${seed}-password` };
  const [postgres, redis] = await Promise.all([
    startPostgres({
      name: `heroku-${name}`,
      binaries: world.postgres,
      tls,
      settings: herokuPostgresSettings(world.postgres),
    }),
    startKeyValueStore({ name: `heroku-${name}`, tls, password: passwords.redis }),
  ]);
  const proxies = {
    postgres: await startTcpProxy({ target: () => ({ host: postgres.host, port: postgres.port }) }),
    redis: redis.proxy,
  };
  const database = await prepareHerokuDatabase(postgres, {
    database: `d${name}`,
    user: `u${name}`,
    password: passwords.postgres,
    connectionLimit: 120,
  });
  const databaseUrl = withAddress(database.url, proxies.postgres);
  const redisUrl = keyValueStoreUrl(proxies.redis, passwords.redis);
  await Promise.all([seedShop(databaseUrl, sizeMb, seed), seedRedis(redisUrl, REDIS_KEYS, seed)]);

  const hostName = hostNameOf(name);
  const app = await heroku.createApp({
    name: `shop-${name}`,
    code: SHOP_CODE,
    processTypes: { ...processTypes },
    formation: { web: { quantity: 2, size: 'Standard-1X' }, worker: { quantity: 1, size: 'Standard-1X' } },
    config: {
      RAILS_ENV: 'production',
      SECRET_KEY_BASE: `${name}-${'0123456789abcdef'.repeat(4)}`,
      STRIPE_SECRET_KEY: `sk_rehearsal_${name}_${seed}`,
      WEB_CONCURRENCY: '2',
    },
    postgres: { plan: 'standard-0', url: databaseUrl },
    redis: { plan: 'premium-0', url: redisUrl },
    scheduler: [
      { command: scheduledCommands.syncStock, every: 10, at: 0 },
      { command: scheduledCommands.nightlyReport, every: 60, at: 30 },
    ],
    domains: [hostName],
    buildpacks: ['heroku/nodejs'],
    region: 'eu',
    pipeline: { name: 'shop', stage: name },
  });
  return { app, hostName, databaseUrl, redisUrl, postgres, redis, proxies };
}

/** What the machine of a dyno brings: whom to trust, and where public names lead. */
function outsideOfDynos(
  resolverUrl: string,
  { authorityFile, nodeDirectory }: { authorityFile: string; nodeDirectory: string },
): Record<string, string> {
  return { NODE_EXTRA_CA_CERTS: authorityFile, REHEARSAL_RESOLVER: resolverUrl, PATH: nodeDirectory };
}

/** The `node` that dynos find. Not by NODE_OPTIONS, which are the app's own, and which the forwarder runs without. */
function nodeOfDynos(directory: string): string {
  const bin = join(directory, 'bin-of-dynos');
  const preload = pathToFileURL(join(import.meta.dirname, 'heroku', 'outside-of-dynos.mjs')).href;
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec '${process.execPath}' '--import=${preload}' "$@"\n`, {
    mode: 0o755,
  });
  return bin;
}

function withAddress(url: string, { host, port }: { host: string; port: number }): string {
  const parsed = new URL(url);
  parsed.hostname = host;
  parsed.port = String(port);
  return parsed.href;
}

/** What a team commits before it migrates: migration.yml, and a Dockerfile that the played build does not read. */
async function writeRepository(
  directory: string,
  { environments, strategy = 'window', serves = 'digitalocean', traffic = 'dns', runners }: WorldOptions,
): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const config = {
    application: 'shop',
    strategy,
    traffic,
    'downtime-budget': '5m',
    environments: Object.fromEntries(
      environments.map((name) => [
        name,
        {
          'heroku-app': `shop-${name}`,
          region: 'fra',
          domains: [hostNameOf(name)],
          protected: name === 'production',
        },
      ]),
    ),
    dns: { provider: serves, zone: ZONE, ttl: ttlOf(serves) },
    ...(runners === undefined ? {} : { postgres: { runners } }),
    // A droplet has an address of its own here too; only the port is looked for.
    redis: { kind: 'droplet', port: await freePort('127.0.0.1'), skip: ['cache:*'] },
    language: 'node',
    workers: { 'quiet-timeout': '60s' },
    schedule: [
      { name: 'sync-stock', command: scheduledCommands.syncStock, cron: '*/10 * * * *' },
      { name: 'nightly-report', command: scheduledCommands.nightlyReport, cron: '30 * * * *' },
    ],
    checks: [{ path: '/health', status: 200, contains: 'ok' }],
    // What assess asks of this shop, answered by its people.
    decisions: {
      'postgres/edition': 'standard',
      // Alone, production has nowhere to try its cutover: its people say that they do without.
      ...(environments.includes('staging') ? {} : { 'rehearsal/full': 'waived' }),
    },
  };
  writeFileSync(join(directory, 'migration.yml'), stringify(config));
  writeFileSync(join(directory, 'Dockerfile'), 'FROM node:24-slim\nCOPY . /app\nWORKDIR /app\n');
  return directory;
}

async function startEgressAnswer(): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(`${EGRESS_ADDRESS}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
