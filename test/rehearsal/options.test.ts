import { expect, test } from '@jest/globals';
import { parseOptions, USAGE } from '../../rehearsal/options.ts';

test('without options a whole migration is rehearsed, in which nothing goes wrong', () => {
  expect(parseOptions([])).toMatchObject({
    ...{ sizeMb: 8, rate: 10, environment: 'production', strategy: 'window', traffic: 'dns' },
    ...{ reject: false, fail: undefined, chaos: undefined },
  });
});

test('chaos has a number of runs, the seed of the first, and how many go on at a time', () => {
  expect(parseOptions(['--chaos', '--runs', '3', '--seed', '7'])).toMatchObject({
    ...{ seed: 7, chaos: { runs: 3, parallel: 1 } },
  });
  expect(parseOptions(['--chaos']).chaos).toEqual({ runs: 1, parallel: 1 });
  expect(parseOptions(['--chaos', '--runs', '8', '--parallel', '2']).chaos).toEqual({ runs: 8, parallel: 2 });
  expect(parseOptions(['--chaos']).seed).toBeGreaterThanOrEqual(0);
});

test.each([
  [['--runs', '3'], '--runs is of --chaos'],
  [['--parallel', '2'], '--parallel is of --chaos'],
  [['--chaos', '--runs', '0'], '--runs is "0"; it takes a whole number of at least 1'],
  [['--chaos', '--runs', '2.5'], '--runs is "2.5"'],
  [['--chaos', '--runs', 'many'], '--runs is "many"'],
  [['--chaos', '--parallel', '0'], '--parallel is "0"'],
  [['--chaos', '--seed', '-1'], '--seed'],
  [['--seed', '1.5'], '--seed is "1.5"; it takes a whole number of at least 0'],
  [['--chaos', '--strategy', 'live'], '--strategy has no effect with --chaos'],
  [['--chaos', '--environment', 'staging'], '--environment has no effect with --chaos'],
  [['--chaos', '--runners', '3'], '--runners has no effect with --chaos'],
  [['--chaos', '--fail', 'cutover:copy'], '--fail has no effect with --chaos'],
  [['--environment', 'test'], '--environment is "test"; it takes staging or production'],
  [['--reject', '--environment', 'staging'], '--reject needs the production cutover'],
  [['--fail', 'cutover'], '--fail is "cutover"'],
  [['--mayhem'], '--mayhem'],
])('%j is refused, with the reason and what there is', (args, reason) => {
  expect(() => parseOptions(args)).toThrow(reason);
  expect(() => parseOptions(args)).toThrow('npm run rehearse -- [options]');
});

test('each option is told in the usage', () => {
  for (const option of ['--chaos', '--runs', '--parallel', '--seed', '--keep', '--json'])
    expect(USAGE).toContain(`  ${option} `);
});
