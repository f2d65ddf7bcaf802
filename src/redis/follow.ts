import { performance } from 'node:perf_hooks';
import { deleteParts } from './big-key.ts';
import { followChanges, type ChangeFeed, type FeedKind } from './changes.ts';
import { describeRedis } from './connect.ts';
import type { RedisCopyOptions, RedisCopyResult } from './copy.ts';
import { redisError } from './errors.ts';
import { copyFunctions } from './functions.ts';
import { compareFunctions } from './parity-functions.ts';
import { Lanes, selectDatabase, type Sides } from './lanes.ts';
import { compareRedis } from './parity.ts';
import {
  findDifferent,
  findDifferentOf,
  passEverything,
  passThese,
  type PassOptions,
  type PassResult,
} from './pass.ts';
import { holdWriters, type HeldWriters } from './pause.ts';
import { preflight, STAMP_KEY, type Preflight } from './preflight.ts';
import { megabytes, Progress } from './progress.ts';
import { connectionName, endStaleConnections } from './settle.ts';
import { findStreams, streamsAmong } from './streams.ts';
import { watchUnpushed, type UnpushedWatch } from './unpushed.ts';
import { readWriteMark } from './write-mark.ts';

export interface FollowResult {
  /** Keys carried again because they changed. */
  keys: number;
  deleted: number;
  /** Passes until what was left was small. */
  passes: number;
  /** Keys that were compared on both sides, all of them at the first catching up. */
  compared: number;
  milliseconds: number;
}

export interface FinishResult {
  keys: number;
  deleted: number;
  /** Keys whose content was compared on both sides afterwards: all that moved since they were last proven. */
  compared: number;
  /** `changes`: only what changed was looked at; `everything`: all keys were compared, for the reason that is given. */
  how: 'changes' | 'everything';
  reason: string | null;
  /** Writers of the source were held by CLIENT PAUSE. */
  paused: boolean;
  milliseconds: number;
}

/** A target that follows its source. Every method throws a cleaned error when a connection is lost. */
export interface RedisFollow {
  kind: FeedKind;
  copied: RedisCopyResult;
  /**
   * Brings over what changed, again and again, until little is left or it no longer shrinks. The first time all keys
   * are then compared on both sides, so that the final pass has to prove only what moves from here on.
   */
  catchUp(signal?: AbortSignal): Promise<FollowResult>;
  /**
   * Inside the fence: holds the source's writers where that is allowed, brings over what is left, deletes what was
   * deleted, and compares what moved.
   *
   * @throws Error naming up to 20 keys when anything differs
   */
  finish(signal?: AbortSignal): Promise<FinishResult>;
  /** What `finish` would do now, while the source is written to; answers how long it took, in milliseconds. */
  practise(signal?: AbortSignal): Promise<number>;
  /** Right before the point of no return. @throws Error when the source was written to since `finish`, or may have been. */
  assertStill(): Promise<void>;
  /** Lets the source's writers go, and closes all connections. Never throws. */
  close(): Promise<void>;
}

/** So few changes are brought over in a moment, inside the fence as well. */
const FEW_KEYS = 1_000;
const MOST_PASSES = 20;
/** Writers that are not held can go on for ever; inside the fence nobody should. */
const MOST_FINAL_PASSES = 10;
/** Seconds between the attempts of a copy whose connections are lost, as in a fail-over. */
const RETRY_SECONDS = [1, 5, 15];

/**
 * Makes the target equal to the source and has it follow. May be called again after a kill: what is equal already is
 * not carried again.
 *
 * @throws as `copyRedis`
 */
export async function followRedis(options: RedisCopyOptions): Promise<RedisFollow> {
  const following = new Following(options);
  try {
    await following.begin();
    return following;
  } catch (thrown) {
    await following.close();
    options.signal?.throwIfAborted();
    throw following.cleaned(thrown);
  }
}

