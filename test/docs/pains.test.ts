import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const project = join(import.meta.dirname, '..', '..');
const tests = readFileSync(join(project, 'test/migration/pains.test.ts'), 'utf8');

interface Row {
  number: number;
  /** Ids of items, as far as they are the same in every app. */
  ids: string[];
  proofs: string[];
}

const rows = readFileSync(join(project, 'docs/pains.md'), 'utf8')
  .split('\n')
  .flatMap((line): Row[] => {
    const [, number = '', , seenBy = ''] = line.split('|').map((cell) => cell.trim());
    if (!/^\d+$/.test(number)) return [];
    const words = [...seenBy.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
    return [
      {
        number: Number(number),
        ids: words.filter((word) => !word.endsWith('.ts')).map((word) => word.replace(/…$/, '')),
        proofs: words.filter((word) => word.endsWith('.ts')),
      },
    ];
  });

/** The test of one pain, from its title to the next. */
function testOf(number: number): string {
  const [, body = ''] = tests.split(`test('pain ${number}: `);
  return body.split("\ntest('pain ")[0] ?? '';
}

test('each of the 25 is in the table once, and has a test of its own', () => {
  const all = Array.from({ length: 25 }, (_, index) => index + 1);
  expect(rows.map(({ number }) => number)).toEqual(all);
  expect([...tests.matchAll(/^test\('pain (\d+): /gm)].map(([, number]) => Number(number))).toEqual(all);
});

test.each(rows)('pain $number: what the table names is what its test expects', ({ number, ids, proofs }) => {
  const body = testOf(number);
  expect([...ids, ...proofs].length).toBeGreaterThan(0);
  for (const id of ids) expect(body).toContain(`'${id}`);
  for (const path of proofs) {
    expect(existsSync(join(project, path))).toBe(true);
    expect(body).toContain(path);
  }
  // And the other way round: no item that the test expects is missing in the table.
  const expected = [...body.matchAll(/expectSeen\(\s*[^,]+(?:\([^)]*\))?,\s*'([^']+)'/g)].map(
    ([, id = '']) => id,
  );
  expect(expected.length + proofs.length).toBeGreaterThan(0);
  for (const id of expected) expect(ids.some((named) => id.startsWith(named))).toBe(true);
});
