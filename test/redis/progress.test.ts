import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { Progress } from '../../src/redis/progress.ts';

test('every five seconds a copy tells how far it is, at which rate, and how long it will take', () => {
  const told: string[] = [];
  let now = 1_000_000;
  const clock = { ...systemClock, now: () => new Date(now) };
  const log = { ...silentLog, info: (line: string) => void told.push(line) };
  const progress = new Progress(log, 9_000, clock);
  const after = (milliseconds: number, batch: { seen: number; bytes: number }): void => {
    now += milliseconds;
    progress.add(batch);
  };
  after(4_999, { seen: 2_000, bytes: 700_000 });
  expect(told).toEqual([]);
  after(1, { seen: 1_000, bytes: 500_000 });
  expect(told).toEqual(['Redis: 3000 of 9000 keys, 1.2 MB, 600 keys/s, about 10 s left']);
  after(3_000, { seen: 3_000, bytes: 0 });
  // A page of a big key, and more keys than there were in the beginning.
  after(2_000, { seen: 0, bytes: 9_000_000 });
  after(5_000, { seen: 4_500, bytes: 0 });
  expect(told.slice(1)).toEqual([
    'Redis: 6000 of 9000 keys, 10.2 MB, 600 keys/s, about 5 s left',
    'Redis: 10500 of 9000 keys, 10.2 MB, 700 keys/s, about 0 s left',
  ]);
});
