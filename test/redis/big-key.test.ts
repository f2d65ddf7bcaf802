import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { NotSupportedError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import type { Abilities } from '../../src/redis/abilities.ts';
import { deleteParts, streamKey, type StreamedKey } from '../../src/redis/big-key.ts';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { otherRedis } from '../../rehearsal/servers/other-redis.ts';
import { startRedis } from '../../rehearsal/servers/redis.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { bytes, thresholds } from './thresholds.ts';
import { clientOf, twoRedis, type TwoRedis } from './two-sides.ts';

const [old, newer] = [
  await inFullRun(() => otherRedis('redis-6.2', { log: silentLog })),
  await inFullRun(() => otherRedis('valkey-9', { log: silentLog })),
];

let two: TwoRedis;
let [from, to]: [Redis, Redis] = [] as never;
beforeAll(async () => {
  two = await twoRedis();
  [from, to] = [two.from, two.to];
});
beforeEach(async () => {
  await Promise.all([from.flushall(), to.flushall()]);
});

/** How the servers run scripts: with them pages are packed, without they go element by element. */
let scripts: Abilities['scripts'] = 'none';

function carry(key: string | Buffer, lane = { from, to }): Promise<StreamedKey> {
  return streamKey(lane, Buffer.from(key), { clockOffsetMs: 0, scripts });
}

const withAndWithoutScripts = describe.each(
  process.env.TEST_FULL === '1' ? (['none', 'any', 'read-only'] as const) : (['none', 'read-only'] as const),
);

function usingScripts(mode: Abilities['scripts']): void {
  beforeAll(() => {
    scripts = mode;
  });
  afterAll(() => {
    scripts = 'none';
  });
}

async function expectEqual(keys: number): Promise<void> {
  expect(await two.compare()).toEqual({
    equal: true,
    keys: { compared: keys, different: 0 },
    differences: [],
  });
  expect(await partsOf(to)).toEqual([]);
}

function partsOf(redis: Redis): Promise<string[]> {
  return redis.keys('heroku-to-digitalocean:part:*');
}

/** How the server keeps a value, as far as the same configuration makes it the same. */
async function encodings(keys: string[]): Promise<[unknown[], unknown[]]> {
  const ask = (redis: Redis): Promise<unknown[]> =>
    Promise.all(keys.map((key) => redis.object('ENCODING', key)));
  return [await ask(from), await ask(to)];
}

withAndWithoutScripts(
  'every type below and above the sizes at which the server keeps it another way (scripts: %s)',
  (mode) => {
    usingScripts(mode);

    test('strings: empty, numbers, 44 bytes and more, one page and more, bitmaps, HyperLogLogs', async () => {
      const keys = await thresholds.strings(from);
      for (const key of keys) expect(await carry(key)).toMatchObject({ outcome: 'carried' });
      await expectEqual(keys.length);
      const [ours, theirs] = await encodings(['number', 'no number', 'embedded', 'raw']);
      expect(ours).toEqual(['int', 'embstr', 'embstr', 'raw']);
      expect(theirs).toEqual(ours);
      expect(await to.pfcount('many')).toBe(await from.pfcount('many'));
    });

    test('lists: one node and many, elements larger than a node and than a page', async () => {
      const keys = await thresholds.lists(from);
      for (const key of keys) await carry(key);
      await expectEqual(keys.length);
      expect(await to.llen('long')).toBe(12_000);
      expect(await to.lindexBuffer('large', 1)).toEqual(bytes(2_500_000, 2));
    });

    test('sets: numbers, small, large', async () => {
      const keys = await thresholds.sets(from);
      for (const key of keys) await carry(key);
      await expectEqual(keys.length);
      const [ours, theirs] = await encodings(['numbers', 'more numbers', 'members']);
      expect(ours).toEqual(['intset', 'hashtable', 'hashtable']);
      expect(theirs).toEqual(ours);
    });

    test('hashes: small, by number and by length too large to be, empty names and values, fields larger than a page', async () => {
      const keys = await thresholds.hashes(from);
      for (const key of keys) await carry(key);
      await expectEqual(keys.length);
      const [ours, theirs] = await encodings(['small hash', '513 fields', 'wide hash', 'large hash']);
      expect(ours).toEqual(['listpack', 'hashtable', 'hashtable', 'hashtable']);
      expect(theirs).toEqual(ours);
    });

    test('sorted sets: scores arrive to the last bit, infinite ones too', async () => {
      const keys = await thresholds.sortedSets(from);
      for (const key of keys) await carry(key);
      await expectEqual(keys.length);
      for (const key of keys) {
        expect(await to.zrange(key, '0', '-1', 'WITHSCORES')).toEqual(
          await from.zrange(key, '0', '-1', 'WITHSCORES'),
        );
        expect(await to.dumpBuffer(key)).toEqual(await from.dumpBuffer(key));
      }
    });
  },
);

/** All that a server tells about a stream, but for how it is kept and when consumers were seen. */
async function streamFacts(redis: Redis, key: string): Promise<unknown> {
  const volatile = new Set([
    'radix-tree-keys',
    'radix-tree-nodes',
    'seen-time',
    'active-time',
    'pel',
    'pending',
  ]);
  const keep = (value: unknown): unknown => {
    if (!Array.isArray(value)) return value;
    if (typeof value[0] !== 'string' || value.length % 2 === 1) return value.map(keep);
    return value.flatMap((item: unknown, place) =>
      place % 2 === 1 || volatile.has(String(item)) ? [] : [[item, keep(value[place + 1])]],
    );
  };
  const groups = (await redis.xinfo('GROUPS', key)) as unknown[][];
  const pending = [];
  for (const group of groups)
    for (const row of (await redis.xpending(key, String(group[1]), '-', '+', 10_000)) as [
      string,
      string,
      number,
      number,
    ][])
      pending.push([group[1], row[0], row[1], row[3]]);
  return {
    info: keep(await redis.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0)),
    groups: groups.map(keep),
    pending,
  };
}

