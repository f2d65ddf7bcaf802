import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog, type Log } from '../log.ts';
import { absentKeys } from './absent.ts';
import { measureClockOffset } from './clock-offset.ts';
import { compareKeys, type Compared, type DifferentKey } from './compare-keys.ts';
import { connectRedis, describeRedis, type RedisAddress } from './connect.ts';
import { redisError } from './errors.ts';
import { readRedisFacts, type RedisFacts } from './facts.ts';
import { chooseKeys, type KeyChoice } from './key-choice.ts';
import { compareFunctions } from './parity-functions.ts';
import { printable } from './printable.ts';
import { readerOf } from './reading.ts';
import { confidenceOf, Reservoir, type Confidence } from './sample.ts';
import { inBatches, inLanes, scanKeys } from './scan.ts';

export { printable } from './printable.ts';

export interface RedisParity {
  equal: boolean;
  /**
   * `compared`: keys of the source. One that SCAN shows twice, as it may while the server rearranges its table, is
   * compared and counted twice: remembering all names would take more memory than a runner has.
   */
  keys: { compared: number; different: number };
  /** Up to 20 differences, one line each. */
  differences: string[];
  /** In mode `sampled`: what the comparison is worth. */
  confidence?: Confidence;
}

export interface RedisParityOptions {
  source: RedisAddress;
  target: RedisAddress;
  /** The same patterns as for the copy. */
  skip: string[];
  /** `sampled`: so many keys, chosen at random, are compared; `confidence` tells what that is worth. Default `full`. */
  mode?: 'full' | { sampled: number };
  /** Only keys with these names, in every logical database; then the mode does not matter. */
  keys?: readonly Buffer[];
  log?: Log;
  signal?: AbortSignal;
  /** Chooses a sample: numbers from 0 to below 1. Default `Math.random`. */
  random?: () => number;
}

const BATCH_KEYS = 1_000;
/** Batches under way at the same time, so that no side waits for the other or for the way to it. */
const LANES = 4;
/** Suspects that are looked at together once more. */
const MANY_SUSPECTS = 1_000;
/** A key that was just expiring or changing is settled on both sides by then. */
const SETTLED_MS = 50;
const NAMED = 20;
const TELL_MS = 5_000;

