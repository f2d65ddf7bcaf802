import { expect, test } from '@jest/globals';
import type { Item } from '../../src/migration/item.ts';
import type { RedisItemOptions } from '../../src/migration/redis-about.ts';
import { redisItems } from '../../src/migration/redis-items.ts';
import { plannedRedis } from '../../src/migration/redis-target.ts';
import { readRedisAssessFacts, type RedisAssessFacts } from '../../src/redis/assess-facts.ts';
import type { ClientGroup } from '../../src/redis/client-groups.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { formatOf, payloadsFitBetween } from '../../src/redis/payload-versions.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf } from '../redis/two-sides.ts';

const target = plannedRedis(1024);

/** A small shop: sessions and carts, no jobs. */
const facts: RedisAssessFacts = {
  server: {
    version: '7.2.11',
    flavour: 'valkey',
    usedMemoryBytes: 9_000_000,
    maxmemoryBytes: 50_000_000,
    policy: 'noeviction',
    keys: { 0: 1_000 },
    cluster: false,
    configAllowed: false,
  },
  role: 'primary',
  uptimeSeconds: 86_400,
  memory: { dataBytes: 8_000_000, peakBytes: 10_000_000, evictedKeys: 0 },
  persistence: { appendOnly: true, lastSnapshot: null },
  replicas: 0,
  commands: { scripts: 0, functions: 0, publish: 0, subscribe: 0, streams: 0, flushes: 0, modules: {} },
  modules: [],
  functions: { libraries: [], functions: 0 },
  pubsub: { channels: 0, patterns: 0 },
  clients: { looks: 2, ownUser: 'default', groups: [] },
  sample: {
    keys: 1_000,
    walked: 1_000,
    looked: 1_000,
    bytes: 7_000_000,
    types: { hash: { keys: 1_000, bytes: 7_000_000, withExpiry: 600 } },
    withExpiry: 600,
    prefixes: [
      { pattern: 'session:*', keys: 600, bytes: 4_000_000, withExpiry: 600 },
      { pattern: 'cart:*', keys: 400, bytes: 3_000_000, withExpiry: 0 },
    ],
    biggest: [{ name: '"cart:1"', type: 'hash', bytes: 9_000, expires: false, database: 0 }],
    big: 0,
    streams: [],
  },
  jobs: [],
  otherJobLibraries: [],
  abilities: { feed: 'tracking', scripts: 'read-only', pause: true, memoryUsage: true, commandStats: true },
  unread: [],
};
const sample = facts.sample as NonNullable<RedisAssessFacts['sample']>;

function itemsOf(change: Partial<RedisAssessFacts>, options: Partial<RedisItemOptions> = {}): Item[] {
  return redisItems({ ...facts, ...change }, { target, ...options });
}

function itemOf(
  id: string,
  change: Partial<RedisAssessFacts>,
  options?: Partial<RedisItemOptions>,
): Item | undefined {
  return itemsOf(change, options).find((item) => item.id === id);
}

const digest = `@sha256:${'a'.repeat(64)}`;

test.each([
  [`redis:7.4-alpine${digest}`, 'redis', '7.4'],
  [`redis:6.2${digest}`, 'redis', '6.2'],
  [`docker.io/library/redis:8.6.1${digest}`, 'redis', '8.6'],
  [`valkey/valkey:9.0-alpine${digest}`, 'valkey', '9.0'],
  [`ghcr.io/acme/valkey${digest}`, 'valkey', 'unknown'],
  [`redis:alpine${digest}`, 'redis', 'unknown'],
])('the image %s that migration.yml names is what the plan judges by', (image, flavour, version) => {
  expect(plannedRedis(1024, image)).toMatchObject({ flavour, version });
});

