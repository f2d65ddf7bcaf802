import { expect, test } from '@jest/globals';
import { dealChunks } from '../../src/postgres/shares.ts';

/** The same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state % below;
  };
}

/** What a chunk counts for: its bytes, and what its round trips cost. */
const weightOf = ({ bytes, parts }: { bytes: number; parts: number }): number => bytes / parts + 100_000;

interface Table {
  table: { bytes: number; parts: number };
  chunks: string[];
}

function tableOf(name: string, bytes: number, parts: number, missing = 0): Table {
  return {
    table: { bytes, parts },
    chunks: Array.from({ length: parts - missing }, (_, part) => `${name} ${part + missing}`),
  };
}

/** How much each shard has to do. */
function loadsOf(tables: readonly Table[], dealt: string[][][]): number[] {
  return dealt.map((share) =>
    share.reduce((sum, chunks, index) => {
      const table = tables[index]?.table;
      return table === undefined ? sum : sum + chunks.length * weightOf(table);
    }, 0),
  );
}

test('every chunk is dealt exactly once, in its table’s order, and nobody has more than another by more than the largest', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = randomOf(seed);
    const tables = Array.from({ length: random(40) }, (_, index) =>
      tableOf(
        `t${index}`,
        random(2) === 0 ? random(1_000) : random(5_000_000_000),
        1 + random(30),
        random(2),
      ),
    );
    const shards = 1 + random(6);
    const dealt = dealChunks(tables, shards);
    expect(dealt).toHaveLength(shards);
    for (const [index, { chunks }] of tables.entries()) {
      const back = dealt.flatMap((share) => share[index] ?? []);
      expect(back.toSorted()).toEqual(chunks.toSorted());
      for (const share of dealt)
        expect(share[index]).toEqual(chunks.filter((chunk) => share[index]?.includes(chunk)));
    }
    const loads = loadsOf(tables, dealt);
    const largest = Math.max(
      0,
      ...tables.filter(({ chunks }) => chunks.length > 0).map(({ table }) => weightOf(table)),
    );
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(largest + 1);
    expect(dealChunks(tables, shards)).toEqual(dealt);
  }
});

test('one giant table is divided among all, and so are many empty ones', () => {
  const tables = [
    tableOf('giant', 1e12, 1_000),
    ...Array.from({ length: 99 }, (_, n) => tableOf(`empty ${n}`, 0, 1)),
  ];
  const dealt = dealChunks(tables, 4);
  expect(dealt.map((share) => share[0]?.length)).toEqual([250, 250, 250, 250]);
  for (const share of dealt) expect(share.slice(1).flat().length).toBeGreaterThan(20);
});
