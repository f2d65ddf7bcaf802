import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { silentLog, type Log } from '../log.ts';
import { connectRedis, describeRedis, type RedisAddress } from './connect.ts';
import { contentDigest, sameDump } from './content.ts';
import { redisError } from './errors.ts';
import { readRedisFacts } from './facts.ts';
import { chooseKeys, type KeyChoice } from './key-choice.ts';
import { inBatches, inLanes, pipelined, scanKeys } from './scan.ts';

export interface RedisParity {
  equal: boolean;
  /** `compared`: keys of the source. */
  keys: { compared: number; different: number };
  /** Up to 20 differences, one line each. */
  differences: string[];
}

export interface RedisParityOptions {
  source: RedisAddress;
  target: RedisAddress;
  /** The same patterns as for the copy. */
  skip: string[];
  log?: Log;
  signal?: AbortSignal;
}

const BATCH_KEYS = 200;
const LANES = 2;
/** A key that lives longer or shorter than this on the target differs. */
const EXPIRY_TOLERANCE_MS = 1_000;
const NAMED = 20;

interface Found {
  key: Buffer;
  problem: string;
}

/** One side's answer about one key. */
interface State {
  dump: Buffer | null;
  /** On this machine's monotonic clock, so that the servers' clocks do not matter; null: lives for ever. */
  expiresAt: number | null;
}

/**
 * Compares two servers key by key in every logical database: type, content and expiry (within a second). Values are
 * compared by content where their serialised forms differ, so versions and encodings may differ. What `copyRedis`
 * leaves behind is not compared. A key that is just expiring is not a difference.
 */
export async function compareRedis(options: RedisParityOptions): Promise<RedisParity> {
  const log = options.log ?? silentLog;
  const connection = { log, ...(options.signal === undefined ? {} : { signal: options.signal }) };
  const source = await connectRedis({ ...options.source, database: 0 }, connection);
  const target = await connectRedis({ ...options.target, database: 0 }, connection).catch(
    (thrown: unknown) => {
      source.disconnect();
      throw thrown;
    },
  );
  try {
    const facts = [await readRedisFacts(source), await readRedisFacts(target)];
    const databases = new Set(facts.flatMap((side) => Object.keys(side.keys).map(Number)));
    const parity: RedisParity = { equal: true, keys: { compared: 0, different: 0 }, differences: [] };
    for (const database of [...databases].sort((a, b) => a - b)) {
      await source.select(database);
      await target.select(database);
      const { compared, found } = await compareLogicalDatabase(source, target, options.skip);
      parity.keys.compared += compared;
      parity.keys.different += found.length;
      parity.differences.push(
        ...found.map(({ key, problem }) => `db${database} ${printable(key)}: ${problem}`),
      );
    }
    parity.equal = parity.keys.different === 0;
    parity.differences = parity.differences.sort().slice(0, NAMED);
    return parity;
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw redisError(
      thrown,
      `Comparing ${describeRedis(options.source)} with ${describeRedis(options.target)}`,
    );
  } finally {
    source.disconnect();
    target.disconnect();
  }
}

async function compareLogicalDatabase(
  source: Redis,
  target: Redis,
  skip: string[],
): Promise<{ compared: number; found: Found[] }> {
  const chosen = await chooseKeys([source, target], skip);
  // SCAN may show a key twice.
  const seen = new Set<string>();
  const suspects: Buffer[] = [];
  await inLanes(
    inBatches(scanKeys(source), () => BATCH_KEYS),
    LANES,
    async (scanned) => {
      const keys = unseen(scanned, chosen, seen);
      suspects.push(...(await compareKeys(source, target, keys)).map(({ key }) => key));
    },
  );
  const compared = seen.size;
  await inLanes(
    inBatches(scanKeys(target), () => BATCH_KEYS),
    LANES,
    async (scanned) => {
      suspects.push(...unseen(scanned, chosen, seen));
      await Promise.resolve();
    },
  );
  if (suspects.length === 0) return { compared, found: [] };
  // Looked at once more a moment later: a key that was just expiring is gone from both by then.
  await delay(50);
  const found: Found[] = [];
  for (let start = 0; start < suspects.length; start += BATCH_KEYS)
    found.push(...(await compareKeys(source, target, suspects.slice(start, start + BATCH_KEYS))));
  return { compared, found };
}

