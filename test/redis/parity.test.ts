import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { measureClockOffset } from '../../src/redis/clock-offset.ts';
import { compareKeys } from '../../src/redis/compare-keys.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { compareRedis, type RedisParity, type RedisParityOptions } from '../../src/redis/parity.ts';
import { readerOf } from '../../src/redis/reading.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf, twoRedis } from './two-sides.ts';

/** Two empty servers that are filled by the test itself. */
async function twoServers(
  fromLines: string[] = [],
  toLines: string[] = [],
): Promise<{
  from: Redis;
  to: Redis;
  compare: (options?: Partial<RedisParityOptions>) => Promise<RedisParity>;
}> {
  const [source, target] = await Promise.all(
    [fromLines, toLines].map(async (lines): Promise<RedisAddress> => {
      const { host, port } = await testRedis(lines);
      return { host, port, tls: { mode: 'off' } };
    }),
  );
  if (source === undefined || target === undefined) throw new Error('There are no servers.');
  return {
    from: clientOf(source),
    to: clientOf(target),
    compare: (options = {}) => compareRedis({ source, target, skip: [], ...options }),
  };
}

/** One key of every type with the same content, written in the given order. */
async function fillEveryType(redis: Redis, size: number, order: 'forwards' | 'backwards'): Promise<void> {
  const numbers = Array.from({ length: size }, (_, n) => n);
  const some = order === 'forwards' ? numbers : numbers.toReversed();
  await redis.set('string', `${'text '.repeat(size)}!`);
  await redis.rpush('list', ...numbers.map((n) => `item ${n} ${'x'.repeat(40)}`));
  await redis.sadd('set', ...some.map((n) => `member ${n} ${'x'.repeat(40)}`));
  await redis.sadd('numbers', ...some);
  await redis.hset('hash', ...some.flatMap((n) => [`field ${n}`, `value ${n} ${'x'.repeat(40)}`]));
  await redis.zadd('zset', ...some.flatMap((n) => [n / 3, `member ${n}`]), '+inf', 'last', '-inf', 'first');
  for (const n of numbers) void redis.xadd('stream', `${n + 1}-0`, 'f', `value ${n} ${'x'.repeat(40)}`);
  await redis.xgroup('CREATE', 'stream', 'group', '0');
}

/** A small change of the content of each of these keys, under which their length stays as it is. */
async function changeEveryType(redis: Redis): Promise<void> {
  await redis.setrange('string', 7, 'T');
  await redis.lset('list', 3, 'another');
  await redis.srem('set', `member 3 ${'x'.repeat(40)}`);
  await redis.sadd('set', `Member 3 ${'x'.repeat(40)}`);
  await redis.srem('numbers', 3);
  await redis.sadd('numbers', 1_000_003);
  await redis.hset('hash', 'field 3', 'another');
  await redis.zadd('zset', 3.000001, 'member 3');
  await redis.xdel('stream', '4-0');
}

const changed = [
  'db0 "hash": the content of the hash differs',
  'db0 "list": the content of the list differs',
  'db0 "numbers": the content of the set differs',
  'db0 "set": the content of the set differs',
  'db0 "stream": the content of the stream differs',
  'db0 "string": the content of the string differs',
  'db0 "zset": the content of the zset differs',
];

test('parity names each key that differs, and how', async () => {
  const { from, to, copy, compare } = await twoRedis();
  await from.mset('a', 1, 'b', 'the same', 'c', 3);
  await from.rpush('list', 'x', 'y');
  await from.sadd('set', ...Array.from({ length: 1000 }, (_, n) => `m${n}`));
  await from.set('session', 1, 'EX', 1000);
  await from.set(Buffer.from([1, 255]), 1);
  await copy();
  expect((await compare()).equal).toBe(true);

  await to.set('a', 2);
  await to.del('c');
  await to.set('extra', 1);
  await to.del('list');
  await to.rpush('list', 'y', 'x');
  await to.srem('set', 'm500');
  await to.sadd('set', 'M500');
  await to.expire('session', 990);
  await to.persist(Buffer.from([1, 255]));
  await to.set('b', 'the same', 'EX', 1000);
  const parity = await compare();
  expect(parity.equal).toBe(false);
  expect(parity.keys).toEqual({ compared: 7, different: 7 });
  expect(parity.differences).toEqual([
    'db0 "a": the content of the string differs',
    'db0 "b": expires on the target only',
    'db0 "c": only on the source',
    'db0 "extra": only on the target',
    'db0 "list": the content of the list differs',
    expect.stringMatching(/^db0 "session": expires \d+\.\d s earlier on the target$/),
    'db0 "set": the content of the set differs',
  ]);
});