test('whether it reads the values of the source is said of that image, and of one that nobody knows it is no yes', () => {
  const of = (image: string): string | undefined =>
    itemOf('redis/version', {}, { target: plannedRedis(1024, image) })?.what;
  expect(of(`redis:7.4-alpine${digest}`)).toBe('serialised values of Valkey 7.2.11, read by Redis 7.4');
  expect(of(`redis:6.2-alpine${digest}`)).toBe('Redis 6.2 cannot read serialised values of Valkey 7.2.11');
  expect(of(`acme/redis${digest}`)).toContain('whether Redis unknown reads');
});

test('a healthy Redis is automatic throughout, each with what it becomes and why', () => {
  const items = itemsOf({});
  expect(items.filter(({ verdict }) => verdict !== 'automatic')).toEqual([]);
  expect(items.map(({ id }) => id)).toEqual([
    'redis/server',
    'redis/version',
    'redis/memory',
    'redis/eviction',
    'redis/expiry',
    'redis/feed',
    'redis/persistence',
    'consumer/redis-sampling',
  ]);
  for (const { becomes, why } of items) expect([becomes, why]).not.toContain('');
  expect(items[0]).toMatchObject({
    what: 'Valkey 7.2.11 with 1,000 keys, 9.0 MB',
    becomes: expect.stringMatching(/^Redis 7\.4 on a droplet/),
    why: 'all 1,000 keys were looked at: 1,000 hash',
  });
});

test.each<[string, Partial<RedisAssessFacts>, string]>([
  ['a cluster', { server: { ...facts.server, cluster: true }, sample: null, jobs: null }, 'redis/cluster'],
  ['a replica', { role: 'replica' }, 'redis/replica'],
  ['a logical database beyond', { server: { ...facts.server, keys: { 0: 1, 20: 5 } } }, 'redis/databases'],
  [
    'keys of a module',
    { sample: { ...sample, types: { 'ReJSON-RL': { keys: 3, bytes: 1, withExpiry: 0 } } } },
    'redis/type/rejson-rl',
  ],
  [
    'commands of a module',
    { commands: { ...facts.commands, modules: { ft: 12 } } as RedisAssessFacts['commands'] },
    'redis/module-commands',
  ],
  ['too much for the droplet', { memory: { ...facts.memory, dataBytes: 700_000_000 } }, 'redis/size'],
])('blocked: %s, with the remedy', (_what, change, id) => {
  const item = itemOf(id, change);
  expect(item?.verdict).toBe('blocked');
  expect(item?.why).not.toBe('');
  expect(item?.remedy).toMatch(/\.$/);
});

test('who clears a whole database is asked for: the new side refuses that to the application', () => {
  expect(itemOf('redis/flush', {})).toBeUndefined();
  const commands = { ...facts.commands, flushes: 3 } as RedisAssessFacts['commands'];
  expect(itemOf('redis/flush', { commands })).toMatchObject({
    verdict: 'decide',
    what: expect.stringContaining('3 calls of FLUSHDB or FLUSHALL'),
    remedy: expect.stringContaining('Rails.cache.clear'),
  });
});

test('a policy that evicts is a question, graver with jobs in it', () => {
  const server = { ...facts.server, policy: 'allkeys-lru' };
  expect(itemOf('redis/eviction', { server })).toMatchObject({
    verdict: 'decide',
    options: ['never-evict'],
    why: '0 keys were evicted in 24 h 0 min; 40 % of keys have no expiry',
  });
  const jobs: RedisAssessFacts['jobs'] = [
    { database: 0, name: 'sidekiq', system: 'sidekiq', processes: 2, busy: 1, deaf: 0, counts: [] },
  ];
  expect(itemOf('redis/eviction', { server, jobs })).toMatchObject({
    what: 'Redis evicts keys today (allkeys-lru), and jobs are in it',
    question: expect.stringContaining('no job is lost'),
  });
});

const cache = { pattern: 'cache:*', keys: 800, bytes: 6_000_000, withExpiry: 800 };

