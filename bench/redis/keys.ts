import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';

/** What the keys are, in turn: of 200, `many('string', 78)` are strings. */
export const KINDS: readonly string[] = [
  ...spread([
    ...many('string', 78),
    ...many('counter', 12),
    ...many('hash', 42),
    ...many('list', 22),
    ...many('numbers', 8),
    ...many('set', 10),
    ...many('zset', 23),
    ...many('stream', 4),
    ...many('map', 1),
  ]),
];

/** Streams have it, and two of its four entries were read. */
export const GROUP = 'readers';

export interface KeysMade {
  keys: number;
  /** The large ones by name, bytes as the server counts them. */
  large: Record<string, number>;
}

/** Keys in one script; the making may block the server, which nobody uses yet. */
const AT_ONCE = 5_000;
const ELEMENTS_AT_ONCE = 20_000;
const MOST_QUEUED = 100_000;

const MAKE_KEYS = readFileSync(new URL('./keys.lua', import.meta.url), 'utf8');
const ADD_ELEMENTS = readFileSync(new URL('./elements.lua', import.meta.url), 'utf8');

/**
 * Fills an empty server: `keys` small ones of all kinds, two queues and a schedule of a tenth as many elements (100,000
 * at most), and a string, a hash, a sorted set and a list of about `largeBytes` each. The same every time.
 */
export async function makeKeys(
  address: RedisAddress,
  { keys, largeBytes }: { keys: number; largeBytes: number },
): Promise<KeysMade> {
  const text = someText(256 * 1024);
  return withRedis(address, {}, async (redis) => {
    for (let from = 0; from < keys; from += AT_ONCE)
      await redis.eval(MAKE_KEYS, 0, from, Math.min(from + AT_ONCE, keys), KINDS.join(' '), text);

    const jobs = Math.min(MOST_QUEUED, Math.round(keys / 10));
    const large: [key: string, command: string, elements: number, length: number][] = [
      ['queue:default', 'RPUSH', jobs, 100],
      ['queue:mailers', 'RPUSH', jobs, 100],
      ['queue:schedule', 'ZADD', jobs, 100],
      ['large:string', 'APPEND', largeBytes / 1000, 1000],
      // By what the server needs for one: the entry, and for a sorted set the skip list beside it.
      ['large:hash', 'HSET', largeBytes / 176, 100],
      ['large:zset', 'ZADD', largeBytes / 150, 40],
      ['large:list', 'RPUSH', largeBytes / 204, 200],
    ];
    for (const [key, command, elements, length] of large)
      for (let from = 0; from < elements; from += ELEMENTS_AT_ONCE) {
        const to = Math.min(from + ELEMENTS_AT_ONCE, Math.round(elements));
        await redis.eval(ADD_ELEMENTS, 1, key, from, to, command, length, text);
      }
    const sizes = await Promise.all(large.map(async ([key]) => [key, await memoryOf(redis, key)] as const));
    return { keys: await redis.dbsize(), large: Object.fromEntries(sizes) };
  });
}

/** Not one of the few large ones, of which a sample would hold none or too many. */
export function isSmall(key: Buffer): boolean {
  const name = key.toString('latin1');
  return !name.startsWith('queue:') && !name.startsWith('large:');
}

async function memoryOf(redis: Redis, key: string): Promise<number> {
  return Number(await redis.memory('USAGE', key));
}

/** Text that hardly shrinks when it is compressed, the same every time. */
function someText(length: number): string {
  const blocks: string[] = [];
  for (let bytes = 0; bytes < length; bytes += 64)
    blocks.push(createHash('sha384').update(String(bytes)).digest('base64'));
  return blocks.join('').slice(0, length);
}

function many(kind: string, count: number): string[] {
  return Array.from({ length: count }, () => kind);
}

/** Mixed as a shuffled pack is, the same every time: 77 has no divisor in common with 200. */
function spread(kinds: readonly string[]): string[] {
  return kinds.map((_, index) => kinds[(index * 77) % kinds.length] ?? '');
}
