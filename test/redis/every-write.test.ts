import { expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { otherRedis } from '../../rehearsal/servers/other-redis.ts';
import { startRedis, type RedisServer } from '../../rehearsal/servers/redis.ts';
import { messageOf } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import type { ChangeFeed, FeedKind } from '../../src/redis/changes.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { watchUnpushed, type UnpushedWatch } from '../../src/redis/unpushed.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { testRedis } from '../support/servers.ts';
import { everyAbility, feedOf, offering, toldUntilNow } from './feeds.ts';
import { clientOf } from './two-sides.ts';
import { commandsOf, newerWays, ways, waysOfAll, type Way } from './write-commands.ts';

/** The ways of writing that the feed does not tell by the key's name or by `everything`, and what is told instead. */
const notByFeed = {
  tracking: {
    streams: [
      ...['xack', 'xack-in-lua', 'xack-in-multi', 'xautoclaim', 'xclaim', 'xreadgroup', 'xreadgroup-noack'],
      ...['xgroup-create', 'xgroup-createconsumer', 'xgroup-delconsumer', 'xgroup-destroy', 'xgroup-setid'],
      'xsetid',
    ],
    everything: ['swapdb', 'swapdb-in-lua'],
  },
  notifications: {
    streams: [
      ...['xack', 'xack-in-lua', 'xack-in-multi', 'xautoclaim', 'xclaim', 'xreadgroup', 'xreadgroup-noack'],
    ],
    everything: [
      ...['swapdb', 'swapdb-in-lua', 'flushdb', 'flushdb-of-another', 'flushall-async', 'flushall-in-multi'],
      ...['pfcount', 'debug-populate'],
    ],
  },
};

/** Commands that are too new for a version, or another family's. */
const absent = {
  'redis-6.2': ['lmpop', 'zmpop', 'function', ...Object.keys(newerWays)],
  'valkey-9': ['delex', 'xackdel', 'xdelex'],
};

const kinds = ['tracking', 'notifications'] as const;

for (const kind of kinds) {
  test(`every way of writing is told by ${kind} or seen in the counts of commands`, async () => {
    const server = await testRedis([...offering[kind], 'enable-debug-command yes']);
    const known = await howAllAreKnown(server, kind, { ...ways, ...waysOfAll });
    expect(known.length).toBeGreaterThan(100);
    expect(known.filter(({ how }) => how === 'not at all' || how === 'no such command')).toEqual([]);
    for (const how of ['streams', 'everything'] as const)
      expect(known.flatMap((way) => (way.how === how ? [way.name] : [])).sort()).toEqual(
        notByFeed[kind][how].toSorted(),
      );
  });

  for (const version of ['redis-6.2', 'valkey-9'] as const) {
    const binaries = await inFullRun(() => otherRedis(version, { log: silentLog }));
    testNeeding([binaries], `${version}: every way of writing is told by ${kind} or seen`, async () => {
      const configuration = [
        ...offering[kind],
        ...(version === 'valkey-9' ? ['enable-debug-command yes'] : []),
      ];
      const server = await startRedis({ name: version, configuration, binaries: foundIn(binaries) });
      const known = await howAllAreKnown(server, kind, { ...ways, ...newerWays, ...waysOfAll });
      const missing = known.flatMap((way) => (way.how === 'no such command' ? [way.name] : []));
      expect(missing.sort()).toEqual(absent[version].toSorted());
      expect(known.filter(({ how }) => how === 'not at all')).toEqual([]);
    });
  }
}

test('an evicted key is told by tracking; where notifications are all there is, everything counts as changed', async () => {
  for (const kind of kinds) {
    // Not even the notification of evictions is on.
    const lines = kind === 'tracking' ? [] : ['rename-command CLIENT ""', 'notify-keyspace-events Eg$lshzt'];
    const server = await testRedis(['maxmemory-policy allkeys-random', ...lines]);
    const address: RedisAddress = { host: server.host, port: server.port, tls: { mode: 'off' } };
    const [client, admin] = [clientOf(address), clientOf(address)];
    for (let number = 0; number < 200; number++) await client.set(`k:${number}`, 'x'.repeat(50_000));
    const feed = await feedOf(address);
    expect(feed.kind).toBe(kind);
    const watch = await watchUnpushed(client, everyAbility, kind);
    await admin.config('SET', 'maxmemory', '8mb');
    for (let left = 200; left === 200; left = await client.dbsize());
    // None goes while it is asked which have gone.
    await admin.config('SET', 'maxmemory', '0');
    const { everything, keys } = await toldUntilNow(feed);
    const unpushed = await watch.look();
    if (kind === 'notifications') expect(unpushed.everything).toBe(true);
    else {
      expect([everything, unpushed.everything]).toEqual([false, false]);
      const gone = Array.from({ length: 200 }, (_, number) => `k:${number}`);
      const there = new Set(await client.keys('*'));
      expect(keys).toEqual(gone.filter((key) => !there.has(key)).sort());
    }
  }
});

interface Watchers {
  client: Redis;
  other: Redis;
  feed: ChangeFeed;
  watch: UnpushedWatch;
}

type How = 'feed' | 'streams' | 'everything' | 'not at all' | 'no such command';

async function howAllAreKnown(
  server: RedisServer,
  kind: FeedKind,
  all: Record<string, Way>,
): Promise<{ name: string; how: How }[]> {
  const address: RedisAddress = { host: server.host, port: server.port, tls: { mode: 'off' } };
  const sides = { client: clientOf(address), other: clientOf(address) };
  const feed = await feedOf(address);
  expect(feed.kind).toBe(kind);
  const watch = await watchUnpushed(sides.client, everyAbility, kind);
  const known: { name: string; how: How }[] = [];
  for (const [name, way] of Object.entries(all))
    try {
      known.push({ name, how: await howKnown(name, way, { ...sides, feed, watch }) });
    } catch (thrown) {
      if (!/unknown (sub)?command|called from (Lua )?script/i.test(messageOf(thrown))) throw thrown;
      known.push({ name, how: 'no such command' });
    }
  return known;
}

/** Writes in this way and says who told of all keys that then differed in value, expiry or place. */
async function howKnown(name: string, way: Way, { client, other, feed, watch }: Watchers): Promise<How> {
  const pattern = name in waysOfAll ? '*' : `${name}:*`;
  for (const [verb = '', ...rest] of commandsOf(name, way.before)) await client.call(String(verb), ...rest);
  const before = await allKeys(client, pattern);
  await toldUntilNow(feed);
  await watch.look();
  if (typeof way.run === 'function') await way.run(client, other);
  else for (const [verb = '', ...rest] of commandsOf(name, way.run)) await client.call(String(verb), ...rest);
  const told = await toldUntilNow(feed);
  const unpushed = await watch.look();
  const after = await allKeys(client, pattern);
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => !isSame(before.get(key), after.get(key)),
  );
  // Or the test would prove nothing.
  if (changed.length === 0) throw new Error(`${name} changed nothing.`);
  const isTold = (key: string): boolean => told.everything || told.keys.includes(key.replace(/^\d+ /, ''));
  const isStream = (key: string): boolean => (after.get(key) ?? before.get(key))?.type === 'stream';
  if (changed.every(isTold)) return 'feed';
  if (changed.every((key) => isTold(key) || (isStream(key) && unpushed.streams))) return 'streams';
  return unpushed.everything ? 'everything' : 'not at all';
}

interface Key {
  type: string;
  /** Serialised, with all that consumer groups know; null when the key is gone by now. */
  value: Buffer | null;
  /** Milliseconds since 1970; negative for none. */
  expiry: number;
}

function isSame(one: Key | undefined, other: Key | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.value === null || other.value === null) return one.value === other.value;
  // Found out by two clock readings, each rounded.
  return one.value.equals(other.value) && Math.abs(one.expiry - other.expiry) < 50;
}

// PEXPIRETIME is not in Redis 6.
const expiryScript = `
  local left, now = redis.call('PTTL', KEYS[1]), redis.call('TIME')
  return left < 0 and left or left + now[1] * 1000 + math.floor(now[2] / 1000)`;

/** All keys, by logical database and name. */
async function allKeys(client: Redis, pattern: string): Promise<Map<string, Key>> {
  const all = new Map<string, Key>();
  for (let database = 0; database < 16; database++) {
    await client.select(database);
    for (const key of await client.keysBuffer(pattern))
      all.set(`${database} ${key.toString('latin1')}`, {
        type: await client.type(key),
        value: await client.dumpBuffer(key),
        expiry: Number(await client.eval(expiryScript, 1, key)),
      });
  }
  await client.select(0);
  return all;
}
