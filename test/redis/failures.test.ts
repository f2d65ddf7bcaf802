import { afterAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import type { RedisServer } from '../../rehearsal/servers/redis.ts';
import { startTcpProxy, type TcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { copyRedis, type RedisCopyOptions, type RedisCopyResult } from '../../src/redis/copy.ts';
import { followRedis, type RedisFollow } from '../../src/redis/follow.ts';
import { compareRedis, type RedisParity } from '../../src/redis/parity.ts';
import { testRedis } from '../support/servers.ts';
import { herokusRedis, provisionedRedis } from './herokus-and-provisioned.ts';
import { fillMixed } from './mixed-data.ts';
import { fillThresholds } from './thresholds.ts';
import { clientOf } from './two-sides.ts';

/**
 * Heroku's Redis and the provisioned one, which keep their data over a restart, each behind an address that can be cut
 * and slowed down.
 */
interface Failing {
  servers: { source: RedisServer; target: RedisServer };
  proxies: { source: TcpProxy; target: TcpProxy };
  source: RedisAddress;
  target: RedisAddress;
  /** Clients of the test's own, straight to the servers, opened anew each time. */
  from: () => ReturnType<typeof clientOf>;
  to: () => ReturnType<typeof clientOf>;
  options: (more?: Partial<RedisCopyOptions>) => RedisCopyOptions;
  copy: (more?: Partial<RedisCopyOptions>) => Promise<RedisCopyResult>;
  follow: (more?: Partial<RedisCopyOptions>) => Promise<RedisFollow>;
  compare: () => Promise<RedisParity>;
}

/** A clock whose waiting is over at once, after `meanwhile`, which happens once. */
function hurried(meanwhile: () => Promise<unknown> = () => Promise.resolve()): Clock {
  let happening: Promise<unknown> | undefined;
  return {
    now: () => new Date(),
    sleep: async () => {
      await (happening ??= meanwhile());
    },
  };
}

const opened: TcpProxy[] = [];
afterAll(async () => {
  for (const proxy of opened) await proxy.close();
});

/** One whose user may do everything, and have it follow another. */
async function plainRedis(lines: string[]): Promise<{ server: RedisServer; address: RedisAddress }> {
  const server = await testRedis(lines);
  return { server, address: { host: server.host, port: server.port, tls: { mode: 'off' } } };
}

async function failing(lines: { source?: string[]; target?: string[]; plain?: true } = {}): Promise<Failing> {
  const [old, provisioned] = await Promise.all([
    lines.plain ? plainRedis(lines.source ?? []) : herokusRedis(lines.source),
    provisionedRedis('shop-test', lines.target),
  ]);
  const servers = { source: old.server, target: provisioned.server };
  const [source, target] = [old.address, provisioned.admin];
  const proxies = {
    source: await startTcpProxy({ target: () => servers.source }),
    target: await startTcpProxy({ target: () => servers.target }),
  };
  opened.push(proxies.source, proxies.target);
  const options = (more: Partial<RedisCopyOptions> = {}): RedisCopyOptions => ({
    source: { ...source, port: proxies.source.port },
    target: { ...target, port: proxies.target.port },
    skip: [],
    migrationId: 'shop-test',
    log: silentLog,
    clock: hurried(),
    ...more,
  });
  return {
    servers,
    proxies,
    source,
    target,
    from: () => clientOf({ ...source, port: servers.source.port }),
    to: () => clientOf(target),
    options,
    copy: (more) => copyRedis(options(more)),
    follow: (more) => followRedis(options(more)),
    compare: () => compareRedis({ source: { ...source, port: servers.source.port }, target, skip: [] }),
  };
}

/** Slows both sides down, so that a copy of some thousand keys takes seconds. */
function slow({ proxies }: Failing): void {
  for (const { knobs } of Object.values(proxies)) knobs.bytesPerSecond = 500_000;
}

function fast({ proxies }: Failing): void {
  for (const { knobs } of Object.values(proxies)) knobs.bytesPerSecond = 0;
}

/** Resolves when the copy has brought some keys and is far from its end. */
async function untilInTheMiddle(sides: Failing, keys = 500): Promise<void> {
  const to = sides.to();
  while ((await to.dbsize()) < keys) await delay(5);
  to.disconnect();
}

/** In the middle of a slow copy something happens; answers what became of the copy. */
async function whileCopying(
  sides: Failing,
  happens: () => Promise<unknown>,
  more?: Partial<RedisCopyOptions>,
): Promise<{ result?: RedisCopyResult; error?: unknown }> {
  slow(sides);
  const ending = sides.copy(more).then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
  await untilInTheMiddle(sides);
  await happens();
  fast(sides);
  return ending;
}

async function requireEqual(sides: Failing): Promise<void> {
  expect(await sides.compare()).toMatchObject({ equal: true, differences: [] });
}

test('keys that expire while they are copied do not come back, and those that stay keep their time', async () => {
  const sides = await failing();
  const from = sides.from();
  await fillMixed(from, { small: 6_000 });
  const pipeline = from.pipeline();
  for (let n = 0; n < 3_000; n += 1) pipeline.set(`brief:${n}`, n, 'PX', 1 + n);
  await pipeline.exec();
  slow(sides);
  await sides.copy();
  fast(sides);
  await requireEqual(sides);
  await delay(1_000);
  while ((await from.keys('brief:*')).length > 0) await delay(50);
  expect(await sides.to().keys('brief:*')).toEqual([]);
  await requireEqual(sides);
});

test.each<[string, (redis: ReturnType<typeof clientOf>) => Promise<unknown>]>([
  ['FLUSHALL', (redis) => redis.flushall()],
  ['FLUSHALL, and new keys after it', (redis) => redis.multi().flushall().set('string:7', 'new').exec()],
  ['FLUSHDB of another logical database', (redis) => redis.multi().select(3).flushdb().exec()],
  ['SWAPDB', (redis) => redis.swapdb(0, 3)],
  ['SWAPDB with a database that was empty', (redis) => redis.swapdb(0, 9)],
  ['MOVE', (redis) => redis.multi().move('hash:1', '5').move('set:2', '5').exec()],
])('%s in the middle of a copy arrives by the end of the final pass', async (_what, happens) => {
  const sides = await failing();
  const from = sides.from();
  await fillMixed(from, { small: 5_000 });
  slow(sides);
  const following = sides.follow();
  await untilInTheMiddle(sides);
  await happens(from);
  fast(sides);
  const follow = await following;
  await follow.catchUp();
  await follow.finish();
  await requireEqual(sides);
  await follow.close();
});

test('keys of every type that change all the time while they are copied are equal once the writer has ended', async () => {
  const sides = await failing();
  const from = sides.from();
  await fillMixed(from, { small: 4_000, bigBytes: 1_500_000 });
  const writer = sides.from();
  const writing = { ended: false, writes: 0 };
  const work = (async () => {
    for (let n = 0; !writing.ended; n += 1) {
      const pipeline = writer.pipeline();
      const at = 1 + ((n * 7_919) % 4_000);
      pipeline.set(`string:${at}`, `changed ${n}`, 'PX', 100 + (n % 5_000));
      pipeline.hset('big:hash', `field${at}`, n).hdel('big:hash', `field${at + 1}`);
      pipeline.lpush('big:list', n).rpop('big:list').sadd('big:set', n).spop('big:set');
      pipeline.zincrby('big:zset', 1, 'hot').zpopmin('big:zset').append('big:string', 'x');
      pipeline.xadd('big:stream', '*', 'n', n);
      pipeline.xreadgroup('GROUP', 'group', 'me', 'COUNT', 1, 'STREAMS', 'big:stream', '>');
      pipeline.rename(`list:${4 + 7 * (n % 500)}`, `list:moved:${n}`).del(`set:${2 + 7 * (n % 500)}`);
      pipeline
        .persist(`session:${6 + 7 * (n % 500)}`)
        .lpush(`queue:${n % 3}`, n)
        .rpop(`queue:${n % 3}`);
      await pipeline.exec();
      writing.writes += 1;
      await delay(1);
    }
  })();
  const follow = await sides.follow();
  await follow.catchUp();
  writing.ended = true;
  await work;
  expect(writing.writes).toBeGreaterThan(20);
  await follow.finish();
  await requireEqual(sides);
  await follow.assertStill();
  await follow.close();
});

test.each(['source', 'target'] as const)(
  'the %s dies and comes back with its data in the middle of a copy: the copy goes on and ends equal',
  async (side) => {
    const sides = await failing();
    await fillMixed(sides.from(), { small: 5_000 });
    const { result, error } = await whileCopying(sides, () => sides.servers[side].kill9(), {
      clock: hurried(() => sides.servers[side].restart()),
    });
    expect(error).toBeUndefined();
    expect(result?.keys).toBeGreaterThan(0);
    await requireEqual(sides);
  },
);

test('a target that comes back without its data gets everything once more', async () => {
  const sides = await failing({ target: ['appendonly no', 'save ""'] });
  await fillMixed(sides.from(), { small: 5_000 });
  const { error } = await whileCopying(sides, () => sides.servers.target.kill9(), {
    clock: hurried(() => sides.servers.target.restart()),
  });
  expect(error).toBeUndefined();
  await requireEqual(sides);
});

/**
 * The source's address leads to its replica from now on, which had not been sent what the old primary was told last, and
 * takes writes of its own.
 */
async function failOver(sides: Failing, replica: RedisServer): Promise<void> {
  const promoted = clientOf({ host: replica.host, port: replica.port, tls: { mode: 'off' } });
  await promoted.replicaof('NO', 'ONE');
  const old = sides.from();
  await old.mset('lost', 1, 'string:14', 'lost', 'kept', 'lost');
  await old.del('string:21', 'hash:1');
  await sides.servers.source.kill9();
  await promoted.mset('kept', 2, 'string:28', 'written to the new primary');
  await promoted.del('set:2');
  await promoted.xreadgroup('GROUP', 'group', 'me', 'COUNT', 1, 'STREAMS', 'orders', '>');
  sides.servers.source = replica;
}

/** A source with a replica that holds what it holds. */
async function failingWithReplica(): Promise<{ sides: Failing; replica: RedisServer }> {
  const sides = await failing({ plain: true });
  const from = sides.from();
  await fillMixed(from, { small: 5_000 });
  await from.xadd('orders', '1-1', 'n', 1);
  await from.xgroup('CREATE', 'orders', 'group', '0');
  const { host, port } = sides.servers.source;
  await from.config('SET', 'repl-diskless-sync-delay', 0);
  const replica = await testRedis([`replicaof ${host} ${port}`]);
  const synchronous = clientOf({ host: replica.host, port: replica.port, tls: { mode: 'off' } });
  while (!(await synchronous.info('replication')).includes('master_link_status:up')) await delay(20);
  await from.wait(1, 10_000);
  return { sides, replica };
}

test('a replica takes the place of the source in the middle of a copy: it ends equal to the new primary', async () => {
  const { sides, replica } = await failingWithReplica();
  const { result, error } = await whileCopying(sides, () => failOver(sides, replica));
  expect(error).toBeUndefined();
  expect(result?.keys).toBeGreaterThan(0);
  await requireEqual(sides);
  expect(await sides.to().exists('lost', 'set:2')).toBe(0);
});

test('a replica takes the place of a source that is followed: everything is looked at, nothing is taken for still', async () => {
  const { sides, replica } = await failingWithReplica();
  const follow = await sides.follow();
  await follow.catchUp();
  await failOver(sides, replica);
  expect(await follow.finish()).toMatchObject({ how: 'everything' });
  await requireEqual(sides);
  expect(await sides.to().mget('kept', 'lost', 'string:28')).toEqual([
    '2',
    null,
    'written to the new primary',
  ]);
  await follow.assertStill();
  await follow.close();
});

test.each(['source', 'target'] as const)(
  'the %s dies and stays away: a clear error, and the next run ends equal',
  async (side) => {
    const sides = await failing();
    await fillMixed(sides.from(), { small: 5_000 });
    const { error } = await whileCopying(sides, () => sides.servers[side].kill9());
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).toMatch(
      new RegExp(`redis 127\\.0\\.0\\.1:${sides.proxies[side].port}: (the connection was|nothing listens)`),
    );
    await sides.servers[side].restart();
    await sides.copy();
    await requireEqual(sides);
  },
);

test('a target that is demoted to a replica in the middle is told as read-only', async () => {
  const sides = await failing();
  await fillMixed(sides.from(), { small: 5_000 });
  const { error } = await whileCopying(sides, () => sides.to().replicaof('127.0.0.1', '1'));
  expect(String(error)).toMatch(/it is a read-only replica: use the address of the primary/);
  await sides.to().replicaof('NO', 'ONE');
  await sides.copy();
  await requireEqual(sides);
});

test('a target that runs out of memory in the middle is told as such, and the next run ends equal', async () => {
  const sides = await failing();
  await fillMixed(sides.from(), { small: 5_000, bigBytes: 1_500_000 });
  const to = sides.to();
  const { error } = await whileCopying(sides, () => to.config('SET', 'maxmemory', '2mb'));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(String(error)).toMatch(/its memory is full \(maxmemory\): choose a larger size/);
  await to.config('SET', 'maxmemory', '0');
  await sides.copy();
  await requireEqual(sides);
});

/** Asks on a connection of its own, which does not wait as ours do. */
async function isLoading(address: RedisAddress): Promise<boolean> {
  const client = clientOf(address, { enableReadyCheck: false });
  const answer = await client.get('a').catch(String);
  client.disconnect();
  return String(answer).includes('LOADING');
}

test.each(['source', 'target'] as const)('a %s that is still loading is waited for', async (side) => {
  // A thousandth of a second for each key, looking up between them.
  const loading = ['key-load-delay 1000', 'loading-process-events-interval-bytes 1024'];
  const sides = await failing({ [side]: loading });
  await fillMixed(sides.from(), { small: 3_000 });
  if (side === 'target') await sides.copy();
  await sides.servers[side].stop();
  const restarting = sides.servers[side].restart();
  while (!(await isLoading(sides[side]))) await delay(10);
  await sides.copy({ clock: systemClock });
  await restarting;
  await requireEqual(sides);
});

test('a wrong password and a wrong certificate are told for the side that they are of, without the password', async () => {
  const ours = await createAuthority('ours');
  const theirs = await createAuthority('theirs');
  const [one, other] = [
    await testRedis(['requirepass right']),
    await testRedis(['requirepass right'], {}, { tls: await ours.issue(['redis.shop.internal']) }),
  ];
  const source: RedisAddress = {
    ...one,
    host: one.host,
    port: one.port,
    password: 'right',
    tls: { mode: 'off' },
  };
  const verify = { mode: 'verify', ca: ours.pem, serverName: 'redis.shop.internal' } as const;
  const target: RedisAddress = { host: other.host, port: other.port, password: 'right', tls: verify };
  const copying = (sides: { source: RedisAddress; target: RedisAddress }): Promise<RedisCopyResult> =>
    copyRedis({ ...sides, skip: [], log: silentLog, clock: hurried() });
  await clientOf(source).set('a', 1);
  for (const side of ['source', 'target'] as const) {
    const sides = { source, target };
    const wrong = copying({ ...sides, [side]: { ...sides[side], password: 'wrong-secret' } });
    const where = `redis 127.0.0.1:${sides[side].port}`;
    await expect(wrong).rejects.toThrow(`${where}: the password was refused`);
    await expect(wrong).rejects.not.toThrow(/wrong-secret/);
    await expect(wrong).rejects.toBeInstanceOf(ConfigurationError);
  }
  await expect(
    copying({ source, target: { ...target, tls: { ...verify, ca: theirs.pem } } }),
  ).rejects.toThrow(/its certificate is not signed by the CA that was given/);
  expect(await copying({ source, target })).toMatchObject({ keys: 1 });
});

/** Cuts one side, or both, while `body` is under way on connections that are open. */
async function cutDuring<T>(
  sides: Failing,
  which: ('source' | 'target')[],
  phase: Phase,
  body: () => Promise<T>,
): Promise<T | Error> {
  const proxies = Object.values(sides.proxies);
  // So that it lasts: every question takes ten milliseconds.
  for (const { knobs } of proxies) knobs.delayMs = 5;
  if (phase === 'copy') slow(sides);
  let isOver = false;
  const running = body()
    .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
    .finally(() => (isOver = true));
  if (phase === 'copy') await untilInTheMiddle(sides, 100);
  while (!proxies.every((proxy) => proxy.connections() > 1)) await delay(1);
  await delay(phase === 'preflight' ? 80 : 15);
  expect(isOver).toBe(false);
  cut(sides, which);
  fast(sides);
  for (const { knobs } of proxies) knobs.delayMs = 0;
  return running;
}

function cut(sides: Failing, which: ('source' | 'target')[]): void {
  for (const side of which) {
    expect(sides.proxies[side].connections()).toBeGreaterThan(0);
    sides.proxies[side].cut();
  }
}

const phases = ['preflight', 'copy', 'idle', 'catch up', 'fence', 'finish', 'still'] as const;
type Phase = (typeof phases)[number];

/** A whole following whose connections to one side are cut in one phase. */
async function followCut(sides: Failing, which: ('source' | 'target')[], phase: Phase): Promise<void> {
  const from = sides.from();
  const during = <T>(mine: Phase, body: () => Promise<T>): Promise<T | Error> =>
    mine === phase ? cutDuring(sides, which, phase, body) : body();
  const begun = await during(phase === 'preflight' ? phase : 'copy', () => sides.follow());
  if (begun instanceof Error) throw begun;
  try {
    await from.set('new', phase);
    await from.append('big:string', phase);
    if (phase === 'idle') cut(sides, which);
    // What was cut is done again: the next attempt finds connections anew.
    if ((await during('catch up', () => begun.catchUp())) instanceof Error) await begun.catchUp();
    await from.hset('hash:1', phase, phase);
    await from.del('string:7');
    if (phase === 'fence') cut(sides, which);
    if ((await during('finish', () => begun.finish())) instanceof Error) await begun.finish();
    await requireEqual(sides);
    if (phase === 'still') cut(sides, which);
    await begun.assertStill();
  } finally {
    await begun.close();
  }
}

/** In the quick run both sides at once, which is the hardest. */
const cuts: readonly ('source' | 'target')[][] =
  process.env['TEST_FULL'] === '1' ? [['source'], ['target'], ['source', 'target']] : [['source', 'target']];

test.each(phases)(
  'connections cut in the phase “%s”: it goes on or says so, and what is finished is equal',
  async (phase) => {
    const sides = await failing();
    await fillMixed(sides.from(), { small: 1_500 });
    await sides.from().setrange('big:string', 1_500_000, 'end');
    for (const which of cuts) {
      await followCut(sides, [...which], phase).catch((thrown: unknown) => {
        // A clear word is enough, when the next run ends equal.
        expect(String(thrown)).toMatch(/the connection was (lost|cut)/);
      });
      await sides.copy();
      await requireEqual(sides);
      await sides.to().flushall();
    }
  },
);

test('every type and encoding arrives from a store as on Heroku in the provisioned one and comes back, each on its own certificate and rights', async () => {
  const { address: source } = await herokusRedis();
  const { admin: target } = await provisionedRedis('shop-test');
  const [from, to] = [clientOf(source), clientOf(target)];
  await fillMixed(from, { small: 3_000, bigBytes: 1_500_000 });
  const names = await fillThresholds(from);
  // Those that take more than a megabyte of memory; and the six of the mixed ones.
  const sizes = await Promise.all(names.map((name) => from.memory('USAGE', name)));
  const big = sizes.filter((size) => Number(size) > 1_000_000).length;
  expect(big).toBeGreaterThan(5);
  // A short string that has grown, as that of a HyperLogLog, is kept as a long one until it is stored anew.
  const encodings = (redis: typeof from): Promise<unknown[]> =>
    Promise.all(names.filter((name) => name !== 'few').map((name) => redis.object('ENCODING', name)));
  const kept = await encodings(from);
  expect([...new Set(kept)].sort()).toEqual([
    'embstr',
    'hashtable',
    'int',
    'intset',
    'listpack',
    'quicklist',
    'raw',
    'skiplist',
    'stream',
  ]);
  const common = { skip: [], migrationId: 'shop-test', log: silentLog, clock: systemClock };
  const there = await copyRedis({ source, target, ...common });
  const keys = 3_000 + 300 + 6 + names.length;
  expect(there).toMatchObject({ keys, bigKeys: 6 + big, feed: 'tracking' });
  expect(await compareRedis({ source, target, skip: [] })).toMatchObject({ equal: true });
  expect(await encodings(to)).toEqual(kept);

  await to.set('new order', 1);
  await to.del('string:7');
  await to.hset('big:hash', 'field1', 'changed');
  // All of them anew, by one way or the other. What is too big for a digest goes again in any case.
  await from.del(...names);
  const back = await copyRedis({ source: target, target: source, ...common, onto: 'origin' });
  expect(back).toMatchObject({ keys: names.length + 6 + 1, bigKeys: big + 6, deleted: 1 });
  expect(await compareRedis({ source: target, target: source, skip: [] })).toMatchObject({ equal: true });
  expect(await encodings(from)).toEqual(kept);
  expect(await from.get('new order')).toBe('1');
});
