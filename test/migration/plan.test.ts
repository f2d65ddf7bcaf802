import { expect, test } from '@jest/globals';
import type { Catalogue, PostgresOptions } from '../../src/digitalocean/prices.ts';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { costBefore, ofGroup, savingOf, savingPercent, sumOf } from '../../src/migration/cost.ts';
import {
  answeredIn,
  blockersIn,
  decide,
  undecidedIn,
  worthKnowingIn,
  type Item,
} from '../../src/migration/item.ts';
import { buildPlan, planDigest, planSchema, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import { postgresOffers } from '../../src/migration/postgres-offer.ts';
import {
  dropletFor,
  instanceFor,
  postgresFor,
  postgresNeeds,
  postgresVersionFor,
} from '../../src/migration/sizing.ts';
import {
  addOn,
  catalogue,
  config,
  database,
  domain,
  GIB,
  input,
  inventory,
  live,
  redis,
  withAdvanced,
} from './support/assessed-app.ts';

function whats(items: Item[]): string {
  return items
    .map(({ what, question, why, remedy }) =>
      [`${what}:`, question, `${why}.`, remedy].filter((part) => part !== null).join(' '),
    )
    .join('\n');
}

/** Everything that is not just taken care of. */
function noticed(plan: Plan): Item[] {
  return [...undecidedIn(plan.items), ...worthKnowingIn(plan.items)];
}

/** The plan with these answers under `decisions`. */
function answering(decisions: Record<string, string>, changes: Partial<PlanInput> = {}): Plan {
  return buildPlan(input({ ...changes, config: { ...(changes.config ?? config), decisions } }));
}

test('every process has a place that is not smaller than its dyno', () => {
  const plan = buildPlan(input());
  expect(blockersIn(plan.items)).toEqual([]);
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
  expect(plan.verdict).toBe('ready');
  expect(plan.language).toBe('ruby');
  expect(plan.datacentre).toBe('fra1');
});

test('the plan can be written and read without loss', () => {
  const plan = buildPlan(input());
  expect(planSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
});

test('both sides are priced item by item, from billed prices', () => {
  const { costs } = buildPlan(input());
  expect(costs.before).toMatchObject({ usdPerMonth: 2 * 50 + 250 + 50 + 3, complete: true });
  expect(costs.after).toMatchObject({ usdPerMonth: 2 * 12 + 49 + 60.9 + 6 + 1.2, complete: true });
  expect(savingOf(costs.before, costs.after)).toBe('saves $261.90 a month (65 %)');
});

test('a price that nobody names is unknown, not nought', () => {
  const nameless = {
    ...inventory,
    addOns: [addOn('papertrail', 'papertrail:choklad', null)],
  };
  expect(costBefore(nameless)).toMatchObject({ complete: false });
  expect(
    savingOf(sumOf([{ group: 'redis', what: 'x', usd: null, atLeast: false, note: '' }]), sumOf([])),
  ).toBe('not all prices are known');
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
        attachments: [
          { name: 'DATABASE', namespace: null, addOn: 'postgresql-1', shared: true, owner: 'other' },
        ],
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
    /could not be read: refused/,
  ],
  ['workers without Redis', { hasRedis: false, redis: undefined }, /nothing to wait at/],
  [
    'an unknown language',
    { inventory: { ...inventory, buildpacks: ['heroku/go'] } },
    /language of worker, nightly is not known/,
  ],
  ['a Redis cluster', { redis: { ...redis, cluster: true } }, /Redis is a cluster/],
  [
    'a forwarder where no web dyno runs',
    {
      config: { ...config, traffic: 'front-door' },
      inventory: {
        ...inventory,
        formation: inventory.formation.filter(({ type }) => type !== 'web'),
      },
    },
    /no web dyno in whose place the forwarder could run/,
  ],
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
  const plan = buildPlan(input(changes));
  const blockers = blockersIn(plan.items);
  expect(plan.verdict).toBe('blocked');
  expect(whats(blockers)).toMatch(expected);
  expect(blockers.every(({ why, remedy }) => why !== '' && remedy !== null)).toBe(true);
});

/** DigitalOcean with another Standard Edition. */
function offering(changes: Partial<PostgresOptions>): Catalogue {
  const { pg } = catalogue.postgres;
  if (pg === undefined) throw new Error('The Standard Edition is expected.');
  return { ...catalogue, postgres: { pg: { ...pg, ...changes } } };
}

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
        domains: [domain('old.example.com')],
      },
    },
    /old\.example\.com does not move/,
  ],
  [
    'a size that was set smaller',
    { config: { ...config, postgres: { ...config.postgres, size: 'db-s-1vcpu-1gb' } } },
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
    {
      inventory: {
        ...inventory,
        unknown: [{ what: 'webhooks', why: 'refused', permission: 'the scope `read`', essential: true }],
      },
    },
    /not read: webhooks: May the app move without knowing it\? refused\. the scope `read`/,
  ],
  [
    'an app in maintenance mode',
    { inventory: { ...inventory, app: { ...inventory.app, maintenance: true } } },
    /in maintenance mode/,
  ],
  [
    'a version that DigitalOcean has no more',
    { catalogue: offering({ versions: ['17', '18'] }) },
    /PostgreSQL moves from 16 to 17/,
  ],
  [
    'a Redis with a second server',
    {
      inventory: {
        ...inventory,
        addOns: inventory.addOns.map((one) =>
          one.service === 'heroku-redis' ? addOn('heroku-redis', 'heroku-redis:premium-0', 1_500) : one,
        ),
      },
    },
    /premium-0 has a standby, the droplet has none/,
  ],
  [
    'a forwarder in place of the code',
    { config: { ...config, traffic: 'front-door' } },
    /wait in a forwarder.*no live probe of ours has confirmed/s,
  ],
])('%s is told or asked, and blocks nothing', (_name, changes, expected) => {
  const plan = buildPlan(input(changes));
  expect(whats(noticed(plan))).toMatch(expected);
  expect(blockersIn(plan.items)).toEqual([]);
});

