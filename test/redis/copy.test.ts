import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { followRedis } from '../../src/redis/follow.ts';
import { testRedis } from '../support/servers.ts';
import { globToRegExp } from '../../src/redis/key-choice.ts';
import { endStaleConnections } from '../../src/redis/settle.ts';
import { fillMixed } from './mixed-data.ts';
import { clientOf, twoRedis } from './two-sides.ts';

test('every type of value, binary keys and several logical databases arrive equal', async () => {
  const { from, to, copy, compare } = await twoRedis();
  const binary = Buffer.from([0, 255, 10, 13, 128, 42]);
  await from.set(binary, Buffer.from([1, 0, 2, 255]));
  await from.set('number', 42);
  await from.rpush('list', ...Array.from({ length: 3000 }, (_, n) => `item ${n}`));
  await from.sadd('set', ...Array.from({ length: 2000 }, (_, n) => `member ${n}`));
  await from.hset('hash', Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`field ${n}`, `${n}`])));
  await from.zadd('zset', 1.5, 'a', '-inf', 'b', 3, 'c');
  await from.xadd('stream', '*', 'field', 'value');
  await from.xgroup('CREATE', 'stream', 'group', '0');
  await from.xreadgroup('GROUP', 'group', 'me', 'COUNT', 1, 'STREAMS', 'stream', '>');
  await from.pfadd('visitors', 'a', 'b', 'c');
  for (let n = 0; n < 2500; n += 1) void from.set(`key:${n}`, 'x'.repeat(n % 300));
  await from.select(3);
  await from.set('elsewhere', 'yes');

  const result = await copy();
  expect(result).toMatchObject({ keys: 2509, deleted: 0, skipped: 0 });
  expect(await compare()).toEqual({ equal: true, keys: { compared: 2509, different: 0 }, differences: [] });
  expect(await to.getBuffer(binary)).toEqual(Buffer.from([1, 0, 2, 255]));
  await to.select(3);
  expect(await to.get('elsewhere')).toBe('yes');
  await to.select(0);
  expect(await to.xpending('stream', 'group')).toContain(1);
});

const without = (...commands: string[]): string[] => commands.map((name) => `rename-command ${name} ""`);
test.each([
  ['scripts', without('EVALSHA', 'EVALSHA_RO')],
  ['read-only scripts', without('EVALSHA_RO')],
  ['MEMORY', without('MEMORY')],
  ['PEXPIRETIME', without('PEXPIRETIME')],
  ['MEMORY and PEXPIRETIME, as the scripts see it', without('MEMORY', 'PEXPIRETIME')],
  ['any of these', without('EVALSHA', 'EVALSHA_RO', 'MEMORY', 'PEXPIRETIME')],
])(
  'a source without %s is copied and followed as any other: large keys by element, times exact',
  async (_what, lines) => {
    const { source, target, from, to, compare } = await twoRedis([], lines);
    await fillMixed(from, { small: 3_000, bigBytes: 1_500_000 });
    const brief = Array.from({ length: 50 }, (_, n) => `brief:${n}`);
    for (const key of brief) await from.set(key, key, 'PX', 60_000);
    const options = { skip: [], migrationId: 'shop-test', log: silentLog, clock: systemClock };
    const follow = await followRedis({ source, target, ...options });
    expect(follow.copied).toMatchObject({ keys: 3_000 + 300 + 6 + 50, bigKeys: 6 });
    await from.multi().set('new', 1, 'PX', 500_000).del('string:7').hset('big:hash', 'a', 1).exec();
    await follow.catchUp();
    await from.multi().lpush('big:list', 'last').pexpire('string:14', 40_000).del('string:21').exec();
    expect(await follow.finish()).toMatchObject({ how: 'changes', paused: true });
    await follow.close();
    expect(await compare()).toMatchObject({ equal: true, differences: [] });
    expect(await to.exists('string:7', 'string:21')).toBe(0);
    for (const key of [...brief, 'new', 'string:14', 'session:6', 'big:hash'])
      expect(Math.abs((await from.pttl(key)) - (await to.pttl(key)))).toBeLessThan(1_000);
  },
);

