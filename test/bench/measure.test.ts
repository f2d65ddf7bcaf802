import { expect, test } from '@jest/globals';
import { measure, ratioOf, spreadOf } from '../../bench/measure.ts';

test('the warm-up does not count, and variants take turns in who is first', async () => {
  const order: string[] = [];
  const variant = (name: string) => ({
    name,
    run: () => {
      order.push(name);
      return Promise.resolve(1);
    },
  });
  const [a] = await measure([variant('a'), variant('b')], { rounds: 3, warmUp: true, tell: () => undefined });
  expect(order.join('')).toBe('ba' + 'ab' + 'ba' + 'ab');
  expect(a?.rounds).toHaveLength(3);
});

test('what comes before and after a run is done each time and not counted', async () => {
  const order: string[] = [];
  const wait = async (word: string): Promise<void> => {
    order.push(word);
    await new Promise((resolve) => setTimeout(resolve, 300));
  };
  const [only] = await measure(
    [
      {
        name: 'only',
        prepare: () => wait('before'),
        run: () => Promise.resolve(5),
        after: () => wait('after'),
      },
    ],
    { rounds: 3, tell: () => undefined },
  );
  expect(order).toEqual(['before', 'after', 'before', 'after', 'before', 'after']);
  expect(only?.amount).toBe(5);
  expect(only?.milliseconds.most).toBeLessThan(300);
});

test('a ratio is taken round by round, so that a slow round slows both', () => {
  expect(ratioOf([1, 20, 3], [2, 40, 4])).toEqual({ median: 0.5, least: 0.5, most: 0.75 });
  expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4 });
});