test('a cache that expires may stay behind: its pattern is proposed with its share', () => {
  const change = { sample: { ...sample, prefixes: [cache, ...sample.prefixes] } };
  expect(itemOf('redis/caches', change)).toMatchObject({
    verdict: 'decide',
    what: 'what looks like caches: cache:* (80 % of keys, 86 % of bytes)',
    options: ['carry'],
    remedy: "To leave them behind: `redis: { skip: ['cache:*'] }` in migration.yml.",
  });
  // What migration.yml leaves behind is no question any more, and needs no room.
  const items = itemsOf(change, { skip: ['cache*'] });
  expect(items.find(({ id }) => id === 'redis/caches')).toBeUndefined();
  expect(items.find(({ id }) => id === 'redis/skipped')).toMatchObject({ verdict: 'automatic' });
  expect(items.find(({ id }) => id === 'redis/memory')?.why).toContain('about 86 % are left behind');
  // Sessions expire too, and are no cache.
  expect(itemOf('redis/caches', {})).toBeUndefined();
});

test('a cache whose keys never expire grows until jobs are refused: a question', () => {
  const change = { sample: { ...sample, prefixes: [{ ...cache, withExpiry: 0 }] } };
  expect(itemOf('redis/growing', change)).toMatchObject({
    verdict: 'decide',
    what: 'caches whose keys never expire: cache:* (80 % of keys, 86 % of bytes)',
  });
  expect(itemOf('redis/caches', change)).toBeUndefined();
});

test('big keys are told, huge ones are a question', () => {
  const big = { name: '"feed"', type: 'list', bytes: 5_000_000, expires: false, database: 0 };
  expect(itemOf('redis/big-keys', { sample: { ...sample, big: 1, biggest: [big] } })).toMatchObject({
    verdict: 'automatic',
    what: 'big keys: 1 above a megabyte, the largest "feed" (list, 5.0 MB)',
  });
  const huge = { ...big, bytes: 300_000_000 };
  const items = itemsOf({ sample: { ...sample, big: 1, biggest: [huge] } });
  expect(items.find(({ id }) => id === 'redis/huge-keys')).toMatchObject({ verdict: 'decide' });
  expect(items.find(({ id }) => id === 'redis/big-keys')).toBeUndefined();
});

test('memory: what does not fit, what did not fit at its peak, and what is not known yet', () => {
  const peak = { ...facts.memory, peakBytes: 700_000_000 };
  expect(itemOf('redis/memory', { memory: peak })).toMatchObject({
    verdict: 'automatic',
    remedy: expect.stringContaining('redis.size'),
  });
  const full = { ...facts.memory, dataBytes: 700_000_000 };
  expect(itemOf('redis/size', { memory: full }, { skip: ['other:*'] })).toMatchObject({
    verdict: 'decide',
    options: ['skip-makes-room'],
  });
  expect(itemOf('redis/memory', {}, { target: plannedRedis(null) })?.becomes).toContain(
    'once a size is chosen',
  );
});

test('how changes are followed, and what it costs when nobody tells them', () => {
  const abilities = facts.abilities as NonNullable<RedisAssessFacts['abilities']>;
  expect(itemOf('redis/feed', { abilities: { ...abilities, feed: 'none' } })).toMatchObject({
    verdict: 'automatic',
    becomes:
      'in the window every key is compared by digest: some seconds for a million keys, and there are 1,000',
    remedy: expect.stringContaining('heroku redis:keyspace-notifications'),
  });
  expect(itemOf('redis/feed', { abilities: { ...abilities, feed: 'unknown' } })?.why).toContain(
    'writes nothing',
  );
  expect(itemOf('redis/hold', { abilities: { ...abilities, pause: false } })).toMatchObject({
    verdict: 'automatic',
  });
  expect(itemOf('redis/no-scripts', { abilities: { ...abilities, scripts: 'none' } })).toBeDefined();
});

