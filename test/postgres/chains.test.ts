import { expect, test } from '@jest/globals';
import { withFlatChains } from '../../src/postgres/chains.ts';

test.each([
  ['CHECK ((((a >= 1) AND (a <= 2)) AND (b > 3)))', 'CHECK (((a >= 1) AND (a <= 2) AND (b > 3)))'],
  ['((((a < 1) OR (a > 2)) OR b) OR c)', '((a < 1) OR (a > 2) OR b OR c)'],
  ['WHERE (((a >= 1) AND (a <= 2)) AND\n  (b > 3))', 'WHERE ((a >= 1) AND (a <= 2) AND (b > 3))'],
])('%s is the same chain as %s', (one, other) => {
  expect(withFlatChains(one)).toBe(withFlatChains(other));
});

test.each([
  ['((a OR b) AND c)', '(a OR b AND c)'],
  ['((a AND b) OR c)', '((a AND c) OR b)'],
  ['(a AND (b AND c))', '(a AND b AND c)'],
  ['(f(a AND b) AND c)', '(f a AND b AND c)'],
  [`('((a AND b) AND c)' = x)`, `('(a AND b AND c)' = x)`],
  ['("((a AND b) AND c)" = x)', '("(a AND b AND c)" = x)'],
  ['AS $body$ ((a AND b) AND c) $body$', 'AS $body$ (a AND b AND c) $body$'],
  ['(NOT (a AND b) AND c)', '(NOT a AND b AND c)'],
  ['((a AND b)::text AND c)', '(a AND b::text AND c)'],
])('%s is another one than %s', (one, other) => {
  expect(withFlatChains(one)).not.toBe(withFlatChains(other));
});

test('what is no chain keeps its text', () => {
  const text = `CREATE INDEX "a (b" ON s.t USING btree (lower(a), ((b % 2))) WHERE ((c)::text <> ')'::text) AND $ 1`;
  expect(withFlatChains(text)).toBe(text);
  expect(withFlatChains('unbalanced ) ( text')).toContain('unbalanced');
});