async function expectSameStream(key: string): Promise<void> {
  expect(await streamFacts(to, key)).toEqual(await streamFacts(from, key));
}

describe('streams', () => {
  test('entries, groups, every consumer, pending deliveries with their times and counts, and positions', async () => {
    for (let n = 1; n <= 6000; n += 1)
      void from.xadd('stream', `${n}-${n % 3}`, bytes(5, n), bytes(n % 200, n), 'field', '');
    await from.xgroup('CREATE', 'stream', 'busy', '0');
    await from.xgroup('CREATE', 'stream', 'new', '$');
    await from.xgroup('CREATE', 'stream', 'middle', '3000-0');
    await from.xgroup('CREATECONSUMER', 'stream', 'busy', 'idle for ever');
    for (const consumer of ['a', 'b', 'c'])
      await from.xreadgroup('GROUP', 'busy', consumer, 'COUNT', 1700, 'STREAMS', 'stream', '>');
    await from.xreadgroup('GROUP', 'middle', 'a', 'COUNT', 10, 'STREAMS', 'stream', '>');
    // A second delivery, an hour ago.
    const hourAgo = Date.now() - 3_600_000;
    await from.call('XCLAIM', 'stream', 'busy', 'b', 0, '5-2', 'TIME', hourAgo, 'RETRYCOUNT', 4);
    await from.xack('stream', 'busy', '1-1', '2000-2');
    await from.xdel('stream', '3500-2', '3501-0');
    await carry('stream');
    await expectEqual(1);
    await expectSameStream('stream');
    const [[, , idle] = []] = (await to.xpending('stream', 'busy', '5-2', '5-2', 1)) as [
      string,
      string,
      number,
    ][];
    expect(Math.abs((idle ?? 0) - 3_600_000)).toBeLessThan(60_000);
    const [[, , before] = []] = (await from.xpending('stream', 'busy', '5-2', '5-2', 1)) as [
      string,
      string,
      number,
    ][];
    expect(Math.abs((idle ?? 0) - (before ?? 0))).toBeLessThan(10_000);
  });

  test('deliveries outlast their entries, whether these were deleted or trimmed, and leave no trace of their own', async () => {
    for (let n = 1; n <= 5000; n += 1) void from.xadd('stream', `${n}-0`, 'f', 'v');
    for (const group of ['one', 'other']) {
      await from.xgroup('CREATE', 'stream', group, '0');
      await from.xreadgroup('GROUP', group, 'me', 'COUNT', 4500, 'STREAMS', 'stream', '>');
    }
    await from.xtrim('stream', 'MAXLEN', 2000);
    await carry('stream');
    await expectSameStream('stream');
    await from.xdel('stream', ...Array.from({ length: 300 }, (_, n) => `${3500 + 2 * n}-0`), '5000-0');
    await carry('stream');
    await expectSameStream('stream');
    await from.xtrim('stream', 'MAXLEN', 0);
    await carry('stream');
    await expectSameStream('stream');
    expect(await to.xlen('stream')).toBe(0);
    await expectEqual(1);
  });

  test('empty ones: never written to, deleted empty, with groups and without', async () => {
    await from.xgroup('CREATE', 'never', 'group', '0', 'MKSTREAM');
    await from.xgroup('CREATE', 'no groups', 'group', '0', 'MKSTREAM');
    await from.xgroup('DESTROY', 'no groups', 'group');
    await from.xadd('emptied', '5-5', 'f', 'v');
    await from.xgroup('CREATE', 'emptied', 'group', '$');
    await from.xdel('emptied', '5-5');
    await from.xadd('set ahead', '18446744073709551615-18446744073709551615', 'f', 'v');
    for (const key of ['never', 'no groups', 'emptied', 'set ahead']) {
      await carry(key);
      await expectSameStream(key);
    }
    await expect(to.xadd('emptied', '5-5', 'f', 'v')).rejects.toThrow(/equal or smaller/);
  });
});