class Following implements RedisFollow {
  kind: FeedKind = 'none';
  copied: RedisCopyResult = {
    ...{ keys: 0, bytes: 0, deleted: 0, skipped: 0, bigKeys: 0, milliseconds: 0 },
    feed: 'none',
    finalPassMs: 0,
  };
  readonly #options: RedisCopyOptions;
  readonly #skip: string[];
  #lanes: Lanes | undefined;
  #known: Preflight | undefined;
  #feed: ChangeFeed | undefined;
  #unpushed: UnpushedWatch | undefined;
  /** Tells from the proof on what changes on the target: what we carry, and what nobody else should write. */
  #targetFeed: ChangeFeed | undefined;
  /** Where the source tells nobody what changes: what `readWriteMark` said before the final pass. */
  #writeMark: string | null = null;
  #held: HeldWriters | undefined;
  /** All keys were equal at some time since when `#unproven` holds what was carried; as byte strings. */
  #isProven = false;
  readonly #unproven = new Set<string>();
  /** All streams when `#unproven` was last empty; those that came since were told, and are in it. */
  #streams: Buffer[] | undefined;
  /** Connections were lost, or something failed, since the last look at the changes: it is not enough. */
  #isCut = false;
  /** Something differed that the feed had not told: it cannot be believed. */
  #isDoubted = false;

  constructor(options: RedisCopyOptions) {
    this.#options = options;
    this.#skip = [...options.skip, ...(options.later ?? [])];
  }

