import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import { mayTrack, tellsEverything } from './abilities.ts';
import type { FeedKind } from './changes.ts';

/** What a server will let a migration do, asked without any effect: by commands that it refuses for what they say. */
export interface AskedAbilities {
  /** How changes will be followed; `unknown`: only a write would show whether notifications are on. */
  feed: FeedKind | 'unknown';
  scripts: 'read-only' | 'any' | 'none';
  /** CLIENT PAUSE is there. */
  pause: boolean;
  memoryUsage: boolean;
  commandStats: boolean;
}

/** Longer than this only a server answers that holds its writers, and then nothing is known. */
const HELD_MS = 1_000;
/** Nobody has it. */
const NO_KEY = 'heroku-to-digitalocean:none';

/**
 * As `probeAbilities`, for whoever may have no effect at all: nothing is written, no script gets into the cache, nobody
 * is paused, and writers that a cutover holds at the moment are not let go.
 *
 * @throws when the connection is lost
 */
export async function askAbilities(redis: Redis): Promise<AskedAbilities> {
  const answer = (asking: Promise<unknown>): Promise<string> =>
    asking.then(String, (thrown: unknown) => {
      if (redis.status !== 'ready') throw thrown;
      return messageOf(thrown);
    });
  const isAllowed = (text: string): boolean => !/^NOPERM|unknown (sub)?command/i.test(text);
  // A number of keys below zero is refused by EVAL itself, after the right to call it was looked at.
  const readOnly = await answer(redis.call('EVAL_RO', 'return 1', -1));
  const any = await onItsOwn(redis, (own) => own.call('EVAL', 'return 1', -1).catch(messageOf));
  return {
    feed: await feedOf(redis),
    scripts: readOnly.includes('negative') ? 'read-only' : String(any).includes('negative') ? 'any' : 'none',
    pause: (await answer(redis.call('CLIENT', 'PAUSE', 'none', 'WRITE'))).includes('timeout is not'),
    memoryUsage: isAllowed(await answer(redis.call('MEMORY', 'USAGE', NO_KEY))),
    commandStats: (await answer(redis.info('commandstats'))).includes('cmdstat_'),
  };
}

async function feedOf(redis: Redis): Promise<AskedAbilities['feed']> {
  if ((await onItsOwn(redis, mayTrack)) === true) return 'tracking';
  const flags: unknown = await redis.config('GET', 'notify-keyspace-events').catch(() => null);
  if (!Array.isArray(flags) || flags.length !== 2) return 'unknown';
  return tellsEverything(String(flags[1])) ? 'notifications' : 'none';
}

/** A connection that is given up afterwards, with all that it was told; null when it is refused or not answered. */
async function onItsOwn<T>(redis: Redis, body: (own: Redis) => Promise<T>): Promise<T | null> {
  const own = redis.duplicate();
  own.on('error', () => undefined);
  const patience = new AbortController();
  try {
    await own.connect();
    const asking = body(own);
    asking.catch(() => undefined);
    return await Promise.race([asking, delay(HELD_MS, null, { signal: patience.signal })]);
  } catch {
    return null;
  } finally {
    patience.abort();
    own.disconnect();
  }
}
