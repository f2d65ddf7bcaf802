import { afterAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { keyValueStoreUrl } from '../../../rehearsal/heroku/key-value-store.ts';
import { startKeyValueStore } from '../../../rehearsal/heroku/key-value-store-server.ts';
import { unverifiableCertificate } from '../../../rehearsal/heroku/unverifiable-certificate.ts';
import { stopAll } from '../../../rehearsal/servers/process.ts';

afterAll(() => stopAll());

const runId = (info: string): string => /^run_id:(\w+)/m.exec(info)?.[1] ?? '';

test('after a fail-over another server answers at the same address, with everything that was acknowledged and the same refusals', async () => {
  const password = 'of-the-store-1234';
  const store = await startKeyValueStore({ name: 'shop', password, tls: await unverifiableCertificate() });
  const redis = new Redis(keyValueStoreUrl(store.proxy, password), {
    tls: { rejectUnauthorized: false },
    maxRetriesPerRequest: null,
  });
  let ended = 0;
  redis.on('error', () => undefined);
  redis.on('close', () => (ended += 1));
  await redis.set('kept', 'from before', 'EX', 3600);
  for (let n = 0; n < 5000; n += 1) void redis.rpush('list', n);
  expect(await redis.llen('list')).toBe(5000);
  const before = runId(await redis.info('server'));
  // Somebody writes all the time, and notes what was acknowledged.
  let acknowledged = 0;
  const over = new AbortController();
  const writer = (async () => {
    while (!over.signal.aborted) {
      const sent = acknowledged + 1;
      await redis.set('counter', sent).then(
        () => (acknowledged = sent),
        () => undefined,
      );
    }
  })();
  await store.failOver();
  over.abort();
  await writer;
  expect(ended).toBeGreaterThan(0);
  expect(runId(await redis.info('server'))).not.toBe(before);
  expect(await redis.get('kept')).toBe('from before');
  expect(await redis.ttl('kept')).toBeGreaterThan(3500);
  expect(await redis.llen('list')).toBe(5000);
  expect(Number(await redis.get('counter'))).toBeGreaterThanOrEqual(acknowledged);
  expect(await redis.info('replication')).toContain('role:master');
  for (const command of ['CONFIG', 'REPLICAOF', 'SLAVEOF', 'DEBUG'])
    await expect(redis.call(command, 'GET', 'x')).rejects.toThrow(/unknown command/);
  // It can happen again, and it can be restarted.
  await store.failOver();
  await store.restart();
  expect(await redis.get('kept')).toBe('from before');
  redis.disconnect();
  await store.stop();
});
