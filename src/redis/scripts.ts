import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';

/** A script in the servers' own language, known to them by its digest. */
export interface Script {
  source: string;
  sha: string;
}

export function defineScript(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/**
 * Runs a script by its digest; a server that does not know it yet is given it whole. `read-only` runs also while
 * writers are paused, and needs Redis 7. Strings in the answer are buffers.
 *
 * @throws what the server answers
 */
export async function runScript(
  redis: Redis,
  script: Script,
  mode: 'read-only' | 'any',
  keys: readonly Buffer[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  const suffix = mode === 'read-only' ? '_RO' : '';
  try {
    return await redis.callBuffer(`EVALSHA${suffix}`, script.sha, keys.length, ...keys, ...args);
  } catch (thrown) {
    if (!messageOf(thrown).startsWith('NOSCRIPT')) throw thrown;
    return redis.callBuffer(`EVAL${suffix}`, script.source, keys.length, ...keys, ...args);
  }
}
