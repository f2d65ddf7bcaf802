import type { Redis } from 'ioredis';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { describeRedis, type RedisAddress } from './connect.ts';
import { databasesOf, keysOf, readInfo, type RedisFacts } from './facts.ts';
import { chooseKeys } from './key-choice.ts';
import type { ServerVersion } from './payload-versions.ts';
import { pipelined, scanKeys } from './scan.ts';

export interface RoomOptions {
  target: RedisAddress;
  /** Glob patterns of keys that stay behind. */
  skip: readonly string[];
  facts: { source: RedisFacts; target: RedisFacts };
  /** Both sides tell the size of a key by MEMORY USAGE. */
  memoryUsage: boolean;
  /** What to do when there is too little, for the end of the message. */
  remedy: string;
  log: Log;
}

/** What a server's memory is used for, bytes. */
export interface Memory {
  /** Keys, their names, values and expiry, and functions: what a copy brings over. */
  data: number;
  /** The server itself and its connections. */
  besides: number;
  limit: number;
  /** Where the limit comes from, for messages. */
  limitIs: string;
}

/** The same keys take a little more or less elsewhere: other versions encode differently, tables grow by doubling. */
const ENCODING_ALLOWANCE = 1.05;
/** What a key costs more on Redis than on a Valkey that keeps its name and expiry beside the value: at most 125 measured. */
const VALKEY_KEY_BYTES = 130;
const FRUGAL_VALKEY = 8;
/** What is on its way at the end of a copy, in the target's connections: a batch of each lane. */
const TRANSFER_BYTES = 4_000_000;
/** Without maxmemory a quarter of the machine is left for forks, AOF rewrites and whatever else runs there. */
const SHARE_OF_MACHINE = 0.75;

/**
 * Makes sure before the first key that the target has room for what the source holds, beside what stays there. First
 * by the servers' own sums, as if everything came and everything stayed; only where that does not fit is each key
 * looked at: those left behind by `skip`, and those that are replaced.
 *
 * @throws ConfigurationError with the figures when it is too small, or does not say what it has
 */
export async function requireRoom(from: Redis, to: Redis, options: RoomOptions): Promise<void> {
  const source = await readMemory(from);
  const target = await readMemory(to);
  const where = describeRedis(options.target);
  const limit = target.limit;
  if (limit === 0)
    throw new ConfigurationError(
      `${where} says neither how much memory it may use (maxmemory) nor how much its machine has, so that the copy might not fit; nothing was changed. Set maxmemory.`,
    );
  const need = (coming: number, keys: number, staying: number): number =>
    target.besides + staying + memoryForCopy({ bytes: coming, keys }, options.facts);
  const tell = (needed: number): void =>
    options.log.info(
      `Memory: the copy needs up to ${megabytes(needed)} MB of the target's ${megabytes(limit)} MB (${target.limitIs}).`,
    );

  const keys = keysOf(options.facts.source);
  const atMost = need(source.data, keys, target.data);
  if (atMost <= limit) {
    tell(atMost);
    return;
  }
  const exact = await lookAtEachKey(from, to, source, target, options);
  const coming = Math.max(0, source.data - exact.leftBehind);
  const needed = need(coming, keys - exact.keysLeft, exact.staying + exact.largestReplaced);
  if (needed <= limit) {
    tell(needed);
    return;
  }
  const staying =
    exact.staying > 0 ? ` beside ${megabytes(exact.staying)} MB that stay there until the end` : '';
  const left = exact.leftBehind > 0 ? `, ${megabytes(exact.leftBehind)} MB of it left behind` : '';
  throw new ConfigurationError(
    `${where} is too small: the source uses ${megabytes(source.data)} MB for its data${left}, for which up to ${megabytes(needed)} MB are needed${staying}, and it may use ${megabytes(limit)} MB (${target.limitIs}). Nothing was changed. ${options.remedy}`,
  );
}

/**
 * Bytes that keys of `bytes` on the source need on the target at most, with what is on its way at the end of the copy;
 * besides what the target needs for itself.
 */