test('the same set, hash and sorted set built in another order is equal', async () => {
  const { from, to, copy, compare } = await twoRedis();
  const members = Array.from({ length: 1500 }, (_, n) => `member ${n}`);
  await copy();
  for (const [redis, order] of [
    [from, members],
    [to, members.toReversed()],
  ] as const) {
    await redis.sadd('set', ...order);
    await redis.hset('hash', ...order.flatMap((member) => [member, 'v']));
    await redis.zadd('zset', ...order.flatMap((member) => [1, member]));
  }
  expect(await compare()).toMatchObject({ equal: true, keys: { compared: 3 } });
});

test('where a consumer group stands is compared too', async () => {
  const { from, to, copy, compare } = await twoRedis();
  await from.xadd('stream', '1-1', 'f', 'v');
  await from.xgroup('CREATE', 'stream', 'group', '0');
  await copy();
  await to.xreadgroup('GROUP', 'group', 'me', 'STREAMS', 'stream', '>');
  expect((await compare()).differences).toEqual(['db0 "stream": the content of the stream differs']);
});

test('the same values in other encodings and other orders are equal, and a small change in each is seen', async () => {
  const { from, to, compare } = await twoServers(
    [],
    [
      'hash-max-listpack-entries 0',
      'set-max-intset-entries 0',
      'zset-max-listpack-entries 0',
      'list-max-listpack-size 2',
      'stream-node-max-entries 3',
      'rdbcompression no',
    ],
  );
  await fillEveryType(from, 50, 'forwards');
  await fillEveryType(to, 50, 'backwards');
  for (const key of ['numbers', 'hash', 'zset'])
    expect(await from.object('ENCODING', key)).not.toBe(await to.object('ENCODING', key));
  expect(await compare()).toEqual({ equal: true, keys: { compared: 7, different: 0 }, differences: [] });
  await changeEveryType(to);
  expect(await compare()).toEqual({
    equal: false,
    keys: { compared: 7, different: 7 },
    differences: changed,
  });
});

test('a key that became another type is named with both', async () => {
  const { from, to, compare } = await twoServers();
  await from.set('a', 1);
  await to.rpush('a', 1);
  expect((await compare()).differences).toEqual(['db0 "a": a string on the source, a list on the target']);
});

test('one flipped byte in 20 MB is seen', async () => {
  const { from, to, compare } = await twoServers();
  const value = randomBytes(20_000_000);
  await Promise.all([from.set('big', value), to.set('big', value)]);
  expect((await compare()).equal).toBe(true);
  await to.setrange('big', 13_456_789, Buffer.from([(value[13_456_789] ?? 0) ^ 1]));
  expect((await compare()).differences).toEqual(['db0 "big": the content of the string differs']);
});

test('big keys of every type are compared in pages, none of them by one long command', async () => {
  const { from, to, compare } = await twoServers();
  await fillEveryType(from, 25_000, 'forwards');
  await fillEveryType(to, 25_000, 'backwards');
  await to.config('RESETSTAT');
  expect(await compare()).toMatchObject({ equal: true, keys: { compared: 7 } });
  const commands = await to.info('commandstats');
  expect(commands).not.toMatch(/cmdstat_(smembers|hgetall|get):/);
  for (const page of ['lrange', 'sscan', 'hscan', 'zrange', 'xrange'])
    expect(Number(new RegExp(`cmdstat_${page}:calls=(\\d+)`).exec(commands)?.[1])).toBeGreaterThan(10);
  await changeEveryType(to);
  expect((await compare()).differences).toEqual(changed);
});

