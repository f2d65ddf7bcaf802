import type { Catalogue } from '../../../src/digitalocean/prices.ts';
import type { HerokuInventory } from '../../../src/heroku/inventory.ts';
import { environmentOf, parseMigrationConfig } from '../../../src/migration/config.ts';
import type { PlanInput } from '../../../src/migration/plan.ts';
import type { DatabaseFacts } from '../../../src/postgres/facts.ts';
import type { LiveFacts } from '../../../src/postgres/live-facts.ts';
import type { RedisFacts } from '../../../src/redis/facts.ts';

// One app as assess reads it, to be changed by each test in what it is about.

export const GIB = 2 ** 30;
export const MIB = 2 ** 20;

export const config = parseMigrationConfig(
  `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra, domains: [staging.example.com] }
dns: { provider: digitalocean, zone: example.com }
schedule: [{ name: nightly, command: rake nightly, cron: "0 3 * * *" }]
`,
  'migration.yml',
);

export function domain(hostname: string, kind = 'custom'): HerokuInventory['domains'][number] {
  return {
    hostname,
    kind,
    cname: null,
    acmStatus: null,
    acmReason: null,
    wildcard: false,
    apex: false,
    certificate: { kind: 'managed', expiresAt: null },
  };
}

export const inventory: HerokuInventory = {
  app: {
    id: '1',
    name: 'shop-staging',
    stack: 'heroku-24',
    generation: 'cedar',
    region: 'eu',
    space: null,
    shield: false,
    internalRouting: false,
    team: null,
    maintenance: false,
    automaticCertificates: true,
    webUrl: null,
    language: 'Ruby',
  },
  formation: [
    { type: 'web', quantity: 2, size: 'Standard-2X', command: 'bin/web' },
    { type: 'worker', quantity: 1, size: 'Performance-M', command: 'sidekiq' },
    { type: 'console', quantity: 0, size: 'Standard-1X', command: 'irb' },
  ],
  processTypes: { web: 'bin/web', worker: 'sidekiq', console: 'irb', release: 'rake db:migrate' },
  slugCommit: 'abc',
  releasePhase: 'rake db:migrate',
  buildpacks: ['heroku/nodejs', 'heroku/ruby'],
  // Prices of 2026-07-17 (heroku.com/pricing).
  dynoSizes: [
    { name: 'standard-1X', memoryMib: 512, dedicated: false, centsPerMonth: 2500 },
    { name: 'standard-2X', memoryMib: 1024, dedicated: false, centsPerMonth: 5000 },
    { name: 'performance-M', memoryMib: 2560, dedicated: true, centsPerMonth: 25000 },
    { name: 'performance-L', memoryMib: 14336, dedicated: true, centsPerMonth: 50000 },
    { name: 'performance-XL', memoryMib: 63488, dedicated: true, centsPerMonth: 75000 },
  ],
  addOns: [
    addOn('heroku-postgresql', 'heroku-postgresql:standard-0', 5000),
    addOn('heroku-redis', 'heroku-redis:mini', 300),
    addOn('scheduler', 'scheduler:standard', 0),
  ],
  attachments: [],
  sharedUses: [],
  dataServices: [],
  configVars: [{ name: 'SECRET_KEY_BASE', class: 'secret', leadsTo: null }],
  domains: [domain('staging.example.com')],
  certificates: [],
  drains: [],
  webhooks: [],
  features: [],
  pipeline: null,
  collaborators: 2,
  teamMembers: null,
  autoscalers: [],
  automaticDeploys: { state: 'off', repository: null, branch: null, waitForCi: false, why: '' },
  hasScheduler: true,
  parked: false,
  unknown: [],
};

export function addOn(
  service: string,
  plan: string,
  cents: number | null,
  configVars: string[] = [],
): HerokuInventory['addOns'][number] {
  return {
    id: service,
    name: `${service}-1`,
    service,
    plan,
    billedCentsPerMonth: cents,
    billedTo: 'shop-staging',
    configVars,
    state: 'provisioned',
  };
}