function unseen(keys: Buffer[], chosen: KeyChoice, seen: Set<string>): Buffer[] {
  return keys.filter((key) => {
    const name = key.toString('latin1');
    if (seen.has(name) || !chosen(key)) return false;
    seen.add(name);
    return true;
  });
}

async function compareKeys(source: Redis, target: Redis, keys: Buffer[]): Promise<Found[]> {
  const [left, right] = await Promise.all([readStates(source, keys), readStates(target, keys)]);
  const found: Found[] = [];
  for (const [index, key] of keys.entries()) {
    const [one, other] = [left[index], right[index]];
    if (one === undefined || other === undefined) throw new Error('A reply is missing.');
    const problem = await compareKey(source, target, key, one, other);
    if (problem !== undefined) found.push({ key, problem });
  }
  return found;
}

async function readStates(redis: Redis, keys: Buffer[]): Promise<State[]> {
  const replies = await pipelined(redis, keys, (pipeline, key) => pipeline.pttl(key).dumpBuffer(key));
  const now = performance.now();
  return keys.map((_key, index) => {
    const ttl = Number(replies[2 * index]);
    const dump = replies[2 * index + 1];
    return { dump: Buffer.isBuffer(dump) ? dump : null, expiresAt: ttl < 0 ? null : now + ttl };
  });
}

async function compareKey(
  source: Redis,
  target: Redis,
  key: Buffer,
  one: State,
  other: State,
): Promise<string | undefined> {
  if (one.dump === null && other.dump === null) return undefined;
  if (one.dump === null) return expiring(other) ? undefined : 'only on the target';
  if (other.dump === null) return expiring(one) ? undefined : 'only on the source';
  if (!sameDump(one.dump, other.dump)) {
    const difference = await compareContent(source, target, key);
    if (difference !== undefined) return difference;
  }
  return compareExpiry(one.expiresAt, other.expiresAt);
}

function expiring(state: State): boolean {
  return state.expiresAt !== null && state.expiresAt < performance.now() + EXPIRY_TOLERANCE_MS;
}

async function compareContent(source: Redis, target: Redis, key: Buffer): Promise<string | undefined> {
  const [type, other] = await Promise.all([source.type(key), target.type(key)]);
  if (type !== other) return `a ${type} on the source, a ${other} on the target`;
  const [left, right] = await Promise.all([
    contentDigest(source, key, type),
    contentDigest(target, key, type),
  ]);
  if (left === null) return `the type ${type} cannot be compared`;
  return left === right ? undefined : `the content of the ${type} differs`;
}

function compareExpiry(one: number | null, other: number | null): string | undefined {
  if (one === null && other === null) return undefined;
  if (one === null) return 'expires on the target only';
  if (other === null) return 'expires on the source only';
  const difference = Math.abs(one - other);
  return difference <= EXPIRY_TOLERANCE_MS
    ? undefined
    : `expires ${(difference / 1000).toFixed(1)} s ${other > one ? 'later' : 'earlier'} on the target`;
}

/**
 * A key as it can be shown in a log: control characters and bytes that are no text escaped, long ones cut. Of a part
 * that looks like an identifier only the beginning: a session's key is all that is needed to be that session.
 */
function printable(key: Buffer): string {
  const text = JSON.stringify(
    key
      .toString('latin1')
      .replaceAll(/[^:]+/g, (part) => (part.length >= 8 && /\d/.test(part) ? `${part.slice(0, 4)}…` : part))
      .replaceAll(/[^\x20-\x7e…]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`),
  );
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