test('times to live arrive within a second, keys without one stay for ever, expired ones do not come back', async () => {
  const { from, to, copy, compare } = await twoRedis();
  await from.set('long', 1, 'PX', 86_400_000);
  await from.set('short', 1, 'PX', 30_000);
  await from.set('gone', 1, 'PX', 1);
  await from.set('for ever', 1);
  await to.set('heroku-to-digitalocean:stamp', 'shop-test');
  await to.set('gone', 'an older copy of it');
  await copy();
  for (const key of ['long', 'short']) {
    const [there, here] = [await from.pexpiretime(key), await to.pexpiretime(key)];
    expect(Math.abs(there - here)).toBeLessThan(1000);
  }
  expect(await to.pttl('for ever')).toBe(-1);
  expect(await to.exists('gone')).toBe(0);
  expect((await compare()).equal).toBe(true);
});

test('a second copy deletes what the source no longer has, and replaces what changed its type', async () => {
  const { from, to, copy, compare } = await twoRedis();
  await from.mset('a', 1, 'b', 2);
  await from.rpush('queue:default', 'job');
  await copy();
  await from.del('a', 'queue:default');
  await from.set('queue:default', 'now a string');
  const again = await copy();
  expect(again.deleted).toBe(1);
  expect(await to.exists('a')).toBe(0);
  expect((await compare()).equal).toBe(true);
});

test.each([
  '[z-a]*',
  '[^z-a]*',
  'a[]b',
  'a[^]b',
  '[a\\]]x',
  '[[]x',
  '[-a]x',
  '[\\^a]x',
  'a?c',
  'h[^e]llo',
  '\\*',
])('the pattern %s means what the server means by it', async (glob) => {
  const { from } = await twoRedis();
  const names = [
    'm1',
    'zz',
    'a1',
    '1',
    'ab',
    'a]b',
    'a^b',
    'a[]b',
    ']x',
    'ax',
    '[x',
    '-x',
    '^x',
    'abc',
    'hello',
    'hallo',
    '*',
  ];
  await from.mset(...names.flatMap((name) => [name, 'value']));
  const ours = names.filter((name) => globToRegExp(glob).test(name));
  expect(ours.sort()).toEqual((await from.keys(glob)).sort());
});

test('skipped keys and heartbeats of running workers stay behind, and are not compared', async () => {
  const { from, to, copy, compare } = await twoRedis();
  const identity = 'worker.1:4:0123456789ab';
  await from.mset('cache:a', 1, 'cached', 1, 'tmp/[x]', 1, 'job', 1);
  await from.sadd('processes', identity);
  await from.hset(identity, 'busy', 0);
  await from.hset(`${identity}:work`, 't', '{}');
  await from.lpush(`${identity}-signals`, 'TSTP');
  await from.set('heroku-to-digitalocean:something', 'ours');
  await to.set('heroku-to-digitalocean:stamp', 'shop-test');
  await to.set('cache:warm', 'kept');
  const result = await copy({ skip: ['cache:*', 'tmp/\\[x\\]'] });
  expect(result).toMatchObject({ keys: 2, deleted: 0 });
  expect((await to.keys('*')).sort()).toEqual([
    'cache:warm',
    'cached',
    'heroku-to-digitalocean:stamp',
    'job',
  ]);
  expect(await compare(['cache:*', 'tmp/\\[x\\]'])).toMatchObject({ equal: true, keys: { compared: 2 } });
});

test('a target that could evict jobs is refused', async () => {
  const { from, to, copy } = await twoRedis(['maxmemory 50mb']);
  await from.set('a', 1);
  await to.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await expect(copy()).rejects.toThrow(/may evict keys.*noeviction/);
});

