import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { BIG_KEY_BYTES } from '../../src/redis/big-key.ts';
import { readDigests, type ReadingAbilities } from '../../src/redis/digest.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf } from './two-sides.ts';

const best: ReadingAbilities = { scripts: 'read-only', memoryUsage: true, expireTime: true };
const lesser: [name: string, abilities: ReadingAbilities][] = [
  ['with scripts that are not read-only', { ...best, scripts: 'any' }],
  ['without scripts', { ...best, scripts: 'none' }],
  ['without MEMORY USAGE', { ...best, memoryUsage: false }],
  ['without scripts and MEMORY USAGE', { ...best, scripts: 'none', memoryUsage: false }],
];

async function server(lines: string[] = []): Promise<Redis> {
  const { host, port } = await testRedis(lines);
  return clientOf({ host, port, tls: { mode: 'off' } });
}

/** A key of every type, below and above the thresholds at which a server keeps it in another way. */
async function fill(redis: Redis, reversed = false): Promise<Buffer[]> {
  const ordered = <Item>(items: Item[]): Item[] => (reversed ? items.toReversed() : items);
  const some = ordered(Array.from({ length: 1_000 }, (_, n) => `element ${n}`));
  await redis.set('number', 42);
  await redis.set('short', 'text');
  await redis.set('long', 'text '.repeat(1_000));
  await redis.set('empty', '');
  await redis.set(Buffer.from([0, 255, 10, 13]), Buffer.from([0, 1, 2, 255]));
  await redis.rpush('short list', 'a', 'b');
  await redis.rpush('long list', ...Array.from({ length: 5_000 }, (_, n) => `item ${n}`));
  await redis.sadd('numbers', 1, 2, 3);
  await redis.sadd('large set', ...some);
  await redis.hset('small hash', { a: '1', b: '2' });
  await redis.hset('large hash', ...some.flatMap((name) => [name, 'v'.repeat(80)]));
  await redis.hset('wide hash', 'a', 'v'.repeat(300), 'B', 'v'.repeat(70_000), 'é', '', '_', 'v');
  await redis.zadd('small zset', 1, 'a', 2, 'b');
  await redis.zadd('large zset', ...some.flatMap((name, at) => [reversed ? 999 - at : at, name]));
  await redis.xadd('stream', '1-1', 'f', 'v');
  await redis.set('expiring', 1, 'PXAT', 4_000_000_000_123);
  const names = ['number', 'short', 'long', 'empty', 'short list', 'long list', 'numbers', 'large set'];
  names.push(
    'wide hash',
    'small hash',
    'large hash',
    'small zset',
    'large zset',
    'stream',
    'expiring',
    'absent',
  );
  return [Buffer.from([0, 255, 10, 13]), ...names.map((name) => Buffer.from(name))];
}

test('every way to read gives the same digests, in the order of the keys', async () => {
  const redis = await server();
  const keys = await fill(redis);
  const digests = await readDigests(redis, keys, best);
  expect(digests).toHaveLength(keys.length);
  expect(digests.at(-1)).toBeNull();
  expect(digests.at(-2)).toEqual({ digest: expect.any(String), expiresAt: 4_000_000_000_123 });
  expect(digests.slice(0, -2).every((state) => state?.expiresAt === null)).toBe(true);
  expect(new Set(digests.map((state) => state?.digest)).size).toBe(keys.length);
  for (const [name, abilities] of lesser)
    expect([name, await readDigests(redis, keys, abilities)]).toEqual([name, digests]);
});

test('without PEXPIRETIME expiry is told on the server’s clock', async () => {
  const redis = await server();
  await redis.set('a', 1, 'PXAT', 4_000_000_000_123);
  for (const scripts of ['read-only', 'any', 'none'] as const) {
    const [state] = await readDigests(redis, [Buffer.from('a')], { ...best, scripts, expireTime: false });
    expect(Math.abs((state?.expiresAt ?? 0) - 4_000_000_000_123)).toBeLessThan(1_000);
  }
});

