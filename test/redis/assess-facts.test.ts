import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { silentLog } from '../../src/log.ts';
import { readRedisAssessFacts, type RedisAssessFacts } from '../../src/redis/assess-facts.ts';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import type { SampleLimits } from '../../src/redis/key-sample.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { keyValueStoreConfiguration } from '../../rehearsal/heroku/key-value-store.ts';
import { otherRedis } from '../../rehearsal/servers/other-redis.ts';
import { startRedis, type RedisServer } from '../../rehearsal/servers/redis.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf } from './two-sides.ts';

interface Played {
  redis: Redis;
  address: RedisAddress;
  read: (sample?: SampleLimits) => Promise<RedisAssessFacts>;
}

async function played(lines: string[] = [], password?: string): Promise<Played> {
  const server = await testRedis(lines);
  return at({ ...plain(server), ...(password === undefined ? {} : { password }) });
}

function plain({ host, port }: RedisServer): RedisAddress {
  return { host, port, tls: { mode: 'off' } };
}

function at(address: RedisAddress): Played {
  return {
    redis: clientOf(address),
    address,
    read: (sample) =>
      withRedis(address, {}, (redis) => readRedisAssessFacts(redis, sample === undefined ? {} : { sample })),
  };
}

/** What must be the same before and after. */
interface Traces {
  changes: string | undefined;
  scripts: string | undefined;
  keys: number;
  /** Seconds since `old` was touched. */
  idle: number;
}

async function traces(redis: Redis): Promise<Traces> {
  const info = `${await redis.info('persistence')}${await redis.info('memory')}`;
  return {
    changes: /rdb_changes_since_last_save:\d+/.exec(info)?.[0],
    scripts: /number_of_cached_scripts:\d+/.exec(info)?.[0],
    keys: await redis.dbsize(),
    idle: Number(await redis.object('IDLETIME', 'old')),
  };
}

/** Its seconds go on; who had touched the key would have begun them anew. */
function expectUntouched(after: Traces, before: Traces): void {
  expect(after).toEqual({ ...before, idle: after.idle });
  expect(after.idle).toBeGreaterThanOrEqual(before.idle);
}

const job = (jid: string): string => JSON.stringify({ jid, class: 'Mail', args: [], queue: 'default' });

test('everything about a store as on Heroku is read over TLS, and nothing on it is changed', async () => {
  const heroku = await startRedis({
    name: 'heroku',
    configuration: keyValueStoreConfiguration({ password: 'pw', maxMemoryBytes: 50 * 1024 * 1024 }),
    tls: await (await createAuthority('Heroku')).issue(['localhost']),
  });
  const { redis, read } = at({
    host: heroku.host,
    port: heroku.port,
    password: 'pw',
    tls: { mode: 'unverified' },
  });
  await redis.set('old', 1);
  await redis.sadd('queues', 'default');
  await redis.lpush('queue:default', job('1'), job('2'));
  await redis.zadd('retry', 1, job('3'));
  await redis.sadd('cron_jobs', 'cron_job:nightly');
  for (let n = 0; n < 100; n += 1) await redis.set(`cache:views/page-${n}`, 'x'.repeat(1_000), 'EX', 3_600);
  await redis.xadd('events', '*', 'a', 'b');
  await redis.xgroup('CREATE', 'events', 'readers', '0');
  await redis.set('blob', 'x'.repeat(3_000_000));
  await redis.eval('return 1', 0);
  await redis.publish('nobody', 'hears');
  await redis.select(9);
  await redis.flushdb();
  await redis.select(0);
  await redis.call(
    'FUNCTION',
    'LOAD',
    "#!lua name=mylib\nredis.register_function('f', function() return 1 end)",
  );
  await delay(1_100);
  const before = await traces(redis);
  const facts = await read();
  expectUntouched(await traces(redis), before);
  expect(facts).toMatchObject({
    server: {
      flavour: 'redis',
      policy: 'noeviction',
      configAllowed: false,
      cluster: false,
      keys: { 0: 107 },
    },
    role: 'primary',
    memory: { evictedKeys: 0 },
    persistence: { appendOnly: true, lastSnapshot: null },
    replicas: 0,
    commands: { scripts: 1, functions: 0, publish: 1, streams: 2, flushes: 1, modules: {} },
    modules: [],
    functions: { libraries: ['mylib'], functions: 1 },
    pubsub: { channels: 0, patterns: 0 },
    jobs: [{ database: 0, name: 'sidekiq', system: 'sidekiq', processes: 0, busy: 0, deaf: 0 }],
    otherJobLibraries: [],
    abilities: { feed: 'tracking', scripts: 'read-only', pause: true, memoryUsage: true, commandStats: true },
    unread: [],
  });
  expect(facts.jobs?.[0]?.counts).toEqual([
    { name: 'default', size: 2 },
    { name: 'retry', size: 1 },
    { name: 'schedule', size: 0 },
    { name: 'dead', size: 0 },
    { name: 'cron', size: 1 },
  ]);
  expect(facts.sample).toMatchObject({
    keys: 107,
    walked: 107,
    looked: 107,
    withExpiry: 100,
    big: 1,
    streams: [{ name: '"events"', entries: 1, groups: 1 }],
    prefixes: [{ pattern: 'cache:views/*', keys: 100, withExpiry: 100 }],
  });
  expect(facts.sample?.biggest[0]).toMatchObject({
    name: '"blob"',
    type: 'string',
    expires: false,
    database: 0,
  });
  expect(facts.sample?.types['string']).toMatchObject({ keys: 102, withExpiry: 100 });
  expect(facts.memory.dataBytes).toBeGreaterThan(3_000_000);
  // Plain data.
  expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
});

