import { openRedis } from './redis.ts';

/**
 * Fills Redis with what a Rails application keeps there beside its jobs: `keys` keys of every type, some that expire,
 * some binary, and a `cache:*` part that a migration may leave behind. Same seed, same keys.
 */
export async function seedRedis(url: string, keys: number, seed: number): Promise<void> {
  const redis = openRedis({ REDIS_URL: url }, { maxRetriesPerRequest: 20, commandTimeout: 60_000 });
  try {
    for (let from = 0; from < keys; from += 1000) {
      const batch = redis.pipeline();
      for (let n = from; n < Math.min(keys, from + 1000); n += 1) addKey(batch, n, seed);
      const results = (await batch.exec()) ?? [];
      const refused = results.find(([error]) => error !== null)?.[0];
      if (refused) throw new Error(`The shop's keys could not be written to Redis: ${refused.message}`);
    }
  } finally {
    redis.disconnect();
  }
}

function addKey(batch: ReturnType<ReturnType<typeof openRedis>['pipeline']>, n: number, seed: number): void {
  const word = `${seed}-${n}`;
  const hour = 3600;
  switch (n % 8) {
    case 0:
      batch.set(`session:${word}`, `{"user_id":${n},"csrf":"${word}"}`, 'EX', 24 * hour + n);
      break;
    case 1:
      batch.set(`cache:product:${word}`, 'x'.repeat(200 + (n % 500)), 'EX', hour);
      break;
    case 2:
      batch.hset(`cart:${word}`, { product: n, quantity: 1 + (n % 3), note: 'für später' });
      break;
    case 3:
      batch.sadd(`features:${word}`, 'checkout', 'search', word);
      break;
    case 4:
      batch.zadd(`leaderboard:${word}`, n, 'first', n / 3, 'second', -1, 'third');
      break;
    case 5:
      batch.rpush(`recent:${word}`, ...Array.from({ length: 1 + (n % 20) }, (_, index) => `order ${index}`));
      break;
    case 6:
      batch.set(Buffer.from(`binary:\u0000${word}`), Buffer.from([0, 255, 10, 13, n % 256]));
      break;
    default:
      batch.xadd(`events:${word}`, `${n + 1}-1`, 'kind', 'viewed', 'product', String(n));
  }
}