/**
 * Compares two servers key by key in every logical database: type, content and expiry (within a second, by each server's
 * own clock), and their functions. Values are compared by content where their serialised forms differ, so versions and
 * encodings may differ. Nothing is written, no command blocks either server for long, and it runs also while writers are
 * held. What `copyRedis` leaves behind is not compared. A key that is just expiring is not a difference.
 *
 * @throws ConfigurationError for a server that cannot be reached or refuses to be read
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
    // For a few names it is not worth trying out.
    const mayScript = options.keys === undefined;
    const [from, to, clockOffsetMs] = await Promise.all([
      readerOf(source, mayScript),
      readerOf(target, mayScript),
      measureClockOffset(source, target),
    ]);
    const facts = await Promise.all([readRedisFacts(source), readRedisFacts(target)]);
    const comparison = new Comparison({ from, to, clockOffsetMs }, options, log, facts);
    return await comparison.run();
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

interface SampledKey {
  database: number;
  key: Buffer;
}

class Comparison {
  readonly #sides: Compared;
  readonly #options: RedisParityOptions;
  readonly #log: Log;
  readonly #databases: number[];
  /** Keys that will be looked at on both sides, about. */
  readonly #total: number;
  readonly #startedMs = performance.now();
  #toldMs = performance.now();
  #looked = 0;
  #compared = 0;
  #different = 0;
  readonly #differences: string[] = [];
  /** Looked different, and will be looked at once more. */
  #suspects: Buffer[] = [];

  constructor(sides: Compared, options: RedisParityOptions, log: Log, facts: RedisFacts[]) {
    this.#sides = sides;
    this.#options = options;
    this.#log = log;
    const databases = new Set(facts.flatMap(({ keys }) => Object.keys(keys).map(Number)));
    this.#databases = [...databases].sort((one, other) => one - other);
    this.#total = facts.flatMap(({ keys }) => Object.values(keys)).reduce((sum, count) => sum + count, 0);
  }

  async run(): Promise<RedisParity> {
    const { keys, mode = 'full' } = this.#options;
    let confidence: Confidence | undefined;
    if (keys !== undefined) await this.#compareNamed(keys);
    else if (mode === 'full') await this.#compareAll();
    else confidence = await this.#compareSample(mode.sampled);
    const { from, to } = this.#sides;
    const functions = await compareFunctions(from.redis, to.redis);
    const parity: RedisParity = {
      equal: this.#different === 0 && functions.length === 0,
      keys: { compared: this.#compared, different: this.#different },
      differences: [...this.#differences.sort(), ...functions].slice(0, NAMED),
      ...(confidence === undefined ? {} : { confidence }),
    };
    this.#log[keys === undefined ? 'info' : 'debug'](this.#summary(parity));
    return parity;
  }

  async #compareAll(): Promise<void> {
    for (const database of this.#databases) {
      const chosen = await this.#select(database);
      const { from, to } = this.#sides;
      await this.#over(scanKeys(from.redis), chosen, (batch) => this.#compare(database, batch));
      await this.#over(scanKeys(to.redis), chosen, (batch) => this.#lookUp(database, batch));
      await this.#settleSuspects(database);
    }
  }

  async #compareNamed(names: readonly Buffer[]): Promise<void> {
    for (const database of this.#databases) {
      const chosen = await this.#select(database);
      await this.#over([[...names]], chosen, (batch) => this.#compare(database, batch));
      await this.#settleSuspects(database);
    }
  }

  /** Names of all keys pass by and a sample of them stays, the same number of each side. */
  async #compareSample(size: number): Promise<Confidence> {
    const { random = Math.random, signal } = this.#options;
    const sampleOf = {
      source: new Reservoir<SampledKey>(size, random),
      target: new Reservoir<SampledKey>(size, random),
    };
    for (const database of this.#databases) {
      const chosen = await this.#select(database);
      const pass = async (side: 'source' | 'target'): Promise<void> => {
        const { redis } = this.#sides[side === 'source' ? 'from' : 'to'];
        for await (const keys of scanKeys(redis)) {
          signal?.throwIfAborted();
          // A copy, since what the server sent is much longer and would stay with it.
          for (const key of keys)
            if (chosen(key)) sampleOf[side].offer(() => ({ database, key: Buffer.from(key) }));
          this.#tell(keys.length);
        }
      };
      await Promise.all([pass('source'), pass('target')]);
    }
    for (const database of this.#databases) {
      await this.#select(database);
      const [ours, theirs] = [sampleOf.source, sampleOf.target].map(({ items }) =>
        items.filter((item) => item.database === database).map(({ key }) => key),
      );
      await this.#over(
        [ours ?? []],
        () => true,
        (batch) => this.#compare(database, batch),
      );
      await this.#over(
        [theirs ?? []],
        () => true,
        (batch) => this.#lookUp(database, batch),
      );
      await this.#settleSuspects(database);
    }
    return confidenceOf({ compared: sampleOf.source.items.length, of: sampleOf.source.passed });
  }

  async #select(database: number): Promise<KeyChoice> {
    const { from, to } = this.#sides;
    await Promise.all([from.redis.select(database), to.redis.select(database)]);
    return chooseKeys([from.redis, to.redis], this.#options.skip);
  }

  async #over(
    scanned: AsyncIterable<Buffer[]> | Iterable<Buffer[]>,
    chosen: KeyChoice,
    body: (keys: Buffer[]) => Promise<void>,
  ): Promise<void> {
    const batches = inBatches(scanned, () => BATCH_KEYS);
    await inLanes(batches, LANES, async (batch) => {
      this.#options.signal?.throwIfAborted();
      await body(batch.filter(chosen));
      this.#tell(batch.length);
    });
  }

  async #compare(database: number, keys: Buffer[]): Promise<void> {
    const { present, different } = await compareKeys(this.#sides, keys);
    this.#compared += present;
    await this.#suspect(
      database,
      different.map(({ key }) => key),
    );
  }

  /** Keys of the target: only whether the source has them, since all that it has are compared anyway. */
  async #lookUp(database: number, keys: Buffer[]): Promise<void> {
    const { redis, abilities } = this.#sides.from;
    await this.#suspect(database, await absentKeys(redis, keys, abilities));
  }

  async #suspect(database: number, keys: Buffer[]): Promise<void> {
    this.#suspects.push(...keys.map((key) => Buffer.from(key)));
    if (this.#suspects.length >= MANY_SUSPECTS) await this.#settleSuspects(database);
  }

  async #settleSuspects(database: number): Promise<void> {
    const suspects = this.#suspects;
    if (suspects.length === 0) return;
    this.#suspects = [];
    await delay(
      SETTLED_MS,
      undefined,
      this.#options.signal === undefined ? {} : { signal: this.#options.signal },
    );
    const { different } = await compareKeys(this.#sides, suspects);
    this.#different += different.length;
    const left = NAMED - this.#differences.length;
    this.#differences.push(
      ...different
        .sort(byKey)
        .slice(0, left)
        .map((found) => lineOf(database, found)),
    );
  }

  #tell(keys: number): void {
    this.#looked += keys;
    const now = performance.now();
    if (now - this.#toldMs < TELL_MS) return;
    this.#toldMs = now;
    const perSecond = (this.#looked * 1_000) / (now - this.#startedMs);
    const left = Math.ceil(Math.max(this.#total - this.#looked, 0) / perSecond);
    this.#log.info(
      `Comparing Redis: ${this.#looked} of ${this.#total} keys of both sides, ${Math.round(perSecond)} keys/s, about ${left} s left`,
    );
  }

  #summary({ equal, keys, confidence }: RedisParity): string {
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(1);
    const verdict = equal ? 'equal' : `NOT equal: ${keys.different} keys differ`;
    const worth = confidence === undefined ? '' : `. ${confidence.words}`;
    return `Redis: ${keys.compared} keys compared in ${seconds} s: ${verdict}${worth}`;
  }
}

function byKey(one: DifferentKey, other: DifferentKey): number {
  return Buffer.compare(one.key, other.key);
}

function lineOf(database: number, { key, problem }: DifferentKey): string {
  return `db${database} ${printable(key)}: ${problem}`;
}