test('a target that is too small is refused before any key is copied', async () => {
  const { from, to, copy } = await twoRedis(['maxmemory 3mb']);
  await from.set('big', 'x'.repeat(4_000_000));
  await expect(copy()).rejects.toThrow(/too small: the source uses .* MB/);
  expect(await to.dbsize()).toBe(0);
});

test('a target that holds something else is refused untouched', async () => {
  const { from, to, copy } = await twoRedis();
  await from.set('a', 1);
  await to.set('precious', 1);
  await expect(copy()).rejects.toThrow(/1 keys that this migration did not put there; nothing was changed/);
  expect(await to.keys('*')).toEqual(['precious']);
});

test('the copy of another migration is refused untouched', async () => {
  const { from, copy } = await twoRedis();
  await from.set('a', 1);
  await copy();
  await expect(copy({ migrationId: 'other-test' })).rejects.toThrow(/another migration \(shop-test\)/);
});

test('an open target is never copied over: the application may have written to it', async () => {
  const { from, to, copy } = await twoRedis();
  await from.set('a', 1);
  await copy();
  await to.set('heroku-to-digitalocean:open', '1');
  await to.set('new order', 1);
  await expect(copy()).rejects.toThrow(/is open/);
  expect(await to.exists('new order')).toBe(1);
});

test('a newer epoch stops the copy before the target is changed', async () => {
  const { from, to, copy } = await twoRedis();
  await from.set('a', 1);
  const newer = (): Promise<void> => Promise.reject(new Error('a newer run has begun'));
  await expect(copy({ beforeChange: newer })).rejects.toThrow('a newer run has begun');
  expect(await to.dbsize()).toBe(0);
});

test('a run of an older epoch that is still copying is cut off by a newer one, others are left alone', async () => {
  const { from, to, target, copy } = await twoRedis();
  await from.set('a', 'newer');
  const [old, other] = [clientOf(target), clientOf(target)];
  await endStaleConnections(old, { migrationId: 'shop-test', epoch: 3 });
  await endStaleConnections(other, { migrationId: 'shop-tests', epoch: 3 });
  await copy({ epoch: 4 });
  await expect(old.set('a', 'older')).rejects.toThrow();
  expect(await other.ping()).toBe('PONG');
  expect(await to.get('a')).toBe('newer');
});

test('a logical database that the target lacks is told', async () => {
  const { from, copy } = await twoRedis(['databases 2']);
  await from.select(5);
  await from.set('a', 1);
  await expect(copy()).rejects.toThrow(/logical database 5/);
});

test('server-side functions come along', async () => {
  const { from, to, copy } = await twoRedis();
  await from.call(
    'FUNCTION',
    'LOAD',
    "#!lua name=mylib\nredis.register_function('answer', function() return 42 end)",
  );
  await copy();
  expect(await to.call('FCALL', 'answer', 0)).toBe(42);
});

test('what stays on the target beside a copy is counted before the first key', async () => {
  const { from, to, copy } = await twoRedis(['maxmemory 12mb']);
  await to.set('heroku-to-digitalocean:stamp', 'shop-test');
  for (let n = 0; n < 16; n += 1) await to.set(`cache:${n}`, 'x'.repeat(500_000));
  for (let n = 0; n < 40; n += 1) await from.set(`key:${n}`, String(n).repeat(50_000));
  await expect(copy({ skip: ['cache:*'] })).rejects.toThrow(/too small: .* beside \d\.\d MB that stay there/);
  expect(await to.exists('key:0', 'key:1')).toBe(0);
});

test('a read-only replica as target is told as such', async () => {
  const { source, from, copy } = await twoRedis();
  const replica = await testRedis([`replicaof ${source.host} ${source.port}`]);
  await from.set('a', 1);
  await expect(
    copy({ target: { host: replica.host, port: replica.port, tls: { mode: 'off' } } }),
  ).rejects.toThrow(/read-only replica|still loading|holds/);
});