export function memoryForCopy(
  coming: { bytes: number; keys: number },
  { source, target }: Record<'source' | 'target', ServerVersion>,
): number {
  const otherEncoding = isFrugal(source) && !isFrugal(target) ? VALKEY_KEY_BYTES : 0;
  return (
    Math.ceil(coming.bytes * ENCODING_ALLOWANCE) +
    coming.keys * otherEncoding +
    Math.min(TRANSFER_BYTES, Math.ceil(coming.bytes))
  );
}

/** Since Valkey 8 a small key takes much less. */
function isFrugal({ flavour, version }: ServerVersion): boolean {
  return flavour === 'valkey' && Number.parseInt(version) >= FRUGAL_VALKEY;
}

/** @throws what a server answers that may not be asked for INFO */
export async function readMemory(redis: Redis): Promise<Memory> {
  const info = await readInfo(redis, 'memory');
  const bytes = (name: string): number => Number(info.get(name) ?? 0);
  const overhead =
    bytes('used_memory_startup') +
    bytes('mem_clients_normal') +
    bytes('mem_clients_slaves') +
    // Since Redis 7 the backlog is a part of all replication buffers.
    Math.max(bytes('mem_replication_backlog'), bytes('mem_total_replication_buffers')) +
    bytes('mem_aof_buffer');
  const used = bytes('used_memory');
  const besides = Math.min(overhead, used);
  const maxmemory = bytes('maxmemory');
  return {
    data: used - besides,
    besides,
    ...(maxmemory > 0
      ? { limit: maxmemory, limitIs: 'maxmemory' }
      : {
          limit: Math.floor(bytes('total_system_memory') * SHARE_OF_MACHINE),
          limitIs: 'three quarters of its machine, since it has no maxmemory',
        }),
  };
}

/** Bytes by what becomes of the keys. */
interface Looked {
  /** On the source, and not carried. */
  leftBehind: number;
  /** How many those are. */
  keysLeft: number;
  /** On the target until the end at least: not carried, or not on the source any more. */
  staying: number;
  /** The largest one of the target that is replaced: its successor is built beside it. */
  largestReplaced: number;
}

async function lookAtEachKey(
  from: Redis,
  to: Redis,
  source: Memory,
  target: Memory,
  options: RoomOptions,
): Promise<Looked> {
  options.log.info('Memory: it may not fit, so each key is looked at.');
  const { facts } = options;
  // Where a side does not tell the size of a key.
  const average = {
    source: source.data / Math.max(1, keysOf(facts.source)),
    target: target.data / Math.max(1, keysOf(facts.target)),
  };
  const looked: Looked = { leftBehind: 0, keysLeft: 0, staying: 0, largestReplaced: 0 };
  const sizes = async (redis: Redis, keys: Buffer[], mean: number): Promise<number[]> => {
    if (!options.memoryUsage) return keys.map(() => mean);
    const replies = await pipelined(redis, keys, (pipeline, key) => pipeline.call('MEMORY', 'USAGE', key));
    return replies.map(Number);
  };
  try {
    for (const database of databasesOf(facts.source, facts.target)) {
      await from.select(database);
      await to.select(database);
      const chosen = await chooseKeys([from, to], [...options.skip]);
      for await (const keys of scanKeys(from)) {
        const left = keys.filter((key) => !chosen(key));
        looked.keysLeft += left.length;
        looked.leftBehind += sum(await sizes(from, left, average.source));
      }
      for await (const keys of scanKeys(to)) {
        const there = await pipelined(from, keys, (pipeline, key) => pipeline.exists(key));
        const bytes = await sizes(to, keys, average.target);
        for (const [index, key] of keys.entries()) {
          const size = bytes[index] ?? 0;
          if (chosen(key) && there[index] === 1)
            looked.largestReplaced = Math.max(looked.largestReplaced, size);
          else looked.staying += size;
        }
      }
    }
  } finally {
    await from.select(0);
    await to.select(0);
  }
  return looked;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
