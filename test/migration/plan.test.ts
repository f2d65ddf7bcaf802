import { expect, test } from '@jest/globals';
import type { Catalogue } from '../../src/digitalocean/prices.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { costBefore, savingOf, sumOf } from '../../src/migration/cost.ts';
import { buildPlan, planDigest, planSchema, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import { dropletFor, instanceFor, postgresFor, postgresVersionFor } from '../../src/migration/sizing.ts';
import type { DatabaseFacts } from '../../src/postgres/facts.ts';
import type { LiveFacts } from '../../src/postgres/live-facts.ts';
import type { RedisFacts } from '../../src/redis/facts.ts';

const GIB = 2 ** 30;
const config = parseMigrationConfig(
  `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra, domains: [staging.example.com] }
dns: { provider: digitalocean, zone: example.com }
schedule: [{ name: nightly, command: rake nightly, cron: "0 3 * * *" }]
`,
  'migration.yml',
);

const inventory: HerokuInventory = {
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
  dynoSizes: [
    { name: 'standard-1X', memoryMib: 512, dedicated: false, centsPerMonth: 2500 },
    { name: 'standard-2X', memoryMib: 1024, dedicated: false, centsPerMonth: 5000 },
    { name: 'performance-M', memoryMib: 2560, dedicated: true, centsPerMonth: 25000 },
    { name: 'performance-XL', memoryMib: 63488, dedicated: true, centsPerMonth: 75000 },
  ],
  addOns: [
    addOn('heroku-postgresql', 'heroku-postgresql:standard-0', 5000),
    addOn('heroku-redis', 'heroku-redis:premium-0', 1500),
    addOn('scheduler', 'scheduler:standard', 0),
  ],
  attachments: [],
  sharedUses: [],
  dataServices: [],
  configVars: [{ name: 'SECRET_KEY_BASE', class: 'secret', leadsTo: null }],
  domains: [
    {
      hostname: 'staging.example.com',
      kind: 'custom',
      cname: null,
      acmStatus: null,
      acmReason: null,
      wildcard: false,
      apex: false,
      certificate: { kind: 'managed', expiresAt: null },
    },
  ],
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

function addOn(service: string, plan: string, cents: number): HerokuInventory['addOns'][number] {
  return {
    id: service,
    name: `${service}-1`,
    service,
    plan,
    billedCentsPerMonth: cents,
    billedTo: 'shop-staging',
    configVars: [],
    state: 'provisioned',
  };
}

const database: DatabaseFacts = {
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
const live: LiveFacts = {
  major: 16,
  inRecovery: false,
  mayCreateSchema: true,
  foreignTables: [],
  largeObjectBytes: 0,
  freeConnections: 100,
};
const redis: RedisFacts = {
  version: '7.2.4',
  flavour: 'valkey',
  usedMemoryBytes: 10 * 2 ** 20,
  maxmemoryBytes: 50 * 2 ** 20,
  policy: 'noeviction',
  keys: { 0: 10 },
  cluster: false,
  configAllowed: false,
};
const size = (
  slug: string,
  memoryMib: number,
  usdPerMonth: number,
  single = false,
): Catalogue['instanceSizes'][number] => ({
  slug,
  memoryMib,
  usdPerMonth,
  cpus: 1,
  dedicated: slug.startsWith('apps-d'),
  singleInstance: single,
});
const catalogue: Catalogue = {
  instanceSizes: [
    size('apps-s-1vcpu-0.5gb', 512, 5, true),
    size('apps-s-1vcpu-1gb-fixed', 1024, 10, true),
    size('apps-s-1vcpu-1gb', 1024, 12),
    size('apps-s-2vcpu-4gb', 4096, 50),
    size('apps-d-1vcpu-4gb', 4096, 49),
  ],
  dropletSizes: [{ slug: 's-1vcpu-1gb', memoryMib: 1024, diskGib: 25, usdPerMonth: 6, regions: ['fra1'] }],
  postgres: {
    versions: ['15', '16', '17'],
    sizes: ['db-s-1vcpu-1gb', 'db-s-1vcpu-2gb', 'db-s-2vcpu-4gb'],
    regions: ['fra1'],
  },
};

function input(changes: Partial<PlanInput> = {}): PlanInput {
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
    unknown: [],
    ...changes,
  };
}

function whats(problems: Plan['blockers']): string {
  return problems.map(({ what, why, remedy }) => `${what}: ${why}. ${remedy}`).join('\n');
}

test('every process has a place that is not smaller than its dyno', () => {
  const plan = buildPlan(input());
  expect(plan.blockers).toEqual([]);
  expect(
    plan.components.map(({ name, kind, instanceSize, count }) => [name, kind, instanceSize, count]),
  ).toEqual([
    ['web', 'service', 'apps-s-1vcpu-1gb', 2],
    ['worker', 'worker', 'apps-d-1vcpu-4gb', 1],
    ['release', 'release', 'apps-s-1vcpu-0.5gb', 1],
    ['nightly', 'scheduled', 'apps-s-1vcpu-0.5gb', 1],
  ]);
  expect(plan.leftOut.map(({ process }) => process)).toEqual(['console']);
  expect(plan.cluster).toMatchObject({ version: '16', size: 'db-s-2vcpu-4gb', usdPerMonth: 60.9 });
  expect(plan.redis).toMatchObject({ size: 's-1vcpu-1gb', port: 6379 });
  expect(plan.language).toBe('ruby');
  expect(plan.datacentre).toBe('fra1');
});

test('the plan can be written and read without loss', () => {
  const plan = buildPlan(input());
  expect(planSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
});

test('both sides are priced item by item, from billed prices', () => {
  const { costs } = buildPlan(input());
  expect(costs.before).toMatchObject({ usdPerMonth: 2 * 50 + 250 + 50 + 15, complete: true });
  expect(costs.after).toMatchObject({ usdPerMonth: 2 * 12 + 49 + 60.9 + 6 + 1.2, complete: true });
  expect(savingOf(costs.before, costs.after)).toBe('saves $273.90 a month (66 %)');
});

test('a price that nobody names is unknown, not nought', () => {
  const nameless = {
    ...inventory,
    addOns: [{ ...addOn('papertrail', 'papertrail:choklad', 0), billedCentsPerMonth: null }],
  };
  expect(costBefore(nameless)).toMatchObject({ complete: false });
  expect(savingOf(sumOf([{ what: 'x', usd: null, note: '' }]), sumOf([]))).toBe('not all prices are known');
});

test('the digest holds the decisions: not the sizes measured, not the prices', () => {
  const digest = planDigest(buildPlan(input()));
  const grown = { ...database, sizeBytes: 6 * GIB };
  const dearer = {
    ...catalogue,
    dropletSizes: catalogue.dropletSizes.map((one) => ({ ...one, usdPerMonth: 7 })),
  };
  expect(planDigest(buildPlan(input({ database: grown, catalogue: dearer })))).toBe(digest);
  const scaled = {
    ...inventory,
    formation: inventory.formation.map((one) => ({ ...one, quantity: one.quantity + 1 })),
  };
  expect(planDigest(buildPlan(input({ inventory: scaled })))).not.toBe(digest);
});

test.each<[string, Partial<PlanInput>, RegExp]>([
  [
    'live where another role owns tables',
    { config: { ...config, strategy: 'live' }, live: { ...live, foreignTables: ['public.audits'] } },
    /public\.audits belongs to another role.*ALTER TABLE/s,
  ],
  ['another traffic mode', { config: { ...config, traffic: 'cdn' } }, /cdn is not supported yet/],
  [
    'a container app',
    { inventory: { ...inventory, app: { ...inventory.app, stack: 'container' }, processTypes: null } },
    /container stack/,
  ],
  [
    'a private space',
    { inventory: { ...inventory, app: { ...inventory.app, space: 'acme' } } },
    /self-hosted runner/,
  ],
  [
    'several databases',
    {
      inventory: {
        ...inventory,
        addOns: [...inventory.addOns, addOn('heroku-postgresql', 'heroku-postgresql:mini', 0)],
      },
    },
    /2 Postgres databases/,
  ],
  [
    "another app's database",
    {
      inventory: {
        ...inventory,
        attachments: [{ name: 'DATABASE', namespace: null, addOn: 'postgresql-1', shared: true }],
      },
    },
    /belongs to another app/,
  ],
  [
    'an app whose cutover has begun',
    { inventory: { ...inventory, parked: true } },
    /Run the job of that cutover again/,
  ],
  [
    'an extension that is missing',
    { database: { ...database, extensions: [{ name: 'plv8', version: '3', schema: 'public' }] } },
    /does not offer plv8/,
  ],
  ['a newer PostgreSQL', { database: { ...database, major: 19 } }, /PostgreSQL 19 is newer/],
  [
    'a plan beyond what can be created',
    {
      inventory: {
        ...inventory,
        addOns: [addOn('heroku-postgresql', 'heroku-postgresql:standard-4', 75_000)],
      },
    },
    /no cluster size is large enough/,
  ],
  [
    'a database that could not be read',
    { database: undefined, unknown: ['the database: refused'] },
    /could not be read: the database: refused/,
  ],
  ['workers without Redis', { hasRedis: false, redis: undefined }, /nothing to wait at/],
  [
    'an unknown language',
    { inventory: { ...inventory, buildpacks: ['heroku/go'] } },
    /language of worker, nightly is not known/,
  ],
  ['a Redis cluster', { redis: { ...redis, cluster: true } }, /Redis is a cluster/],
  [
    'a schedule nobody knows',
    { config: { ...config, schedule: [] }, scheduler: { unknown: 'HTTP 404' } },
    /jobs of Heroku Scheduler are not known/,
  ],
  [
    'a dyno without its like',
    {
      inventory: {
        ...inventory,
        formation: [{ type: 'web', quantity: 1, size: 'Performance-XL', command: 'x' }],
      },
    },
    /web \(1 × Performance-XL\) has no instance size/,
  ],
])('%s blocks the move, with why and what to do', (_name, changes, expected) => {
  const { blockers } = buildPlan(input(changes));
  expect(whats(blockers)).toMatch(expected);
  expect(blockers.every(({ why, remedy }) => why !== '' && remedy !== '')).toBe(true);
});

test.each<[string, Partial<PlanInput>, RegExp]>([
  [
    'large objects that live cannot follow',
    { config: { ...config, strategy: 'live' }, database: { ...database, largeObjects: 3 } },
    /3 large objects: no trigger sees their changes/,
  ],
  ['fewer connections', {}, /97 connections, the old one 120/],
  [
    'an add-on that stays',
    {
      inventory: {
        ...inventory,
        addOns: [...inventory.addOns, addOn('papertrail', 'papertrail:choklad', 700)],
      },
    },
    /papertrail:choklad/,
  ],
  [
    'a domain that nobody named',
    {
      inventory: {
        ...inventory,
        domains: [{ hostname: 'old.example.com', kind: 'custom', cname: null, acmStatus: null }],
      },
    },
    /old\.example\.com does not move/,
  ],
  ['evicted keys', { redis: { ...redis, policy: 'allkeys-lru' } }, /evicts keys today/],
  [
    'a size that was set smaller',
    { config: { ...config, postgres: { size: 'db-s-1vcpu-1gb' } } },
    /has less memory than/,
  ],
  [
    'a secret that lives only in dynos',
    { inventory: { ...inventory, configVars: [] } },
    /SECRET_KEY_BASE is not a config var/,
  ],
  ['prices that are not known', { catalogue: undefined }, /no input digitalocean-token/],
  [
    'what could not be read',
    { inventory: { ...inventory, unknown: ['webhooks: scope'] } },
    /not read: webhooks/,
  ],
])('%s is told, and blocks nothing', (_name, changes, expected) => {
  const { warnings, blockers } = buildPlan(input(changes));
  expect(whats(warnings)).toMatch(expected);
  expect(blockers).toEqual([]);
});

test('a small database on an essential plan gets the smallest cluster, a larger one more', () => {
  expect(postgresFor('heroku-postgresql:essential-0', GIB, 20, catalogue)?.size.slug).toBe('db-s-1vcpu-1gb');
  expect(postgresFor('heroku-postgresql:essential-1', 9 * GIB, 20, catalogue)?.size.slug).toBe(
    'db-s-1vcpu-2gb',
  );
  expect(postgresFor('heroku-postgresql:essential-2', 90 * GIB, 40, catalogue)).toBeUndefined();
});

test('one instance may be of a size that cannot have two', () => {
  expect(instanceFor({ memoryMib: 512, dedicated: false }, 1, catalogue)?.slug).toBe('apps-s-1vcpu-0.5gb');
  expect(instanceFor({ memoryMib: 512, dedicated: false }, 2, catalogue)?.slug).toBe('apps-s-1vcpu-1gb');
});

test('Redis gets a droplet that holds what its plan may hold, in the right datacentre', () => {
  expect(dropletFor({ limitBytes: 50 * 2 ** 20, usedBytes: 0 }, 'fra1', catalogue)?.size.slug).toBe(
    's-1vcpu-1gb',
  );
  expect(dropletFor({ limitBytes: 50 * GIB, usedBytes: 0 }, 'fra1', catalogue)).toBeUndefined();
  expect(dropletFor({ limitBytes: null, usedBytes: 0 }, 'ams3', catalogue)).toBeUndefined();
});

test('the version is never older than the source', () => {
  expect(postgresVersionFor(16, ['15', '16', '17'])).toBe('16');
  expect(postgresVersionFor(14, ['15', '16'])).toBe('15');
  expect(postgresVersionFor(18, ['15', '16'])).toBeUndefined();
});

test('the digest holds what migration.yml decides, down to the keys that stay behind', () => {
  const digest = planDigest(buildPlan(input()));
  const { config } = input();
  const skipping = { ...config, redis: { ...config.redis, skip: [...config.redis.skip, 'session:*'] } };
  expect(planDigest(buildPlan(input({ config: skipping })))).not.toBe(digest);
});

test('the digest covers which strategy was chosen, and not the sizes that it was chosen by', () => {
  const grown = (sizeBytes: number) => buildPlan(input({ database: { ...database, sizeBytes } }));
  const [small, large, larger] = [grown(100e6), grown(60 * GIB), grown(61 * GIB)];
  expect([small.strategy, large.strategy, larger.strategy]).toEqual(['window', 'live', 'live']);
  expect(planDigest(large)).not.toBe(planDigest(small));
  expect(planDigest(larger)).toBe(planDigest(large));
  expect(planSchema.parse(large).strategyChoice.arithmetic.length).toBeGreaterThan(3);
});

test('a forecast that does not fit is told with the reason, and blocks nothing yet', () => {
  const plan = buildPlan(input({ config: { ...config, strategy: 'window', downtimeBudgetMs: 1_000 } }));
  expect(plan.blockers).toEqual([]);
  expect(whats(plan.warnings)).toMatch(/does not fit the budget: migration\.yml says `strategy: window`/);
});
