import type { Redis } from 'ioredis';

/** Bytes of every kind, others for each `seed`. */
export function bytes(length: number, seed: number): Buffer {
  const value = Buffer.alloc(length);
  for (let place = 0; place < length; place += 1)
    value[place] = place < 8 ? (seed >> (4 * place)) & 15 : (place * 37 + (place >> 8) + seed) & 255;
  return value;
}

export const SCORES = [
  ...['inf', '-inf', '0', '0.1', '1e308', '5e-324', '9007199254740993', '-1.0000000000000002'],
];

/** Fields and values of a hash. */
function fields(count: number, length: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => [bytes(10, n), bytes(length, n)]).flat();
}

/** Fills values of each type below and above the sizes at which a server of our days keeps them another way; names them. */
export const thresholds = {
  /** Empty, numbers, 44 bytes and more, one page and more, bitmaps, HyperLogLogs. */
  async strings(redis: Redis): Promise<string[]> {
    await redis.set('empty', '');
    await redis.set('number', '-9223372036854775808');
    await redis.set('no number', '007');
    await redis.set('larger than a number', '9223372036854775808');
    await redis.set('embedded', 'x'.repeat(44));
    await redis.set('raw', 'x'.repeat(45));
    const pages = [999_999, 1_000_000, 1_000_001, 3_500_000];
    for (const length of pages) await redis.set(`${length}`, bytes(length, length));
    await redis.setbit('bits', 20_000_000, 1);
    await redis.pfadd('few', 'a', 'b');
    await redis.pfadd('many', ...Array.from({ length: 20_000 }, (_, n) => `visitor ${n}`));
    const small = ['empty', 'number', 'no number', 'larger than a number', 'embedded', 'raw'];
    return [...small, ...pages.map(String), 'bits', 'few', 'many'];
  },

  /** One node and many, elements larger than a node and than a page. */
  async lists(redis: Redis): Promise<string[]> {
    await redis.rpush('one', 'only');
    await redis.rpush('short', ...Array.from({ length: 128 }, (_, n) => `${n}`));
    await redis.rpush('same', ...Array.from({ length: 3000 }, () => 'again'));
    for (let n = 0; n < 120; n += 1)
      await redis.rpush('long', ...Array.from({ length: 100 }, (_, m) => bytes(8 + (m % 150), n * 100 + m)));
    await redis.rpush('large', bytes(9_000, 1), bytes(2_500_000, 2), '', bytes(1_200_000, 3), 'last');
    return ['one', 'short', 'same', 'long', 'large'];
  },

  /** Numbers, few and many, of all widths; small, large. */
  async sets(redis: Redis): Promise<string[]> {
    await redis.sadd('numbers', ...Array.from({ length: 512 }, (_, n) => n * 7 - 100));
    await redis.sadd('more numbers', ...Array.from({ length: 513 }, (_, n) => n));
    await redis.sadd('wide numbers', 1, -32_769, '9223372036854775807');
    await redis.sadd('mixed', 1, 2, 'three', '');
    await redis.sadd('members', ...Array.from({ length: 20_000 }, (_, n) => bytes(8 + (n % 120), n)));
    return ['numbers', 'more numbers', 'wide numbers', 'mixed', 'members'];
  },

  /** Small, by number and by length too large to be, empty names and values, fields larger than a page. */
  async hashes(redis: Redis): Promise<string[]> {
    await redis.hset('small hash', ...fields(128, 64));
    await redis.hset('512 fields', ...fields(512, 5));
    await redis.hset('513 fields', ...fields(513, 5));
    await redis.hset('wide hash', ...fields(3, 65));
    await redis.hset('empty fields', '', '', 'a', '');
    for (let n = 0; n < 10; n += 1)
      await redis.hset(
        'large hash',
        ...Array.from({ length: 2000 }, (_, m) => [`f${n}-${m}`, bytes(90, m)]).flat(),
      );
    await redis.hset('one enormous among many', ...fields(5000, 8), 'enormous', bytes(5_000_000, 5));
    return [
      ...['small hash', '512 fields', '513 fields', 'wide hash', 'empty fields'],
      ...['large hash', 'one enormous among many'],
    ];
  },

  /** Every kind of score, small and in a table and a skip list; many members, also of one score. */
  async sortedSets(redis: Redis): Promise<string[]> {
    const members: (string | number)[] = SCORES.flatMap((score) => [score, `score ${score}`]);
    await redis.zadd('small scores', ...members);
    // The same one in a table and a skip list: a long member keeps it from being small.
    await redis.zadd('wide scores', 1, 'x'.repeat(65), ...members);
    for (const count of [128, 129])
      await redis.zadd(`${count} members`, ...Array.from({ length: count }, (_, n) => [n / 3, n]).flat());
    for (let n = 0; n < 20; n += 1)
      await redis.zadd(
        'large scores',
        ...Array.from({ length: 1000 }, (_, m) => [Math.sin(n * 1000 + m), bytes(60, n * 1000 + m)]).flat(),
      );
    await redis.zadd('equal scores', ...Array.from({ length: 12_000 }, (_, n) => [7, `member ${n}`]).flat());
    return ['small scores', 'wide scores', '128 members', '129 members', 'large scores', 'equal scores'];
  },

  /** One node and many, with groups, consumers and deliveries, some of what was deleted or trimmed since; empty ones. */
  async streams(redis: Redis): Promise<string[]> {
    for (const [name, entries] of [
      ['one node', 100],
      ['two nodes', 101],
      ['many nodes', 12_000],
    ] as const) {
      const pipeline = redis.pipeline();
      for (let n = 1; n <= entries; n += 1)
        pipeline.xadd(name, `${n}-${n % 3}`, bytes(5, n), bytes(n % 200, n));
      pipeline.xgroup('CREATE', name, 'group', '0').xgroup('CREATE', name, 'new', '$');
      pipeline.xgroup('CREATECONSUMER', name, 'group', 'idle for ever');
      pipeline.xreadgroup('GROUP', 'group', 'me', 'COUNT', 90, 'STREAMS', name, '>');
      await pipeline
        .xdel(name, '5-2', `${entries}-${entries % 3}`)
        .xtrim(name, 'MAXLEN', entries - 10)
        .exec();
    }
    await redis.xgroup('CREATE', 'never', 'group', '0', 'MKSTREAM');
    await redis.xadd('emptied', '5-5', 'f', 'v');
    await redis.xdel('emptied', '5-5');
    return ['one node', 'two nodes', 'many nodes', 'never', 'emptied'];
  },
};

/** All of them; their names. */
export async function fillThresholds(redis: Redis): Promise<string[]> {
  const names: string[] = [];
  for (const fill of Object.values(thresholds)) names.push(...(await fill(redis)));
  return names;
}
