import { expect, test } from '@jest/globals';
import { parseOptions } from '../../bench/options.ts';

test('everything but the long lines of Postgres is measured unless something else is said', () => {
  const { subjects, parts, rounds, json, sizeBytes } = parseOptions([]);
  expect({ subjects, rounds, json, sizeBytes }).toEqual({
    ...{ subjects: ['postgres', 'redis', 'assess', 'cutover'], rounds: 3, json: false, sizeBytes: undefined },
  });
  expect([...parts.postgres]).toEqual(['copy', 'parity', 'overhead', 'drain', 'window']);
  expect([...parts.redis]).toEqual(['copy', 'tls', 'wan', 'final']);
  const whole = parseOptions(['postgres', '--size', '2GB', '--wan', '--rounds', '5', '--json']);
  expect([...whole.parts.postgres]).toContain('wan');
  expect([whole.sizeBytes, whole.rounds, whole.json]).toEqual([2e9, 5, true]);
});

test('a named part belongs to each subject that has it', () => {
  const named = (...args: string[]) => {
    const { postgres, redis } = parseOptions(args).parts;
    return { postgres: [...postgres], redis: [...redis] };
  };
  expect(named('postgres', '--only', 'wan, copy').postgres).toEqual(['copy', 'wan']);
  expect(named('redis', '--only', 'final,tls').redis).toEqual(['tls', 'final']);
  expect(named('--only', 'copy,final')).toEqual({ postgres: ['copy'], redis: ['copy', 'final'] });
});

test.each([
  [['--rounds', '2'], /median/],
  [['--only', 'everything'], /--only everything: one of copy/],
  [['redis', '--only', 'copy,drain'], /--only drain: one of copy, tls, wan, final\./],
  [['postgres', '--only', 'tls'], /--only tls: one of copy, parity/],
  [['--size', '12'], /a size such as/],
  [['mysql'], /"mysql" is not measured/],
])('%j is refused with the usage', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
  expect(() => parseOptions(args)).toThrow('npm run bench');
});
