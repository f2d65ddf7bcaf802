import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';

type Command = (string | number | Buffer)[];

/** A way of writing: what must be there, and what changes it. Keys of one way begin with its name and a colon. */
export interface Way {
  before?: Command[];
  run: Command[] | ((client: Redis, other: Redis) => Promise<unknown>);
}

const hll = (key: string): Command => ['PFADD', key, 'a', 'b', 'c'];
const group = (key: string): Command[] => [
  ['XADD', key, '1-1', 'f', 'v'],
  ['XADD', key, '2-1', 'f', 'v'],
  ['XGROUP', 'CREATE', key, 'g', '0'],
];
const pending = (key: string): Command[] => [
  ...group(key),
  // That a consumer is made is told apart from what is given to it.
  ['XGROUP', 'CREATECONSUMER', key, 'g', 'two'],
  ['XREADGROUP', 'GROUP', 'g', 'one', 'COUNT', '1', 'STREAMS', key, '>'],
];

/** What Redis 7.0 has to change a key with; `k` stands for the name of the way, as in `k:a`. */
export const ways: Record<string, Way> = {
  // Strings.
  set: { run: [['SET', 'k:a', '1']] },
  'set-over-other-type': { before: [['LPUSH', 'k:a', '1']], run: [['SET', 'k:a', '1']] },
  setnx: { run: [['SETNX', 'k:a', '1']] },
  setex: { run: [['SETEX', 'k:a', 100, '1']] },
  psetex: { run: [['PSETEX', 'k:a', 100_000, '1']] },
  mset: { run: [['MSET', 'k:a', '1', 'k:b', '2']] },
  msetnx: { run: [['MSETNX', 'k:a', '1', 'k:b', '2']] },
  getset: { before: [['SET', 'k:a', '1']], run: [['GETSET', 'k:a', '2']] },
  getdel: { before: [['SET', 'k:a', '1']], run: [['GETDEL', 'k:a']] },
  getex: { before: [['SET', 'k:a', '1']], run: [['GETEX', 'k:a', 'EX', 100]] },
  'getex-persist': { before: [['SETEX', 'k:a', 100, '1']], run: [['GETEX', 'k:a', 'PERSIST']] },
  append: { before: [['SET', 'k:a', '1']], run: [['APPEND', 'k:a', '2']] },
  setrange: { before: [['SET', 'k:a', '123']], run: [['SETRANGE', 'k:a', 1, 'x']] },
  incr: { before: [['SET', 'k:a', '1']], run: [['INCR', 'k:a']] },
  incrbyfloat: { before: [['SET', 'k:a', '1']], run: [['INCRBYFLOAT', 'k:a', '0.5']] },
  decrby: { run: [['DECRBY', 'k:a', 5]] },
  setbit: { run: [['SETBIT', 'k:a', 7, 1]] },
  bitfield: { run: [['BITFIELD', 'k:a', 'SET', 'u8', 0, 255]] },
  bitop: { before: [['SET', 'k:a', 'a']], run: [['BITOP', 'NOT', 'k:b', 'k:a']] },
  pfadd: { run: [hll('k:a')] },
  pfmerge: { before: [hll('k:a')], run: [['PFMERGE', 'k:b', 'k:a']] },
  pfcount: { before: [hll('k:a')], run: [['PFCOUNT', 'k:a']] },
  // Lists.
  lpush: { run: [['LPUSH', 'k:a', '1']] },
  rpushx: { before: [['RPUSH', 'k:a', '1']], run: [['RPUSHX', 'k:a', '2']] },
  linsert: { before: [['RPUSH', 'k:a', '1']], run: [['LINSERT', 'k:a', 'BEFORE', '1', '0']] },
  lset: { before: [['RPUSH', 'k:a', '1']], run: [['LSET', 'k:a', 0, '2']] },
  lrem: { before: [['RPUSH', 'k:a', '1', '2']], run: [['LREM', 'k:a', 0, '2']] },
  ltrim: { before: [['RPUSH', 'k:a', '1', '2']], run: [['LTRIM', 'k:a', 0, 0]] },
  lpop: { before: [['RPUSH', 'k:a', '1', '2']], run: [['LPOP', 'k:a']] },
  'rpop-last': { before: [['RPUSH', 'k:a', '1']], run: [['RPOP', 'k:a']] },
  lmove: { before: [['RPUSH', 'k:a', '1', '2']], run: [['LMOVE', 'k:a', 'k:b', 'LEFT', 'RIGHT']] },
  rpoplpush: { before: [['RPUSH', 'k:a', '1', '2']], run: [['RPOPLPUSH', 'k:a', 'k:b']] },
  lmpop: { before: [['RPUSH', 'k:a', '1', '2']], run: [['LMPOP', 1, 'k:a', 'LEFT']] },
  blpop: { before: [['RPUSH', 'k:a', '1', '2']], run: [['BLPOP', 'k:a', 1]] },
  'brpop-served': {
    before: [['RPUSH', 'k:wanted', '1']],
    run: async (client, other) => {
      // The push gives one element to who waits, and leaves the other.
      const waiting = other.brpop('brpop-served:a', 5);
      await pause(50);
      await client.rpush('brpop-served:a', '1', '2');
      await waiting;
    },
  },
  'blmove-served': {
    run: async (client, other) => {
      const waiting = other.blmove('blmove-served:a', 'blmove-served:b', 'LEFT', 'RIGHT', 5);
      await pause(50);
      await client.rpush('blmove-served:a', '1');
      await waiting;
    },
  },
  'sort-store': { before: [['RPUSH', 'k:a', '2', '1']], run: [['SORT', 'k:a', 'STORE', 'k:b']] },
  // Sets.
  sadd: { run: [['SADD', 'k:a', '1']] },
  srem: { before: [['SADD', 'k:a', '1', '2']], run: [['SREM', 'k:a', '1']] },
  spop: { before: [['SADD', 'k:a', '1', '2']], run: [['SPOP', 'k:a']] },
  smove: { before: [['SADD', 'k:a', '1', '2']], run: [['SMOVE', 'k:a', 'k:b', '1']] },
  sinterstore: { before: [['SADD', 'k:a', '1']], run: [['SINTERSTORE', 'k:b', 'k:a']] },
  sunionstore: { before: [['SADD', 'k:a', '1']], run: [['SUNIONSTORE', 'k:b', 'k:a']] },
  'sdiffstore-to-nothing': { before: [['SADD', 'k:a', '1']], run: [['SDIFFSTORE', 'k:a', 'k:none']] },
  // Hashes.
  hset: { run: [['HSET', 'k:a', 'f', '1']] },
  hmset: { run: [['HMSET', 'k:a', 'f', '1']] },
  hsetnx: { run: [['HSETNX', 'k:a', 'f', '1']] },
  hincrby: { before: [['HSET', 'k:a', 'f', '1']], run: [['HINCRBY', 'k:a', 'f', 1]] },
  hincrbyfloat: { before: [['HSET', 'k:a', 'f', '1']], run: [['HINCRBYFLOAT', 'k:a', 'f', '0.5']] },
  hdel: { before: [['HSET', 'k:a', 'f', '1', 'g', '2']], run: [['HDEL', 'k:a', 'f']] },
  // Sorted sets.
  zadd: { run: [['ZADD', 'k:a', 1, 'm']] },
  'zadd-score-only': { before: [['ZADD', 'k:a', 1, 'm']], run: [['ZADD', 'k:a', 2, 'm']] },
  zincrby: { before: [['ZADD', 'k:a', 1, 'm']], run: [['ZINCRBY', 'k:a', 1, 'm']] },
  zrem: { before: [['ZADD', 'k:a', 1, 'm', 2, 'n']], run: [['ZREM', 'k:a', 'm']] },
  zremrangebyscore: {
    before: [['ZADD', 'k:a', 1, 'm', 2, 'n']],
    run: [['ZREMRANGEBYSCORE', 'k:a', 1, 1]],
  },
  zremrangebyrank: { before: [['ZADD', 'k:a', 1, 'm', 2, 'n']], run: [['ZREMRANGEBYRANK', 'k:a', 0, 0]] },
  zremrangebylex: { before: [['ZADD', 'k:a', 0, 'm', 0, 'n']], run: [['ZREMRANGEBYLEX', 'k:a', '[m', '[m']] },
  zpopmin: { before: [['ZADD', 'k:a', 1, 'm', 2, 'n']], run: [['ZPOPMIN', 'k:a']] },
  zmpop: { before: [['ZADD', 'k:a', 1, 'm', 2, 'n']], run: [['ZMPOP', 1, 'k:a', 'MAX']] },
  'bzpopmin-served': {
    run: async (client, other) => {
      const waiting = other.bzpopmin('bzpopmin-served:a', 5);
      await pause(50);
      await client.zadd('bzpopmin-served:a', 1, 'm', 2, 'n');
      await waiting;
    },
  },
  zrangestore: { before: [['ZADD', 'k:a', 1, 'm']], run: [['ZRANGESTORE', 'k:b', 'k:a', 0, -1]] },
  zunionstore: { before: [['ZADD', 'k:a', 1, 'm']], run: [['ZUNIONSTORE', 'k:b', 1, 'k:a']] },
  zinterstore: { before: [['ZADD', 'k:a', 1, 'm']], run: [['ZINTERSTORE', 'k:b', 1, 'k:a']] },
  zdiffstore: { before: [['ZADD', 'k:a', 1, 'm']], run: [['ZDIFFSTORE', 'k:b', 1, 'k:a']] },
  geoadd: { run: [['GEOADD', 'k:a', 13.3, 38.1, 'm']] },
  geosearchstore: {
    before: [['GEOADD', 'k:a', 13.3, 38.1, 'm']],
    run: [['GEOSEARCHSTORE', 'k:b', 'k:a', 'FROMMEMBER', 'm', 'BYRADIUS', 1, 'km']],
  },
  'georadius-store': {
    before: [['GEOADD', 'k:a', 13.3, 38.1, 'm']],
    run: [['GEORADIUSBYMEMBER', 'k:a', 'm', 1, 'km', 'STORE', 'k:b']],
  },
  // Streams.
  xadd: { run: [['XADD', 'k:a', '*', 'f', 'v']] },
  xdel: { before: group('k:a'), run: [['XDEL', 'k:a', '1-1']] },
  xtrim: { before: group('k:a'), run: [['XTRIM', 'k:a', 'MAXLEN', 1]] },
  xsetid: { before: group('k:a'), run: [['XSETID', 'k:a', '9-9']] },
  'xgroup-create': {
    before: [['XADD', 'k:a', '1-1', 'f', 'v']],
    run: [['XGROUP', 'CREATE', 'k:a', 'g', '0']],
  },
  'xgroup-mkstream': { run: [['XGROUP', 'CREATE', 'k:a', 'g', '$', 'MKSTREAM']] },
  'xgroup-setid': { before: group('k:a'), run: [['XGROUP', 'SETID', 'k:a', 'g', '1-1']] },
  'xgroup-createconsumer': { before: group('k:a'), run: [['XGROUP', 'CREATECONSUMER', 'k:a', 'g', 'one']] },
  'xgroup-delconsumer': { before: pending('k:a'), run: [['XGROUP', 'DELCONSUMER', 'k:a', 'g', 'one']] },
  'xgroup-destroy': { before: group('k:a'), run: [['XGROUP', 'DESTROY', 'k:a', 'g']] },
  xreadgroup: { before: pending('k:a'), run: [['XREADGROUP', 'GROUP', 'g', 'one', 'STREAMS', 'k:a', '>']] },
  'xreadgroup-noack': {
    before: pending('k:a'),
    run: [['XREADGROUP', 'GROUP', 'g', 'one', 'NOACK', 'STREAMS', 'k:a', '>']],
  },
  'xreadgroup-served': {
    before: [
      ['XADD', 'k:a', '1-1', 'f', 'v'],
      ['XGROUP', 'CREATE', 'k:a', 'g', '$'],
    ],
    run: async (client, other) => {
      const key = 'xreadgroup-served:a';
      const waiting = other.call('XREADGROUP', 'GROUP', 'g', 'one', 'BLOCK', '5000', 'STREAMS', key, '>');
      await pause(50);
      await client.xadd(key, '2-1', 'f', 'v');
      await waiting;
    },
  },
  xack: { before: pending('k:a'), run: [['XACK', 'k:a', 'g', '1-1']] },
  xclaim: { before: pending('k:a'), run: [['XCLAIM', 'k:a', 'g', 'two', 0, '1-1']] },
  xautoclaim: { before: pending('k:a'), run: [['XAUTOCLAIM', 'k:a', 'g', 'two', 0, '0']] },
  'xack-in-lua': {
    before: pending('k:a'),
    run: [['EVAL', "return redis.call('XACK', KEYS[1], 'g', '1-1')", 1, 'k:a']],
  },
  'xack-in-multi': {
    before: pending('k:a'),
    run: (client) => client.multi().xack('xack-in-multi:a', 'g', '1-1').exec(),
  },
  // Keys of any type.
  del: { before: [['SET', 'k:a', '1']], run: [['DEL', 'k:a']] },
  unlink: { before: [['SET', 'k:a', '1']], run: [['UNLINK', 'k:a']] },
  rename: { before: [['SET', 'k:a', '1']], run: [['RENAME', 'k:a', 'k:b']] },
  renamenx: { before: [['SET', 'k:a', '1']], run: [['RENAMENX', 'k:a', 'k:b']] },
  copy: { before: [['SET', 'k:a', '1']], run: [['COPY', 'k:a', 'k:b']] },
  'copy-to-other-database': { before: [['SET', 'k:a', '1']], run: [['COPY', 'k:a', 'k:b', 'DB', 5]] },
  move: { before: [['SET', 'k:a', '1']], run: [['MOVE', 'k:a', 5]] },
  expire: { before: [['SET', 'k:a', '1']], run: [['EXPIRE', 'k:a', 100]] },
  pexpireat: { before: [['SET', 'k:a', '1']], run: [['PEXPIREAT', 'k:a', 4_000_000_000_000]] },
  'expire-in-the-past': { before: [['SET', 'k:a', '1']], run: [['EXPIRE', 'k:a', -1]] },
  persist: { before: [['SETEX', 'k:a', 100, '1']], run: [['PERSIST', 'k:a']] },
  restore: {
    run: async (client) => {
      await client.set('restore:a', '1');
      const payload = await client.dumpBuffer('restore:a');
      await client.restore('restore:b', 0, payload);
    },
  },
  'expires-unread': { before: [['PSETEX', 'k:a', 1_500, '1']], run: () => pause(2_000) },
  'expires-when-read': {
    before: [['PSETEX', 'k:a', 1_500, '1']],
    run: async (client) => {
      await pause(1_510);
      await client.get('expires-when-read:a');
    },
  },
  // By other ways than a plain command.
  lua: { run: [['EVAL', "redis.call('SET', KEYS[1], '1')", 1, 'k:a']] },
  'lua-undeclared-key': { run: [['EVAL', "redis.call('SET', 'lua-undeclared-key:a', '1')", 0]] },
  'lua-in-other-database': {
    run: [['EVAL', "redis.call('SELECT', 5); redis.call('SET', KEYS[1], '1')", 1, 'k:a']],
  },
  function: {
    before: [
      [
        'FUNCTION',
        'LOAD',
        'REPLACE',
        "#!lua name=shop\nredis.register_function('put', function(keys) return redis.call('SET', keys[1], '1') end)",
      ],
    ],
    run: [['FCALL', 'put', 1, 'k:a']],
  },
  multi: {
    run: (client) => client.multi().set('multi:a', 1).rpush('multi:b', 1).del('multi:a').exec(),
  },
  'other-database': {
    run: [
      ['SELECT', 3],
      ['SET', 'k:a', '1'],
      ['SELECT', 0],
    ],
  },
  'binary-name': {
    run: (client) => client.set(Buffer.from([...Buffer.from('binary-name:'), 0, 255, 13, 10, 128]), '1'),
  },
  'debug-populate': { run: [['DEBUG', 'POPULATE', 3, 'k']] },
};

