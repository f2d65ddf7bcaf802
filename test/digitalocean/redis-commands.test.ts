import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { closeRedis, openRedis, redisIs } from '../../src/redis/rights.ts';
import { provisionedRedis, type ProvisionedRedis } from '../redis/herokus-and-provisioned.ts';
import { clientOf } from '../redis/two-sides.ts';
// What the test starts ends with it.
import '../support/servers.ts';

// The provisioned server itself, and what the application's user may do there while its side is closed and open.

type Words = [string, ...(string | number)[]];

/** What libraries read or need while they boot: allowed in both states. */
const ALWAYS: Record<string, Words[]> = {
  'every client': [
    ['PING'],
    ['HELLO', 2],
    ['SELECT', 1],
    ['SELECT', 0],
    ['ECHO', 'a'],
    ['TIME'],
    ['COMMAND', 'COUNT'],
  ],
  Sidekiq: [
    ['INFO'],
    ['CLIENT', 'SETNAME', 'sidekiq'],
    ['CLIENT', 'ID'],
    ['SCRIPT', 'LOAD', 'return 1'],
    ['LLEN', 'q'],
    ['ZCARD', 'schedule'],
  ],
  BullMQ: [
    ['INFO', 'server'],
    ['CLIENT', 'LIST'],
    ['EVAL', 'return redis.call("exists", KEYS[1])', 1, 'bull:a'],
    ['XLEN', 'events'],
    ['SCAN', 0],
  ],
  'Rails cache': [
    ['GET', 'a'],
    ['MGET', 'a', 'b'],
    ['EXISTS', 'a'],
    ['TTL', 'a'],
    ['SCAN', 0, 'MATCH', 'cache:*'],
  ],
  ActionCable: [
    ['PUBLISH', 'channel', 'message'],
    ['PUBSUB', 'NUMSUB', 'channel'],
  ],
  Celery: [['KEYS', 'celery*']],
  Resque: [
    ['KEYS', 'resque:*'],
    ['SMEMBERS', 'resque:queues'],
    ['LRANGE', 'resque:failed', 0, -1],
  ],
  transactions: [
    ['WATCH', 'a'],
    ['UNWATCH'],
    ['OBJECT', 'ENCODING', 'list'],
    ['MEMORY', 'USAGE', 'list'],
    ['SORT_RO', 'list', 'ALPHA'],
  ],
};

/** Allowed once the side is open, refused before. */
const WRITES: Record<string, Words[]> = {
  Sidekiq: [
    ['LPUSH', 'q', 'job'],
    ['SADD', 'queues', 'q'],
    ['ZADD', 'schedule', 1, 'job'],
    ['HINCRBY', 'stat', 'a', 1],
    ['EXPIRE', 'stat', 60],
    ['BRPOP', 'q', 0.01],
  ],
  BullMQ: [
    ['EVAL', 'return redis.call("rpush", KEYS[1], "1")', 1, 'bull:a'],
    ['XADD', 'events', '*', 'a', '1'],
    ['ZPOPMIN', 'bull:z'],
    ['XGROUP', 'CREATE', 'events', 'g', '$'],
  ],
  'Rails cache': [
    ['SET', 'a', '1', 'PX', 1000],
    ['INCR', 'counter'],
    ['DEL', 'a'],
    ['UNLINK', 'a'],
  ],
  Celery: [
    ['BRPOPLPUSH', 'q', 'taken', 0.01],
    ['HSET', 'unacked', 'a', '1'],
    ['SETEX', 'result', 60, 'a'],
  ],
  'a sorted list': [['SORT', 'list', 'ALPHA', 'STORE', 'sorted']],
};

/** Dangerous to the server or to everybody's data: refused in both states. */
const NEVER: Words[] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['SWAPDB', 0, 1],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'maxmemory', '0'],
  ['CONFIG', 'REWRITE'],
  ['DEBUG', 'SLEEP', 0],
  ['SHUTDOWN'],
  ['SAVE'],
  ['BGSAVE'],
  ['BGREWRITEAOF'],
  ['REPLICAOF', 'example.com', 6379],
  ['MIGRATE', 'example.com', 6379, 'a', 0, 1],
  ['MODULE', 'LIST'],
  ['MONITOR'],
  ['PSYNC', '?', -1],
  ['SYNC'],
  ['FAILOVER'],
  ['ACL', 'LIST'],
  ['ACL', 'SETUSER', 'app', '+@all'],
  ['ACL', 'SAVE'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['CLIENT', 'PAUSE', 1],
  ['CLIENT', 'NO-EVICT', 'ON'],
  ['SLOWLOG', 'RESET'],
  ['LATENCY', 'RESET'],
  ['RESTORE', 'b', 0, 'x'],
  ['EVAL', 'return redis.call("flushall")', 0],
  ['EVAL', 'return redis.call("config", "get", "*")', 0],
];

let server: ProvisionedRedis;
let app: Redis;
beforeAll(async () => {
  server = await provisionedRedis('shop-test');
  app = clientOf(server.app);
  await clientOf(server.admin).rpush('list', 'b', 'a');
});
afterAll(() => app.disconnect());

/** What the server says to it: `ok`, or the first word of its refusal. */
async function verdict(words: Words): Promise<string> {
  try {
    await app.call(...words);
    return 'ok';
  } catch (error) {
    const said = (error as Error).message;
    // Rights, rights inside a script, and what Redis itself allows to nobody.
    return /NOPERM|can't run this command|not allowed/.test(said) ? 'refused' : said;
  }
}

async function verdicts(commands: readonly Words[]): Promise<string[]> {
  const all = [];
  for (const words of commands) all.push(`${words.join(' ')}: ${await verdict(words)}`);
  return all;
}

const as = (commands: readonly Words[], what: string): string[] =>
  commands.map((words) => `${words.join(' ')}: ${what}`);
const always = Object.values(ALWAYS).flat();
const writes = Object.values(WRITES).flat();

describe('while closed, as the droplet starts', () => {
  test('everything that libraries read and boot with is allowed, in connections that stay', async () => {
    expect(await redisIs(server.admin, server.appUser)).toBe('closed');
    expect(await verdicts(always)).toEqual(as(always, 'ok'));
  });

  test('nothing can be written, by a script neither', async () => {
    expect(await verdicts(writes)).toEqual(as(writes, 'refused'));
  });

  test('what is dangerous is refused', async () => {
    expect(await verdicts(NEVER)).toEqual(as(NEVER, 'refused'));
  });

  test('subscribers are served', async () => {
    const listener = clientOf(server.app);
    const heard = new Promise((resolve) => listener.once('message', (_channel, text) => resolve(text)));
    await listener.subscribe('cable');
    await app.publish('cable', 'hello');
    expect(await heard).toBe('hello');
  });
});

describe('once open', () => {
  beforeAll(() => openRedis(server.admin, server.appUser));

  test('all of it works, in the same connection', async () => {
    expect(await redisIs(server.admin, server.appUser)).toBe('open');
    expect(await verdicts([...always, ...writes])).toEqual(as([...always, ...writes], 'ok'));
  });

  test('what is dangerous is refused all the same', async () => {
    expect(await verdicts(NEVER)).toEqual(as(NEVER, 'refused'));
  });

  test('closing takes the right to write again', async () => {
    await closeRedis(server.admin, server.appUser);
    expect(await verdicts(writes)).toEqual(as(writes, 'refused'));
    expect(await verdicts(NEVER)).toEqual(as(NEVER, 'refused'));
  });
});
