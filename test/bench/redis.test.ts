import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { makeKeys } from '../../bench/redis/keys.ts';
import { redisJson } from '../../bench/redis/report.ts';
import { countKeys, startServers, type BenchServers } from '../../bench/redis/servers.ts';
import { forgetSlowCommands, longestBlock } from '../../bench/redis/slow-commands.ts';
import { ways } from '../../bench/redis/ways.ts';
import { changesOf, makeChanges } from '../../bench/redis/writer.ts';
import { stopAll } from '../../rehearsal/servers/process.ts';
import { connectRedis } from '../../src/redis/connect.ts';
import { compareRedis } from '../../src/redis/parity.ts';

const KEYS = 2_000;

let servers: BenchServers;
let from: Redis;
let to: Redis;

beforeAll(async () => {
  servers = await startServers();
  from = await connectRedis(servers.plain.source);
  to = await connectRedis(servers.plain.target);
  await makeKeys(servers.plain.source, { keys: KEYS, largeBytes: 2e6 });
});

afterAll(async () => {
  from.disconnect();
  to.disconnect();
  await stopAll();
});

test('the data has every type, two streams of a hundred keys, and an expiry on a third', async () => {
  const names = await from.keys('*');
  const types = await Promise.all(names.map((name) => from.type(name)));
  const count = (type: string): number => types.filter((each) => each === type).length;
  expect(new Set(types)).toEqual(new Set(['string', 'hash', 'list', 'set', 'zset', 'stream']));
  expect(count('stream')).toBe(KEYS / 50);
  const expiring = await Promise.all(names.map((name) => from.pttl(name)));
  expect(expiring.filter((left) => left > 0)).toHaveLength(Math.ceil(KEYS / 3));
  const stream = names.find((name) => name.startsWith('stream:')) ?? '';
  expect((await from.xpending(stream, 'readers'))[0]).toBe(2);
  expect(names).toHaveLength(KEYS + 7);
  expect(await from.memory('USAGE', 'large:zset')).toBeGreaterThan(1.5e6);
});

test.each(['copyRedis', 'pipelined', 'MIGRATE', 'one by one'] as const)(
  '%s copies everything',
  async (way) => {
    await to.flushall();
    expect(await ways[way](servers.plain)).toMatchObject({ keys: KEYS + 7 });
    expect((await compareRedis({ ...servers.plain, skip: [] })).equal).toBe(true);
  },
);

test('a sample has its size and none of the large keys', async () => {
  await to.flushall();
  expect(await ways.pipelined(servers.tls, 500)).toMatchObject({ keys: 500 });
  expect(await countKeys(servers.tls.target)).toBe(500);
  expect(await to.exists('large:string', 'large:hash', 'queue:default')).toBe(0);
});

test('the changes are the same every time, and the keys are of the types that they are for', async () => {
  await to.flushall();
  await ways.pipelined(servers.plain);
  for (const redis of [from, to]) await makeChanges(redis, changesOf(KEYS), 400);
  expect(await from.dbsize()).toBe(await to.dbsize());
  expect(await from.keys('new:*')).not.toHaveLength(0);
  // A set's order is its server's own, and a stream knows when it was read.
  const told = (await from.keys('*')).filter((name) =>
    /^(new|string|counter|hash|list|zset|queue):/.test(name),
  );
  expect(told.length).toBeGreaterThan(KEYS / 2);
  for (const name of told) expect([name, await to.dump(name)]).toEqual([name, await from.dump(name)]);
});

test('the longest command of both servers is found, and those before are forgotten', async () => {
  await forgetSlowCommands(servers);
  expect(await longestBlock(servers)).toMatchObject({ milliseconds: 1, command: 'none above this' });
  const spin =
    "local t = redis.call('TIME') local function now() local n = redis.call('TIME') return (n[1] - t[1]) * 1000000 + n[2] - t[2] end while now() < tonumber(ARGV[1]) do end";
  await from.eval(spin, 0, 10_000);
  await to.eval(spin, 0, 500_000);
  const { side, milliseconds, command } = await longestBlock(servers);
  expect([side, command.slice(0, 4)]).toEqual(['target', 'eval']);
  expect(milliseconds).toBeGreaterThanOrEqual(500);
});

test('what was not measured is null, under the names that the result always has', () => {
  const data = { keys: 1, usedMemoryBytes: 1e6, large: {} };
  expect(redisJson({ environment: {}, data, failed: { copy: 'why' } })).toMatchObject({
    ...{ keysPerSecond: null, keysPerSecondTls: null, vsOneByOne: null, vsMigrate: null, vsPipelined: null },
    ...{ finalPassMsPerMillion: null, longestBlockMs: null, peakMb: null, wan: null },
    failed: { copy: 'why' },
  });
});

test('the final pass is told for a million keys, and the longest block of ours, not of the peers', () => {
  const even = (value: number) => ({ median: value, least: value, most: value });
  const block = (milliseconds: number) => ({ side: 'source' as const, milliseconds, command: 'x' });
  const json = redisJson({
    environment: {},
    failed: {},
    data: { keys: 200_000, usedMemoryBytes: 1e6, large: {} },
    copy: {
      ...{ keysPerSecond: even(1), mbPerSecond: even(1), vsOneByOne: even(1), vsPipelined: even(1) },
      ...{ vsMigrate: even(1), peakBytes: even(150e6), provenKeysPerSecond: even(1) },
      peakBytesAtRest: even(100e6),
      blocks: { ours: block(7), parity: block(12), theirs: { MIGRATE: block(400) } },
    },
    final: {
      ...{ keys: 200_000, changes: 200, milliseconds: even(300), resumeMilliseconds: even(1) },
      finished: {
        ...{ keys: 190, deleted: 10, compared: 200, how: 'changes', reason: null, paused: true },
        milliseconds: 299,
      },
      catchUp: { changesPerSecond: 2000, keys: 1, passes: 1, milliseconds: 1 },
      ...{ peakBytes: 1e6, block: block(9), parityBlock: block(3) },
    },
  });
  expect(json).toMatchObject({
    finalPassMsPerMillion: 1500,
    longestBlockMs: 12,
    peakMb: 150,
    peakMbAtRest: 100,
  });
});
