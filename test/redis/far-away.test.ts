import { afterEach, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { openWideArea, type WideArea } from '../../bench/wan.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { isFar } from '../../src/redis/round-trip.ts';
import { scanKeys } from '../../src/redis/scan.ts';
import { clientOf, twoRedis } from './two-sides.ts';

const KEYS = 9_000;

let area: WideArea | undefined;
afterEach(() => area?.close());

async function overLongLine(address: RedisAddress): Promise<RedisAddress> {
  area ??= openWideArea({ roundTripMs: 20, connectionBytesPerSecond: 40e6, sharedBytesPerSecond: 125e6 });
  return { ...address, ...(await area.reach(address)) };
}

async function pagesOf(redis: Redis): Promise<number> {
  let pages = 0;
  for await (const keys of scanKeys(redis)) pages += keys.length > 0 ? 1 : 0;
  return pages;
}

async function connectionsOf(redis: Redis): Promise<number> {
  const clients = String(await redis.client('LIST'));
  return clients.trim().split('\n').length;
}

test('over a long line more is asked for in one go, on no more connections, and everything arrives', async () => {
  const { source, target, from, copy, compare } = await twoRedis();
  for (let n = 0; n < KEYS; n += 1) void from.set(`key:${n}`, 'x'.repeat(n % 300));
  await from.ping();
  const far = { source: await overLongLine(source), target: await overLongLine(target) };
  const near = clientOf(source);
  const distant = clientOf(far.source);

  expect(await isFar(near)).toBe(false);
  expect(await isFar(distant)).toBe(true);
  expect(await pagesOf(near)).toBeGreaterThanOrEqual(KEYS / 1_000);
  expect(await pagesOf(distant)).toBeLessThanOrEqual(Math.ceil(KEYS / 4_000) + 1);

  const before = await connectionsOf(from);
  const counts: number[] = [];
  const copied = copy(far);
  const watch = setInterval(() => void connectionsOf(from).then((count) => counts.push(count)), 10);
  expect(await copied).toMatchObject({ keys: KEYS });
  clearInterval(watch);
  // The scanner, three that carry, two that are told what changes, and one that is tried out.
  expect(Math.max(...counts) - before).toBeLessThanOrEqual(7);
  expect(await compare()).toMatchObject({ equal: true, keys: { compared: KEYS, different: 0 } });
});
