import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { IMAGE_RUNS } from '../../src/digitalocean/redis-order.ts';
import { ConfigurationError, NotSupportedError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { connectRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { preflight, STAMP_KEY, type Preflight, type PreflightOptions } from '../../src/redis/preflight.ts';
import { keyValueStoreConfiguration } from '../../rehearsal/heroku/key-value-store.ts';
import type { RedisServer } from '../../rehearsal/servers/redis.ts';
import { otherRedis } from '../../rehearsal/servers/other-redis.ts';
import { startRedis } from '../../rehearsal/servers/redis.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf } from './two-sides.ts';

interface Both {
  source: RedisAddress;
  target: RedisAddress;
  from: ReturnType<typeof clientOf>;
  to: ReturnType<typeof clientOf>;
  /** Lines that were logged. */
  told: string[];
  check: (options?: Partial<PreflightOptions>) => Promise<Preflight>;
}

function addressOf({ host, port }: RedisServer): RedisAddress {
  return { host, port, tls: { mode: 'off' } };
}

async function bothOf(sourceLines: string[], targetLines: string[]): Promise<Both> {
  return between(
    ...(await Promise.all([
      testRedis(sourceLines).then(addressOf),
      testRedis(['maxmemory-policy noeviction', ...targetLines]).then(addressOf),
    ])),
  );
}

function between(source: RedisAddress, target: RedisAddress): Both {
  const told: string[] = [];
  const log = {
    ...silentLog,
    info: (line: string) => void told.push(line),
    warning: (line: string) => void told.push(line),
  };
  return {
    source,
    target,
    from: clientOf(source),
    to: clientOf(target),
    told,
    check: async (options = {}) => {
      const from = await connectRedis(source);
      const to = await connectRedis(target);
      try {
        return await preflight(from, to, {
          ...{ source, target, migrationId: 'shop-test', log, clock: systemClock },
          ...options,
        });
      } finally {
        from.disconnect();
        to.disconnect();
      }
    },
  };
}

/** Fills a store with strings of 100 kB, in one go. */
async function fill(redis: Both['from'], prefix: string, count: number): Promise<void> {
  const pipeline = redis.pipeline();
  for (let n = 0; n < count; n += 1) pipeline.set(`${prefix}${n}`, 'x'.repeat(100_000));
  await pipeline.exec();
}

test('what both servers allow is found and told, and nothing is left on either', async () => {
  const { from, to, told, check } = await bothOf(['rename-command CONFIG ""'], ['maxmemory 50mb']);
  await from.set('a', 1);
  const found = await check();
  expect(found).toMatchObject({
    payloadsFit: true,
    begun: false,
    abilities: { from: { scripts: 'read-only', tracking: true }, to: { scripts: 'read-only' } },
    facts: { source: { keys: { 0: 1 } }, target: { maxmemoryBytes: 50 * 1024 * 1024 } },
  });
  expect(Math.abs(found.clockOffsetMs)).toBeLessThan(50);
  expect(told).toEqual([
    expect.stringMatching(/^Source \(redis 7\..*\) allows scripts, .*CLIENT TRACKING/),
    expect.stringMatching(/^Target \(redis 7\..*\) allows scripts/),
    expect.stringMatching(
      /^Memory: the copy needs up to \d+\.\d MB of the target's 52\.4 MB \(maxmemory\)\.$/,
    ),
  ]);
  expect(await to.dbsize()).toBe(0);
  expect(await from.keys('*')).toEqual(['a']);
});

test('cluster mode is refused on either side, with the reason', async () => {
  const clustered = await bothOf([], ['cluster-enabled yes']);
  await expect(clustered.check()).rejects.toThrow(
    /^The target \(redis 7.*\) runs in cluster mode, which is not supported: .*logical databases.*Nothing was changed/,
  );
  await expect(clustered.check()).rejects.toBeInstanceOf(NotSupportedError);
  await expect(between(clustered.target, clustered.source).check()).rejects.toThrow(
    /^The source .* runs in cluster mode/,
  );
});

test.each(['allkeys-lru', 'volatile-ttl'])('a target that evicts by %s is refused', async (policy) => {
  const { to, check } = await bothOf([], ['maxmemory 50mb']);
  await to.config('SET', 'maxmemory-policy', policy);
  await expect(check()).rejects.toThrow(/may evict keys.*Set maxmemory-policy noeviction/);
  await expect(check({ onto: 'origin' })).rejects.toThrow(
    /may evict keys.*heroku redis:maxmemory --policy noeviction/,
  );
});

test('a server is not copied onto itself, whatever address it is given', async () => {
  const { source, from } = await bothOf([], []);
  await from.set(STAMP_KEY, 'shop-test');
  await expect(between(source, { ...source, host: 'localhost' }).check()).rejects.toThrow(
    /are the same server/,
  );
});

test('a replica as target is refused, also one that takes writes', async () => {
  const { source, from } = await bothOf([], []);
  for (const readOnly of ['yes', 'no']) {
    const replica = await testRedis([
      `replicaof ${source.host} ${source.port}`,
      `replica-read-only ${readOnly}`,
    ]);
    await expect(between(source, addressOf(replica)).check()).rejects.toThrow(/is a read-only replica/);
  }
  expect(await from.dbsize()).toBe(0);
});

test('a logical database that the target lacks is found before the first key', async () => {
  const { from, to, check } = await bothOf([], ['databases 2']);
  await from.set('a', 1);
  await from.select(5);
  await from.set('b', 1);
  await expect(check()).rejects.toThrow(/logical database 5, which the target does not have/);
  expect(await to.dbsize()).toBe(0);
});

test('the origin of the data needs no stamp and may be open; anything else must be empty or carry it', async () => {
  const { from, to, check } = await bothOf([], []);
  await from.set('a', 1);
  await to.set('a', 'older');
  await expect(check()).rejects.toThrow(/1 keys that this migration did not put there/);
  expect(await check({ onto: 'origin' })).toMatchObject({ begun: true });
  await to.set(STAMP_KEY, 'other-test');
  await expect(check()).rejects.toThrow(/another migration \(other-test\)/);
  await to.set(STAMP_KEY, 'shop-test');
  expect(await check()).toMatchObject({ begun: true });
  await to.set('heroku-to-digitalocean:open', '1');
  await expect(check()).rejects.toThrow(/is open/);
  expect(await check({ onto: 'origin' })).toMatchObject({ begun: true });
  await to.del('a', 'heroku-to-digitalocean:open');
  expect(await check()).toMatchObject({ begun: false });
  // What the droplet tells of itself, from its first minute on, is nobody's data.
  await to.del(STAMP_KEY);
  await to.set(IMAGE_RUNS, 'redis@sha256:1');
  expect(await check()).toMatchObject({ begun: false });
});

test('memory: too little is refused with the figures and the remedy of that side', async () => {
  const { from, to, check } = await bothOf([], ['maxmemory 10mb']);
  await fill(from, 'key:', 90);
  await expect(check()).rejects.toThrow(
    /is too small: the source uses \d+\.\d MB for its data, for which up to \d+\.\d MB are needed, and it may use 10\.5 MB \(maxmemory\)\. Nothing was changed\. Choose a larger size/,
  );
  await expect(check({ onto: 'origin' })).rejects.toThrow(/heroku addons:upgrade/);
  await expect(check()).rejects.toBeInstanceOf(ConfigurationError);
  expect(await to.dbsize()).toBe(0);
});

test('memory: keys that are left behind need no room', async () => {
  const { from, check, told } = await bothOf([], ['maxmemory 10mb']);
  await fill(from, 'cache:', 90);
  await fill(from, 'key:', 5);
  await expect(check()).rejects.toThrow(/is too small/);
  await expect(check({ skip: ['cache:1*'] })).rejects.toThrow(/for its data, \d\.\d MB of it left behind,/);
  await expect(check({ skip: ['cache:*'] })).resolves.toBeDefined();
  expect(told.at(-1)).toMatch(/^Memory: the copy needs up to \d\.\d MB/);
});

test('memory: a second copy replaces the first, but what is not replaced stays beside it', async () => {
  const { from, to, check } = await bothOf([], ['maxmemory 32mb']);
  await to.set(STAMP_KEY, 'shop-test');
  await fill(from, 'key:', 120);
  await fill(to, 'key:', 120);
  await expect(check()).resolves.toMatchObject({ begun: true });
  await to.flushall();
  await to.set(STAMP_KEY, 'shop-test');
  await fill(to, 'other:', 120);
  await expect(check()).rejects.toThrow(/beside \d+\.\d MB that stay there until the end/);
});

test('memory: keys of other logical databases count, a replication backlog does not', async () => {
  const { from, source, check } = await bothOf(
    ['repl-backlog-size 64mb', 'repl-diskless-sync-delay 0'],
    ['maxmemory 16mb'],
  );
  const replica = await testRedis([`replicaof ${source.host} ${source.port}`]);
  await from.select(3);
  await fill(from, 'key:', 40);
  await from.wait(1, 10_000);
  expect(await from.info('replication')).toMatch(/repl_backlog_active:1/);
  await expect(check()).resolves.toBeDefined();
  await fill(from, 'more:', 80);
  await expect(check()).rejects.toThrow(/is too small/);
  await replica.stop();
});

test('a target that may not be written to is told before anything is changed', async () => {
  const { source, target, from, to } = await bothOf([], ['user reader on nopass ~* &* +@all -@write']);
  const reader: RedisAddress = { ...target, username: 'reader', password: 'any' };
  await from.set('a', 1);
  await expect(between(source, reader).check()).rejects.toThrow(
    /^redis 127\.0\.0\.1:\d+: this user lacks the right \(NOPERM/,
  );
  expect(await to.dbsize()).toBe(0);
});

test('a target that cannot save to its disk is told before anything is changed', async () => {
  const { from, to, check } = await bothOf([], ['save 3600 1000000']);
  await from.set('a', 1);
  // A directory where the file should be cannot be written over.
  const [, directory = ''] = await to.config('GET', 'dir');
  mkdirSync(join(directory, 'dump.rdb/full'), { recursive: true });
  await to.set(STAMP_KEY, 'shop-test');
  await to.bgsave();
  while (!(await to.info('persistence')).includes('rdb_last_bgsave_status:err')) await systemClock.sleep(20);
  await expect(check()).rejects.toThrow(/it cannot save to its disk and refuses writes \(MISCONF/);
});

test('a source that may not be read is told by its name', async () => {
  const { source, target, from } = await bothOf(
    ['user blind on nopass ~* &* +@all -dump', 'user default on nopass ~* &* +@all'],
    [],
  );
  await from.set('a', 1);
  await expect(between({ ...source, username: 'blind', password: 'any' }, target).check()).rejects.toThrow(
    new RegExp(`^redis ${source.host}:${source.port}: this user lacks the right \\(NOPERM`),
  );
});

test('a random key of 50 MB is not serialised to find the version', async () => {
  const { from, to, check } = await bothOf([], []);
  await from.set('big', 'x'.repeat(50_000_000));
  await from.config('RESETSTAT');
  await expect(check()).resolves.toMatchObject({ payloadsFit: true });
  expect(await from.info('commandstats')).not.toMatch(/cmdstat_dump/);
  await from.set('small', 1);
  await to.config('RESETSTAT');
  await expect(check()).resolves.toMatchObject({ payloadsFit: true });
  expect(await to.info('commandstats')).toMatch(/cmdstat_restore/);
});

test('the source is not written to, and nobody else is disturbed', async () => {
  const { from, check } = await bothOf(['rename-command CONFIG ""'], []);
  await from.set('a', 1);
  const before = await from.info('persistence');
  await check();
  const changes = (info: string): string | undefined => /rdb_changes_since_last_save:(\d+)/.exec(info)?.[1];
  expect(changes(await from.info('persistence'))).toBe(changes(before));
});

test("a store as on Heroku passes, on the way there and on the way back, within its plan's memory", async () => {
  const heroku = await testRedis(
    keyValueStoreConfiguration({ password: 'pw', maxMemoryBytes: 50 * 1024 * 1024 }),
  );
  const source: RedisAddress = { ...addressOf(heroku), password: 'pw' };
  const target = addressOf(await testRedis(['maxmemory 600mb']));
  const there = between(source, target);
  await fill(there.from, 'key:', 200);
  await fill(there.to, 'key:', 450);
  await expect(there.check({ migrationId: 'shop-test', onto: 'target' })).rejects.toThrow(/450 keys/);
  const back = between(target, source);
  await expect(back.check({ onto: 'origin' })).rejects.toThrow(/is too small: the source uses \d\d\.\d MB/);
  await there.to.flushall();
  await expect(there.check()).resolves.toMatchObject({ begun: false });
  await fill(there.to, 'key:', 300);
  await expect(back.check({ onto: 'origin' })).resolves.toMatchObject({ begun: true });
});

for (const version of ['redis-6.2', 'valkey-9'] as const) {
  const binaries = await inFullRun(() => otherRedis(version, { log: silentLog }));
  testNeeding([binaries], `payloads and functions between Redis 7 and ${version}`, async () => {
    const start = (): Promise<RedisServer> =>
      startRedis({ name: version, configuration: [], binaries: foundIn(binaries) });
    const seven = addressOf(await testRedis([]));
    const other = addressOf(await start());
    const [up, down] = version === 'redis-6.2' ? [other, seven] : [seven, other];
    // Towards the newer one they fit.
    const upwards = between(up, down);
    await upwards.from.set('a', 1);
    expect(await upwards.check()).toMatchObject({ payloadsFit: true });
    const downwards = between(down, up);
    await downwards.from.set('a', 1);
    expect(await downwards.check({ onto: 'origin' })).toMatchObject({ payloadsFit: false });
    expect(downwards.told.at(-1)).toMatch(/cannot read serialised values .* element by element/);
    await downwards.from.flushall();
    expect(await downwards.check({ onto: 'origin' })).toMatchObject({ payloadsFit: false });
    if (version === 'redis-6.2') {
      await downwards.from.call(
        'FUNCTION',
        'LOAD',
        "#!lua name=l\nredis.register_function('f', function() return 1 end)",
      );
      await expect(downwards.check({ onto: 'origin' })).rejects.toThrow(
        /1 libraries of server-side functions/,
      );
    }
  });
}