test('names of keys that may be secrets, and values, are in none of the facts', async () => {
  const { redis, read } = await played();
  const token = 'f3a91c0de4b75a6688a1c3b2d4e5f607';
  await redis.set(`session:2::${token}`, `value-${token}`);
  await redis.set(token, `value-${token}`);
  await redis.set(`${token}:profile`, 'hunter2');
  for (let n = 0; n < 20; n += 1) await redis.set(`anna.smith@example.com:${n}`, 'hunter2');
  await redis.client('SETNAME', `web-${token}`);
  const text = JSON.stringify(await read());
  expect(text).not.toContain(token);
  expect(text).not.toContain(token.slice(5));
  expect(text).not.toContain('hunter2');
});

test('of many keys some are looked at, by chance, and the rest is reckoned from them', async () => {
  const { redis, read } = await played();
  for (let from = 0; from < 60_000; from += 5_000) {
    const pipeline = redis.pipeline();
    for (let n = from; n < from + 5_000; n += 1)
      if (n % 3 === 0) pipeline.set(`cache:${n}`, 'x'.repeat(300), 'EX', 600);
      else pipeline.hset(`user:${n}`, 'name', 'y');
    await pipeline.exec();
  }
  const { sample } = await read({ keys: 3_000, ms: 120_000 });
  expect(sample).toMatchObject({ keys: 60_000, walked: 60_000, looked: 3_000 });
  const [first, second] = sample?.prefixes ?? [];
  expect([first?.pattern, second?.pattern].sort()).toEqual(['cache:*', 'user:*']);
  // A third: 1,000 of 3,000, with a standard deviation of 26.
  expect(Math.abs((sample?.withExpiry ?? 0) - 1_000)).toBeLessThan(130);
  expect((await read({ keys: 1_000_000, ms: 120_000 })).sample?.looked).toBe(50_000);
});

test('a walk that takes too long ends, and says how far it came', async () => {
  const { redis, read } = await played();
  for (let from = 0; from < 100_000; from += 10_000)
    await redis.mset(Array.from({ length: 10_000 }, (_, n) => [`key:${from + n}`, '1']).flat());
  const { sample } = await read({ ms: 1 });
  expect(sample?.keys).toBe(100_000);
  expect(sample?.walked).toBeLessThan(100_000);
  expect(sample?.walked).toBeGreaterThan(0);
  expect(sample?.looked).toBeGreaterThan(0);
});

test('every logical database is looked at, with the jobs in each', async () => {
  const { redis, read } = await played();
  await redis.set('a', 1);
  await redis.select(3);
  await redis.hset('bull:mail:meta', 'version', 'bullmq:5.1.0');
  await redis.rpush('bull:mail:wait', '1', '2');
  await redis.hset('bull:video:meta', 'version', 'bullmq:4.1.0');
  await redis.set('celery-task-meta-1', 'x');
  const facts = await read();
  expect(facts.server.keys).toEqual({ 0: 1, 3: 4 });
  expect(facts.sample).toMatchObject({ keys: 5, looked: 5 });
  expect(facts.jobs).toMatchObject([{ database: 3, name: 'bullmq', processes: 2, deaf: 1 }]);
  expect(facts.jobs?.[0]?.counts).toContainEqual({ name: 'mail', size: 2 });
  expect(facts.otherJobLibraries).toEqual(['Celery']);
});

