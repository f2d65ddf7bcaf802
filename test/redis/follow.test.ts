import { afterEach, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { RedisCopyOptions } from '../../src/redis/copy.ts';
import { followRedis, type RedisFollow } from '../../src/redis/follow.ts';
import { testRedis } from '../support/servers.ts';
import { offering } from './feeds.ts';
import { clientOf, twoRedis, type TwoRedis } from './two-sides.ts';

const open: RedisFollow[] = [];
afterEach(async () => {
  for (const follow of open.splice(0)) await follow.close();
});

async function following(
  { source, target }: Pick<TwoRedis, 'source' | 'target'>,
  options: Partial<RedisCopyOptions> = {},
): Promise<RedisFollow> {
  const follow = await followRedis({
    ...{ source, target, skip: [], migrationId: 'shop-test', log: silentLog, clock: systemClock },
    ...options,
  });
  open.push(follow);
  return follow;
}

/** The ways in which a server tells what changes: a move must come to the same by each. */
const kinds = ['tracking', 'notifications'] as const;

async function fill(redis: Redis, keys: number): Promise<void> {
  const pipeline = redis.pipeline();
  for (let n = 0; n < keys; n += 1) pipeline.set(`key:${n}`, `value ${n}`);
  await pipeline.exec();
}

test.each(kinds)(
  'by %s what is changed, deleted, renamed and made anew while it follows arrives, and little is moved in the window',
  async (kind) => {
    const sides = await twoRedis([], offering[kind]);
    const { from, to, compare } = sides;
    await fill(from, 3_000);
    await from.rpush('queue:default', ...Array.from({ length: 500 }, (_, n) => `job ${n}`));
    const follow = await following(sides);
    expect(follow.kind).toBe(kind);
    expect(follow.copied).toMatchObject({ keys: 3_001, deleted: 0 });

    await from.set('key:1', 'changed');
    await from.del('key:2');
    await from.rename('key:3', 'renamed');
    await from.lpop('queue:default');
    await from.select(5);
    await from.set('elsewhere', 'new database');
    await from.select(0);
    expect(await follow.catchUp()).toMatchObject({ compared: 3_001 });

    await from.set('key:4', 'late');
    await from.pexpire('key:5', 60_000);
    const finish = await follow.finish();
    // Whoever takes CLIENT away holds no writers for us either.
    expect(finish).toMatchObject({ how: 'changes', reason: null, paused: kind === 'tracking' });
    expect(finish.keys).toBeLessThan(20);
    expect(await to.exists('key:2', 'key:3')).toBe(0);
    expect(await compare()).toMatchObject({ equal: true });
    await follow.assertStill();
    if (finish.paused) return;
    await from.set('key:6', 'a stranger');
    await expect(follow.assertStill()).rejects.toThrow(/do not hold the same/);
  },
);

test('writers of the source wait from the final pass on, and are let go by close', async () => {
  const sides = await twoRedis();
  await fill(sides.from, 10);
  const follow = await following(sides);
  await follow.finish();
  let isDone = false;
  const written = sides.from.set('late', 1).then(() => (isDone = true));
  await systemClock.sleep(300);
  expect(isDone).toBe(false);
  await follow.close();
  await written;
  expect(isDone).toBe(true);
});

test('a write between the final pass and the point of no return is noticed, a key that expires is not one', async () => {
  const source = await testRedis(['rename-command CONFIG ""']);
  const target = await testRedis(['maxmemory-policy noeviction']);
  const address = (server: typeof source) => ({
    host: server.host,
    port: server.port,
    tls: { mode: 'off' } as const,
  });
  const sides = { source: address(source), target: address(target) };
  const from = clientOf(sides.source);
  await from.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-client|pause');
  await from.set('short', 1, 'PX', 700);
  await from.set('key', 1);
  // A user who may not pause: strangers can write inside the fence.
  const follow = await following({
    ...sides,
    source: { ...sides.source, username: 'limited', password: 'secret' },
  });
  await follow.catchUp();
  expect(await follow.finish()).toMatchObject({ paused: false });
  await systemClock.sleep(1_000);
  await from.exists('short');
  await follow.assertStill();
  await from.set('key', 2);
  await expect(follow.assertStill()).rejects.toThrow(/do not hold the same/);
});

test('a function that is loaded after the final pass is noticed', async () => {
  const sides = await twoRedis();
  await fill(sides.from, 10);
  const follow = await following(sides);
  await follow.catchUp();
  await follow.finish();
  await follow.assertStill();
  await sides.to.call('FUNCTION', 'LOAD', "#!lua name=late\nredis.register_function('late', function() end)");
  await expect(follow.assertStill()).rejects.toThrow(/function library "late": only on the target/);
});

test.each(kinds)('by %s consumer groups that no change tells of are read again', async (kind) => {
  const sides = await twoRedis([], offering[kind]);
  const { from, to, compare } = sides;
  for (let n = 0; n < 50; n += 1) {
    await from.xadd(`stream:${n}`, '*', 'field', 'value');
    await from.xgroup('CREATE', `stream:${n}`, 'group', '0');
  }
  const follow = await following(sides);
  expect(follow.kind).toBe(kind);
  await follow.catchUp();
  await from.xreadgroup('GROUP', 'group', 'me', 'COUNT', 1, 'STREAMS', 'stream:7', '>');
  await from.xgroup('CREATE', 'made by its group', 'group', '0', 'MKSTREAM');
  expect(await follow.finish()).toMatchObject({ how: 'changes' });
  expect(await to.exists('made by its group')).toBe(1);
  expect(await to.xpending('stream:7', 'group')).toContain(1);
  expect(await compare()).toMatchObject({ equal: true });
});

test('groups of a stream that came after the proof are read again too, and again in a second last pass', async () => {
  const sides = await twoRedis();
  const { from, to, compare } = sides;
  await fill(from, 100);
  const follow = await following(sides);
  await follow.catchUp();
  await from.select(2);
  await from.xadd('late', '*', 'field', 'value');
  await from.xgroup('CREATE', 'late', 'group', '0');
  await follow.catchUp();
  await from.xreadgroup('GROUP', 'group', 'me', 'COUNT', 1, 'STREAMS', 'late', '>');
  await follow.practise();
  await to.select(2);
  expect(await to.xpending('late', 'group')).toContain(1);
  await from.xgroup('CREATE', 'late', 'other', '0');
  expect(await follow.finish()).toMatchObject({ how: 'changes' });
  expect(await to.xinfo('GROUPS', 'late')).toHaveLength(2);
  await from.client('UNPAUSE');
  await from.xgroup('CREATE', 'late', 'third', '0');
  await follow.finish();
  expect(await to.xinfo('GROUPS', 'late')).toHaveLength(3);
  expect(await compare()).toMatchObject({ equal: true });
});

const whole = [
  ['flushed', (from: Redis) => from.flushall()],
  ['turned round', (from: Redis) => from.swapdb(0, 1)],
] as const;
test.each(whole.flatMap(([what, change]) => kinds.map((kind) => [kind, what, change] as const)))(
  'by %s a source that is %s is looked at as a whole again',
  async (kind, _what, change) => {
    const sides = await twoRedis([], offering[kind]);
    await fill(sides.from, 500);
    await sides.from.select(1);
    await sides.from.set('other', 1);
    await sides.from.select(0);
    const follow = await following(sides);
    expect(follow.kind).toBe(kind);
    await follow.catchUp();
    await change(sides.from);
    await sides.from.set('after', 1);
    const finish = await follow.finish();
    expect(finish.how).toBe('everything');
    expect(finish.reason).not.toBeNull();
    expect(await sides.compare()).toMatchObject({ equal: true });
  },
);

test.each(kinds)('a connection of %s that is lost costs a look at everything, never a gap', async (kind) => {
  // Away for us, and not for whoever operates the server.
  const client = kind === 'tracking' ? 'CLIENT' : 'operators-client';
  const lines = offering[kind].map((line) => line.replace('CLIENT ""', `CLIENT ${client}`));
  const sides = await twoRedis([], lines);
  const { from } = sides;
  await fill(from, 500);
  const follow = await following(sides);
  expect(follow.kind).toBe(kind);
  await follow.catchUp();
  // The feed's alone: all others stay.
  expect(await from.call(client, 'KILL', 'TYPE', 'pubsub')).toBe(1);
  await from.set('key:9', 'changed while nobody listened');
  await from.del('key:10');
  expect(await follow.finish()).toMatchObject({ how: 'everything' });
  expect(await sides.compare()).toMatchObject({ equal: true });
});

test('where the server tells nobody what changes, the window looks at everything and moves only what differs', async () => {
  const source = await testRedis(['rename-command CLIENT ""', 'rename-command CONFIG ""']);
  const target = await testRedis(['maxmemory-policy noeviction']);
  const sides = {
    source: { host: source.host, port: source.port, tls: { mode: 'off' } as const },
    target: { host: target.host, port: target.port, tls: { mode: 'off' } as const },
  };
  const from = clientOf(sides.source);
  await fill(from, 2_000);
  const follow = await following(sides);
  expect(follow.kind).toBe('none');
  await from.set('key:1', 'changed');
  await from.del('key:2');
  const finish = await follow.finish();
  expect(finish).toMatchObject({ how: 'everything', keys: 1, deleted: 1, paused: false });
  expect(finish.compared).toBeGreaterThanOrEqual(1_999);
  await from.set('key:3', 'a stranger');
  await expect(follow.assertStill()).rejects.toThrow(/do not hold the same/);
});

test('a second run carries only what is missing or different, and deletes what is gone', async () => {
  const sides = await twoRedis();
  const { from, to } = sides;
  await fill(from, 2_000);
  await (await following(sides)).close();
  await from.set('key:1', 'changed');
  await from.del('key:2');
  await to.del('key:3');
  await to.set('key:4', 'spoilt');
  await to.pexpire('key:5', 60_000);
  const again = await following(sides);
  expect(again.copied).toMatchObject({ keys: 4, deleted: 1 });
  expect(await sides.compare()).toMatchObject({ equal: true });
});

test('under a busy writer it keeps up, and the final pass leaves both sides equal', async () => {
  const sides = await twoRedis();
  await fill(sides.from, 5_000);
  const writer = clientOf(sides.source);
  const state = { isOver: false, writes: 0 };
  const writing = (async () => {
    for (; !state.isOver; state.writes += 5) {
      const n = state.writes % 6_000;
      await writer
        .pipeline()
        .set(`key:${n}`, `again ${state.writes}`)
        .del(`key:${(n * 7) % 6_000}`)
        .rpush('queue:busy', state.writes)
        .hincrby('counters', `c${n % 50}`, 1)
        .set(`gone soon:${n}`, 1, 'PX', 50)
        .exec();
    }
  })();
  const follow = await following(sides);
  await follow.catchUp();
  state.isOver = true;
  await writing;
  expect(state.writes).toBeGreaterThan(100);
  const finish = await follow.finish();
  expect(finish.how).toBe('changes');
  expect(await sides.compare()).toMatchObject({ equal: true });
});

test('the way back makes the old side equal again, and what is ours there stays', async () => {
  const sides = await twoRedis();
  const { from, to, source, target } = sides;
  await fill(from, 300);
  await (await following(sides)).close();
  await from.rename('key:0', 'heroku-to-digitalocean:shop-test:queue:default');
  await to.set('written on the new side', 1);
  await to.del('key:9');
  const back = await following({ source: target, target: source }, { onto: 'origin' });
  await back.catchUp();
  expect(await back.finish()).toMatchObject({ how: 'changes' });
  expect(await from.get('written on the new side')).toBe('1');
  expect(await from.exists('key:9')).toBe(0);
  expect(await from.exists('key:0', 'heroku-to-digitalocean:shop-test:queue:default')).toBe(2);
});

test('what had been told when bringing it over failed is not forgotten', async () => {
  const sides = await twoRedis();
  const { from, to } = sides;
  await fill(from, 200);
  let isRefused = false;
  const follow = await following(sides, {
    beforeChange: () => (isRefused ? Promise.reject(new Error('a newer epoch')) : Promise.resolve()),
  });
  await follow.catchUp();
  await from.set('key:1', 'changed');
  isRefused = true;
  await expect(follow.catchUp()).rejects.toThrow('a newer epoch');
  isRefused = false;
  await to.config('SET', 'maxmemory', 1);
  await expect(follow.catchUp()).rejects.toThrow(/memory/);
  await to.config('SET', 'maxmemory', 0);
  await follow.finish();
  expect(await to.get('key:1')).toBe('changed');
  expect(await sides.compare()).toMatchObject({ equal: true });
});
