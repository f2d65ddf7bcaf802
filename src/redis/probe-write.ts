import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { connectRedis, disconnect, type RedisAddress } from './connect.ts';
import { OUR_PREFIX } from './our-keys.ts';

const PROBE_KEY = `${OUR_PREFIX}probe:held`;
/** Much longer than a server takes to answer a SET, and little for visitors who wait. */
const HELD_MS = 120;

/**
 * Whether the server holds a write at this moment: one of a connection of its own is left unanswered. That connection is
 * then given up, and with it the write. `open`: it was done; the key is gone after a second.
 */
export async function probeRedisWrite(
  address: RedisAddress,
  { signal }: { signal?: AbortSignal } = {},
): Promise<'held' | 'open' | 'refused'> {
  const redis = await connectRedis(address, signal === undefined ? {} : { signal });
  const patience = new AbortController();
  try {
    const written = redis.set(PROBE_KEY, '1', 'PX', 1_000).then(
      () => 'open' as const,
      (thrown: unknown) => {
        if (/^(NOPERM|READONLY|MISCONF|OOM)/.test(messageOf(thrown))) return 'refused' as const;
        throw thrown;
      },
    );
    const held = delay(HELD_MS, 'held' as const, { signal: patience.signal });
    held.catch(() => undefined);
    written.catch(() => undefined);
    return await Promise.race([written, held]);
  } finally {
    patience.abort();
    disconnect(redis);
  }
}
