import type { Redis } from 'ioredis';
import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf, NotSupportedError } from '../errors.ts';
import type { Log } from '../log.ts';
import { describeAbilities, probeAbilities, type Abilities } from './abilities.ts';
import { BIG_KEY_BYTES } from './big-key.ts';
import { measureClockOffset } from './clock-offset.ts';
import { describeRedis, type RedisAddress } from './connect.ts';
import { redisError } from './errors.ts';
import { databasesOf, keysOf, readInfo, readRedisFacts, type RedisFacts } from './facts.ts';
import { OUR_PREFIX } from './key-choice.ts';
import { requireRoom } from './memory.ts';
import { DROPLET_MARKS } from './our-keys.ts';
import { OPEN_KEY } from './rights.ts';
import { pipelined } from './scan.ts';

export interface PreflightOptions {
  source: RedisAddress;
  target: RedisAddress;
  /** Glob patterns of keys that stay behind and need no room. */
  skip?: readonly string[];
  /** When given, a target that holds keys without this migration's stamp is refused. */
  migrationId?: string;
  /**
   * `target` (default): the new side, which must be empty or carry this migration's stamp, and be closed.
   * `origin`: the old side, where the data came from, on the way back.
   */
  onto?: 'target' | 'origin';
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

export interface Preflight {
  facts: { source: RedisFacts; target: RedisFacts };
  abilities: { from: Abilities; to: Abilities };
  /** What must be added to a time of the source's clock to say the same moment on the target's, milliseconds. */
  clockOffsetMs: number;
  /** The target reads the source's payloads. */
  payloadsFit: boolean;
  /** The target already holds (part of) this migration's copy: what is equal need not be carried. */
  begun: boolean;
}

/** Says on the target which migration its keys come from. */
export const STAMP_KEY = `${OUR_PREFIX}stamp`;
const PROBE_KEY = `${OUR_PREFIX}probe`;
/** What is tried out is gone by itself when this process dies. */
const PROBE_EXPIRY_MS = 10_000;
/** Random keys that are asked for their size before one is serialised. */
const PROBED_KEYS = 20;

/**
 * Everything that can refuse a copy, before the first key; the target is written only under our own prefix. Both
 * connections are on logical database 0, before and after.
 *
 * @throws ConfigurationError for a target that evicts, is too small, is open, takes no writes, or is not this migration's
 * @throws NotSupportedError for cluster mode
 */
export async function preflight(from: Redis, to: Redis, options: PreflightOptions): Promise<Preflight> {
  const facts = {
    source: await readRedisFacts(from).catch(cleaned(options.source)),
    target: await readRedisFacts(to).catch(cleaned(options.target)),
  };
  refuseCluster(facts, options);
  await refuseSame(from, to, options);
  await refuseReplica(to, options);
  refuseEvicting(facts.target, options);
  await refuseForeign(to, facts.target, options).catch(cleaned(options.target));
  await refuseMissingDatabases(to, facts.source, options);
  const abilities = await askAbilities(from, to, facts, options);
  await refuseFunctions(from, facts, abilities);
  await requireRoom(from, to, {
    target: options.target,
    skip: options.skip ?? [],
    facts,
    memoryUsage: abilities.from.memoryUsage && abilities.to.memoryUsage,
    remedy: remedies[options.onto ?? 'target'].size,
    log: options.log,
  });
  await refuseUnwritable(to).catch(cleaned(options.target));
  const payloadsFit = await doPayloadsFit(from, to, facts, abilities, options);
  const clockOffsetMs = await measureClockOffset(from, to);
  return { facts, abilities, clockOffsetMs, payloadsFit, begun: await holdsKeys(to, facts.target) };
}

const remedies = {
  target: {
    size: 'Choose a larger size, or leave keys behind with `skip`.',
    policy: 'Set maxmemory-policy noeviction.',
  },
  // Heroku takes CONFIG away and offers both by its own commands.
  origin: {
    size: 'Choose a larger plan for the way back: `heroku addons:upgrade <add-on> heroku-redis:<plan>`.',
    policy: 'On Heroku: `heroku redis:maxmemory --policy noeviction`.',
  },
};

/** Rejects with an error that says which server it was, and what its answer means. */
function cleaned(address: RedisAddress): (thrown: unknown) => never {
  return (thrown) => {
    throw redisError(thrown, describeRedis(address));
  };
}

function refuseCluster({ source, target }: Preflight['facts'], options: PreflightOptions): void {
  const found = (
    [
      ['source', source, options.source],
      ['target', target, options.target],
    ] as const
  ).find(([, { cluster }]) => cluster);
  if (found === undefined) return;
  const [side, { flavour, version }, address] = found;
  throw new NotSupportedError(
    `The ${side} (${flavour} ${version}, ${describeRedis(address)}) runs in cluster mode, which is not supported: it spreads keys over several servers, refuses commands on keys of different slots, and has no logical databases. Nothing was changed. Use a server without cluster mode.`,
  );
}

/** A cut-and-paste mistake that would otherwise look like a perfect copy. */
async function refuseSame(from: Redis, to: Redis, options: PreflightOptions): Promise<void> {
  const [one, other] = [await readInfo(from, 'server'), await readInfo(to, 'server')];
  const id = one.get('run_id');
  if (id !== undefined && id === other.get('run_id'))
    throw new ConfigurationError(
      `${describeRedis(options.source)} and ${describeRedis(options.target)} are the same server. Nothing was changed.`,
    );
}

async function refuseReplica(to: Redis, options: PreflightOptions): Promise<void> {
  if ((await readInfo(to, 'replication')).get('role') === 'slave')
    throw new ConfigurationError(
      `${describeRedis(options.target)} is a read-only replica, and what is written to one does not last: use the address of the primary. Nothing was changed.`,
    );
}

function refuseEvicting({ policy }: RedisFacts, options: PreflightOptions): void {
  if (policy === 'noeviction') return;
  const where = describeRedis(options.target);
  const remedy = remedies[options.onto ?? 'target'].policy;
  throw new ConfigurationError(
    policy === null
      ? `${where} does not say what it does when its memory is full (maxmemory-policy), so that it may evict jobs; nothing was changed. ${remedy}`
      : `${where} may evict keys when its memory is full (maxmemory-policy ${policy}), and jobs with them; nothing was changed. ${remedy}`,
  );
}

async function refuseForeign(to: Redis, target: RedisFacts, options: PreflightOptions): Promise<void> {
  if (options.onto === 'origin') return;
  if ((await to.get(OPEN_KEY)) === '1')
    throw new ConfigurationError(
      `${describeRedis(options.target)} is open: the application may have written to it and a copy would destroy that. Nothing was changed.`,
    );
  if (options.migrationId === undefined) return;
  const stamp = await to.get(STAMP_KEY);
  if (stamp === options.migrationId) return;
  if (stamp !== null || (await holdsKeys(to, target)))
    throw new ConfigurationError(
      `${describeRedis(options.target)} holds ${stamp === null ? `${keysOf(target)} keys that this migration did not put there` : `the copy of another migration (${stamp})`}; nothing was changed. Use an empty server, or empty it yourself.`,
    );
}

/** Whether anything but our own marks is there. */
async function holdsKeys(to: Redis, target: RedisFacts): Promise<boolean> {
  return keysOf(target) > (await to.exists(STAMP_KEY, OPEN_KEY, PROBE_KEY, ...DROPLET_MARKS));
}

async function refuseMissingDatabases(
  to: Redis,
  source: RedisFacts,
  options: PreflightOptions,
): Promise<void> {
  try {
    for (const database of databasesOf(source)) {
      await to.select(database).catch((thrown: unknown) => {
        throw messageOf(thrown).includes('out of range')
          ? new ConfigurationError(
              `The source uses the logical database ${database}, which the target does not have: raise \`databases\` in its configuration. Nothing was changed.`,
            )
          : redisError(thrown, `${describeRedis(options.target)}, logical database ${database}`);
      });
    }
  } finally {
    if (to.status === 'ready') await to.select(0);
  }
}

async function askAbilities(
  from: Redis,
  to: Redis,
  facts: Preflight['facts'],
  options: PreflightOptions,
): Promise<Preflight['abilities']> {
  const connection = {
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const abilities = {
    from: await probeAbilities(from, options.source, { ...connection, mayWrite: true }),
    to: await probeAbilities(to, options.target, { ...connection, mayWrite: false }),
  };
  const told = (side: string, { flavour, version }: RedisFacts, found: Abilities): void =>
    options.log.info(`${side} (${flavour} ${version}) ${describeAbilities(found)}.`);
  told('Source', facts.source, abilities.from);
  told('Target', facts.target, abilities.to);
  return abilities;
}

/** Server-side functions came with Redis 7; without them the application's FCALLs would fail. */
async function refuseFunctions(
  from: Redis,
  { target }: Preflight['facts'],
  abilities: Preflight['abilities'],
): Promise<void> {
  if (abilities.to.functions || !abilities.from.functions) return;
  const functions: unknown = await from.call('FUNCTION', 'LIST');
  if (Array.isArray(functions) && functions.length > 0)
    throw new ConfigurationError(
      `The source holds ${functions.length} libraries of server-side functions, and the target (${target.flavour} ${target.version}) does not take functions. Nothing was changed. Use Redis 7 or newer on the target, and a user that may call FUNCTION.`,
    );
}

/** Full, unable to save, read-only, or a user without the right: the server says so for one key of ours. */
async function refuseUnwritable(to: Redis): Promise<void> {
  await to.set(PROBE_KEY, '1', 'PX', PROBE_EXPIRY_MS);
  await to.unlink(PROBE_KEY);
}

/** An older server cannot read a newer one's serialised values: found with one key, before any is replaced. */
async function doPayloadsFit(
  from: Redis,
  to: Redis,
  facts: Preflight['facts'],
  abilities: Preflight['abilities'],
  options: PreflightOptions,
): Promise<boolean> {
  const payload = await somePayload(from, facts.source, abilities.from).catch(cleaned(options.source));
  const fit =
    payload === null ? isNoOlder(facts.target, facts.source) : await isRead(to, payload, options.target);
  if (!fit)
    options.log.warning(
      `The target (${facts.target.flavour} ${facts.target.version}) cannot read serialised values of the source (${facts.source.flavour} ${facts.source.version}): every key goes element by element, which takes several times as long.`,
    );
  return fit;
}

/** A serialised value of the source's that took no long to make; null when none was found. */
async function somePayload(from: Redis, source: RedisFacts, abilities: Abilities): Promise<Buffer | null> {
  if (!abilities.memoryUsage) return null;
  try {
    for (const database of databasesOf(source)) {
      await from.select(database);
      const found = await pipelined(from, Array(PROBED_KEYS).fill(0), (pipeline) =>
        pipeline.randomkeyBuffer(),
      );
      const keys = found.filter((key) => Buffer.isBuffer(key));
      const sizes = await pipelined(from, keys, (pipeline, key) => pipeline.call('MEMORY', 'USAGE', key));
      for (const [index, key] of keys.entries()) {
        const size = sizes[index];
        if (typeof size !== 'number' || size > BIG_KEY_BYTES) continue;
        const payload = await from.dumpBuffer(key);
        // Otherwise it has expired meanwhile.
        if (Buffer.isBuffer(payload)) return payload;
      }
    }
    return null;
  } finally {
    if (from.status === 'ready') await from.select(0);
  }
}

async function isRead(to: Redis, payload: Buffer, target: RedisAddress): Promise<boolean> {
  try {
    await to.restore(PROBE_KEY, PROBE_EXPIRY_MS, payload, 'REPLACE');
    await to.unlink(PROBE_KEY);
    return true;
  } catch (thrown) {
    if (messageOf(thrown).includes('payload version')) return false;
    // The version was looked at first: this is a value of a module's type, which this one has not got.
    if (messageOf(thrown).includes('Bad data format')) return true;
    throw redisError(thrown, describeRedis(target));
  }
}

/** For an empty source, or one that does not tell sizes. Redis and Valkey number their formats differently. */
function isNoOlder(target: RedisFacts, source: RedisFacts): boolean {
  const [mine, theirs] = [target, source].map(({ version }) => version.split('.').map(Number));
  const [major = 0, minor = 0] = mine ?? [];
  const [sourceMajor = 0, sourceMinor = 0] = theirs ?? [];
  return (
    target.flavour === source.flavour &&
    (major > sourceMajor || (major === sourceMajor && minor >= sourceMinor))
  );
}