test('clients are grouped by user, name and library, without their addresses', async () => {
  const { address, read } = await played(['user reporting on >pw ~* &* +@read +@connection +info']);
  for (const name of ['Sidekiq-server-PID-101', 'Sidekiq-server-PID-102', 'redis_exporter', 'watcher'])
    await clientOf(address).client('SETNAME', name);
  await clientOf({ ...address, username: 'reporting', password: 'pw' }).get('a');
  await clientOf(address).subscribe('news');
  const watching = await clientOf(address).monitor();
  const facts = await read();
  watching.disconnect();
  expect(facts.clients).toMatchObject({ looks: 2, ownUser: 'default' });
  const found = facts.clients?.groups.map(({ name, user, kind, connections }) => [
    name,
    user,
    kind,
    connections,
  ]);
  expect(found).toContainEqual(['Sidekiq-server', 'default', 'client', 2]);
  expect(found).toContainEqual(['redis_exporter', 'default', 'client', 1]);
  expect(found).toContainEqual(['', 'reporting', 'client', 1]);
  expect(found).toContainEqual(['', 'default', 'subscriber', 1]);
  expect(found).toContainEqual(['', 'default', 'monitor', 1]);
  expect(facts.pubsub).toEqual({ channels: 1, patterns: 0 });
  expect(JSON.stringify(facts.clients)).not.toContain('127.0.0.1');
});

test.each<[string, string[], Partial<RedisAssessFacts['abilities']>]>([
  ['scripts', ['rename-command EVAL ""', 'rename-command EVAL_RO ""'], { scripts: 'none' }],
  ['read-only scripts', ['rename-command EVAL_RO ""'], { scripts: 'any' }],
  ['MEMORY', ['rename-command MEMORY ""'], { memoryUsage: false }],
  ['CLIENT PAUSE', ['user default on nopass ~* &* +@all -client|pause'], { pause: false }],
  ['CLIENT TRACKING', ['user default on nopass ~* &* +@all -client|tracking'], { feed: 'none' }],
  [
    'CLIENT TRACKING, with notifications',
    ['user default on nopass ~* &* +@all -client|tracking', 'notify-keyspace-events AKE'],
    { feed: 'notifications' },
  ],
  [
    'CLIENT TRACKING and CONFIG',
    ['user default on nopass ~* &* +@all -client|tracking', 'rename-command CONFIG ""'],
    { feed: 'unknown' },
  ],
])('what a server refuses is known without an effect: %s', async (_what, lines, difference) => {
  const { redis, read } = await played(lines);
  await redis.set('old', 1);
  const before = await traces(redis);
  const facts = await read();
  expectUntouched(await traces(redis), before);
  expect(facts.abilities).toEqual({
    feed: 'tracking',
    scripts: 'read-only',
    pause: true,
    memoryUsage: true,
    commandStats: true,
    ...difference,
  });
  if (difference?.memoryUsage === false)
    expect(facts.sample).toMatchObject({ bytes: null, biggest: [], looked: 1 });
});

test('writers that a cutover holds at the moment stay held', async () => {
  const { redis, address, read } = await played();
  await redis.set('old', 1);
  await redis.call('CLIENT', 'PAUSE', 60_000, 'WRITE');
  const state = { written: false };
  const writing = clientOf(address)
    .set('new', 1)
    .then(() => (state.written = true));
  await read();
  await delay(100);
  expect(state.written).toBe(false);
  await redis.call('CLIENT', 'UNPAUSE');
  await writing;
});

test('a user with few rights gives a partial report that says why', async () => {
  const { redis, address } = await played([
    'user reader on >pw ~* +info +scan +type +pttl +select +exists +ping',
  ]);
  await redis.set('a', 1);
  const facts = await at({ ...address, username: 'reader', password: 'pw' }).read();
  expect(facts.sample).toMatchObject({ looked: 1, bytes: null });
  expect(facts).toMatchObject({ clients: null, functions: null, pubsub: null });
  expect(facts.unread).toEqual(
    expect.arrayContaining([
      { part: 'clients', why: expect.stringMatching(/^NOPERM/) },
      { part: 'functions', why: expect.stringMatching(/^NOPERM/) },
      { part: 'pubsub', why: expect.stringMatching(/^NOPERM/) },
    ]),
  );
});

test('a cluster and a replica are known as such', async () => {
  const clustered = await played(['cluster-enabled yes']);
  expect(await clustered.read()).toMatchObject({ server: { cluster: true }, sample: null, jobs: null });
  const primary = await played(['repl-diskless-sync-delay 0']);
  const replica = await played([`replicaof ${primary.address.host} ${primary.address.port}`]);
  expect(await replica.read()).toMatchObject({ role: 'replica' });
});

for (const version of ['redis-6.2', 'valkey-9'] as const) {
  const binaries = await inFullRun(() => otherRedis(version, { log: silentLog }));
  testNeeding([binaries], `${version} is read too`, async () => {
    const { redis, read } = at(
      plain(await startRedis({ name: version, configuration: [], binaries: foundIn(binaries) })),
    );
    await redis.set('old', 1);
    const before = await traces(redis);
    const facts = await read();
    expectUntouched(await traces(redis), before);
    expect(facts).toMatchObject({
      server: { flavour: version === 'valkey-9' ? 'valkey' : 'redis' },
      functions: { libraries: [] },
      abilities: { feed: 'tracking', scripts: version === 'valkey-9' ? 'read-only' : 'any', pause: true },
      unread: [],
    });
  });
}