/** What newer servers have besides. */
export const newerWays: Record<string, Way> = {
  hexpire: { before: [['HSET', 'k:a', 'f', '1']], run: [['HEXPIRE', 'k:a', 100, 'FIELDS', 1, 'f']] },
  hpersist: {
    before: [
      ['HSET', 'k:a', 'f', '1'],
      ['HEXPIRE', 'k:a', 100, 'FIELDS', 1, 'f'],
    ],
    run: [['HPERSIST', 'k:a', 'FIELDS', 1, 'f']],
  },
  hsetex: { run: [['HSETEX', 'k:a', 'EX', 100, 'FIELDS', 1, 'f', '1']] },
  hgetex: { before: [['HSET', 'k:a', 'f', '1']], run: [['HGETEX', 'k:a', 'EX', 100, 'FIELDS', 1, 'f']] },
  hgetdel: { before: [['HSET', 'k:a', 'f', '1']], run: [['HGETDEL', 'k:a', 'FIELDS', 1, 'f']] },
  'field-expires': {
    before: [
      ['HSET', 'k:a', 'f', '1', 'g', '2'],
      ['HPEXPIRE', 'k:a', 1_500, 'FIELDS', 1, 'f'],
    ],
    run: () => pause(2_700),
  },
  'last-field-expires': {
    before: [
      ['HSET', 'k:a', 'f', '1'],
      ['HPEXPIRE', 'k:a', 1_500, 'FIELDS', 1, 'f'],
    ],
    run: () => pause(2_700),
  },
  delifeq: { before: [['SET', 'k:a', '1']], run: [['DELIFEQ', 'k:a', '1']] },
  delex: { before: [['SET', 'k:a', '1']], run: [['DELEX', 'k:a']] },
  msetex: { run: [['MSETEX', 1, 'k:a', '1', 'EX', 100]] },
  xackdel: { before: pending('k:a'), run: [['XACKDEL', 'k:a', 'g', 'IDS', 1, '1-1']] },
  xdelex: { before: group('k:a'), run: [['XDELEX', 'k:a', 'IDS', 1, '1-1']] },
};

