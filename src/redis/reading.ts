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
/** Nobody has it. */
const NO_KEY = 'heroku-to-digitalocean:none';

/**
 * Asks a server how it may be read. Nothing that it is asked waits for writers that are held, unless `mayWait`: then
 * scripts are tried that are not known to be read-only, too.
 */
export async function readerOf(redis: Redis, mayWait: boolean): Promise<Reader> {
  const allowed = (asking: Promise<unknown>): Promise<boolean> =>
    asking.then(
      () => true,
      (thrown: unknown) => {
        if (redis.status !== 'ready') throw thrown;
        return false;
      },
    );
  const runs = (mode: 'read-only' | 'any'): Promise<boolean> =>
    allowed(runScript(redis, trivialScript, mode, [], []));
  const [isReadOnly, memoryUsage, expireTime, fieldExpiry] = await Promise.all([
    runs('read-only'),
    allowed(redis.call('MEMORY', 'USAGE', NO_KEY)),
    allowed(redis.call('PEXPIRETIME', NO_KEY)),
    allowed(redis.call('HPEXPIRETIME', NO_KEY, 'FIELDS', 1, 'none')),
  ]);
  const scripts = isReadOnly ? 'read-only' : mayWait && (await runs('any')) ? 'any' : 'none';
  return { redis, abilities: { scripts, memoryUsage, expireTime }, fieldExpiry };
}
