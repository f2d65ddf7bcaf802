import { ReplyError, type Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import { askAbilities, type AskedAbilities } from './asked-abilities.ts';
import { groupClients, lookAtClients, type Look, type SeenClients } from './client-groups.ts';
import { commandUseIn, type CommandUse } from './command-use.ts';
import { readInfo, readRedisFacts, type RedisFacts } from './facts.ts';
import { placesAmong } from './jobs/find.ts';
import { readJobsAt, type JobCount, type Place } from './jobs/index.ts';
import { sampleKeys, type KeySample, type SampleLimits, type TellingNames } from './key-sample.ts';
import { readMemory } from './memory.ts';
import { printable } from './printable.ts';

/** Everything that assess knows of a Redis. Plain data; no value, no password, of names only what can be shown. */
export interface RedisAssessFacts {
  server: RedisFacts;
  /** The same address may lead to a replica. */
  role: 'primary' | 'replica';
  uptimeSeconds: number;
  memory: {
    /** Keys and functions: what a copy brings over. */
    dataBytes: number;
    peakBytes: number;
    /** Keys that were removed to make room since the server started. */
    evictedKeys: number;
  };
  persistence: {
    appendOnly: boolean;
    /** Unix time of the last snapshot; null: none since it started. */
    lastSnapshot: number | null;
  };
  /** Connected replicas: on Heroku's Premium plans its own standby. */
  replicas: number;
  /** Null in these: it could not be read, and `unread` says why. */
  commands: CommandUse | null;
  modules: { name: string; version: string }[] | null;
  /** Empty also for a server that knows no functions. */
  functions: { libraries: string[]; functions: number } | null;
  pubsub: { channels: number; patterns: number } | null;
  clients: SeenClients | null;
  sample: KeySample | null;
  jobs: JobSystemFacts[] | null;
  /** Job libraries that nobody but themselves can stop, by the names of their keys. */
  otherJobLibraries: string[];
  abilities: AskedAbilities | null;
  unread: UnreadRedis[];
}

/** One job library in one logical database. */
export interface JobSystemFacts {
  database: number;
  /** `sidekiq`, `myapp:sidekiq` for one in a namespace, `bullmq`, `resque`. */
  name: string;
  system: 'sidekiq' | 'bullmq' | 'resque';
  processes: number;
  busy: number;
  /** Processes or queues that cannot be told to stop through Redis. */
  deaf: number;
  /** Queues, then the sets of jobs that wait (retry, schedule, dead), then schedules. */
  counts: JobCount[];
}

export interface UnreadRedis {
  part: 'commands' | 'modules' | 'functions' | 'pubsub' | 'clients' | 'sample' | 'jobs' | 'abilities';
  why: string;
}

export interface RedisAssessOptions {
  sample?: SampleLimits;
  signal?: AbortSignal;
}

/**
 * Reads everything that a move has something to say about, in some seconds however much is there. It has no effect on the
 * server: nothing is written, no script is loaded, nobody is paused, and no key counts as used. What the user may not ask
 * is in `unread`. Leaves the connection on logical database 0.
 *
 * @param redis ready, on its own; two more connections with the same rights are opened for a moment
 * @throws when the connection is lost, or INFO is refused
 */
export async function readRedisAssessFacts(
  redis: Redis,
  options: RedisAssessOptions = {},
): Promise<RedisAssessFacts> {
  const { signal } = options;
  const unread: UnreadRedis[] = [];
  const part = async <T>(name: UnreadRedis['part'], read: () => Promise<T>): Promise<T | null> => {
    signal?.throwIfAborted();
    try {
      return await read();
    } catch (thrown) {
      if (!(thrown instanceof ReplyError) || redis.status !== 'ready') throw thrown;
      unread.push({ part: name, why: messageOf(thrown) });
      return null;
    }
  };
  const server = await readRedisFacts(redis);
  const info = await readInfo(redis);
  const memory = await readMemory(redis);
  // Before our own questions are among them.
  const commands = await part('commands', async () => commandUseIn(await readInfo(redis, 'commandstats')));
  const looks: Look[] = [];
  const look = async (): Promise<void> => {
    const seen = await part('clients', () => lookAtClients(redis));
    if (seen !== null) looks.push(seen);
  };
  await look();
  const abilities = await part('abilities', () => askAbilities(redis));
  const keys = server.cluster ? null : await part('sample', () => sampled(redis, server, abilities, options));
  const jobs = keys === null ? null : await part('jobs', () => jobsAmong(redis, keys.names));
  if (looks.length > 0) await look();
  return {
    server,
    role: info.get('role') === 'slave' ? 'replica' : 'primary',
    uptimeSeconds: Number(info.get('uptime_in_seconds') ?? 0),
    memory: {
      dataBytes: memory.data,
      peakBytes: Number(info.get('used_memory_peak') ?? 0),
      evictedKeys: Number(info.get('evicted_keys') ?? 0),
    },
    persistence: {
      appendOnly: info.get('aof_enabled') === '1',
      lastSnapshot: lastSnapshot(info),
    },
    replicas: Number(info.get('connected_slaves') ?? 0),
    commands,
    modules: await part('modules', () => readModules(redis)),
    functions: await part('functions', () => readFunctions(redis, server)),
    pubsub: await part('pubsub', () => readPubsub(redis)),
    clients: looks.length === 0 ? null : groupClients(looks),
    sample: keys?.sample ?? null,
    jobs,
    otherJobLibraries: [...new Set(keys?.names.flatMap(({ otherLibraries }) => otherLibraries))].sort(),
    abilities,
    unread,
  };
}

function sampled(
  redis: Redis,
  server: RedisFacts,
  abilities: AskedAbilities | null,
  { sample, signal }: RedisAssessOptions,
): ReturnType<typeof sampleKeys> {
  return sampleKeys(redis, server.keys, {
    memoryUsage: abilities?.memoryUsage === true,
    ...(sample === undefined ? {} : { limits: sample }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** A server writes its start as the last snapshot when there was none. */
function lastSnapshot(info: ReadonlyMap<string, string>): number | null {
  const saves = Number(info.get('rdb_saves') ?? 1);
  const at = Number(info.get('rdb_last_save_time') ?? 0);
  return saves > 0 && at > 0 ? at : null;
}

async function jobsAmong(redis: Redis, names: readonly TellingNames[]): Promise<JobSystemFacts[]> {
  const found: JobSystemFacts[] = [];
  try {
    for (const { database, jobs } of names) {
      await redis.select(database);
      const places = await placesAmong(redis, jobs);
      // All queues of BullMQ are one system; others stand alone, each in its namespace.
      const groups = new Map<string, Place[]>();
      for (const place of places) {
        const name = nameOf(place);
        groups.set(name, [...(groups.get(name) ?? []), place]);
      }
      for (const [name, group] of groups) {
        const [first] = group;
        if (first === undefined) continue;
        const { processes, busy, counts } = await readJobsAt(redis, group);
        found.push({
          database,
          name,
          system: first.system,
          processes: processes.length,
          busy,
          deaf: processes.filter(({ deaf }) => deaf).length,
          counts,
        });
      }
    }
  } finally {
    if (redis.status === 'ready') await redis.select(0);
  }
  return found;
}

function nameOf({ system, prefix }: Place): string {
  return system === 'bullmq' || prefix === '' || prefix === `${system}:` ? system : `${prefix}${system}`;
}

/** INFO tells them where MODULE is taken away: `module:name=ReJSON,ver=20607,…`. */
async function readModules(redis: Redis): Promise<NonNullable<RedisAssessFacts['modules']>> {
  const text = await redis.info('modules');
  return [...text.matchAll(/^module:name=([^,]*),ver=(\d+)/gm)].map(([, name = '', version = '']) => ({
    name,
    version,
  }));
}

/** Before Redis 7 there is no such command, and nothing that it could list. */
async function readFunctions(
  redis: Redis,
  { version }: RedisFacts,
): Promise<NonNullable<RedisAssessFacts['functions']>> {
  if (Number.parseInt(version) < 7) return { libraries: [], functions: 0 };
  return librariesIn(await redis.call('FUNCTION', 'LIST'));
}

/** Each library is told as names and values in turn. */
function librariesIn(listed: unknown): NonNullable<RedisAssessFacts['functions']> {
  const rows: unknown[] = Array.isArray(listed) ? listed : [];
  const fields = rows.map((row) => (Array.isArray(row) ? (row as unknown[]) : []));
  const valueOf = (row: unknown[], name: string): unknown => row[row.indexOf(name) + 1];
  return {
    libraries: fields.map((row) => printable(Buffer.from(String(valueOf(row, 'library_name')))).slice(1, -1)),
    functions: fields.reduce((sum, row) => {
      const functions = valueOf(row, 'functions');
      return sum + (Array.isArray(functions) ? functions.length : 0);
    }, 0),
  };
}

async function readPubsub(redis: Redis): Promise<NonNullable<RedisAssessFacts['pubsub']>> {
  const channels = await redis.pubsub('CHANNELS');
  return { channels: channels.length, patterns: Number(await redis.pubsub('NUMPAT')) };
}