/** What changes all keys of a database at once. */
export const waysOfAll: Record<string, Way> = {
  swapdb: { before: [['SET', 'k:a', '1']], run: [['SWAPDB', 0, 6]] },
  'swapdb-in-lua': {
    before: [['SET', 'k:a', '1']],
    run: [['EVAL', "return redis.call('SWAPDB', '0', '7')", 0]],
  },
  flushdb: { before: [['SET', 'k:a', '1']], run: [['FLUSHDB']] },
  'flushdb-of-another': {
    before: [
      ['SELECT', 9],
      ['SET', 'k:a', '1'],
      ['SELECT', 0],
    ],
    run: [['SELECT', 9], ['FLUSHDB'], ['SELECT', 0]],
  },
  'flushall-async': { before: [['SET', 'k:a', '1']], run: [['FLUSHALL', 'ASYNC']] },
  'flushall-in-multi': {
    before: [['SET', 'k:a', '1']],
    run: (client) => client.multi().flushall().set('flushall-in-multi:b', 1).exec(),
  },
};

/** Puts the way's name where `k:` stands. */
export function commandsOf(name: string, commands: Command[] = []): Command[] {
  return commands.map((command) =>
    command.map((part) =>
      typeof part === 'string' && (part.startsWith('k:') || part === 'k') ? `${name}${part.slice(1)}` : part,
    ),
  );
}
