import type { ChainableCommander, Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { pipelined } from '../../src/redis/scan.ts';
import { GROUP, KINDS } from './keys.ts';

/** What an application does with the keys: each call another change, the same ones every time. */
export type Change = (pipeline: ChainableCommander) => void;

/** Changes all over the keys that `makeKeys` made. */
export function changesOf(keys: number): Change {
  const random = randomNumbers(1);
  const state = { count: 0 };
  /** A small key of this kind. */
  const key = (kind: string): string => {
    for (;;) {
      const index = Math.floor(random() * keys);
      if (KINDS[index % KINDS.length] === kind) return `${kind}:${index}`;
    }
  };
  const each: readonly [share: number, change: Change][] = [
    [0.2, (pipeline) => pipeline.set(key('string'), `written ${state.count}`, 'EX', 86_400)],
    [0.15, (pipeline) => pipeline.hset(key('hash'), 'seen', state.count)],
    [0.1, (pipeline) => pipeline.incr(key('counter'))],
    [0.1, (pipeline) => pipeline.rpush(key('list'), `pushed ${state.count}`)],
    [0.05, (pipeline) => pipeline.lpush('queue:default', `job ${state.count}`).rpop('queue:default')],
    [0.05, (pipeline) => pipeline.zadd(key('zset'), state.count, `member ${state.count}`)],
    [0.05, (pipeline) => pipeline.sadd(key('set'), `member ${state.count}`)],
    [0.1, (pipeline) => pipeline.del(key('string'))],
    [0.1, (pipeline) => pipeline.set(`new:${state.count}`, `written ${state.count}`)],
    // Changes of a consumer group, which no server tells.
    [0.05, (pipeline) => pipeline.xack(key('stream'), GROUP, '1700000000000-1')],
    [
      0.05,
      (pipeline) => pipeline.xreadgroup('GROUP', GROUP, 'two', 'COUNT', 1, 'STREAMS', key('stream'), '>'),
    ],
  ];
  return (pipeline) => {
    state.count += 1;
    let left = random();
    const chosen = each.find(([share]) => (left -= share) < 0) ?? each[0];
    chosen?.[1](pipeline);
  };
}

/** Makes so many changes at once, and answers when all are made. */
export async function makeChanges(redis: Redis, change: Change, count: number): Promise<void> {
  await pipelined(redis, Array.from({ length: count }), change);
}

const AT_ONCE = 50;
const PAUSE_MS = 25;

/**
 * Writes about two thousand changes a second until `until` is settled.
 *
 * @returns changes in one second, as they were made
 */
export async function writeUntil(
  address: RedisAddress,
  change: Change,
  until: Promise<unknown>,
): Promise<number> {
  const state = { isOver: false };
  const over = (): void => {
    state.isOver = true;
  };
  void until.then(over, over);
  return withRedis(address, {}, async (redis) => {
    const started = performance.now();
    let made = 0;
    while (!state.isOver) {
      await makeChanges(redis, change, AT_ONCE);
      made += AT_ONCE;
      await delay(PAUSE_MS);
    }
    return (made * 1000) / (performance.now() - started);
  });
}

/** Numbers from 0 up to but without 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