test('a small database on an essential plan gets the smallest cluster, a larger one more', () => {
  const slug = (sizeGib: number, connectionLimit: number) =>
    postgresFor(
      postgresNeeds({
        plan: 'heroku-postgresql:essential-0',
        sizeBytes: sizeGib * GIB,
        connectionsUsed: null,
        connectionLimit,
      }),
      1,
      postgresOffers(catalogue),
    )?.slug;
  expect(slug(1, 20)).toBe('db-s-1vcpu-1gb');
  expect(slug(9, 20)).toBe('db-s-1vcpu-2gb');
  expect(slug(90, 40)).toBeUndefined();
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

test('speeds that a shadow measured change the digest only by the strategy that they choose', () => {
  const measured = (copyBytesPerSecond: number) =>
    buildPlan(
      input({
        database: { ...database, sizeBytes: 60 * GIB },
        measured: { copyBytesPerSecond, parityBytesPerSecond: copyBytesPerSecond },
      }),
    );
  const assumed = buildPlan(input({ database: { ...database, sizeBytes: 60 * GIB } }));
  const [slow, slower, quick] = [measured(21e6), measured(8e6), measured(1e12)];
  expect([assumed, slow, slower, quick].map(({ strategy }) => strategy)).toEqual([
    ...['live', 'live', 'live', 'window'],
  ]);
  for (const plan of [slow, slower]) {
    expect(plan.strategyChoice).not.toEqual(assumed.strategyChoice);
    expect(planDigest(plan)).toBe(planDigest(assumed));
  }
  expect(planDigest(quick)).not.toBe(planDigest(assumed));
});

test('a forecast that does not fit is told with the reason, and blocks nothing yet', () => {
  const plan = buildPlan(input({ config: { ...config, strategy: 'window', downtimeBudgetMs: 1_000 } }));
  expect(blockersIn(plan.items)).toEqual([]);
  expect(whats(noticed(plan))).toMatch(/does not fit the budget: migration\.yml says `strategy: window`/);
});

test('an answer of migration.yml settles a question, and the plan says what was asked and answered', () => {
  const papertrail = {
    ...inventory,
    addOns: [...inventory.addOns, addOn('papertrail', 'papertrail:choklad', 700)],
  };
  const open = buildPlan(input({ inventory: papertrail }));
  expect(open.verdict).toBe('decisions-needed');
  expect(undecidedIn(open.items)).toMatchObject([
    { id: 'add-on/papertrail', becomes: 'keep-by-config', options: ['keep-by-config', 'replace', 'drop'] },
  ]);
  const answered = answering({ 'add-on/papertrail': 'drop' }, { inventory: papertrail });
  expect(answered.verdict).toBe('ready');
  expect(answeredIn(answered.items)).toMatchObject([{ id: 'add-on/papertrail', becomes: 'drop' }]);
  expect(planDigest(answered)).not.toBe(planDigest(open));
});

test.each<[string, Record<string, string>, RegExp]>([
  [
    'a misspelt id',
    { 'add-on/papertrial': 'drop' },
    /papertrial.*did you mean "add-on\/papertrail".*Waiting for an answer: add-on\/papertrail/s,
  ],
  [
    'an unknown option',
    { 'add-on/papertrail': 'dorp' },
    /its options are keep-by-config, replace, drop; did you mean "drop"/,
  ],
])('%s is refused with what would be right', (_name, decisions, expected) => {
  const papertrail = {
    ...inventory,
    addOns: [...inventory.addOns, addOn('papertrail', 'papertrail:choklad', 700)],
  };
  const plan = answering(decisions, { inventory: papertrail });
  expect(plan.verdict).toBe('blocked');
  expect(whats(blockersIn(plan.items))).toMatch(expected);
});

test('answers may stand for another environment, and for clients that are not connected just now', () => {
  const both = parseMigrationConfig(
    `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra, domains: [staging.example.com] }
  production: { heroku-app: shop, region: fra }
dns: { provider: digitalocean, zone: example.com }
schedule: [{ name: nightly, command: rake nightly, cron: "0 3 * * *" }]
`,
    'migration.yml',
  );
  const decisions = { 'add-on/sendgrid': 'replace', 'consumer/client/metabase': 'not-needed' };
  expect(answering(decisions, { config: both }).verdict).toBe('ready');
  const staging = { ...input().environment, decisions: { 'add-on/sendgrid': 'replace' } };
  expect(buildPlan(input({ config: both, environment: staging })).verdict).toBe('blocked');
});

test('what blocks cannot be answered away', () => {
  const plan = answering({ 'redis/cluster': 'go-on' }, { redis: { ...redis, cluster: true } });
  expect(blockersIn(plan.items).map(({ id }) => id)).toEqual(['redis/cluster']);
});

test('the digest does not depend on the order in which the world was read', () => {
  const rich: PlanInput = input({
    inventory: {
      ...inventory,
      addOns: [...inventory.addOns, addOn('papertrail', 'p:one', 700), addOn('sendgrid', 's:one', 0)],
      domains: [domain('staging.example.com'), domain('old.example.com')],
      features: ['preboot', 'log-runtime-metrics'],
      drains: [
        { host: 'a.example', addOn: null },
        { host: 'b.example', addOn: null },
      ],
    },
    variables: [
      { name: 'A', fate: 'kept', reason: 'x' },
      { name: 'B', fate: 'kept', reason: 'x' },
    ],
    scheduler: {
      jobs: [
        { command: 'rake nightly', dynoSize: 'Standard-1X', every: 1440, at: 180 },
        { command: 'rake hourly', dynoSize: 'Standard-1X', every: 60, at: 5 },
        { command: 'rake hourly!', dynoSize: 'Standard-1X', every: 60, at: 7 },
      ],
    },
    found: ['one', 'two'].map((name) =>
      decide({
        id: `repository/${name}`,
        area: 'repository',
        what: name,
        question: '?',
        options: ['yes'],
        why: 'x',
        remedy: null,
      }),
    ),
  });
  const turned: PlanInput = {
    ...rich,
    inventory: {
      ...rich.inventory,
      addOns: rich.inventory.addOns.toReversed(),
      domains: rich.inventory.domains.toReversed(),
      features: rich.inventory.features.toReversed(),
      drains: rich.inventory.drains.toReversed(),
      formation: rich.inventory.formation.toReversed(),
      buildpacks: rich.inventory.buildpacks,
      processTypes: Object.fromEntries(Object.entries(rich.inventory.processTypes ?? {}).toReversed()),
      dynoSizes: rich.inventory.dynoSizes.toReversed(),
    },
    variables: rich.variables.toReversed(),
    scheduler: 'jobs' in rich.scheduler ? { jobs: rich.scheduler.jobs.toReversed() } : rich.scheduler,
    found: rich.found.toReversed(),
    catalogue: {
      ...catalogue,
      instanceSizes: catalogue.instanceSizes.toReversed(),
      dropletSizes: catalogue.dropletSizes.toReversed(),
    },
    live: { ...live, freeConnections: 97 },
    database: { ...database, sizeBytes: database.sizeBytes * 1.01, connectionLimit: 121 },
  };
  const [one, other] = [buildPlan(rich), buildPlan(turned)];
  expect(planDigest(other)).toBe(planDigest(one));
  expect(other.items.map(({ id }) => id)).toEqual(one.items.map(({ id }) => id));
});

test('a plan with a standby gets one where DigitalOcean offers it, and a single node only when somebody says so', () => {
  const premium = {
    ...inventory,
    addOns: [addOn('heroku-postgresql', 'heroku-postgresql:premium-0', 20_000), ...inventory.addOns.slice(1)],
  };
  const offered = buildPlan(input({ inventory: premium, catalogue: withAdvanced }));
  expect(offered.cluster).toMatchObject({
    engine: 'advanced_pg',
    nodes: 2,
    size: 'gd-2vcpu-8gb',
    usdPerMonth: 260,
  });
  expect(undecidedIn(offered.items).map(({ id }) => id)).toEqual(['postgres/edition', 'postgres/standby']);
  expect(offered.costs.after.complete).toBe(false);

  const single = answering(
    { 'postgres/standby': 'single-node' },
    { inventory: premium, catalogue: withAdvanced },
  );
  expect(single.cluster).toMatchObject({ engine: 'pg', nodes: 1, size: 'db-s-2vcpu-4gb' });
  expect(single.verdict).toBe('ready');
  expect(planDigest(single)).not.toBe(planDigest(offered));

  const without = buildPlan(input({ inventory: premium }));
  expect(without.cluster).toMatchObject({ engine: 'pg', nodes: 1 });
  expect(undecidedIn(without.items)).toMatchObject([{ id: 'postgres/standby', options: ['single-node'] }]);
});

test('which edition has which sizes is what DigitalOcean answers, not what this code knows', () => {
  const standard2 = {
    ...inventory,
    addOns: [
      addOn('heroku-postgresql', 'heroku-postgresql:standard-2', 20_000),
      ...inventory.addOns.slice(1),
    ],
  };
  const advanced = buildPlan(input({ inventory: standard2, catalogue: withAdvanced }));
  expect(advanced.cluster).toMatchObject({ engine: 'advanced_pg', size: 'gd-2vcpu-8gb', nodes: 1 });
  const before = {
    ...withAdvanced,
    postgres: {
      ...withAdvanced.postgres,
      pg: {
        versions: ['15', '16'],
        regions: ['fra1'],
        layouts: [
          { nodes: 1, sizes: ['db-s-2vcpu-4gb', 'db-s-4vcpu-8gb'] },
          { nodes: 2, sizes: ['db-s-2vcpu-4gb', 'db-s-4vcpu-8gb'] },
        ],
      },
    },
  };
  const standard = buildPlan(input({ inventory: standard2, catalogue: before }));
  expect(standard.cluster).toMatchObject({ engine: 'pg', size: 'db-s-4vcpu-8gb', usdPerMonth: null });
});

test('connections are never fewer than in use, with headroom, without a question; and none of it moves the size', () => {
  const essential = {
    ...inventory,
    addOns: [addOn('heroku-postgresql', 'heroku-postgresql:essential-2', 500), ...inventory.addOns.slice(1)],
  };
  const limited = { ...database, connectionLimit: 40 };
  const size = (freeConnections: number, changes: Partial<PlanInput> = {}): Plan =>
    buildPlan(
      input({ inventory: essential, database: limited, live: { ...live, freeConnections }, ...changes }),
    );
  // 40 connections may be open today: 1 GiB has 22, 2 GiB has 47. How many are open at this moment decides nothing.
  expect([size(5).cluster?.size, size(39).cluster?.size]).toEqual(['db-s-1vcpu-2gb', 'db-s-1vcpu-2gb']);
  expect(size(5).cluster?.why).toMatch(/40 connections, as many as today/);
  const small = { ...config, postgres: { ...config.postgres, size: 'db-s-1vcpu-1gb' } };
  expect(whats(undecidedIn(size(5, { config: small }).items))).toMatch(
    /takes 22 connections, and 40 are needed.*35 connections were in use at the reading/,
  );
  // A larger plan allows more than the new cluster takes: a question from 65 in use on, with headroom 98.
  const item = (freeConnections: number): Item | undefined =>
    buildPlan(input({ live: { ...live, freeConnections } })).items.find(
      ({ id }) => id === 'postgres/connections',
    );
  expect(item(120 - 64)?.verdict).toBe('automatic');
  expect(item(120 - 65)).toMatchObject({ verdict: 'decide', question: expect.stringContaining('pools') });
});

test('an add-on of a third party that stays is in the cost of both sides', () => {
  const papertrail = {
    ...inventory,
    addOns: [...inventory.addOns, addOn('papertrail', 'papertrail:choklad', 700)],
  };
  const kept = buildPlan(input({ inventory: papertrail })).costs;
  expect([ofGroup(kept.before, 'add-ons').usdPerMonth, ofGroup(kept.after, 'add-ons').usdPerMonth]).toEqual([
    7, 7,
  ]);
  const dropped = answering({ 'add-on/papertrail': 'drop' }, { inventory: papertrail }).costs;
  expect(ofGroup(dropped.after, 'add-ons').lines).toEqual([]);
  const replaced = answering({ 'add-on/papertrail': 'replace' }, { inventory: papertrail }).costs;
  expect(replaced.after.complete).toBe(false);
  expect(replaced.notKnown.join()).toContain('what you take in its place');
});

test('a declared time that Heroku does not keep is a question, and the answer decides the schedule', () => {
  const other = { scheduler: { jobs: [{ command: 'rake nightly', dynoSize: '', every: 1440, at: 240 }] } };
  const cron = (plan: Plan) => plan.components.find(({ name }) => name === 'nightly')?.schedule?.cron;
  const open = buildPlan(input(other));
  expect(undecidedIn(open.items)).toMatchObject([{ id: 'schedule/nightly' }]);
  expect(cron(open)).toBe('0 3 * * *');
  expect(cron(answering({ 'schedule/nightly': 'as-on-heroku' }, other))).toBe('0 4 * * *');
  const gone = { scheduler: { jobs: [] } };
  expect(cron(answering({ 'schedule/nightly': 'leave-out' }, gone))).toBeUndefined();
});

test('the origin case: half of staging and 85 % of production are saved, and the parts say where', () => {
  const dynos = (web: number, worker: number, size: string) => [
    { type: 'web', quantity: web, size, command: 'bin/web' },
    { type: 'worker', quantity: worker, size, command: 'sidekiq' },
  ];
  const staging = buildPlan(
    input({
      inventory: {
        ...inventory,
        formation: dynos(1, 1, 'Standard-2X'),
        addOns: [
          addOn('heroku-postgresql', 'heroku-postgresql:standard-0', 5000),
          addOn('heroku-redis', 'heroku-redis:premium-1', 3000),
          addOn('scheduler', 'scheduler:standard', 0),
        ],
      },
      redis: { ...redis, maxmemoryBytes: null },
    }),
  );
  expect(staging.costs.before.usdPerMonth).toBe(180);
  expect(staging.costs.after.usdPerMonth).toBe(88.1);
  expect(savingPercent(staging.costs.before, staging.costs.after)).toBe(51);

  const production = answering(
    { 'postgres/standby': 'single-node' },
    {
      inventory: {
        ...inventory,
        formation: dynos(4, 2, 'Performance-M'),
        addOns: [
          addOn('heroku-postgresql', 'heroku-postgresql:premium-0', 20_000),
          addOn('heroku-redis', 'heroku-redis:premium-9', 145_000),
          addOn('scheduler', 'scheduler:standard', 0),
        ],
      },
      redis: { ...redis, maxmemoryBytes: null, usedMemoryBytes: 3 * GIB },
    },
  );
  expect(production.verdict).toBe('ready');
  const { before, after } = production.costs;
  expect([before.usdPerMonth, after.usdPerMonth]).toEqual([3150, 470.1]);
  expect(savingPercent(before, after)).toBe(85);
  // Most of it is Redis and dedicated dynos; Postgres saves least, and with a standby it would save nothing.
  const parts = (['processes', 'postgres', 'redis'] as const).map((group) =>
    savingPercent(ofGroup(before, group), ofGroup(after, group)),
  );
  expect(parts).toEqual([80, 70, 92]);
  expect(production.roadmap.steps.map(({ usdPerMonth }) => usdPerMonth)).toEqual([
    470.1,
    expect.any(Number),
    expect.any(Number),
  ]);
});

test('the forecast names the part that takes longest, what shortens it, and the time with the copy before it', () => {
  const { forecasts } = buildPlan(input()).strategyChoice;
  expect(forecasts?.window.dominant).toMatchObject({
    name: 'copy',
    shorten: expect.stringContaining('strategy: live'),
  });
  expect(forecasts?.window.dominant.share).toBeGreaterThan(0.5);
  expect(forecasts?.live.total.expected).toBeGreaterThan(forecasts?.live.expected ?? 0);
});
