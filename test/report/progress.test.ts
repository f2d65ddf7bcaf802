import { expect, test } from '@jest/globals';

import type { Clock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { formatBytes, formatCount, formatDuration, startProgress } from '../../src/report/progress.ts';
import type { ProgressOptions } from '../../src/report/progress.ts';

/** A progress over a clock that stands still until it is told to go on. */
function watched(options: Pick<ProgressOptions, 'title' | 'unit' | 'total'>) {
  let milliseconds = 0;
  const lines: string[] = [];
  const clock: Clock = { now: () => new Date(milliseconds), sleep: () => Promise.resolve() };
  const progress = startProgress({
    ...options,
    log: { ...silentLog, info: (line) => lines.push(line) },
    clock,
  });
  const after = (seconds: number, done: number): void => {
    milliseconds += seconds * 1000;
    progress.update(done);
  };
  return { lines, progress, after };
}

test('who watches is told amount, share, rate and time left, at most every five seconds', () => {
  const { lines, progress, after } = watched({ title: 'Copying', unit: 'bytes', total: 100_000_000 });
  for (let step = 1; step <= 24; step++) after(0.5, step * 1_000_000);
  expect(lines).toEqual([
    'Copying: 10.0 MB of 100 MB (10 %), 2.0 MB/s, about 45.0 s left',
    'Copying: 20.0 MB of 100 MB (20 %), 2.0 MB/s, about 40.0 s left',
  ]);
  progress.finish(24_000_000);
  expect(lines.at(-1)).toBe('Copying: 24.0 MB in 12.0 s, 2.0 MB/s');
});

test('nothing is promised when nobody knows the total, or when more was there than expected', () => {
  const unknown = watched({ title: 'Keys', unit: 'keys', total: undefined });
  unknown.after(10, 25_000);
  expect(unknown.lines).toEqual(['Keys: 25,000 keys, 2,500 keys/s']);
  const more = watched({ title: 'Rows', unit: 'rows', total: 10 });
  more.after(10, 20);
  expect(more.lines).toEqual(['Rows: 20 rows of 10 rows (100 %), 2 rows/s']);
  const nothing = watched({ title: 'Rows', unit: 'rows', total: 0 });
  nothing.after(10, 0);
  expect(nothing.lines).toEqual(['Rows: 0 rows, 0 rows/s']);
});

test('something quick tells its end only, without a rate made of nothing', () => {
  const { lines, progress } = watched({ title: 'Tables', unit: 'tables', total: 3 });
  progress.update(3);
  progress.finish();
  expect(lines).toEqual(['Tables: 3 tables in 0 ms']);
});

test.each([
  '::error::broken',
  '\n::set-env name=A::b',
  'x\r\n::stop-commands::t',
  'a ##[command]b',
  '\u001b[31mred',
])('a title from outside is no workflow command and no colour: %j', (title) => {
  const { lines, progress } = watched({ title, unit: 'rows', total: 1 });
  progress.finish(1);
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/^\s*::|##\[|\p{Cc}/u);
});

test('bytes are decimal, as both sides sell them', () => {
  const written = [0, 999, 1_000, 1_500_000, 99_949_999, 999_499, 999_999, 64_000_000_000, 4.2e12, 9e18].map(
    formatBytes,
  );
  expect(written).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '1.5 MB',
    '99.9 MB',
    '999 kB',
    '1.0 MB',
    '64.0 GB',
    '4.2 TB',
    '9000000 TB',
  ]);
});

test('durations are short when short and never sixty seconds or minutes', () => {
  const written = [0, 450, 999.7, 12_340, 59_940, 59_960, 250_000, 3_599_600, 7_500_000].map(formatDuration);
  expect(written).toEqual([
    '0 ms',
    '450 ms',
    '1.0 s',
    '12.3 s',
    '59.9 s',
    '1 min 0 s',
    '4 min 10 s',
    '1 h 0 min',
    '2 h 5 min',
  ]);
  expect(formatCount(1_234_567.4)).toBe('1,234,567');
});