describe('expiry', () => {
  test('arrives within a second, corrected for the clocks; keys without one stay for ever', async () => {
    await from.hset('hash', Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`f${n}`, 'v'])));
    await from.call('PEXPIREAT', 'hash', 4_000_000_000_123);
    await carry('hash');
    expect(await to.pexpiretime('hash')).toBe(4_000_000_000_123);
    await streamKey({ from, to }, Buffer.from('hash'), { clockOffsetMs: -5_000.4 });
    expect(await to.pexpiretime('hash')).toBe(3_999_999_995_123);
    await from.persist('hash');
    await carry('hash');
    expect(await to.pttl('hash')).toBe(-1);
  });

  test('a key that expired or was deleted goes from the target too, also while it is read', async () => {
    await to.set('gone', 'older copy');
    expect(await carry('gone')).toEqual({ outcome: 'gone', bytes: 0 });
    expect(await to.exists('gone')).toBe(0);

    await from.set('big', bytes(3_000_000, 1));
    await to.set('big', 'older copy');
    const result = await streamKey({ from, to }, Buffer.from('big'), {
      clockOffsetMs: 0,
      scripts,
      onBytes: () => void from.del('big'),
    });
    expect(result.outcome).toBe('gone');
    expect(await to.dbsize()).toBe(0);
  });

  test('one whose moment has come on the target does not stay there', async () => {
    await from.set('soon', 1, 'PX', 5_000);
    await to.set('soon', 'older copy');
    await streamKey({ from, to }, Buffer.from('soon'), { clockOffsetMs: -60_000 });
    expect(await to.dbsize()).toBe(0);
  });
});