test('what the target reads goes by versions, with their source; the rest is left to the copy', () => {
  const redis = (version: string) => ({ flavour: 'redis' as const, version });
  const valkey = (version: string) => ({ flavour: 'valkey' as const, version });
  expect(payloadsFitBetween(valkey('8.1.3'), redis('7.4'))).toBe(true);
  expect(payloadsFitBetween(valkey('9.0.1'), redis('7.4'))).toBe(false);
  expect(payloadsFitBetween(redis('8.4.0'), redis('7.4'))).toBe(true);
  expect(payloadsFitBetween(redis('8.6.1'), redis('7.4'))).toBe(false);
  expect(payloadsFitBetween(redis('7.4.2'), valkey('9.0.0'))).toBe(false);
  expect(payloadsFitBetween(redis('6.2.0'), valkey('9.0.0'))).toBe(true);
  expect(payloadsFitBetween(redis('12.0.0'), redis('7.4'))).toBeNull();
  expect([formatOf(redis('6.2.9')), formatOf(redis('7.0.15')), formatOf(redis('8.8.0'))]).toEqual([
    9,
    10,
    null,
  ]);
  const server = { ...facts.server, version: '9.0.1' };
  expect(itemOf('redis/version', { server })).toMatchObject({
    becomes: expect.stringContaining('element by element'),
    why: expect.stringContaining('2026-11-23'),
  });
});

test('jobs are automatic with their figures; libraries that nobody can stop are a question', () => {
  const jobs: RedisAssessFacts['jobs'] = [
    {
      ...{ database: 2, name: 'shop:sidekiq', system: 'sidekiq', processes: 2, busy: 3, deaf: 1 },
      counts: [
        { name: 'default', size: 1_200 },
        { name: 'dead', size: 0 },
      ],
    },
  ];
  const items = itemsOf({ jobs, otherJobLibraries: ['Celery'] });
  expect(items.find(({ id }) => id === 'redis/jobs/shop:sidekiq/2')).toMatchObject({
    verdict: 'automatic',
    why: '2 processes, 3 busy; waiting: default 1,200',
  });
  expect(items.find(({ id }) => id === 'redis/jobs/shop:sidekiq/2/deaf')).toBeDefined();
  expect(items.find(({ id }) => id === 'redis/jobs/celery')).toMatchObject({
    verdict: 'decide',
    options: ['workers-put-work-back'],
  });
});

test('whoever uses Redis beside the app is a question: other users, tools, other languages', () => {
  const group = (change: Partial<ClientGroup>): ClientGroup => ({
    ...{ name: '', user: 'default', library: '', kind: 'client', connections: 1, addresses: 1 },
    ...{ commands: ['get'], looks: 2 },
    ...change,
  });
  const groups = [
    group({ name: 'Sidekiq-server', connections: 25, addresses: 2 }),
    group({ name: 'redis_exporter' }),
    group({ user: 'reporting', library: 'redis-py' }),
    group({ library: 'redis-py' }),
    group({ library: 'redis-client(redis-rb_v5)', connections: 5 }),
    group({ kind: 'replica' }),
  ];
  const clients = { looks: 2, ownUser: 'default', groups };
  const items = itemsOf({ clients, replicas: 1 }, { language: 'ruby' });
  const questions = items.filter(({ verdict }) => verdict === 'decide').map(({ id }) => id);
  expect(questions).toEqual([
    'consumer/redis/default/redis_exporter',
    'consumer/redis/reporting/redis-py',
    'consumer/redis/default/redis-py',
  ]);
  expect(items.find(({ id }) => id === 'consumer/redis-app')).toMatchObject({
    what: 'the app’s own connections to Redis, 30 at once',
  });
  expect(items.find(({ id }) => id === 'consumer/redis-replicas')).toBeDefined();
});

test('what could not be read is never a pass', () => {
  const unread: RedisAssessFacts['unread'] = [{ part: 'clients', why: 'NOPERM' }];
  expect(itemOf('redis/unread/clients', { clients: null, unread })).toMatchObject({
    verdict: 'decide',
    why: 'NOPERM',
    remedy: 'Give a user that may call CLIENT LIST.',
  });
});

