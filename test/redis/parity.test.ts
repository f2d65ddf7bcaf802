import { expect, test } from '@jest/globals';
import { twoRedis } from './two-sides.ts';

test('parity names each key that differs, and how', async () => {
  const { from, to, copy, compare } = await twoRedis();
  await from.mset('a', 1, 'b', 'the same', 'c', 3);
  await from.rpush('list', 'x', 'y');
  await from.sadd('set', ...Array.from({ length: 1000 }, (_, n) => `m${n}`));
  await from.set('session', 1, 'EX', 1000);
  await from.set(Buffer.from([1, 255]), 1);
  await copy();
  expect((await compare()).equal).toBe(true);

  await to.set('a', 2);
  await to.del('c');
  await to.set('extra', 1);
  await to.del('list');
  await to.rpush('list', 'y', 'x');
  await to.srem('set', 'm500');
  await to.sadd('set', 'M500');
  await to.expire('session', 990);
  await to.persist(Buffer.from([1, 255]));
  await to.set('b', 'the same', 'EX', 1000);
  const parity = await compare();
  expect(parity.equal).toBe(false);
  expect(parity.keys).toEqual({ compared: 7, different: 7 });
  expect(parity.differences).toEqual([
    'db0 "a": the content of the string differs',
    'db0 "b": expires on the target only',
    'db0 "c": only on the source',
    'db0 "extra": only on the target',
    'db0 "list": the content of the list differs',
    expect.stringMatching(/^db0 "session": expires \d+\.\d s earlier on the target$/),
    'db0 "set": the content of the set differs',
  ]);
});

test('the same set, hash and sorted set built in another order is equal', async () => {
  const { from, to, copy, compare } = await twoRedis();
  const members = Array.from({ length: 1500 }, (_, n) => `member ${n}`);
  await copy();
  for (const [redis, order] of [
    [from, members],
    [to, members.toReversed()],
  ] as const) {
    await redis.sadd('set', ...order);
    await redis.hset('hash', ...order.flatMap((member) => [member, 'v']));
    await redis.zadd('zset', ...order.flatMap((member) => [1, member]));
  }
  expect(await compare()).toMatchObject({ equal: true, keys: { compared: 3 } });
});

test('where a consumer group stands is compared too', async () => {
  const { from, to, copy, compare } = await twoRedis();
  await from.xadd('stream', '1-1', 'f', 'v');
  await from.xgroup('CREATE', 'stream', 'group', '0');
  await copy();
  await to.xreadgroup('GROUP', 'group', 'me', 'STREAMS', 'stream', '>');
  expect((await compare()).differences).toEqual(['db0 "stream": the content of the stream differs']);
});
