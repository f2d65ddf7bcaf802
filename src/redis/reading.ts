import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { ReadingAbilities } from './digest.ts';
import { defineScript, runScript } from './scripts.ts';

/** What a comparison needs to know of a server. */
export interface Reader {
  redis: Redis;
  abilities: ReadingAbilities;
  /** Fields of hashes may expire on their own (Redis 7.4, Valkey 9). */
  fieldExpiry: boolean;
}

const trivialScript = defineScript('return struct.pack("<d", 1)');
/** A script that has not been answered by then waits with writers that are held. */
const HELD_MS = 1_000;
/** Nobody has it. */
const NO_KEY = 'heroku-to-digitalocean:none';

/**
 * Asks a server how it may be read. Nothing that it is asked waits for writers that are held; with `mayScript` it is tried
 * out whether scripts that are not known to be read-only run at the moment.
 */
export async function readerOf(redis: Redis, mayScript: boolean): Promise<Reader> {
  const allowed = (asking: Promise<unknown>): Promise<boolean> =>
    asking.then(
      () => true,
      (thrown: unknown) => {
        if (redis.status !== 'ready') throw thrown;
        return false;
      },
    );
  const [isReadOnly, memoryUsage, expireTime, fieldExpiry] = await Promise.all([
    allowed(runScript(redis, trivialScript, 'read-only', [], [])),
    allowed(redis.call('MEMORY', 'USAGE', NO_KEY)),
    allowed(redis.call('PEXPIRETIME', NO_KEY)),
    allowed(redis.call('HPEXPIRETIME', NO_KEY, 'FIELDS', 1, 'none')),
  ]);
  const scripts = isReadOnly ? 'read-only' : mayScript && (await runsScripts(redis)) ? 'any' : 'none';
  return { redis, abilities: { scripts, memoryUsage, expireTime }, fieldExpiry };
}

/** Tried on a connection of its own, which is given up when writers are held: before Redis 7 scripts wait with them. */
async function runsScripts(redis: Redis): Promise<boolean> {
  const own = redis.duplicate();
  own.on('error', () => undefined);
  const patience = new AbortController();
  try {
    await own.connect();
    return await Promise.race([
      runScript(own, trivialScript, 'any', [], []).then(() => true),
      delay(HELD_MS, false, { signal: patience.signal }),
    ]);
  } catch {
    return false;
  } finally {
    patience.abort();
    own.disconnect();
  }
}
