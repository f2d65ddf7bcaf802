import { expect, test } from '@jest/globals';

import { formatBytes, formatCount, formatDuration } from '../../src/report/format.ts';

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