test.each([
  ['a delivery that is acknowledged', (to: Redis) => to.xack('stream', 'group', '1-0')],
  [
    'another count of deliveries',
    (to: Redis) => to.xclaim('stream', 'group', 'alice', 0, '1-0', 'RETRYCOUNT', 7),
  ],
  ['another owner of a delivery', (to: Redis) => to.xclaim('stream', 'group', 'bob', 0, '1-0')],
  ['a consumer without deliveries', (to: Redis) => to.xgroup('CREATECONSUMER', 'stream', 'group', 'carol')],
  ['where a group stands', (to: Redis) => to.xgroup('SETID', 'stream', 'group', '5-0')],
  ['a group', (to: Redis) => to.xgroup('CREATE', 'stream', 'another', '0')],
  ['the last id', (to: Redis) => to.call('XSETID', 'stream', '900-0')],
])('of a stream is seen: %s', async (_what, change) => {
  const { from, to, compare } = await twoServers();
  for (const redis of [from, to]) {
    for (let n = 1; n <= 20; n += 1) await redis.xadd('stream', `${n}-0`, 'f', 'v');
    await redis.xgroup('CREATE', 'stream', 'group', '0');
    await redis.xreadgroup('GROUP', 'group', 'alice', 'COUNT', 10, 'STREAMS', 'stream', '>');
    await redis.xgroup('CREATECONSUMER', 'stream', 'group', 'bob');
    // When it was delivered is no part of it: not the same moment on both sides.
    await delay(20);
  }
  expect((await compare()).equal).toBe(true);
  await change(to);
  expect((await compare()).differences).toEqual(['db0 "stream": the content of the stream differs']);
});

const refused = (names: string[]): string[] => names.map((name) => `rename-command ${name} ""`);
test.each([
  ['scripts', refused(['EVAL', 'EVALSHA', 'EVAL_RO', 'EVALSHA_RO', 'SCRIPT'])],
  ['read-only scripts', refused(['EVAL_RO', 'EVALSHA_RO'])],
  ['MEMORY and PEXPIRETIME', refused(['MEMORY', 'PEXPIRETIME'])],
  ['FUNCTION and CONFIG', refused(['FUNCTION', 'CONFIG'])],
  ['all of them', refused(['EVAL', 'EVALSHA', 'EVAL_RO', 'EVALSHA_RO', 'MEMORY', 'PEXPIRETIME', 'FUNCTION'])],
])('a source that refuses %s is compared with the same result', async (_what, lines) => {
  const { from, to, compare } = await twoServers(lines);
  await fillEveryType(from, 400, 'forwards');
  await fillEveryType(to, 400, 'backwards');
  await Promise.all([from, to].map((redis) => redis.set('expiring', 1, 'PXAT', 4_000_000_000_000)));
  expect(await compare()).toMatchObject({ equal: true, keys: { compared: 8, different: 0 } });
  await changeEveryType(to);
  await to.set('extra', 1);
  await to.pexpireat('expiring', 4_000_000_002_000);
  expect(await compare()).toEqual({
    equal: false,
    keys: { compared: 8, different: 9 },
    differences: [
      'db0 "expiring": expires 2.0 s later on the target',
      'db0 "extra": only on the target',
      ...changed,
    ],
  });
});

test('functions are compared too', async () => {
  const { from, to, compare } = await twoServers();
  const library = (body: string): string =>
    `#!lua name=shop\nredis.register_function('f', function() return ${body} end)`;
  await from.function('LOAD', library('1'));
  expect(await compare()).toMatchObject({
    equal: false,
    differences: ['function library "shop": only on the source'],
  });
  await to.function('LOAD', library('2'));
  expect((await compare()).differences).toEqual(['function library "shop": other code']);
  await to.function('LOAD', 'REPLACE', library('1'));
  expect((await compare()).equal).toBe(true);
});

test('a key that is just expiring is no difference, on whichever side it still is', async () => {
  const { from, to, compare } = await twoServers();
  await from.set('soon', 1, 'PX', 900);
  await to.set('soon too', 1, 'PX', 900);
  expect((await compare()).equal).toBe(true);
  await from.set('later', 1, 'PX', 60_000);
  expect((await compare()).differences).toEqual(['db0 "later": only on the source']);
});