export const database: DatabaseFacts = {
  serverVersion: '16.4',
  major: 16,
  sizeBytes: 5 * GIB,
  encoding: 'UTF8',
  collation: 'en_US.UTF-8',
  extensions: [{ name: 'citext', version: '1.6', schema: 'heroku_ext' }],
  schemas: ['public'],
  tables: [],
  sequences: 0,
  largeObjects: 0,
  searchPath: null,
  connectionLimit: 120,
  settings: {},
};
export const live: LiveFacts = {
  major: 16,
  inRecovery: false,
  mayCreateSchema: true,
  foreignTables: [],
  largeObjectBytes: 0,
  freeConnections: 100,
};
export const redis: RedisFacts = {
  version: '7.2.4',
  flavour: 'valkey',
  usedMemoryBytes: 10 * MIB,
  maxmemoryBytes: 50 * MIB,
  policy: 'noeviction',
  keys: { 0: 10 },
  cluster: false,
  configAllowed: false,
};

function size(
  slug: string,
  memoryMib: number,
  usdPerMonth: number,
  singleInstance = false,
): Catalogue['instanceSizes'][number] {
  return { slug, memoryMib, usdPerMonth, cpus: 1, dedicated: slug.startsWith('apps-d'), singleInstance };
}

function droplet(slug: string, memoryGib: number, usdPerMonth: number): Catalogue['dropletSizes'][number] {
  return { slug, memoryMib: memoryGib * 1024, diskGib: 25, usdPerMonth, regions: ['fra1'] };
}

/** What DigitalOcean answers in November 2026, in part: the Standard Edition ends at 4 GiB and has no standby. */
export const catalogue: Catalogue = {
  instanceSizes: [
    size('apps-s-1vcpu-0.5gb', 512, 5, true),
    size('apps-s-1vcpu-1gb-fixed', 1024, 10, true),
    size('apps-s-1vcpu-1gb', 1024, 12),
    size('apps-s-2vcpu-4gb', 4096, 50),
    size('apps-d-1vcpu-4gb', 4096, 49),
    size('apps-d-4vcpu-16gb', 16384, 196),
  ],
  dropletSizes: [
    droplet('s-1vcpu-1gb', 1, 6),
    droplet('s-1vcpu-2gb', 2, 12),
    droplet('s-2vcpu-4gb', 4, 24),
    droplet('s-4vcpu-8gb', 8, 48),
    droplet('s-8vcpu-16gb', 16, 96),
  ],
  postgres: {
    pg: {
      versions: ['15', '16', '17'],
      regions: ['fra1'],
      layouts: [{ nodes: 1, sizes: ['db-s-1vcpu-1gb', 'db-s-1vcpu-2gb', 'db-s-2vcpu-4gb'] }],
    },
  },
};

/** The Advanced Edition beside it. */
export const withAdvanced: Catalogue = {
  ...catalogue,
  postgres: {
    ...catalogue.postgres,
    advanced_pg: {
      versions: ['16', '17'],
      regions: ['fra1'],
      layouts: [
        { nodes: 1, sizes: ['gd-2vcpu-8gb', 'so1_5-2vcpu-16gb'] },
        { nodes: 2, sizes: ['gd-2vcpu-8gb', 'so1_5-2vcpu-16gb'] },
      ],
    },
  },
};

export function input(changes: Partial<PlanInput> = {}): PlanInput {
  return {
    config,
    environment: environmentOf(config, 'staging'),
    inventory,
    database,
    live,
    redis,
    hasRedis: true,
    scheduler: { jobs: [{ command: 'rake nightly', dynoSize: 'Standard-1X', every: 1440, at: 180 }] },
    catalogue,
    variables: [{ name: 'DATABASE_URL', fate: 'replaced', reason: 'moved' }],
    found: [],
    unknown: [],
    ...changes,
  };
}
