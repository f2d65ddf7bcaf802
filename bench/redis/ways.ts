import type { Redis } from 'ioredis';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { followRedis, type RedisFollow } from '../../src/redis/follow.ts';
import { isSmall } from './keys.ts';
import type { Ends } from './servers.ts';

export interface Copied {
  keys: number;
  /** Of the values in serialised form; null where nobody counts them. */
  bytes: number | null;
  /** When all keys were on the target, after the beginning; a peer has ended then. */
  copiedMs?: number;
}

/** With a sample, only so many keys are copied. */
type Copy = (ends: Ends, sample?: number) => Promise<Copied>;

/** Our copy, and what one would write or use without it. */
export const ways = {
  copyRedis: ours,
  MIGRATE: migrate,
  pipelined,
  'one by one': oneByOne,
} satisfies Record<string, Copy>;

export type Way = keyof typeof ways;

const BATCH = 1_000;
/** MIGRATE gives up on a batch after so long. */
const MIGRATE_MS = 60_000;

/** A migration's name: without one nothing says that what is on the target came from here. */
const MIGRATION = 'bench';

export function follow({ source, target }: Ends): Promise<RedisFollow> {
  return followRedis({
    source,
    target,
    skip: [],
    migrationId: MIGRATION,
    log: silentLog,
    clock: systemClock,
  });
}

/** What `copyRedis` does, with a look at the clock in between: no peer catches up, proves anything or practises. */
async function ours(ends: Ends): Promise<Copied> {
  const started = performance.now();
  const following = await follow(ends);
  const copiedMs = performance.now() - started;
  try {
    await following.catchUp();
    await following.practise();
    const { keys, bytes } = following.copied;
    return { keys, bytes, copiedMs };
  } finally {
    await following.close();
  }
}

/** The loop that one writes when one by one is too slow. */
function pipelined(ends: Ends, sample?: number): Promise<Copied> {
  return withBoth(ends, async (from, to) => {
    const copied = { keys: 0, bytes: 0 };
    for await (const keys of scanned(from, sample)) {
      const reads = from.pipeline();
      for (const key of keys) reads.pttl(key).dumpBuffer(key);
      const read = (await reads.exec()) ?? [];
      const writes = to.pipeline();
      for (const [index, key] of keys.entries()) {
        const ttl = Number(read[2 * index]?.[1]);
        const payload = read[2 * index + 1]?.[1];
        if (!Buffer.isBuffer(payload)) continue;
        writes.restore(key, Math.max(ttl, 0), payload, 'REPLACE');
        copied.keys += 1;
        copied.bytes += payload.length;
      }
      for (const [error] of (await writes.exec()) ?? []) if (error !== null) throw error;
    }
    return copied;
  });
}

/** The server's own way: it connects to the other itself, without TLS, and answers nobody while a batch is on its way. */
function migrate({ source, target }: Ends): Promise<Copied> {
  return withRedis(source, {}, async (from) => {
    let copied = 0;
    for await (const keys of scanned(from)) {
      const options = ['', 0, MIGRATE_MS, 'COPY', 'REPLACE', 'KEYS', ...keys];
      await from.call('MIGRATE', target.host, target.port, ...options);
      copied += keys.length;
    }
    return { keys: copied, bytes: null };
  });
}

function oneByOne(ends: Ends, sample?: number): Promise<Copied> {
  return withBoth(ends, async (from, to) => {
    const copied = { keys: 0, bytes: 0 };
    for await (const keys of scanned(from, sample))
      for (const key of keys) {
        const ttl = await from.pttl(key);
        const payload = await from.dumpBuffer(key);
        await to.restore(key, Math.max(ttl, 0), payload, 'REPLACE');
        copied.keys += 1;
        copied.bytes += payload.length;
      }
    return copied;
  });
}

/** All keys; or so many small ones, since one large key would decide what a sample takes. */
async function* scanned(redis: Redis, sample = Infinity): AsyncGenerator<Buffer[]> {
  let cursor = '0';
  let left = sample;
  do {
    const [next, found] = await redis.scanBuffer(cursor, 'COUNT', BATCH);
    const keys = sample === Infinity ? found : found.filter(isSmall).slice(0, left);
    left -= keys.length;
    if (keys.length > 0) yield keys;
    cursor = next.toString();
  } while (cursor !== '0' && left > 0);
}

function withBoth<T>({ source, target }: Ends, body: (from: Redis, to: Redis) => Promise<T>): Promise<T> {
  return withRedis(source, {}, (from) => withRedis(target, {}, (to) => body(from, to)));
}
