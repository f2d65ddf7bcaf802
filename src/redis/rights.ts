import type { Redis } from 'ioredis';
import { ConfigurationError, messageOf } from '../errors.ts';
import { withRedis, type RedisAddress } from './connect.ts';

/** Workers wait in front of their command until this key is `1`; a closed user may read it. */
export const OPEN_KEY = 'heroku-to-digitalocean:open';

/**
 * What the application's user may do while the side is open: everything but what is dangerous to the server or to all of
 * its data at once (FLUSHALL, FLUSHDB, CONFIG, DEBUG, SHUTDOWN, MODULE, MIGRATE, MONITOR, CLIENT KILL, CLIENT PAUSE …).
 * Of these, what libraries need while they boot and run is given back: `INFO` (Sidekiq dies without it), `CLIENT LIST`
 * (BullMQ and RQ count their workers by it), `KEYS` (Resque), `SORT`. FLUSHDB stays refused: it would also delete the
 * key that waiting workers look for.
 */
export const RULES_OF_THE_APP = [
  '+@all',
  '-@dangerous',
  '+info',
  '+client|list',
  '+keys',
  '+sort',
  '+sort_ro',
] as const;

/**
 * Takes the right to write from the application's user, at once also in connections that are open, and lets workers
 * wait that start from now on. Reading goes on.
 */
export async function closeRedis(admin: RedisAddress, user: string): Promise<void> {
  await withRedis({ ...admin, database: 0 }, {}, async (redis) => {
    await requireUser(redis, user);
    await redis.del(OPEN_KEY);
    await redis.call('ACL', 'SETUSER', user, '-@write');
    await saveAcl(redis);
  });
}

/** Gives the right to write back, then tells the waiting workers. May be repeated. */
export async function openRedis(admin: RedisAddress, user: string): Promise<void> {
  await withRedis({ ...admin, database: 0 }, {}, async (redis) => {
    await requireUser(redis, user);
    // All rules anew: `+@write` alone would hand over FLUSHALL and the like, which are writes, too.
    await redis.call('ACL', 'SETUSER', user, ...RULES_OF_THE_APP);
    await saveAcl(redis);
    await redis.set(OPEN_KEY, '1');
  });
}

/**
 * Whether the application may write. `half-open`: the user may write and the key is missing, or the other way round,
 * as a run that died between the two leaves it; opening or closing again mends it.
 */
export async function redisIs(admin: RedisAddress, user: string): Promise<'open' | 'closed' | 'half-open'> {
  return withRedis({ ...admin, database: 0 }, {}, async (redis) => {
    await requireUser(redis, user);
    // DRYRUN (since Redis 7) asks the server itself, whatever rules the user has been given.
    const verdict = await redis.call('ACL', 'DRYRUN', user, 'SET', 'key', 'value');
    const key = await redis.get(OPEN_KEY);
    if (verdict === 'OK' && key === '1') return 'open';
    return verdict !== 'OK' && key === null ? 'closed' : 'half-open';
  });
}

/** SETUSER would create a user that is not there, and a misspelt name would look closed for ever. */
async function requireUser(redis: Redis, user: string): Promise<void> {
  if ((await redis.call('ACL', 'GETUSER', user)) === null)
    throw new ConfigurationError(`The Redis server has no user “${user}”; provision creates it.`);
}

/** Keeps the rights over a restart. A server without an ACL file keeps users in its configuration instead. */
export async function saveAcl(redis: Redis): Promise<void> {
  try {
    await redis.call('ACL', 'SAVE');
  } catch (thrown) {
    if (!messageOf(thrown).includes('not configured to use an ACL file')) throw thrown;
  }
}