test('modules that are loaded and seem unused are a question', () => {
  expect(itemOf('redis/modules', { modules: [{ name: 'ReJSON', version: '20607' }] })).toMatchObject({
    verdict: 'decide',
    what: 'modules are loaded: ReJSON 20607',
  });
});

const commands = facts.commands as NonNullable<RedisAssessFacts['commands']>;
const stream = { name: '"events"', database: 0, entries: 10, groups: 2 };

test.each<[string, Partial<RedisAssessFacts>, string, Record<string, unknown>]>([
  [
    'Lua scripts',
    { commands: { ...commands, scripts: 1_200 } },
    'redis/scripts',
    {
      becomes: expect.stringContaining('NOSCRIPT'),
      why: expect.stringMatching(/^1,200 calls of EVAL/),
    },
  ],
  [
    'functions of the server',
    { functions: { libraries: ['limits', 'locks'], functions: 3 } },
    'redis/functions',
    { what: '3 server-side functions in limits, locks', becomes: 'carried with the keys' },
  ],
  [
    'streams among the keys',
    { sample: { ...sample, streams: [stream, { ...stream, groups: 1 }] } },
    'redis/streams',
    {
      what: '2 streams with 3 consumer groups',
      becomes: expect.stringContaining('pending entries'),
    },
  ],
  [
    'streams that only their commands tell of',
    { commands: { ...commands, streams: 40 } },
    'redis/streams',
    {
      what: 'streams, none of them among the keys that were looked at',
      why: '40 calls of stream commands since the server started',
    },
  ],
  [
    'messages that were published',
    { commands: { ...commands, publish: 7 } },
    'redis/pubsub',
    { why: '7 messages since the server started', becomes: expect.stringContaining('not carried') },
  ],
  [
    'channels with a listener, where no commands are counted',
    { commands: null, pubsub: { channels: 1, patterns: 2 } },
    'redis/pubsub',
    {
      what: 'messages between clients (pub/sub): 1 channels and 2 patterns with a listener',
      why: 'PUBSUB',
    },
  ],
  [
    'keys whose size the server does not tell',
    { sample: { ...sample, bytes: null } },
    'redis/sizes',
    { why: 'MEMORY USAGE is refused' },
  ],
  [
    'names that were not all walked over',
    { sample: { ...sample, keys: 5_000_000, walked: 1_000_000 } },
    'redis/jobs-not-all-seen',
    { why: expect.stringMatching(/^1,000,000 of 5,000,000 names/) },
  ],
])('told, since it may surprise somebody: %s', (_what, change, id, expected) => {
  expect(itemOf(id, change)).toMatchObject({ verdict: 'automatic', area: 'redis', ...expected });
  expect(itemOf(id, {})).toBeUndefined();
});

test('a real server gives items with ids of their own, the same on the next run', async () => {
  const server = await testRedis(['maxmemory 50mb', 'maxmemory-policy allkeys-lru']);
  const address = { host: server.host, port: server.port, tls: { mode: 'off' } } as const;
  const redis = clientOf(address);
  for (let n = 0; n < 200; n += 1) await redis.set(`cache:${n}`, 'x'.repeat(500), 'EX', 600);
  await redis.hset('unknown', 'a', 'b');
  await redis.select(1);
  await redis.sadd('queues', 'default');
  const read = async (): Promise<Item[]> =>
    redisItems(await withRedis(address, {}, (own) => readRedisAssessFacts(own)), { target });
  const items = await read();
  const ids = items.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect((await read()).map(({ id }) => id)).toEqual(ids);
  expect(items.filter(({ verdict }) => verdict === 'decide').map(({ id }) => id)).toEqual([
    'redis/eviction',
    'redis/caches',
  ]);
  expect(ids).toContain('redis/jobs/sidekiq/1');
  expect(items.find(({ id }) => id === 'redis/databases')?.what).toBe(
    '2 logical databases, with their keys: 0 (201), 1 (1)',
  );
});
