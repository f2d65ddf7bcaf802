import type { Redis } from 'ioredis';

import { messageOf } from '../../src/errors.ts';
import { describeAbilities, probeAbilities } from '../../src/redis/abilities.ts';
import { parseRedisUrl, withRedis } from '../../src/redis/connect.ts';
import type { HerokuGround } from './heroku-ground.ts';
import { Disproved } from './outcome.ts';

const KEY = 'h2d:probe';

/** Asks a new store what the copy, the drain and `set-old-jobs-aside` ask of the application's. */
export async function keyValueStore(
  ground: HerokuGround,
  plan: string,
  signal: AbortSignal,
): Promise<string> {
  const { REDIS_URL: url } = await ground.withAddOn(plan);
  if (url === undefined) throw new Error('The add-on gave the app no REDIS_URL.');
  const address = parseRedisUrl(url);
  const { refused, abilities } = await withRedis(address, { signal }, async (redis) => ({
    refused: await refusedCommands(redis),
    abilities: await probeAbilities(redis, address, { mayWrite: true, signal }),
  }));
  const missing = [
    ...refused,
    ...(abilities.scripts === 'none' ? ['scripts'] : []),
    ...(abilities.tracking ? [] : ['CLIENT TRACKING']),
    ...(abilities.pause ? [] : ['CLIENT PAUSE … WRITE']),
  ];
  if (missing.length > 0) throw new Disproved(`with ${plan} it refuses ${missing.join(', ')}`);
  return `${plan} ${describeAbilities(abilities)}`;
}

/** Each command as the migration sends it, on a key of ours. */
async function refusedCommands(redis: Redis): Promise<string[]> {
  const other = `${KEY}:renamed`;
  const asked: [name: string, call: () => Promise<unknown>][] = [
    ['SET', () => redis.set(KEY, 'value', 'PX', 600_000)],
    ['SCAN', () => redis.scan('0')],
    ['DUMP', () => redis.dump(KEY)],
    ['PTTL', () => redis.pttl(KEY)],
    ['RENAME', () => redis.rename(KEY, other)],
    ['MULTI', () => redis.multi().del(other).exec()],
  ];
  const refused: string[] = [];
  for (const [name, call] of asked) {
    try {
      await call();
    } catch (error) {
      if (redis.status !== 'ready') throw error;
      refused.push(`${name} (${messageOf(error)})`);
    }
  }
  return refused;
}
