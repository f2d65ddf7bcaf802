import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Branch } from '../../rehearsal/digitalocean/platform.ts';
import { startDigitalOcean, type DigitalOceanWorld } from '../../rehearsal/digitalocean/world.ts';
import { keyValueStoreConfiguration, keyValueStoreUrl } from '../../rehearsal/heroku/key-value-store.ts';
import { prepareHerokuDatabase } from '../../rehearsal/heroku/postgres.ts';
import { unverifiableCertificate } from '../../rehearsal/heroku/unverifiable-certificate.ts';
import {
  startHeroku,
  type AppOptions,
  type HerokuApp,
  type HerokuWorld,
} from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { startForwardProxy } from '../../rehearsal/servers/forward-proxy.ts';
import { startPostgres, type PostgresServer } from '../../rehearsal/servers/postgres.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { startRedis } from '../../rehearsal/servers/redis.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { runEntry, type EntryOptions, type PhaseRun } from './run-entry.ts';

export type { PhaseRun } from './run-entry.ts';

export const HEROKU_TOKEN = 'HRKU-this-is-the-token-of-the-old-side';
export const DIGITALOCEAN_TOKEN = 'dop_v1_this-is-the-token-of-the-new-side';
export const MIGRATION_KEY = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
export const IMAGE = `registry.digitalocean.com/acme/shop@sha256:${'a'.repeat(64)}`;
/** A config value that may never be seen anywhere. */
export const SECRET_VALUE = 'sk_live_51H8xFortyTwo';

export const CONFIG = `application: shop
strategy: window
traffic: dns
environments:
  staging: { heroku-app: shop-staging, region: fra, domains: [staging.shop.example.com] }
dns: { provider: digitalocean, zone: example.com, ttl: 30 }
schedule:
  - { name: nightly-report, command: "node job.mjs nightly", cron: "0 3 * * *" }
checks:
  - { path: /health, status: 200, contains: ok }
config:
  drop: [OLD_FLAG]
  set: { GREETING: hello }
`;

export interface Sides {
  heroku: HerokuWorld;
  app: HerokuApp;
  digitalOcean: DigitalOceanWorld;
  source: PostgresServer;
  directory: string;
  /** What App Platform may read at GitHub, by `repository branch`. */
  branches: Map<string, Branch>;
  /** Runs an action's entry in a process of its own, as the runner does: main, then its post step. */
  runPhase(
    name: 'assess' | 'provision',
    inputs?: Record<string, string>,
    environment?: Record<string, string>,
    fate?: EntryOptions['fate'],
  ): Promise<PhaseRun>;
  stop(): Promise<void>;
}

export interface SidesOptions {
  log?: Log;
  app?: Partial<AppOptions>;
  config?: string;
  withoutRedis?: boolean;
  /** What makes the source's tables; two orders unless told. */
  schema?: string;
  /** Images beside the good one, by digest. */
  images?: (digest: string) => { code: string } | undefined;
  /** Of DigitalOcean, in a minute, when many phases run one after the other; 250 unless told. */
  requestsPerMinute?: number;
}