test('two servers that keep the same hash tables in other orders give the same digests', async () => {
  const [one, other] = [await server(), await server()];
  const keys = await fill(one);
  await fill(other, true);
  // Otherwise this would prove nothing.
  expect(await one.smembers('large set')).not.toEqual(await other.smembers('large set'));
  expect(await readDigests(other, keys, best)).toEqual(await readDigests(one, keys, best));
});

test('fields and values do not run into each other', async () => {
  const redis = await server(['hash-max-listpack-entries 0']);
  await redis.hset('one', 'ab', 'c');
  await redis.hset('other', 'a', 'bc');
  const [one, other] = await readDigests(redis, [Buffer.from('one'), Buffer.from('other')], best);
  expect(one?.digest).not.toEqual(other?.digest);
});

test('what is too big for one go is said to be so, and never serialised', async () => {
  const redis = await server();
  await redis.set('text', randomBytes(BIG_KEY_BYTES + 1));
  await redis.rpush('list', ...Array.from({ length: 300 }, () => randomBytes(5_000)));
  await redis.hset('hash', ...Array.from({ length: 30_000 }, (_, n) => [`f${n}`, 'v'.repeat(70)]).flat());
  await redis.set('small', 1, 'PX', 100_000);
  await redis.expire('text', 1_000);
  const keys = ['text', 'list', 'small', 'hash'].map((name) => Buffer.from(name));
  for (const [name, abilities] of [['best', best] as const, ...lesser]) {
    await redis.config('RESETSTAT');
    const [text, list, small, hash] = await readDigests(redis, keys, abilities);
    expect([name, text?.digest, list?.digest, hash?.digest]).toEqual([
      name,
      null,
      // Guessed from its 300 elements, it is not.
      abilities.memoryUsage ? null : expect.any(String),
      null,
    ]);
    expect(small?.digest).toEqual(expect.any(String));
    expect(text?.expiresAt).toBeGreaterThan(Date.now() + 900_000);
    expect(await redis.info('commandstats')).not.toMatch(
      abilities.memoryUsage ? /cmdstat_(dump|hgetall|get):/ : /cmdstat_(hgetall|get):/,
    );
  }
});

test('a batch above the budget is read in several calls, and completely', async () => {
  const redis = await server();
  const keys = Array.from({ length: 2_500 }, (_, n) => Buffer.from(`key ${n}`));
  for (const [index, key] of keys.entries())
    void redis.set(key, index % 100 === 0 ? randomBytes(300_000) : `value ${index}`);
  await redis.config('RESETSTAT');
  const digests = await readDigests(redis, keys, best);
  expect(new Set(digests.map((state) => state?.digest)).size).toBe(2_500);
  // 25 of 300 kB each, of which at most four fit into one call.
  const calls = Number(/cmdstat_evalsha_ro:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
  expect(calls).toBeGreaterThanOrEqual(6);
  expect(await readDigests(redis, keys, { ...best, scripts: 'none' })).toEqual(digests);
});

test('digests are read also while writers are held', async () => {
  const redis = await server();
  await redis.set('a', 1);
  await redis.call('CLIENT', 'PAUSE', 30_000, 'WRITE');
  expect(await readDigests(redis, [Buffer.from('a')], best)).toEqual([
    { digest: expect.any(String), expiresAt: null },
  ]);
});

test('a key that becomes one of another type while it is read makes nothing fail, with scripts or without', async () => {
  const redis = await server();
  const { host = '', port = 0 } = redis.options;
  const other = clientOf({ host, port, tls: { mode: 'off' } });
  const keys = [Buffer.from('still'), Buffer.from('changing'), Buffer.from('also still')];
  await redis.mset('still', 1, 'also still', 1);
  const over = new AbortController();
  const changing = (async () => {
    while (!over.signal.aborted) {
      await other.multi().del('changing').set('changing', 'text'.repeat(100)).exec();
      await other.multi().del('changing').rpush('changing', 'item').exec();
    }
  })();
  for (const scripts of ['none', 'read-only'] as const)
    for (let round = 0; round < 500; round += 1) {
      const [still, , alsoStill] = await readDigests(redis, keys, { ...best, scripts });
      expect(still).toEqual({ digest: expect.any(String), expiresAt: null });
      expect(alsoStill?.digest).toBe(still?.digest);
    }
  over.abort();
  await changing;
});
