import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { inTurns } from '../../src/in-turns.ts';

test('so many at the same time and no more; results stand in the order of the items', async () => {
  let running = 0;
  let most = 0;
  const results = await inTurns(3, [30, 1, 20, 2, 10, 3], async (milliseconds) => {
    running += 1;
    most = Math.max(most, running);
    await delay(milliseconds);
    running -= 1;
    return milliseconds * 2;
  });
  expect(results).toEqual([60, 2, 40, 4, 20, 6]);
  expect(most).toBe(3);
});

test('after a failure nothing new begins', async () => {
  const begun: number[] = [];
  const running = inTurns(2, [1, 2, 3, 4, 5], async (item) => {
    begun.push(item);
    await delay(5);
    if (item === 2) throw new Error('no');
  });
  await expect(running).rejects.toThrow('no');
  await delay(50);
  expect(begun.length).toBeLessThan(5);
  expect(await inTurns(4, [], () => Promise.resolve(1))).toEqual([]);
});
