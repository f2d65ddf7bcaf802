import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { BIG_KEY_BYTES } from './big-key.ts';
import { isTelling } from './jobs/find.ts';
import { otherJobLibraryOf } from './jobs/other-libraries.ts';
import { globOf, prefixesOf } from './key-prefix.ts';
import { OUR_PREFIX } from './our-keys.ts';
import { printable } from './printable.ts';
import { Reservoir } from './sample.ts';
import { pipelined, scanKeys } from './scan.ts';

/** What some keys tell about all of them. It holds no value, and of names only what can be shown. */
export interface KeySample {
  /** In all logical databases, without ours, as the server counts them. */
  keys: number;
  /** Whose names were walked over. Fewer than `keys` when the time was up. */
  walked: number;
  /** Those that were looked at, each with the same chance. As many as `walked`: all of them. */
  looked: number;
  /** By MEMORY USAGE, which guesses collections from some elements; null where it is refused. */
  bytes: number | null;
  /** Of those looked at: by type as TYPE says it, a module's own types too. */
  types: Record<string, { keys: number; bytes: number | null; withExpiry: number }>;
  withExpiry: number;
  /** Groups by how names begin; those of less than half a percent are in none. Most bytes (or keys) first. */
  prefixes: KeyGroup[];
  /** Largest first. */
  biggest: SampledKey[];
  /** Looked at and above a megabyte. */
  big: number;
  streams: { entries: number; groups: number; database: number; name: string }[];
}

export interface KeyGroup {
  /** Redis' own glob: `cache:*`. */
  pattern: string;
  keys: number;
  bytes: number | null;
  withExpiry: number;
}

export interface SampledKey {
  /** As `printable`. */
  name: string;
  type: string;
  bytes: number;
  expires: boolean;
  database: number;
}

/** What only a look at names tells, of one logical database. */
export interface TellingNames {
  database: number;
  /** Names that may belong to a job system that we know. */
  jobs: string[];
  /** Job libraries that we do not know how to speak to, by the names of their keys. */
  otherLibraries: string[];
}

export interface SampleLimits {
  /** Keys to look at: at most 50,000. Default 10,000. */
  keys?: number;
  /** For walking and looking together, milliseconds. Default 4,000. */
  ms?: number;
  /** From 0 to below 1; for tests. */
  random?: () => number;
}

const MOST_KEYS = 50_000;
const LEAST_SHARE = 0.005;
const MOST_PREFIXES = 12;
const MOST_BIGGEST = 10;
const MOST_STREAMS = 50;
/** Names a SCAN: some ms of the server's time. */
const SCAN_COUNT = 2_000;
/** Keys looked at in one round trip. */
const BATCH = 500;

interface Looked {
  key: Buffer;
  database: number;
  type: string;
  bytes: number | null;
  expires: boolean;
}

/**
 * Walks over the names of keys, and looks at some of them for type, expiry and size. Reads only, and what it asks leaves
 * no trace in when a key was last used (TYPE, PTTL and MEMORY USAGE do not touch). SCAN goes by the hash of a name, so
 * that also a walk that is cut short has met keys by chance. Leaves the connection on logical database 0.
 *
 * @param keys per logical database, as INFO tells
 * @throws when the connection is lost, or a command is refused
 */
export async function sampleKeys(
  redis: Redis,
  keys: Readonly<Record<number, number>>,
  { memoryUsage, limits = {}, signal }: { memoryUsage: boolean; limits?: SampleLimits; signal?: AbortSignal },
): Promise<{ sample: KeySample; names: TellingNames[] }> {
  const most = Math.min(limits.keys ?? 10_000, MOST_KEYS);
  const ms = limits.ms ?? 4_000;
  const all = Object.values(keys).reduce((sum, count) => sum + count, 0);
  const names: TellingNames[] = [];
  const looked: Looked[] = [];
  let walked = 0;
  let ours = 0;
  try {
    for (const [database, count] of Object.entries(keys).map(
      ([name, size]) => [Number(name), size] as const,
    )) {
      await redis.select(database);
      const share = count / Math.max(1, all);
      const size = Math.max(1, Math.ceil(most * share));
      const walk = await walkOver(redis, size, (ms / 2) * share, limits.random ?? Math.random, signal);
      walked += walk.passed;
      ours += walk.ours;
      names.push({ database, jobs: walk.jobs, otherLibraries: [...walk.otherLibraries].sort() });
      looked.push(
        ...(await lookAt(redis, walk.keys, { database, memoryUsage, ms: (ms / 2) * share, signal })),
      );
    }
    const streams = await streamsAmong(redis, looked);
    return {
      sample: { keys: Math.max(0, all - ours), walked, ...summaryOf(looked, memoryUsage), streams },
      names,
    };
  } finally {
    if (redis.status === 'ready') await redis.select(0);
  }
}

interface Walk {
  keys: Buffer[];
  passed: number;
  ours: number;
  jobs: string[];
  otherLibraries: Set<string>;
}

