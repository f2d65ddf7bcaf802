import type { Redis } from 'ioredis';
import { isUnreadable } from '../batch.ts';
import { BIG_KEY_BYTES, streamKey } from '../big-key.ts';
import { measureClockOffset } from '../clock-offset.ts';
import { compareKeys } from '../compare-keys.ts';
import { globToRegExp } from '../key-choice.ts';
import { OUR_PREFIX } from '../our-keys.ts';
import { printable } from '../printable.ts';
import { readerOf } from '../reading.ts';
import { inBatches, pipelined, scanKeys } from '../scan.ts';
import type { Place } from './job-system.ts';
import { systemAt } from './system-at.ts';

/*
 * On the way back the new side's jobs are carried to the old one under names of ours, `heroku-to-digitalocean:<id>-back:`
 * in front of each, and take their places (`placeJobs`) only once that side may write again. Until then what stands in
 * their places belongs to whoever enqueues there all the same: nothing of it is overwritten, and undoing deletes only
 * what is ours.
 */

/** Keys in one go. */
const BATCH = 500;
/** Differences that are named. */
const NAMED = 20;

/** In front of every key that waits for its place. */
export function stagedUnder(migrationId: string): string {
  return `${OUR_PREFIX}${migrationId}-back:`;
}

/** Patterns, in Redis' own globs, of all keys that are carried in this way. */
export function jobPatterns(places: readonly Place[]): string[] {
  return [...new Set(places.flatMap((place) => systemAt(place).patterns()))].sort();
}

export interface StagedOptions {
  migrationId: string;
  /** Where job systems were found before the side followed, on either side and in any logical database. */
  places: readonly Place[];
  /** Patterns of keys that stay behind. */
  skip: readonly string[];
  signal?: AbortSignal;
}

/**
 * Carries the keys of the selected database's jobs under names of ours and proves them equal. The source's writers are
 * held or have no rights. Repeated, it begins anew. Returns how many keys.
 *
 * @throws Error naming keys that differ
 */
export async function stageJobs(from: Redis, to: Redis, options: StagedOptions): Promise<number> {
  await dropStaged(to, options.migrationId);
  const [reader, clockOffsetMs] = [await readerOf(from, false), await measureClockOffset(from, to)];
  const under = Buffer.from(stagedUnder(options.migrationId));
  let staged = 0;
  for await (const keys of chosenKeys(from, options)) {
    options.signal?.throwIfAborted();
    const left = reader.abilities.memoryUsage ? await bigAmong(from, keys) : new Set<Buffer>();
    const small = keys.filter((key) => !left.has(key));
    const replies = await pipelined(from, small, (pipeline, key) => pipeline.pttl(key).dumpBuffer(key));
    const restoring = to.pipeline();
    const restored: Buffer[] = [];
    for (const [place, key] of small.entries()) {
      const [livesMs, payload] = [Number(replies[2 * place]), replies[2 * place + 1]];
      if (!Buffer.isBuffer(payload)) continue;
      restoring.restore(Buffer.concat([under, key]), Math.max(livesMs, 0), payload, 'REPLACE');
      restored.push(key);
    }
    for (const [place, [error]] of ((await restoring.exec()) ?? []).entries()) {
      const key = restored[place];
      if (error === null || key === undefined) continue;
      if (!isUnreadable(error.message)) throw error;
      left.add(key);
    }
    for (const key of left)
      await streamKey({ from, to }, key, {
        as: Buffer.concat([under, key]),
        clockOffsetMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    staged += keys.length;
  }
  await proveStaged(from, to, options);
  return staged;
}

/** @throws Error naming keys that are not the same on both sides; `to` has them under names of ours */
export async function proveStaged(from: Redis, to: Redis, options: StagedOptions): Promise<void> {
  const under = Buffer.from(stagedUnder(options.migrationId));
  const sides = {
    from: await readerOf(from, false),
    to: await readerOf(to, false),
    clockOffsetMs: await measureClockOffset(from, to),
    as: (key: Buffer) => Buffer.concat([under, key]),
  };
  const different: string[] = [];
  for await (const keys of chosenKeys(from, options)) {
    options.signal?.throwIfAborted();
    for (const { key, problem } of (await compareKeys(sides, keys)).different)
      different.push(`${printable(key)}: ${problem}`);
  }
  for await (const keys of stagedKeys(to, options.migrationId)) {
    const names = keys.map((key) => key.subarray(under.length));
    const there = await pipelined(from, names, (pipeline, name) => pipeline.exists(name));
    for (const [place, name] of names.entries())
      if (there[place] !== 1) different.push(`${printable(name)}: only on the old side`);
  }
  if (different.length > 0)
    throw new Error(
      [
        `Jobs of the two sides are not the same (${different.length} keys):`,
        ...different.slice(0, NAMED),
      ].join('\n  '),
    );
}

/** Undoes `stageJobs`; what stands in the jobs' own places is not touched. Returns how many keys. */
export async function dropStaged(redis: Redis, migrationId: string): Promise<number> {
  let dropped = 0;
  for await (const keys of stagedKeys(redis, migrationId)) dropped += await redis.unlink(...keys);
  return dropped;
}

export async function* stagedKeys(redis: Redis, migrationId: string): AsyncGenerator<Buffer[]> {
  const under = Buffer.from(stagedUnder(migrationId));
  for await (const keys of scanKeys(redis)) {
    const ours = keys.filter((key) => key.subarray(0, under.length).equals(under));
    if (ours.length > 0) yield ours;
  }
}

/** Whether a key belongs to the jobs that are carried. */
export function isCarried({
  places,
  skip,
}: Pick<StagedOptions, 'places' | 'skip'>): (key: Buffer) => boolean {
  const [wanted, unwanted] = [jobPatterns(places), skip].map((globs) => globs.map(globToRegExp));
  return (key) => {
    const name = key.toString('latin1');
    if (name.startsWith(OUR_PREFIX)) return false;
    return wanted?.some((one) => one.test(name)) === true && unwanted?.some((one) => one.test(name)) !== true;
  };
}

async function* chosenKeys(redis: Redis, options: StagedOptions): AsyncGenerator<Buffer[]> {
  const chosen = isCarried(options);
  const scanned = async function* (): AsyncGenerator<Buffer[]> {
    for await (const keys of scanKeys(redis)) yield keys.filter(chosen);
  };
  yield* inBatches(scanned(), () => BATCH);
}

async function bigAmong(redis: Redis, keys: Buffer[]): Promise<Set<Buffer>> {
  const sizes = await pipelined(redis, keys, (pipeline, key) => pipeline.memory('USAGE', key));
  return new Set(keys.filter((_key, place) => Number(sizes[place] ?? 0) > BIG_KEY_BYTES));
}
