import { expect, test } from '@jest/globals';
import { confidenceOf, Reservoir } from '../../src/redis/sample.ts';

test('a sample says in words what it would have seen, and is never quite certain', () => {
  expect(confidenceOf({ compared: 10_000, of: 1_000_000 }).words).toBe(
    '10,000 of 1,000,000 keys (1 %) were compared by content, chosen at random. ' +
      'If keys differed, this would have been seen: 1 in 100 keys with > 99.9 %, 1 in 1,000 keys with > 99.9 %, ' +
      '1 in 10,000 keys with 63.2 %, 1 in 100,000 keys with 9.5 %. ' +
      'As many keys of the target were looked up on the source.',
  );
  expect(confidenceOf({ compared: 0, of: 0 })).toMatchObject({ share: 1, found: [] });
});

test('every item has the same chance to stay, however late it comes', () => {
  const stayed = new Map<number, number>();
  let state = 1;
  const random = (): number => (state = (state * 48_271) % 0x7fffffff) / 0x7fffffff;
  for (let run = 0; run < 4_000; run += 1) {
    const reservoir = new Reservoir<number>(10, random);
    for (let item = 0; item < 50; item += 1) reservoir.offer(() => item);
    expect(reservoir).toMatchObject({ passed: 50 });
    for (const item of reservoir.items) stayed.set(item, (stayed.get(item) ?? 0) + 1);
  }
  // 10 of 50 in each of 4,000 runs: 800, with a standard deviation of 25.
  for (let item = 0; item < 50; item += 1) expect(Math.abs((stayed.get(item) ?? 0) - 800)).toBeLessThan(130);
});
