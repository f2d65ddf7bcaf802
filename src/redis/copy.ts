import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf, NotSupportedError } from '../errors.ts';
import type { Log } from '../log.ts';
import { connectRedis, describeRedis, type RedisAddress } from './connect.ts';
import { redisError } from './errors.ts';
import { readRedisFacts, type RedisFacts } from './facts.ts';
import { chooseKeys, OUR_PREFIX, type KeyChoice } from './key-choice.ts';
import { OPEN_KEY } from './rights.ts';
import { endStaleConnections } from './settle.ts';
import { inBatches, inLanes, pipelined, scanKeys } from './scan.ts';

export interface RedisCopyOptions {
  source: RedisAddress;
  /** A user that may do everything: keys that the source does not have are deleted here. */
  target: RedisAddress;
  /** Glob patterns of keys that stay behind. */
  skip: string[];
  /** When given, a target that holds keys without this migration's stamp is refused. */
  migrationId?: string;
  /** The lease's epoch: what older ones left on the target is ended first. */
  epoch?: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before the target is changed: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
}

export interface RedisCopyResult {
  /** Keys that were carried over. */
  keys: number;
  /** Size of their serialised forms. */
  bytes: number;
  /** Keys of the target that the source does not have. */
  deleted: number;
  /** Keys that stayed behind: `skip` and heartbeats. */
  skipped: number;
  milliseconds: number;
}

const STAMP_KEY = `${OUR_PREFIX}stamp`;
const PROBE_KEY = `${OUR_PREFIX}probe`;

/** Keys in one go at first; fewer when they turn out to be big. */
const BATCH_KEYS = 500;
const BATCH_BYTES = 4_000_000;
/** Batches under way at the same time: one is read while another is written. */
const LANES = 3;
const PROGRESS_MS = 5_000;

/** What the steps of one copy share. */
interface Copy extends RedisCopyOptions {
  from: Redis;
  to: Redis;
  total: number;
  startedMs: number;
  toldMs: number;
  result: RedisCopyResult;
}

/**
 * Makes the target hold what the source holds, in every logical database: values by DUMP and RESTORE, times to live
 * less what passed on the way, deleted keys deleted. Keys of ours, skipped ones and Sidekiq's heartbeats are
 * neither carried nor deleted. The source is only read.
 *
 * @throws ConfigurationError for a target that evicts, is too small, is open, or is not this migration's
 * @throws NotSupportedError for cluster mode
 */
