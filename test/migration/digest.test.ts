import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { environmentOf, parseMigrationConfig, type MigrationConfig } from '../../src/migration/config.ts';
import { inventoryItems } from '../../src/migration/inventory-items.ts';
import { blocked, decide } from '../../src/migration/item.ts';
import { isPassing } from '../../src/migration/passing.ts';
import { buildPlan, planDigest, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import { documentedOffer, postgresItems } from '../../src/migration/postgres-items.ts';
import { redisItems } from '../../src/migration/redis-items.ts';
import { plannedRedis } from '../../src/migration/redis-target.ts';
import { readAssessFacts } from '../../src/postgres/assess-facts.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readRedisAssessFacts } from '../../src/redis/assess-facts.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { clientOf } from '../redis/two-sides.ts';
import { twoSides, type TwoSides } from '../postgres/two-sides.ts';
import { testRedis } from '../support/servers.ts';
import { addOn, config, database, input, inventory, live } from './support/assessed-app.ts';

async function assessed(
  { source }: TwoSides,
  redis: { host: string; port: number },
  change: Partial<PlanInput> = {},
): Promise<Plan> {
  const facts = await withConnection(source, { applicationName: 'h2d assess' }, (client) =>
    readAssessFacts(client, { sampleMs: 20, clock: systemClock }),
  );
  const address = { host: redis.host, port: redis.port, tls: { mode: 'off' as const } };
  const redisFacts = await withRedis(address, {}, (client) => readRedisAssessFacts(client));
  const found = [
    ...inventoryItems(change.inventory ?? inventory),
    ...postgresItems(facts, documentedOffer(16)),
    ...redisItems(redisFacts, { target: plannedRedis(1024), language: 'ruby' }),
  ];
  const { database: read, live: captured } = facts;
  const activity = facts.activity ?? undefined;
  return buildPlan(
    input({ database: read, live: captured, activity, redis: redisFacts.server, found, ...change }),
  );
}

test('a world at work gives the same digest as the same world at rest', async () => {
  const sides = await twoSides(`
    CREATE TABLE orders (id bigserial PRIMARY KEY, email text);
    CREATE TABLE events (payload text);
    CREATE TABLE small (id smallserial PRIMARY KEY)`);
  const server = await testRedis();
  const redis = clientOf({ host: server.host, port: server.port, tls: { mode: 'off' } });
  await redis.sadd('queues', 'default');
  await redis.lpush('queue:default', JSON.stringify({ jid: 'a', class: 'Mail', args: [] }));
  const atRest = await assessed(sides, server);

  // People and tools connect, rows come, a table is held, numbers run out, keys and jobs pile up.
  await sides.onSource(`
    INSERT INTO orders (email) SELECT 'x' FROM generate_series(1, 5000);
    INSERT INTO events SELECT repeat('x', 500) FROM generate_series(1, 5000);
    SELECT setval('small_id_seq', 32000)`);
  for (let key = 0; key < 400; key += 1) await redis.set(`cache:${key}`, 'x'.repeat(100), 'EX', 600);
  await redis.set('_kombu.binding.celery', 'x');
  await redis.client('SETNAME', 'redis_exporter');
  const atWork = await withConnection(sides.source, { applicationName: 'Metabase' }, (metabase) =>
    withConnection(sides.source, { applicationName: 'nightly-export' }, async (other) => {
      await metabase.query('BEGIN');
      await metabase.query('LOCK TABLE public.events IN ACCESS EXCLUSIVE MODE');
      await other.query('SELECT 1');
      return assessed(sides, server);
    }),
  );

  const moved = atWork.items.filter(({ id }) => !atRest.items.some((item) => item.id === id));
  expect(moved.map(({ id }) => id)).toEqual(
    expect.arrayContaining([
      'postgres/locked-tables',
      'postgres/sequence/public.small_id_seq',
      'redis/caches',
      'redis/jobs/celery',
      'consumer/client/metabase',
      'consumer/client/nightly-export',
      'consumer/redis/default/redis_exporter',
    ]),
  );
  expect(moved.filter(({ id }) => !isPassing(id)).map(({ id }) => id)).toEqual([]);
  expect(planDigest(atWork)).toBe(planDigest(atRest));

  // What lasts does change it: somebody got a credential.
  const name = `bi_${sides.sourceDatabase.database}`;
  await sides.onSource(`CREATE ROLE "${name}" LOGIN; GRANT SELECT ON orders TO "${name}"`);
  const shared = await assessed(sides, server);
  expect(shared.items).toContainEqual(expect.objectContaining({ id: `consumer/credential/${name}` }));
  expect(planDigest(shared)).not.toBe(planDigest(atRest));
});

test('what passes with the moment may block, and the digest does not hang on it', () => {
  const passing = blocked({
    id: 'postgres/prepared-transaction',
    area: 'postgres',
    what: '1 prepared transaction',
    why: 'open since 5 s',
    remedy: 'ROLLBACK PREPARED',
  });
  const plan = buildPlan(input({ found: [passing] }));
  expect(plan.verdict).toBe('blocked');
  expect(planDigest(plan)).toBe(planDigest(buildPlan(input())));
  const lasting = { ...passing, id: 'postgres/foreign-table' };
  expect(planDigest(buildPlan(input({ found: [lasting] })))).not.toBe(planDigest(buildPlan(input())));
});

test('an answer to what is not there at this moment is no mistake in the file', () => {
  const decisions = {
    'consumer/client/metabase': 'not-needed',
    'redis/unread/jobs': 'accepted as unknown',
    'postgres/maintenance/postgresql-flat-1': 'not-at-that-time',
  };
  expect(buildPlan(input({ config: { ...config, decisions } })).verdict).toBe('ready');
  expect(
    buildPlan(input({ config: { ...config, decisions: { 'postgres/slot/etl': 'not-needed' } } })).verdict,
  ).toBe('blocked');
});

const asked = {
  ...inventory,
  addOns: [...inventory.addOns, addOn('papertrail', 'papertrail:choklad', 700)],
  drains: [{ host: 'logs.example.com', addOn: null }],
};

function written(text: string): MigrationConfig {
  return parseMigrationConfig(
    `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra, domains: [staging.example.com] }
dns: { provider: digitalocean, zone: example.com }
schedule: [{ name: nightly, command: rake nightly, cron: "0 3 * * *" }]
${text}`,
    'migration.yml',
  );
}

test.each([
  ['an answer', 'decisions: { add-on/papertrail: replace }'],
  ['the default, once somebody takes it', 'decisions: { add-on/papertrail: keep-by-config }'],
  ['the strategy', 'strategy: live'],
  ['the budget', 'downtime-budget: 1m'],
  ['the size of Postgres', 'postgres: { size: db-s-1vcpu-2gb }'],
  ['the size of Redis', 'redis: { size: s-1vcpu-2gb }'],
  ['the image of Redis', `redis: { image: "redis:7.4@sha256:${'a'.repeat(64)}" }`],
  ['keys that stay behind', "redis: { skip: ['cache:*'] }"],
  ['a config var that is dropped', 'config: { drop: [OLD] }'],
  ['a config var with another value', "config: { set: { FLAG: 'on' } }"],
  ['a check', 'checks: [{ path: /health }]'],
  ['the time for running jobs to end', 'workers: { quiet-timeout: 2m }'],
  ['what becomes of jobs that do not end', 'workers: { when-busy: go-on }'],
])('each decision of migration.yml changes it: %s', (_name, text) => {
  const digest = (file: MigrationConfig): string =>
    planDigest(
      buildPlan(input({ inventory: asked, config: file, environment: environmentOf(file, 'staging') })),
    );
  expect(digest(written(text))).not.toBe(digest(written('')));
});

test.each<[string, Partial<PlanInput>]>([
  ['a question nobody had asked', { inventory: { ...inventory, drains: asked.drains } }],
  ['another command', { inventory: { ...inventory, processTypes: { ...inventory.processTypes, web: 'x' } } }],
  ['another version of Postgres', { database: { ...database, major: 17 } }],
  ['what becomes of a config var', { variables: [{ name: 'DATABASE_URL', fate: 'dropped', reason: '' }] }],
])('and so does what changes in the world: %s', (_name, change) => {
  expect(planDigest(buildPlan(input(change)))).not.toBe(planDigest(buildPlan(input())));
});

test.each<[string, Partial<PlanInput>]>([
  ['connections in use', { live: { ...live, freeConnections: 2 } }],
  ['what is written at this moment', { activity: { writesPerSecond: 90_000, average: null } }],
  ['the size of the data', { database: { ...database, sizeBytes: database.sizeBytes * 1.1 } }],
  ['how a question is worded', { found: [question('one')] }],
])('and nothing else does: %s', (_name, change) => {
  const before = 'found' in change ? { found: [question('other')] } : {};
  expect(planDigest(buildPlan(input(change)))).toBe(planDigest(buildPlan(input(before))));
});

function question(why: string) {
  return decide({
    ...{ id: 'repository/x', area: 'repository', what: why, question: why, why, remedy: why },
    options: ['yes'],
  });
}
