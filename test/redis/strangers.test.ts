import { afterEach, expect, test } from '@jest/globals';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import type { RedisCopyOptions } from '../../src/redis/copy.ts';
import { followRedis, type RedisFollow } from '../../src/redis/follow.ts';
import { STAMP_KEY } from '../../src/redis/preflight.ts';
import { twoRedis, type TwoRedis } from './two-sides.ts';

// What somebody else does while one Redis follows another, to the side where nobody else should, or in spite of a hold.

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

/** The source for a user who may do everything but that. */
async function without({ from, source }: TwoRedis, ...rights: string[]): Promise<RedisAddress> {
  const denied = rights.map((right) => `-${right}`);
  await from.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', ...denied);
  return { ...source, username: 'limited', password: 'secret' };
}

test('a target that is emptied after the proof gets everything once more, and stays this migration’s', async () => {
  const sides = await twoRedis();
  const { from, to, compare } = sides;
  await from.mset('one', 1, 'two', 2);
  const follow = await following(sides);
  await follow.catchUp();
  await to.flushall();
  expect(await follow.finish()).toMatchObject({ how: 'everything', keys: 2 });
  await follow.assertStill();
  expect(await compare()).toMatchObject({ equal: true });
  expect(await to.get(STAMP_KEY)).toBe('shop-test');
});

test('a key that somebody else writes to the target after the proof stops the final pass, and the next run mends it', async () => {
  const sides = await twoRedis();
  const { from, to, compare } = sides;
  await from.mset('one', 1, 'two', 2);
  const follow = await following(sides);
  await follow.catchUp();
  await to.mset('one', 'other', 'three', 3);
  await expect(follow.finish()).rejects.toThrow(/2 keys differ/);
  const again = await following(sides);
  await again.catchUp();
  await again.finish();
  expect(await compare()).toMatchObject({ equal: true });
});

test('a key that somebody else writes to the target after the final pass stops the point of no return', async () => {
  const sides = await twoRedis();
  await sides.from.mset('one', 1, 'two', 2);
  const follow = await following(sides);
  await follow.catchUp();
  await follow.finish();
  await follow.assertStill();
  await sides.to.del('two');
  await expect(follow.assertStill()).rejects.toThrow(/"two": only on the source/);
});

test('writers that somebody else lets go are noticed, also where nothing tells what changes', async () => {
  const sides = await twoRedis();
  const { from } = sides;
  await from.set('key', 1);
  const follow = await following({
    ...sides,
    source: await without(sides, 'client|tracking', 'psubscribe'),
  });
  expect(follow.kind).toBe('none');
  expect(await follow.finish()).toMatchObject({ paused: true });
  await follow.assertStill();
  await from.call('CLIENT', 'UNPAUSE');
  await from.set('key', 2);
  await expect(follow.assertStill()).rejects.toThrow(/"key": the content of the string differs/);
});

test('keys that expire one after another are nobody who still writes', async () => {
  const sides = await twoRedis();
  const { from, compare } = sides;
  const faraway = await startTcpProxy({ target: () => sides.source });
  try {
    const { username = '', password = '' } = await without(sides, 'client|pause');
    const follow = await following({
      ...sides,
      source: { host: faraway.host, port: faraway.port, username, password, tls: { mode: 'off' } },
    });
    const filling = from.pipeline();
    for (let n = 0; n < 30_000; n += 1) filling.set(`session:${n}`, 1, 'PX', 4_000 + n);
    await filling.exec();
    await follow.catchUp();
    await systemClock.sleep(4_000);
    faraway.knobs.delayMs = 20;
    expect(await follow.finish()).toMatchObject({ how: 'changes', paused: false });
    await follow.assertStill();
    expect(await compare()).toMatchObject({ equal: true });
  } finally {
    await faraway.close();
  }
});

test('a library of functions that the source no longer has is not left on the target', async () => {
  const sides = await twoRedis();
  const { from, to, compare } = sides;
  const library = (name: string): string =>
    `#!lua name=${name}\nredis.register_function('${name}_answer', function() return 42 end)`;
  await from.call('FUNCTION', 'LOAD', library('stays'));
  await from.call('FUNCTION', 'LOAD', library('goes'));
  await from.set('key', 1);
  const follow = await following(sides);
  await follow.catchUp();
  await from.call('FUNCTION', 'DELETE', 'goes');
  await follow.finish();
  expect(await compare()).toMatchObject({ equal: true });
  expect(await to.call('FCALL', 'stays_answer', 0)).toBe(42);
});

test('what was half built when a connection was cut does not stay on the target', async () => {
  const sides = await twoRedis();
  const { from, to, compare } = sides;
  const proxy = await startTcpProxy({ target: () => sides.target });
  try {
    const target: RedisAddress = { host: proxy.host, port: proxy.port, tls: { mode: 'off' } };
    const follow = await following({ source: sides.source, target });
    await follow.catchUp();
    const filling = from.pipeline();
    for (let n = 0; n < 60; n += 1) filling.rpush('big', ...Array<string>(100).fill('x'.repeat(1_000)));
    await filling.exec();
    proxy.knobs.bytesPerSecond = 2_000_000;
    const cutOff = expect(follow.catchUp()).rejects.toThrow(/connection was/);
    while ((await to.keys('heroku-to-digitalocean:part:*')).length === 0) await systemClock.sleep(10);
    proxy.cut();
    await cutOff;
    proxy.knobs.bytesPerSecond = 0;
    expect(await to.keys('heroku-to-digitalocean:part:*')).toHaveLength(1);
    await follow.finish();
    expect(await to.keys('heroku-to-digitalocean:part:*')).toEqual([]);
    expect(await compare()).toMatchObject({ equal: true });
  } finally {
    await proxy.close();
  }
});