withAndWithoutScripts('whatever happens meanwhile (scripts: %s)', (mode) => {
  usingScripts(mode);

  test('names and values of any bytes, in any logical database', async () => {
    const name = Buffer.from([0, 255, 13, 10, 58, 200]);
    for (const redis of [from, to]) await redis.select(5);
    try {
      await from.set(name, bytes(2_000_000, 9));
      await from.rpush(Buffer.concat([name, name]), bytes(20, 1), Buffer.from([13, 10, 0]));
      await carry(name);
      await carry(Buffer.concat([name, name]));
      expect(await to.dbsize()).toBe(2);
      await expectEqual(2);
    } finally {
      for (const redis of [from, to]) await redis.select(0);
    }
  });

  test('what replaced a key by another type while it was read is carried, never half of either', async () => {
    await from.set('key', bytes(4_000_000, 1));
    let told = 0;
    const onBytes = (): void => {
      told += 1;
      if (told === 2) void from.multi().del('key').rpush('key', 'a', 'list').exec();
    };
    const { outcome } = await streamKey({ from, to }, Buffer.from('key'), {
      clockOffsetMs: 0,
      scripts,
      onBytes,
    });
    expect(outcome).toBe('carried');
    expect(await to.lrange('key', 0, -1)).toEqual(['a', 'list']);
    await expectEqual(1);
  });

  test('a key that never stays the same type is told and leaves the target as it was', async () => {
    await to.set('key', 'older copy');
    await from.set('key', 'text');
    let changed: Promise<unknown> = Promise.resolve();
    const onBytes = (): void => {
      changed = from.type('key').then((type) => {
        const change = from.multi().del('key');
        return (type === 'string' ? change.rpush('key', 'list') : change.set('key', 'text')).exec();
      });
    };
    // The change must be there before the key is looked at for the last time.
    const slow = Object.create(from, {
      pttl: { value: async (key: Buffer) => changed.then(() => from.pttl(key)) },
      type: { value: async (key: Buffer) => changed.then(() => from.type(key)) },
    }) as Redis;
    await expect(
      streamKey({ from: slow, to }, Buffer.from('key'), { clockOffsetMs: 0, scripts, onBytes }),
    ).rejects.toThrow(/replaced by another/);
    expect(await to.get('key')).toBe('older copy');
    expect(await partsOf(to)).toEqual([]);
  });

  test('lists and hashes that are written to while they are read end equal when they are carried again', async () => {
    const writer = clientOf(two.source);
    for (let n = 0; n < 30_000; n += 1) {
      void from.rpush('queue', `job ${n} ${'x'.repeat(50)}`);
      void from.hset('hash', `field ${n}`, 'x'.repeat(50));
      void from.zadd('zset', n, `member ${n}`);
    }
    await from.xgroup('CREATE', 'stream', 'group', '0', 'MKSTREAM');
    const end = new AbortController();
    const load = (async () => {
      for (let n = 0; !end.signal.aborted; n += 1)
        await writer
          .pipeline()
          .lpush('queue', `new ${n}`)
          .rpop('queue')
          .hset('hash', `new ${n}`, n)
          .hdel('hash', `field ${n}`)
          .zadd('zset', -n, `member ${n}`)
          .xadd('stream', '*', 'n', n)
          .xreadgroup('GROUP', 'group', `consumer ${n % 3}`, 'COUNT', 1, 'STREAMS', 'stream', '>')
          .exec();
    })();
    const keys = ['queue', 'hash', 'zset', 'stream'];
    for (let round = 0; round < 3; round += 1)
      for (const key of keys) expect((await carry(key)).outcome).toBe('carried');
    end.abort();
    await load;
    for (const key of keys) await carry(key);
    await expectEqual(4);
    await expectSameStream('stream');
  });

  test('a reader of the target sees the old value or the new one, and nothing in between', async () => {
    await from.rpush('list', ...Array.from({ length: 20_000 }, (_, n) => `new ${n} ${'x'.repeat(40)}`));
    await to.rpush('list', 'old');
    const reader = clientOf(two.target);
    const seen = new Set<number>();
    const end = new AbortController();
    const watch = (async () => {
      while (!end.signal.aborted) seen.add(await reader.llen('list'));
    })();
    await carry('list');
    end.abort();
    await watch;
    seen.add(await reader.llen('list'));
    expect([...seen]).toEqual([1, 20_000]);
  });

  describe('a connection that is cut in the middle', () => {
    test.each(['a string', 'a list'])(
      'leaves the old value of %s; what was half built is deleted by the next run',
      async (kind) => {
        const proxy = await startTcpProxy({
          target: () => ({ host: two.target.host, port: two.target.port }),
        });
        const through = clientOf({ ...two.target, host: proxy.host, port: proxy.port });
        await (kind === 'a string'
          ? from.set('key', bytes(8_000_000, 1))
          : from.rpush('key', ...Array.from({ length: 80 }, (_, n) => bytes(100_000, n))));
        await to.set('key', 'older copy');
        await to.set('heroku-to-digitalocean:partner', 'not ours to delete here');
        let sent = 0;
        const onBytes = (bytes: number): void => {
          sent += bytes;
          if (sent > 4_000_000) proxy.cut();
        };
        await expect(
          streamKey({ from, to: through }, Buffer.from('key'), { clockOffsetMs: 0, scripts, onBytes }),
        ).rejects.toThrow();
        await proxy.close();
        expect(await to.get('key')).toBe('older copy');
        // A SET that is not complete has made nothing.
        const parts = await partsOf(to);
        expect(parts).toHaveLength(kind === 'a string' ? 0 : 1);
        expect(await deleteParts({ to })).toBe(parts.length);
        expect((await to.keys('*')).sort()).toEqual(['heroku-to-digitalocean:partner', 'key']);
        expect(await deleteParts({ to })).toBe(0);
      },
    );

    test('to the source leaves the old value and nothing half built', async () => {
      const proxy = await startTcpProxy({ target: () => ({ host: two.source.host, port: two.source.port }) });
      const through = clientOf({ ...two.source, host: proxy.host, port: proxy.port });
      await from.rpush('key', ...Array.from({ length: 80 }, (_, n) => bytes(100_000, n)));
      await to.set('key', 'older copy');
      await expect(
        streamKey({ from: through, to }, Buffer.from('key'), {
          clockOffsetMs: 0,
          scripts,
          onBytes: () => proxy.cut(),
        }),
      ).rejects.toThrow();
      await proxy.close();
      expect(await to.keys('*')).toEqual(['key']);
      expect(await to.get('key')).toBe('older copy');
    });
  });

  test('stopping ends it between two pages', async () => {
    await from.rpush('key', ...Array.from({ length: 80 }, (_, n) => bytes(100_000, n)));
    const stop = new AbortController();
    await expect(
      streamKey({ from, to }, Buffer.from('key'), {
        clockOffsetMs: 0,
        scripts,
        signal: stop.signal,
        onBytes: () => stop.abort(new Error('stopped')),
      }),
    ).rejects.toThrow('stopped');
    expect(await to.dbsize()).toBe(0);
  });

  test('a target whose memory is full says so and keeps the old value', async () => {
    await to.set('key', 'older copy');
    await from.rpush('key', ...Array.from({ length: 80 }, (_, n) => bytes(100_000, n)));
    await to.config('SET', 'maxmemory', '4mb');
    try {
      await expect(carry('key')).rejects.toThrow(/^OOM/);
    } finally {
      await to.config('SET', 'maxmemory', '0');
    }
    expect(await to.keys('*')).toEqual(['key']);
  });

  test('a page is bounded in bytes, whatever the size of the elements', async () => {
    await from.rpush('growing', ...Array.from({ length: 3000 }, () => 'x'.repeat(300)));
    for (let n = 0; n < 40; n += 1) await from.rpush('growing', 'x'.repeat(400_000));
    await from.hset(
      'uneven',
      Object.fromEntries(
        Array.from({ length: 4000 }, (_, n) => [`f${n}`, 'x'.repeat(n % 100 === 0 ? 200_000 : 20)]),
      ),
    );
    for (const key of ['growing', 'uneven']) {
      const pages: number[] = [];
      await streamKey({ from, to }, Buffer.from(key), {
        clockOffsetMs: 0,
        scripts,
        onBytes: (size) => pages.push(size),
      });
      expect(pages.reduce((sum, size) => sum + size)).toBeGreaterThan(8_000_000);
      // Elements that are a thousand times as large as all before come once in a page that was made for small ones.
      expect(pages.filter((size) => size > 5_000_000).length).toBeLessThanOrEqual(key === 'growing' ? 1 : 0);
    }
    await expectEqual(2);
  });

  test('a type that only a module knows is named, with keys like it', async () => {
    const withModule = Object.create(from, {
      type: { value: () => Promise.resolve('ReJSON-RL') },
    }) as Redis;
    await to.set('doc:1234567890', 'older copy');
    const refused = carry('doc:1234567890', { from: withModule, to });
    await expect(refused).rejects.toThrow(NotSupportedError);
    await expect(refused).rejects.toThrow(/Keys like "doc:1234…" are of the type ReJSON-RL/);
    expect(await to.get('doc:1234567890')).toBe('older copy');
  });
});