test('expiry is compared on each server’s own clock', async () => {
  const { from, to } = await twoServers();
  await from.set('a', 1, 'PXAT', 4_000_000_000_000);
  await to.set('a', 1, 'PXAT', 4_000_003_600_000);
  expect(Math.abs(await measureClockOffset(from, to))).toBeLessThan(100);
  const sides = { from: await readerOf(from, true), to: await readerOf(to, true) };
  const keys = [Buffer.from('a')];
  // As between servers one of whose clocks is an hour ahead.
  expect(await compareKeys({ ...sides, clockOffsetMs: 3_600_400 }, keys)).toEqual({
    present: 1,
    different: [],
  });
  expect((await compareKeys({ ...sides, clockOffsetMs: 0 }, keys)).different).toEqual([
    { key: keys[0], problem: 'expires 3600.0 s later on the target' },
  ]);
});

test('keys that are named are compared in every logical database, also while writers are held', async () => {
  const { from, to, compare } = await twoServers(refused(['EVAL_RO', 'EVALSHA_RO']));
  for (const redis of [from, to]) {
    await redis.mset('a', 1, 'b', 2, 'c', 3);
    await redis.select(5);
    await redis.mset('a', 1, 'b', 2);
  }
  await to.mset('b', 'other', 'a', 'other');
  await to.select(0);
  await to.set('c', 'other');
  expect(await compare()).toMatchObject({ equal: false, keys: { compared: 5, different: 3 } });
  // Other scripts than read-only ones would wait from here on.
  await from.call('CLIENT', 'PAUSE', 60_000, 'WRITE');
  expect(await compare({ keys: [Buffer.from('b'), Buffer.from('nowhere')] })).toEqual({
    equal: false,
    keys: { compared: 2, different: 1 },
    differences: ['db5 "b": the content of the string differs'],
  });
});

test('only 20 differences are named, however many there are, and all are counted', async () => {
  const { from, compare } = await twoServers();
  for (let n = 0; n < 3_000; n += 1) void from.set(`key:${n}`, n);
  const { keys, differences } = await compare();
  expect(keys).toEqual({ compared: 3_000, different: 3_000 });
  expect(differences).toHaveLength(20);
});

test('a sample sees what differs as often as it says', async () => {
  const { from, to, compare } = await twoServers();
  for (let n = 0; n < 1_000; n += 1) {
    void from.set(`key:${n}`, n);
    void to.set(`key:${n}`, n % 100 === 7 ? 'other' : n);
  }
  let seen = 0;
  let stated = 0;
  for (let run = 0; run < 60; run += 1) {
    const parity = await compare({ mode: { sampled: 100 }, random: seeded(run) });
    expect(parity.keys.compared).toBe(100);
    expect(parity.confidence).toMatchObject({ compared: 100, of: 1_000, share: 0.1 });
    stated = parity.confidence?.found.find(({ differing }) => differing === 10)?.chance ?? 0;
    if (!parity.equal) seen += 1;
  }
  expect(stated).toBeCloseTo(1 - 0.99 ** 100, 5);
  // Of 60 runs; four standard deviations are 0.25.
  expect(Math.abs(seen / 60 - stated)).toBeLessThan(0.25);
});

test('a sample also looks from the target to the source, and of few keys it takes all', async () => {
  const { from, to, compare } = await twoServers();
  await from.mset('a', 1, 'b', 2);
  await to.mset('a', 1, 'b', 2, 'extra', 3);
  await to.select(3);
  await to.set('another', 1);
  const parity = await compare({ mode: { sampled: 1_000 } });
  expect(parity).toMatchObject({
    equal: false,
    keys: { compared: 2, different: 2 },
    differences: ['db0 "extra": only on the target', 'db3 "another": only on the target'],
    confidence: { compared: 2, of: 2, share: 1, found: [] },
  });
  expect(parity.confidence?.words).toBe('2 of 2 keys (100 %) were compared by content: all of them.');
});

test('a comparison that is aborted ends with the reason', async () => {
  const { from, compare } = await twoServers();
  const pipeline = from.pipeline();
  for (let n = 0; n < 50_000; n += 1) pipeline.set(`key:${n}`, n);
  await pipeline.exec();
  const stop = new AbortController();
  const comparison = compare({ signal: stop.signal });
  setTimeout(() => stop.abort(new Error('enough')), 60);
  await expect(comparison).rejects.toThrow('enough');
});

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