async function walkOver(
  redis: Redis,
  size: number,
  ms: number,
  random: () => number,
  signal: AbortSignal | undefined,
): Promise<Walk> {
  const reservoir = new Reservoir<Buffer>(size, random);
  const walk = { ours: 0, jobs: [] as string[], otherLibraries: new Set<string>() };
  const began = performance.now();
  for await (const page of scanKeys(redis, { count: SCAN_COUNT })) {
    signal?.throwIfAborted();
    for (const key of page) {
      const name = key.toString();
      if (name.startsWith(OUR_PREFIX)) {
        walk.ours += 1;
        continue;
      }
      if (isTelling(name)) walk.jobs.push(name);
      const library = otherJobLibraryOf(name);
      if (library !== undefined) walk.otherLibraries.add(library);
      // A copy, since the client’s own points into all that came with it.
      reservoir.offer(() => Buffer.from(key));
    }
    if (performance.now() - began > ms) break;
  }
  return { ...walk, keys: reservoir.items, passed: reservoir.passed };
}

async function lookAt(
  redis: Redis,
  keys: Buffer[],
  options: { database: number; memoryUsage: boolean; ms: number; signal: AbortSignal | undefined },
): Promise<Looked[]> {
  const { database, memoryUsage, ms, signal } = options;
  const looked: Looked[] = [];
  const began = performance.now();
  for (let from = 0; from < keys.length; from += BATCH) {
    signal?.throwIfAborted();
    // A reservoir that passed over fewer keys than it holds is in their order, which is chance too.
    if (from > 0 && performance.now() - began > ms) break;
    const batch = keys.slice(from, from + BATCH);
    const replies = await pipelined(redis, batch, (pipeline, key) => {
      pipeline.type(key).pttl(key);
      if (memoryUsage) pipeline.call('MEMORY', 'USAGE', key);
    });
    const width = memoryUsage ? 3 : 2;
    for (const [index, key] of batch.entries()) {
      const [type, ttl, bytes] = replies.slice(index * width, (index + 1) * width);
      // Gone meanwhile.
      if (type === 'none') continue;
      looked.push({
        key,
        database,
        type: String(type),
        bytes: memoryUsage ? Number(bytes ?? 0) : null,
        expires: Number(ttl) >= 0,
      });
    }
  }
  return looked;
}

function summaryOf(
  looked: readonly Looked[],
  memoryUsage: boolean,
): Omit<KeySample, 'keys' | 'walked' | 'streams'> {
  const types = new Map<string, Tally>();
  const groups = new Map<string, Tally>();
  const tallyIn = (tallies: Map<string, Tally>, name: string): Tally => {
    const tally = tallies.get(name) ?? { keys: 0, bytes: memoryUsage ? 0 : null, withExpiry: 0 };
    tallies.set(name, tally);
    return tally;
  };
  for (const one of looked) {
    count(tallyIn(types, one.type), one);
    for (const prefix of prefixesOf(one.key)) count(tallyIn(groups, prefix), one);
  }
  const bySize = looked
    .flatMap(({ bytes, ...one }) => (bytes === null ? [] : [{ ...one, bytes }]))
    .sort((a, b) => b.bytes - a.bytes);
  return {
    looked: looked.length,
    bytes: memoryUsage ? bySize.reduce((sum, { bytes }) => sum + bytes, 0) : null,
    types: Object.fromEntries([...types].sort(([a], [b]) => (a < b ? -1 : 1))),
    withExpiry: looked.filter(({ expires }) => expires).length,
    prefixes: groupsOf(groups, looked.length),
    biggest: bySize.slice(0, MOST_BIGGEST).map(({ key, type, bytes, expires, database }) => ({
      name: printable(key),
      type,
      bytes,
      expires,
      database,
    })),
    big: bySize.filter(({ bytes }) => bytes > BIG_KEY_BYTES).length,
  };
}

interface Tally {
  keys: number;
  bytes: number | null;
  withExpiry: number;
}

function count(tally: Tally, { bytes, expires }: Looked): void {
  tally.keys += 1;
  if (tally.bytes !== null) tally.bytes += bytes ?? 0;
  if (expires) tally.withExpiry += 1;
}

/** A longer prefix takes the place of a shorter one where it holds nearly all of its keys. */
function groupsOf(groups: ReadonlyMap<string, Tally>, looked: number): KeyGroup[] {
  const large = [...groups].filter(([, { keys }]) => keys > 1 && keys >= looked * LEAST_SHARE);
  const isReplaced = ([prefix, { keys }]: [string, Tally]): boolean =>
    large.some(([other, tally]) => other !== prefix && other.startsWith(prefix) && tally.keys >= keys * 0.95);
  const shown = large.filter((group) => !isReplaced(group));
  return shown
    .filter(([prefix]) => !shown.some(([other]) => other !== prefix && prefix.startsWith(other)))
    .map(([prefix, tally]) => ({ pattern: globOf(prefix), ...tally }))
    .sort((a, b) => (b.bytes ?? b.keys) - (a.bytes ?? a.keys))
    .slice(0, MOST_PREFIXES);
}

async function streamsAmong(redis: Redis, looked: readonly Looked[]): Promise<KeySample['streams']> {
  const streams: KeySample['streams'] = [];
  for (const { key, database } of looked.filter(({ type }) => type === 'stream').slice(0, MOST_STREAMS)) {
    await redis.select(database);
    const entries = await redis.xlen(key);
    const groups = await redis.xinfo('GROUPS', key).catch(() => []);
    streams.push({
      entries,
      groups: Array.isArray(groups) ? groups.length : 0,
      database,
      name: printable(key),
    });
  }
  return streams;
}