/** Both companies on this machine, with a small app on the old one. */
export async function startSides(options: SidesOptions = {}): Promise<Sides> {
  const log = options.log ?? silentLog;
  const authority = await createAuthority('the rehearsal');
  const directory = temporaryDirectory('phase');
  const code = writeCode(join(directory, 'code'));

  const certificate = await unverifiableCertificate();
  const [source, redis, heroku] = await Promise.all([
    startPostgres({ name: 'heroku', tls: certificate }),
    startRedis({
      name: 'heroku',
      configuration: keyValueStoreConfiguration({ password: 'old-redis' }),
      tls: certificate,
    }),
    startHeroku({ log, authority, played: { schedulerMinuteMs: 60_000, shutdownSeconds: 1 } }),
  ]);
  const database = await prepareHerokuDatabase(source, {
    database: 'd8r82722r2kuvn',
    user: 'jgyrcngmdqfmnl',
    password: 'old-postgres',
    connectionLimit: 20,
  });
  await source.query(
    'd8r82722r2kuvn',
    `SET ROLE jgyrcngmdqfmnl; ${options.schema ?? 'CREATE TABLE orders (id bigserial PRIMARY KEY, note text); INSERT INTO orders (note) VALUES (1), (2)'}`,
  );
  heroku.tokens.add(HEROKU_TOKEN, ['read', 'read-protected']);
  const app = await heroku.createApp({
    name: 'shop-staging',
    code,
    processTypes: { web: 'node web.mjs', worker: 'node worker.mjs', release: 'node release.mjs' },
    formation: { web: { quantity: 1, size: 'Standard-1X' }, worker: { quantity: 1, size: 'Standard-1X' } },
    config: { RAILS_ENV: 'production', PAYMENT_KEY: SECRET_VALUE, OLD_FLAG: 'yes', GREETING: 'goodbye' },
    postgres: { plan: 'essential-0', url: database.url },
    ...(options.withoutRedis === true
      ? {}
      : { redis: { plan: 'mini', url: keyValueStoreUrl(redis, 'old-redis') } }),
    scheduler: [{ command: 'node job.mjs nightly', every: 1440, at: 180 }],
    domains: ['staging.shop.example.com'],
    buildpacks: ['heroku/nodejs'],
    region: 'eu',
    ...options.app,
  });

  const branches = new Map<string, Branch>();
  const digitalOcean = await startDigitalOcean({
    log,
    authority,
    egressAddress: () => '203.0.113.10',
    images: (digest) => options.images?.(digest) ?? { code },
    branches: (repository, branch) => branches.get(`${repository} ${branch}`),
    played: {
      clusterMs: 300,
      dropletMs: 200,
      deploymentMs: 200,
      certificateMs: 200,
      schedulerMinuteMs: 60_000,
      // The one in which the image lies.
      registries: { names: ['acme'], tier: 'basic', namesOfOthers: [] },
      ...(options.requestsPerMinute === undefined ? {} : { requestsPerMinute: options.requestsPerMinute }),
    },
  });
  digitalOcean.tokens.add(DIGITALOCEAN_TOKEN, 'all');
  digitalOcean.dns.createZone('example.com');
  digitalOcean.dns.setRecord({
    name: 'staging.shop.example.com',
    type: 'CNAME',
    data: Object.values(app.dnsTargets())[0] ?? 'old.herokudns.com',
    ttl: 3600,
  });

  const proxy = await startForwardProxy({
    resolve: (host) => (host.endsWith('.ondigitalocean.app') ? digitalOcean.ingress.https : undefined),
  });
  const egress = createServer((_request, response) => response.end('203.0.113.10\n')).listen(0, '127.0.0.1');
  await once(egress, 'listening');
  const egressUrl = `http://127.0.0.1:${(egress.address() as AddressInfo).port}/`;
  writeFileSync(join(directory, 'ca.pem'), authority.pem);
  writeFileSync(join(directory, 'migration.yml'), options.config ?? CONFIG);

  const common: Record<string, string> = {
    environment: 'staging',
    sample: '500ms',
    'heroku-token': HEROKU_TOKEN,
    'heroku-api-url': heroku.apiUrl,
    'heroku-data-api-url': heroku.dataApiUrl,
    'scheduler-api-url': heroku.schedulerUrl,
    'heroku-metrics-url': heroku.metricsUrl,
    'heroku-github-url': heroku.githubUrl,
    'digitalocean-token': DIGITALOCEAN_TOKEN,
    'digitalocean-api-url': digitalOcean.apiUrl,
    'migration-key': MIGRATION_KEY,
    'egress-url': egressUrl,
  };
  return {
    heroku,
    app,
    digitalOcean,
    source,
    directory,
    branches,
    runPhase: (name, inputs = {}, environment = {}, fate) =>
      runEntry(name, {
        directory,
        inputs: { ...common, ...inputs },
        environment: { ...behind(proxy.url, directory), ...environment },
        ...(fate === undefined ? {} : { fate }),
      }),
    stop: async () => {
      egress.close();
      await proxy.close();
      await Promise.all([heroku.stop(), digitalOcean.stop()]);
      await stopAll();
    },
  };
}

/** Public names lead to the played DigitalOcean, whose certificates are the rehearsal's. */
function behind(proxyUrl: string, directory: string): Record<string, string> {
  return {
    NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
    https_proxy: proxyUrl,
    HTTPS_PROXY: proxyUrl,
    no_proxy: '127.0.0.1,localhost',
  };
}

function writeCode(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const files = {
    'web.mjs': `import { createServer } from 'node:http';
createServer((request, response) => response.end('ok ' + (process.env.DIGITALOCEAN_APP ?? process.env.DYNO))).listen(process.env.PORT, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
`,
    'worker.mjs': `console.log('worker at work'); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0));\n`,
    'release.mjs': `console.log('released');\n`,
    'job.mjs': `console.log('job done');\n`,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}
