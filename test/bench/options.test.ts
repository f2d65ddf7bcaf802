import { expect, test } from '@jest/globals';
import { parseOptions } from '../../bench/options.ts';

test('everything but the long lines is measured unless something else is said', () => {
  const { subjects, parts, rounds, json, sizeBytes } = parseOptions(['postgres']);
  expect({ subjects, parts: [...parts], rounds, json, sizeBytes }).toEqual({
    ...{ subjects: ['postgres'], parts: ['copy', 'parity', 'overhead', 'drain', 'window'] },
    ...{ rounds: 3, json: false, sizeBytes: undefined },
  });
  const whole = parseOptions(['postgres', '--size', '2GB', '--wan', '--rounds', '5', '--json']);
  expect([...whole.parts]).toContain('wan');
  expect([whole.sizeBytes, whole.rounds, whole.json]).toEqual([2e9, 5, true]);
  expect([...parseOptions(['postgres', '--only', 'wan,copy']).parts].sort()).toEqual(['copy', 'wan']);
});

test.each([
  [['--rounds', '2'], /median/],
  [['--only', 'everything'], /--only everything: one of copy/],
  [['--size', '12'], /a size such as/],
  [['mysql'], /"mysql" is not measured/],
])('%j is refused with the usage', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
  expect(() => parseOptions(args)).toThrow('npm run bench');
});