export async function copyRedis(options: RedisCopyOptions): Promise<RedisCopyResult> {
  const connection = {
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const from = await connectRedis({ ...options.source, database: 0 }, connection);
  const to = await connectRedis({ ...options.target, database: 0 }, connection).catch((thrown: unknown) => {
    from.disconnect();
    throw thrown;
  });
  try {
    const facts = { source: await readRedisFacts(from), target: await readRedisFacts(to) };
    refuseUnfit(facts.source, facts.target, options);
    await refuseForeign(to, facts.target, options);
    await probe(from, to, facts.source, facts.target);
    const copy: Copy = {
      ...options,
      from,
      to,
      total: Object.values(facts.source.keys).reduce((sum, keys) => sum + keys, 0),
      startedMs: performance.now(),
      toldMs: performance.now(),
      result: { keys: 0, bytes: 0, deleted: 0, skipped: 0, milliseconds: 0 },
    };
    await options.beforeChange?.();
    await endOlderRuns(to, options);
    if (options.migrationId !== undefined) await to.set(STAMP_KEY, options.migrationId);
    await copyFunctions(copy);
    const databases = new Set(
      [...Object.keys(facts.source.keys), ...Object.keys(facts.target.keys)].map(Number),
    );
    for (const database of [...databases].sort((a, b) => a - b)) await copyLogicalDatabase(copy, database);
    return finish(copy);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw redisError(thrown, `Copying ${describeRedis(options.source)} to ${describeRedis(options.target)}`);
  } finally {
    from.disconnect();
    to.disconnect();
  }
}

async function endOlderRuns(to: Redis, { migrationId, epoch = 0, log }: RedisCopyOptions): Promise<void> {
  if (migrationId === undefined) return;
  const ended = await endStaleConnections(to, { migrationId, epoch });
  if (ended > 0) log.info(`Ended ${ended} connections that an earlier run had left on the new Redis.`);
}

function refuseUnfit(source: RedisFacts, target: RedisFacts, options: RedisCopyOptions): void {
  const where = describeRedis(options.target);
  if (source.cluster || target.cluster)
    throw new NotSupportedError(
      `The ${source.cluster ? 'source' : 'target'} runs in cluster mode, which is not supported; nothing was changed.`,
    );
  if (target.policy !== null && target.policy !== 'noeviction')
    throw new ConfigurationError(
      `${where} may evict keys when its memory is full (maxmemory-policy ${target.policy}), and jobs with them; nothing was changed. Set maxmemory-policy noeviction.`,
    );
  if (target.maxmemoryBytes !== null && source.usedMemoryBytes > target.maxmemoryBytes)
    throw new ConfigurationError(
      `${where} is too small: the source uses ${megabytes(source.usedMemoryBytes)} MB and the target may use ${megabytes(target.maxmemoryBytes)} MB. Nothing was changed. Choose a larger size.`,
    );
}

async function refuseForeign(to: Redis, target: RedisFacts, options: RedisCopyOptions): Promise<void> {
  if ((await to.get(OPEN_KEY)) === '1')
    throw new ConfigurationError(
      `${describeRedis(options.target)} is open: the application may have written to it and a copy would destroy that. Nothing was changed.`,
    );
  if (options.migrationId === undefined) return;
  const stamp = await to.get(STAMP_KEY);
  if (stamp === options.migrationId) return;
  const keys = Object.values(target.keys).reduce((sum, count) => sum + count, 0);
  const ours = (await to.exists(STAMP_KEY)) + (await to.exists(OPEN_KEY)) + (await to.exists(PROBE_KEY));
  if (stamp !== null || keys > ours)
    throw new ConfigurationError(
      `${describeRedis(options.target)} holds ${stamp === null ? `${keys} keys that this migration did not put there` : `the copy of another migration (${stamp})`}; nothing was changed. Use an empty server, or empty it yourself.`,
    );
}

/** An older server cannot read a newer one's serialised values: found with one key, before any is replaced. */
async function probe(from: Redis, to: Redis, source: RedisFacts, target: RedisFacts): Promise<void> {
  const key = await from.randomkeyBuffer();
  const payload = key === null ? null : await from.dumpBuffer(key);
  if (payload === null) return;
  try {
    await to.restore(PROBE_KEY, 0, payload, 'REPLACE');
    await to.del(PROBE_KEY);
  } catch (thrown) {
    if (!messageOf(thrown).includes('payload version')) throw thrown;
    throw new ConfigurationError(
      `The target (${target.flavour} ${target.version}) cannot read values of the source (${source.flavour} ${source.version}): it is older. Nothing was changed. Use a newer version on the target.`,
    );
  }
}

/** Server-side functions (since Redis 7) are no keys; without them the application's FCALLs would fail. */
async function copyFunctions(copy: Copy): Promise<void> {
  let payload: unknown;
  try {
    const functions = await copy.from.call('FUNCTION', 'LIST');
    if (!Array.isArray(functions) || functions.length === 0) return;
    payload = await copy.from.callBuffer('FUNCTION', 'DUMP');
  } catch (thrown) {
    copy.log.debug(`The source has no functions or does not tell them: ${messageOf(thrown)}`);
    return;
  }
  if (Buffer.isBuffer(payload)) await copy.to.callBuffer('FUNCTION', 'RESTORE', payload, 'REPLACE');
}

async function copyLogicalDatabase(copy: Copy, database: number): Promise<void> {
  await copy.from.select(database);
  await copy.to.select(database).catch((thrown: unknown) => {
    throw messageOf(thrown).includes('out of range')
      ? new ConfigurationError(
          `The source uses the logical database ${database}, which the target does not have: raise \`databases\` in its configuration.`,
        )
      : thrown;
  });
  const chosen = await chooseKeys([copy.from, copy.to], copy.skip);
  await carry(copy, chosen);
  await deleteAbsent(copy, chosen);
}

async function carry(copy: Copy, chosen: KeyChoice): Promise<void> {
  let size = BATCH_KEYS;
  const batches = inBatches(scanKeys(copy.from), () => size);
  await inLanes(batches, LANES, async (scanned) => {
    copy.signal?.throwIfAborted();
    const keys = scanned.filter(chosen);
    copy.result.skipped += scanned.length - keys.length;
    const bytes = await carryBatch(copy, keys);
    const perKey = bytes / Math.max(keys.length, 1);
    size = Math.min(BATCH_KEYS, Math.max(1, Math.floor(BATCH_BYTES / Math.max(perKey, 1))));
    tell(copy);
  });
}

async function carryBatch(copy: Copy, keys: Buffer[]): Promise<number> {
  const replies = await pipelined(copy.from, keys, (pipeline, key) => pipeline.pttl(key).dumpBuffer(key));
  const readMs = performance.now();
  let bytes = 0;
  const target = copy.to.pipeline();
  for (const [index, key] of keys.entries()) {
    const ttl = Number(replies[2 * index]);
    const payload = replies[2 * index + 1];
    // It was deleted or expired since the SCAN; what the target has of it goes with what the source does not have.
    if (!Buffer.isBuffer(payload)) continue;
    bytes += payload.length;
    copy.result.keys += 1;
    // What passed since the source said how long the key still lives has been lived.
    const left = ttl < 0 ? 0 : Math.round(ttl - (performance.now() - readMs));
    if (ttl >= 0 && left <= 0) target.unlink(key);
    else target.restore(key, left, payload, 'REPLACE');
  }
  for (const [error] of (await target.exec()) ?? []) if (error !== null) throw error;
  copy.result.bytes += bytes;
  return bytes;
}

async function deleteAbsent(copy: Copy, chosen: KeyChoice): Promise<void> {
  await inLanes(
    inBatches(scanKeys(copy.to), () => BATCH_KEYS),
    LANES,
    async (scanned) => {
      copy.signal?.throwIfAborted();
      const keys = scanned.filter(chosen);
      const present = await pipelined(copy.from, keys, (pipeline, key) => pipeline.exists(key));
      const absent = keys.filter((_key, index) => present[index] === 0);
      if (absent.length > 0) copy.result.deleted += await copy.to.unlink(...absent);
    },
  );
}

function tell(copy: Copy): void {
  const now = performance.now();
  if (now - copy.toldMs < PROGRESS_MS) return;
  copy.toldMs = now;
  const done = copy.result.keys + copy.result.skipped;
  const perSecond = (done * 1000) / (now - copy.startedMs);
  const left = Math.ceil(Math.max(copy.total - done, 0) / perSecond);
  copy.log.info(
    `Redis: ${done} of ${copy.total} keys, ${megabytes(copy.result.bytes)} MB, ${Math.round(perSecond)} keys/s, about ${left} s left`,
  );
}

function finish(copy: Copy): RedisCopyResult {
  copy.result.milliseconds = Math.round(performance.now() - copy.startedMs);
  const { keys, bytes, deleted, skipped, milliseconds } = copy.result;
  copy.log.info(
    `Redis: ${keys} keys (${megabytes(bytes)} MB) copied, ${deleted} deleted on the target, ${skipped} left behind, in ${(milliseconds / 1000).toFixed(1)} s.`,
  );
  return copy.result;
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
