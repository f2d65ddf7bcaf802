import { expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { ChangeFeed } from '../../src/redis/changes.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { watchUnpushed, type UnpushedWatch } from '../../src/redis/unpushed.ts';
import { testRedis } from '../support/servers.ts';
import { everyAbility, feedOf, offering, toldUntilNow } from './feeds.ts';
import { clientOf } from './two-sides.ts';
import { commandsOf, ways, waysOfAll, type Way } from './write-commands.ts';

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

for (const kind of ['tracking', 'notifications'] as const)
  test(`every way of writing is told by ${kind} or seen in the counts of commands`, async () => {
    const server = await testRedis([...offering[kind], 'enable-debug-command yes']);
    const address: RedisAddress = { host: server.host, port: server.port, tls: { mode: 'off' } };
    const sides = { client: clientOf(address), other: clientOf(address) };
    const feed = await feedOf(address);
    expect(feed.kind).toBe(kind);
    const watch = await watchUnpushed(sides.client, everyAbility, kind);
    const known: Record<string, string> = {};
    for (const [name, way] of Object.entries({ ...ways, ...waysOfAll }))
      known[name] = await howKnown(name, way, { ...sides, feed, watch });
    expect(Object.keys(known).length).toBeGreaterThan(100);
    expect(Object.values(known)).not.toContain('unknown');
    for (const how of ['streams', 'everything'] as const)
      expect(
        Object.keys(known)
          .filter((name) => known[name] === how)
          .sort(),
      ).toEqual(notByFeed[kind][how].toSorted());
  }, 60_000);

test('an evicted key is told by tracking; where notifications are all there is, everything counts as changed', async () => {
  for (const kind of ['tracking', 'notifications'] as const) {
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

/** Writes in this way and says who told of all keys that then differed in value, expiry or place. */
async function howKnown(name: string, way: Way, { client, other, feed, watch }: Watchers): Promise<string> {
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
    (key) => before.get(key)?.state !== after.get(key)?.state,
  );
  // Or the test would prove nothing.
  if (changed.length === 0) throw new Error(`${name} changed nothing.`);
  const isTold = (key: string): boolean => told.everything || told.keys.includes(key.replace(/^\d+ /, ''));
  const isStream = (key: string): boolean => (after.get(key) ?? before.get(key))?.type === 'stream';
  if (changed.every(isTold)) return 'feed';
  if (changed.every((key) => isTold(key) || (isStream(key) && unpushed.streams))) return 'streams';
  return unpushed.everything ? 'everything' : 'unknown';
}

/** Type, value and expiry of all keys, by logical database and name. */
async function allKeys(
  client: Redis,
  pattern: string,
): Promise<Map<string, { type: string; state: string }>> {
  const all = new Map<string, { type: string; state: string }>();
  for (let database = 0; database < 16; database++) {
    await client.select(database);
    for (const key of await client.keysBuffer(pattern)) {
      const type = await client.type(key);
      // It may have expired since.
      const value = (await client.dumpBuffer(key)) as Buffer | null;
      const expiry = await client.pexpiretime(key);
      if (value !== null)
        all.set(`${database} ${key.toString('latin1')}`, {
          type,
          state: `${value.toString('hex')} ${expiry}`,
        });
    }
  }
  await client.select(0);
  return all;
}