describe.each(['none', 'any'] as const)(
  'between versions that do not read each other’s payloads (scripts: %s)',
  (mode) => {
    usingScripts(mode);

    async function clientOfOther(available: typeof old): Promise<Redis> {
      const server = await startRedis({ name: 'other', configuration: [], binaries: foundIn(available) });
      return clientOf({ host: server.host, port: server.port, tls: { mode: 'off' } });
    }

    async function fill(redis: Redis): Promise<void> {
      await redis.set('string', bytes(2_000_000, 1), 'PX', 500_000);
      await redis.rpush('list', 'a', bytes(100, 2));
      await redis.hset('hash', 'a', 1, 'b', bytes(100, 3));
      await redis.sadd('set', 1, 2, 'c');
      await redis.zadd('zset', 'inf', 'a', 0.1, 'b');
      for (let n = 1; n <= 300; n += 1) void redis.xadd('stream', `${n}-1`, 'f', 'v');
      await redis.xgroup('CREATE', 'stream', 'group', '0');
      await redis.xreadgroup('GROUP', 'group', 'me', 'COUNT', 200, 'STREAMS', 'stream', '>');
      await redis.xdel('stream', '5-1', '300-1');
      await redis.xtrim('stream', 'MAXLEN', 290);
    }

    async function contents(redis: Redis): Promise<unknown> {
      return [
        (await redis.keys('*')).sort(),
        await redis.getBuffer('string'),
        await redis.lrangeBuffer('list', 0, -1),
        await redis.hgetallBuffer('hash'),
        (await redis.smembers('set')).sort(),
        // The versions write 0.1 in different ways.
        (await redis.zrange('zset', '0', '-1', 'WITHSCORES')).map((item) => Number.parseFloat(item) || item),
        await redis.xrange('stream', '-', '+'),
        await redis.xpending('stream', 'group'),
        await redis.xpending('stream', 'group', '5-1', '5-1', 1).then((rows) => rows.length),
      ];
    }

    async function carryAll(lane: { from: Redis; to: Redis }): Promise<void> {
      await fill(lane.from);
      for (const key of await lane.from.keys('*')) await carry(key, lane);
      const [ours, theirs] = [await contents(lane.from), await contents(lane.to)];
      expect(theirs).toEqual(ours);
      expect(Math.abs((await lane.from.pttl('string')) - (await lane.to.pttl('string')))).toBeLessThan(1000);
      const lastIds = await Promise.all(
        [lane.from, lane.to].map(async (redis) => {
          const info = (await redis.xinfo('STREAM', 'stream')) as unknown[];
          return info[info.indexOf('last-generated-id') + 1];
        }),
      );
      expect(lastIds).toEqual(['300-1', '300-1']);
    }

    testNeeding(
      [old],
      'from Redis 6.2, which tells neither the moment of expiry nor what a stream ever held',
      async () => {
        await carryAll({ from: await clientOfOther(old), to });
      },
    );

    testNeeding([old], 'back to Redis 6.2', async () => {
      await carryAll({ from, to: await clientOfOther(old) });
    });

    testNeeding([newer], 'from Valkey 9, and back to it', async () => {
      const valkey = await clientOfOther(newer);
      await carryAll({ from: valkey, to });
      await Promise.all([valkey.flushall(), from.flushall()]);
      await carryAll({ from, to: valkey });
    });

    testNeeding(
      [newer],
      'expiries of single fields arrive, and a target that knows none refuses them',
      async () => {
        const [one, other] = [await clientOfOther(newer), await clientOfOther(newer)];
        const fields = Array.from({ length: 3000 }, (_, n) => `field ${n}`);
        await one.hset('hash', Object.fromEntries(fields.map((field) => [field, 'v'])));
        const some = fields.filter((_field, n) => n % 3 === 0);
        await one.call('HPEXPIREAT', 'hash', 4_000_000_000_000, 'FIELDS', some.length, ...some);
        await one.call('HPEXPIRE', 'hash', 700_000, 'FIELDS', 1, 'field 1');
        await streamKey({ from: one, to: other }, Buffer.from('hash'), { clockOffsetMs: 250, scripts });
        const times = async (redis: Redis): Promise<number[]> =>
          (await redis.call('HPEXPIRETIME', 'hash', 'FIELDS', fields.length, ...fields)) as number[];
        expect(await times(other)).toEqual((await times(one)).map((time) => (time > 0 ? time + 250 : time)));
        expect(await other.hlen('hash')).toBe(3000);
        await to.hset('hash', 'older', 'copy');
        await expect(carry('hash', { from: one, to })).rejects.toThrow(
          /Fields of the hash "hash" expire on their own/,
        );
        expect(await to.hgetall('hash')).toEqual({ older: 'copy' });
      },
    );
  },
);
