import { expect, test } from '@jest/globals';
import { readWaitingJobs } from '../../../src/redis/jobs/waiting.ts';
import { twoRedis } from '../two-sides.ts';

test('jobs that wait in the queues of Sidekiq and Resque are counted, and not those that are due later', async () => {
  const { from } = await twoRedis();
  expect(await readWaitingJobs(from)).toBeUndefined();
  await from.sadd('queues', 'default', 'mailers');
  await from.lpush('queue:default', '{"class":"Mail","jid":"1"}', '{"class":"Mail","jid":"2"}');
  await from.zadd('retry', 1, '{"class":"Mail","jid":"3"}');
  expect(await readWaitingJobs(from)).toBe(2);
  await from.sadd('resque:queues', 'low');
  await from.rpush('resque:queue:low', '{"class":"Mail","args":[]}');
  expect(await readWaitingJobs(from)).toBe(3);
});