  async begin(): Promise<void> {
    const startedMs = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#copyAll(startedMs);
        return;
      } catch (thrown) {
        const seconds = RETRY_SECONDS[attempt];
        const isCut = this.#lanes?.areReady === false;
        if (!isCut || seconds === undefined || this.#options.signal?.aborted === true) throw thrown;
        this.#options.log.warning(
          `${this.cleaned(thrown).message} The copy goes on where it was in ${seconds} s.`,
        );
        await this.#options.clock.sleep(seconds * 1000, this.#options.signal);
      }
    }
  }

  async #copyAll(startedMs: number): Promise<void> {
    const { source, migrationId, log, clock, signal } = this.#options;
    const sides = await this.#open();
    const known = this.#knowledge();
    await this.#options.beforeChange?.();
    await this.#prepareTarget(sides);
    this.#feed?.close();
    const feedOptions = { log, clock, ...(signal === undefined ? {} : { signal }) };
    this.#feed = await followChanges(source, known.abilities.from, feedOptions);
    this.kind = this.#feed.kind;
    this.#unpushed = await watchUnpushed(sides.scanner.from, known.abilities.from, this.kind);

    const total = Object.values(known.facts.source.keys).reduce((sum, keys) => sum + keys, 0);
    const progress = new Progress(log, total, clock);
    // Without a stamp nothing says what the target holds: keys that the source lacks are found by looking.
    const onlyDifferent = known.begun || migrationId === undefined;
    const carried = await passEverything(sides, {
      ...this.#passOptions(),
      onlyDifferent,
      onCarried: (batch) => progress.add(batch),
    });
    this.#add(carried, startedMs);
    this.copied.skipped = carried.skipped;
    this.copied.feed = this.kind;
    this.#tell();
  }

  async catchUp(signal?: AbortSignal): Promise<FollowResult> {
    return this.#cleanly(signal, async () => {
      const startedMs = performance.now();
      const sides = await this.#ready();
      await this.#options.beforeChange?.();
      const result: FollowResult = { keys: 0, deleted: 0, passes: 0, compared: 0, milliseconds: 0 };
      await this.#drainUntilFew(sides, result, signal);
      await this.#watchTarget();
      if (!this.#isProven && this.kind !== 'none') {
        result.compared = await this.#prove(sides, signal);
        await this.#drainUntilFew(sides, result, signal);
      }
      result.milliseconds = Math.round(performance.now() - startedMs);
      return result;
    });
  }

  async finish(signal?: AbortSignal): Promise<FinishResult> {
    return this.#finish(true, signal);
  }

  /** What the final pass would do now, with the source's writers going on: its time is what a window will take. */
  async practise(signal?: AbortSignal): Promise<number> {
    const practice = await this.#finish(false, signal);
    return practice.milliseconds;
  }

  async #finish(isReal: boolean, signal?: AbortSignal): Promise<FinishResult> {
    return this.#cleanly(signal, async () => {
      const startedMs = performance.now();
      const unheld = await this.#ready();
      await this.#options.beforeChange?.();
      await this.#watchTarget();
      if (isReal) await this.#hold(unheld);
      // A source that is held must be asked without scripts that would wait with its writers.
      const sides = this.#sides();
      if (this.kind === 'none') this.#writeMark = await readWriteMark(sides.scanner.from);
      const last = await this.#lastPass(sides, isReal, signal);
      await copyFunctions(sides, this.#options.log);
      await this.#addChangedOnTarget(sides, signal);
      if (isReal) await this.#refuseDifferences(sides, [...this.#unproven], signal);
      else await findDifferentOf(sides, namesOf(this.#unproven), this.#passOptions(signal));
      const compared = this.#unproven.size;
      if (isReal) {
        this.#unproven.clear();
        this.#streams = undefined;
      }
      return {
        ...last,
        compared: last.how === 'everything' ? Math.max(last.seen, compared) : compared,
        paused: this.#held?.isHeld === true,
        milliseconds: Math.round(performance.now() - startedMs),
      };
    });
  }

  async assertStill(): Promise<void> {
    await this.#cleanly(undefined, async () => {
      const sides = await this.#ready();
      const { from, to } = sides.scanner;
      const functions = await compareFunctions(from, to);
      if (functions.length > 0)
        throw new Error(['Functions of the two servers differ:', ...functions].join('\n  '));
      const told = await this.#changedSince(sides);
      const isStill = this.kind === 'none' && (await this.#isUnwritten(sides));
      const names = isStill ? [] : told;
      const onTarget = await this.#changedOnTarget();
      if (names === 'everything' || onTarget === 'everything') {
        const { names: different } = await findDifferent(sides, this.#passOptions());
        await this.#refuseDifferences(sides, different.map(byteString));
      } else await this.#refuseDifferences(sides, [...new Set([...names, ...onTarget])]);
    });
  }

  async close(): Promise<void> {
    await this.#held?.release();
    this.#held = undefined;
    this.#feed?.close();
    this.#targetFeed?.close();
    this.#lanes?.close();
  }

  /** An error that can be shown: without commands, their arguments or passwords. */
  cleaned(thrown: unknown): Error {
    const { source, target } = this.#options;
    return redisError(thrown, `Copying ${describeRedis(source)} to ${describeRedis(target)}`);
  }

  async #cleanly<T>(signal: AbortSignal | undefined, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (thrown) {
      // What had been told may not have been brought over: it is not told again.
      this.#isCut = true;
      signal?.throwIfAborted();
      this.#options.signal?.throwIfAborted();
      throw this.cleaned(thrown);
    }
  }

  /** Connects, and asks both servers everything that can refuse the copy. */
  async #open(): Promise<Sides> {
    const { source, target, log, signal } = this.#options;
    this.#lanes?.close();
    const connection = { log, ...(signal === undefined ? {} : { signal }) };
    this.#lanes = await Lanes.open(source, target, connection);
    const { from, to } = this.#lanes.scanner;
    this.#known = await preflight(from, to, this.#options);
    return this.#sides();
  }

  /** The connections, opened anew when one was lost while nothing was done. */
  async #ready(): Promise<Sides> {
    if (this.#lanes?.areReady === true) return this.#sides();
    const { source, target, log } = this.#options;
    this.#lanes?.close();
    // What the feed's connection missed it tells itself; what was called meanwhile nobody counted.
    this.#isCut = true;
    const lanes = await Lanes.open(source, target, { log });
    try {
      this.#lanes = lanes;
      await this.#nameConnections(lanes);
      const sides = this.#sides();
      this.#unpushed = await watchUnpushed(sides.scanner.from, sides.abilities.from, this.kind);
      return sides;
    } catch (thrown) {
      lanes.close();
      throw thrown;
    }
  }

  #knowledge(): Preflight {
    if (this.#known === undefined) throw new Error('The servers have not been asked yet.');
    return this.#known;
  }

  #sides(): Sides {
    const { abilities, clockOffsetMs, payloadsFit } = this.#knowledge();
    if (this.#lanes === undefined) throw new Error('There is no connection.');
    // A script that is not known to be read-only would wait with the writers that we hold.
    const isStopped = this.#held !== undefined && abilities.from.scripts === 'any';
    const from = isStopped ? { ...abilities.from, scripts: 'none' as const } : abilities.from;
    return {
      scanner: this.#lanes.scanner,
      lanes: this.#lanes.carriers,
      abilities: { from, to: abilities.to },
      clockOffsetMs,
      payloadsFit,
    };
  }

  #passOptions(signal = this.#options.signal): PassOptions {
    return { skip: this.#skip, ...(signal === undefined ? {} : { signal }) };
  }

  /** Ends what older runs left, says whose copy this is, and clears away what they left half built. */
  async #prepareTarget(sides: Sides): Promise<void> {
    const { migrationId, epoch = 0, onto, log } = this.#options;
    const { to } = sides.scanner;
    if (migrationId !== undefined) {
      const ended = await endStaleConnections(to, { migrationId, epoch });
      if (ended > 0) log.info(`Ended ${ended} connections that an earlier run had left on the target.`);
      if (this.#lanes !== undefined) await this.#nameConnections(this.#lanes);
      if (onto !== 'origin') await to.set(STAMP_KEY, migrationId);
    }
    for (const database of Object.keys(this.#knowledge().facts.target.keys).map(Number)) {
      await selectDatabase(sides, database);
      await deleteParts(sides.scanner);
    }
    await selectDatabase(sides, 0);
    await copyFunctions(sides, log);
  }

  async #nameConnections({ carriers, scanner }: Lanes): Promise<void> {
    const { migrationId, epoch = 0 } = this.#options;
    if (migrationId === undefined) return;
    const name = connectionName(migrationId, epoch);
    await Promise.all([scanner, ...carriers].map(({ to }) => to.call('CLIENT', 'SETNAME', name)));
  }

  /** Names of keys that the source was told to have changed since the last look, or everything. */
  async #changedSince(sides: Sides): Promise<string[] | 'everything'> {
    if (this.#feed === undefined || this.#unpushed === undefined) throw new Error('Nothing is followed yet.');
    await this.#feed.barrier();
    const { everything, keys } = this.#feed.take();
    const unpushed = await this.#unpushed.look();
    const isCut = this.#isCut;
    this.#isCut = false;
    if (everything || unpushed.everything || isCut) {
      this.#streams = undefined;
      return 'everything';
    }
    const streams = unpushed.streams ? await this.#knownStreams(sides) : [];
    return [...new Set([...keys, ...streams].map(byteString))];
  }

  /** What changes on the target is told from here on, where it can be: nobody should write there, and somebody may. */
  async #watchTarget(): Promise<void> {
    const { target, log, clock, signal } = this.#options;
    const feedOptions = { log, clock, ...(signal === undefined ? {} : { signal }) };
    this.#targetFeed ??= await followChanges(target, this.#knowledge().abilities.to, feedOptions);
  }

  /** Names of keys that changed on the target since the last look, those that we carried among them, or everything. */
  async #changedOnTarget(): Promise<string[] | 'everything'> {
    const feed = this.#targetFeed;
    if (feed === undefined || feed.kind === 'none') return [];
    await feed.barrier();
    const { everything, keys } = feed.take();
    return everything ? 'everything' : keys.map(byteString);
  }

  /** What somebody else wrote to the target must be proven, too. */
  async #addChangedOnTarget(sides: Sides, signal?: AbortSignal): Promise<void> {
    let names = await this.#changedOnTarget();
    if (names === 'everything')
      names = (await findDifferent(sides, this.#passOptions(signal))).names.map(byteString);
    for (const name of names) this.#unproven.add(name);
  }

  async #isUnwritten(sides: Sides): Promise<boolean> {
    return this.#writeMark !== null && (await readWriteMark(sides.scanner.from)) === this.#writeMark;
  }

  /** Compares all keys by their digests, and carries what differs. */
  async #passDifferent(sides: Sides, options: PassOptions): Promise<PassResult> {
    const { migrationId, onto } = this.#options;
    // A target that was emptied meanwhile has lost whose copy this is.
    if (migrationId !== undefined && onto !== 'origin') {
      await selectDatabase(sides, 0);
      await sides.scanner.to.set(STAMP_KEY, migrationId, 'NX');
    }
    return passEverything(sides, { ...options, onlyDifferent: true });
  }

  /** Without a look at all names, which takes longer than all the rest of a last pass. */
  async #knownStreams(sides: Sides): Promise<Buffer[]> {
    if (this.#streams === undefined) return findStreams(sides);
    return [...this.#streams, ...(await streamsAmong(sides, namesOf(this.#unproven)))];
  }

  /** One pass over what changed; `undefined` when nothing had. */
  async #drain(sides: Sides, signal?: AbortSignal): Promise<PassResult | undefined> {
    const names = await this.#changedSince(sides);
    if (names === 'everything') {
      this.#isProven = false;
      return this.#passDifferent(sides, this.#passOptions(signal));
    }
    if (names.length === 0) return undefined;
    for (const name of names) this.#unproven.add(name);
    return passThese(sides, names.map(bufferOf), this.#passOptions(signal));
  }

  async #drainUntilFew(sides: Sides, result: FollowResult, signal?: AbortSignal): Promise<void> {
    for (let before = Infinity; result.passes < MOST_PASSES;) {
      const pass = await this.#drain(sides, signal);
      if (pass === undefined) return;
      result.passes += 1;
      result.keys += pass.keys;
      result.deleted += pass.deleted;
      if (this.kind === 'none') return;
      const { waiting = 0 } = this.#feed ?? {};
      if (waiting <= FEW_KEYS || waiting > before * 0.8) return;
      before = waiting;
    }
  }

  /**
   * Compares all keys while the source goes on writing. What differs must have been told by the feed since; otherwise it
   * has missed something and is not believed again.
   */
  async #prove(sides: Sides, signal?: AbortSignal): Promise<number> {
    this.#unproven.clear();
    this.#streams = await findStreams(sides);
    const { compared, names } = await findDifferent(sides, this.#passOptions(signal));
    const told = await this.#changedSince(sides);
    if (told === 'everything') {
      await this.#passDifferent(sides, this.#passOptions(signal));
      return compared;
    }
    for (const name of told) this.#unproven.add(name);
    await passThese(sides, told.map(bufferOf), this.#passOptions(signal));
    const silent = names.filter((name) => !this.#unproven.has(byteString(name)));
    const { source, target, log } = this.#options;
    const both = { source, target, skip: this.#skip, log };
    if (silent.length > 0 && !(await compareRedis({ ...both, keys: silent })).equal) {
      const late = await this.#changedSince(sides);
      for (const name of late === 'everything' ? [] : late) this.#unproven.add(name);
      this.#isDoubted = late === 'everything' || silent.some((name) => !this.#unproven.has(byteString(name)));
      for (const name of silent) this.#unproven.add(byteString(name));
      await passThese(sides, namesOf(this.#unproven), this.#passOptions(signal));
    }
    this.#isProven = true;
    return compared;
  }

  async #hold(sides: Sides): Promise<void> {
    if (this.#held?.isHeld === true || !sides.abilities.from.pause) return;
    await this.#held?.release();
    this.#held = await holdWriters(sides.scanner.from, this.#options.log);
  }

  async #lastPass(
    sides: Sides,
    isReal: boolean,
    signal?: AbortSignal,
  ): Promise<Pick<FinishResult, 'keys' | 'deleted' | 'how' | 'reason'> & { seen: number }> {
    let reason = this.#reasonForEverything();
    const onTarget = await this.#changedOnTarget();
    if (onTarget === 'everything') reason ??= 'the new Redis was flushed or out of reach';
    else for (const name of onTarget) this.#unproven.add(name);
    const total = { keys: 0, deleted: 0, seen: 0 };
    for (let pass = 0; pass < (isReal ? MOST_FINAL_PASSES : 1); pass += 1) {
      const names = await this.#changedSince(sides);
      if (names === 'everything')
        reason ??= 'the old Redis was flushed or out of reach, or may have changed without a word';
      if (names !== 'everything') for (const name of names) this.#unproven.add(name);
      if (reason === null && names.length === 0)
        return { keys: total.keys, deleted: total.deleted, seen: 0, how: 'changes', reason: null };
      const options: PassOptions = {
        ...this.#passOptions(signal),
        onCarried: ({ keys, seen }) => {
          total.seen += seen;
          for (const key of keys) this.#unproven.add(byteString(key));
        },
      };
      const carried =
        reason === null && names !== 'everything'
          ? await passThese(sides, names.map(bufferOf), options)
          : await this.#passDifferent(sides, options);
      total.keys += carried.keys;
      total.deleted += carried.deleted;
      // One look at everything is enough, when nothing may change meanwhile or a feed tells what does.
      if (reason !== null) return { ...total, how: 'everything', reason };
      // Keys that only expire do so for ever, and nobody writes them; what else is deleted is told before the end.
      if (carried.keys === 0) return { ...total, how: 'changes', reason: null };
    }
    if (!isReal) return { ...total, how: 'changes', reason: null };
    throw new Error(
      'The old Redis is still written to, inside the fence: somebody writes who is not this app.',
    );
  }

  #reasonForEverything(): string | null {
    if (this.kind === 'none') return 'the old Redis tells nobody what changes';
    if (this.#isDoubted) return 'a change had not been told';
    return this.#isProven ? null : 'not all keys had been compared before';
  }

  async #refuseDifferences(sides: Sides, names: readonly string[], signal?: AbortSignal): Promise<void> {
    const suspects = await findDifferentOf(sides, names.map(bufferOf), this.#passOptions(signal));
    if (suspects.length === 0) return;
    const { source, target, log } = this.#options;
    const parity = await compareRedis({ source, target, skip: this.#skip, log, keys: suspects });
    if (parity.equal) return;
    throw new Error(
      [
        `The two stores do not hold the same (${parity.keys.different} keys differ):`,
        ...parity.differences.map((line) => `  ${line}`),
      ].join('\n'),
    );
  }

  #add(carried: PassResult, startedMs: number): void {
    this.copied.keys += carried.keys;
    this.copied.bytes += carried.bytes;
    this.copied.bigKeys += carried.bigKeys;
    this.copied.deleted += carried.deleted;
    this.copied.milliseconds = Math.round(performance.now() - startedMs);
  }

  #tell(): void {
    const { keys, bytes, bigKeys, deleted, skipped, milliseconds } = this.copied;
    this.#options.log.info(
      `Redis: ${keys} keys (${megabytes(bytes)} MB${bigKeys === 0 ? '' : `, ${bigKeys} element by element`}) copied, ` +
        `${deleted} deleted on the target, ${skipped} left behind, in ${(milliseconds / 1000).toFixed(1)} s.`,
    );
  }
}

/** A key's bytes as a string, so that sets can hold it. */
function byteString(key: Buffer): string {
  return key.toString('latin1');
}

function bufferOf(name: string): Buffer {
  return Buffer.from(name, 'latin1');
}

function namesOf(names: Iterable<string>): Buffer[] {
  return [...names].map(bufferOf);
}
