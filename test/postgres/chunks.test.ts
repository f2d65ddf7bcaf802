import { expect, test } from '@jest/globals';
import { chunksOf, copyIn, copyOut, siblingsOf, type TableToCopy } from '../../src/postgres/chunks.ts';
import { remainderOf, type CopiedChunk } from '../../src/postgres/copied.ts';

const table: TableToCopy = {
  ...{ oid: 1, schema: 's', name: 't', relation: '"s"."t"', columns: ['a', 'b "c"'], format: 'binary' },
  ...{ bytes: 8_192_000, pages: 1000, parts: 7, filenode: 42 },
};

test.each([
  [0, 1],
  [1, 1],
  [10, 3],
  [1000, 7],
  [5, 4],
  [2000, 2000],
])('the chunks of %i pages in about %i parts leave no page out and have none twice', (pages, parts) => {
  const chunks = chunksOf({ pages, parts });
  let next = 0;
  for (const [part, chunk] of chunks.entries()) {
    expect(chunk).toMatchObject({ part, parts: chunks.length, firstPage: next });
    next = chunk.endPage ?? Infinity;
  }
  // What was added while planning is in the last one.
  expect(next).toBe(Infinity);
  expect(chunks.length).toBeLessThanOrEqual(Math.max(parts, 1));
  // Any of them tells how the table was divided.
  for (const chunk of [...chunks.slice(0, 3), ...chunks.slice(-3)]) expect(siblingsOf(chunk)).toEqual(chunks);
});

test('a statement reads only its table and its pages, and names what it writes', () => {
  const [first, second] = chunksOf(table);
  if (first === undefined || second === undefined) throw new Error('no chunks');
  expect(copyOut(table, first)).toBe(
    `COPY (SELECT "a", "b ""c""" FROM ONLY "s"."t" WHERE ctid < '(143,0)'::pg_catalog.tid) TO STDOUT (FORMAT binary)`,
  );
  expect(copyOut(table, second)).toContain(`WHERE ctid >= '(143,0)'::pg_catalog.tid AND ctid < '(286,0)'`);
  expect(copyIn(table)).toBe('COPY "s"."t" ("a", "b ""c""") FROM STDIN (FORMAT binary)');
  expect(copyIn({ ...table, columns: [] })).toBe('COPY "s"."t" FROM STDIN (FORMAT binary)');
});

const copied = (part: number, change: Partial<CopiedChunk> = {}): CopiedChunk => {
  const chunk = chunksOf(table)[part];
  if (chunk === undefined) throw new Error('no such part');
  return { ...chunk, snapshot: 'a', filenode: 42, rows: 1, bytes: 1, ...change };
};
const all = (change: Partial<CopiedChunk> = {}): CopiedChunk[] =>
  chunksOf(table).map(({ part }) => copied(part, change));

test('what is left of a table: what is missing, or everything where page numbers have lost their meaning', () => {
  expect(remainderOf(table, [])).toEqual({ chunks: chunksOf(table), reused: [] });
  expect(remainderOf(table, [copied(2), copied(6)]).chunks.map(({ part }) => part)).toEqual([0, 1, 3, 4, 5]);
  // The table has grown, or is divided otherwise now: the earlier division stays.
  expect(remainderOf({ ...table, pages: 9000, parts: 50 }, [copied(6)]).chunks).toHaveLength(6);
  // Rewritten meanwhile.
  expect(remainderOf({ ...table, filenode: 43 }, [copied(2)])).toMatchObject({ reused: [] });
  expect(remainderOf(table, [copied(2), copied(3, { filenode: 41 })])).toMatchObject({ reused: [] });
  // A whole table needs no page numbers any more.
  expect(remainderOf({ ...table, filenode: 43 }, all())).toMatchObject({ chunks: [] });
});

test('a table of which no row can be told from another keeps chunks of one snapshot only', () => {
  expect(remainderOf(table, [copied(2)], 'a').chunks).toHaveLength(6);
  expect(remainderOf(table, [copied(2)], 'b')).toMatchObject({ chunks: chunksOf(table), reused: [] });
  expect(remainderOf(table, all(), 'b')).toMatchObject({ chunks: [] });
});
