/** What is still to be copied of a table. */
export interface ToDeal<Chunk> {
  /** Of the whole table, and in how many chunks it is divided: they are about equally large. */
  table: { bytes: number; parts: number };
  chunks: readonly Chunk[];
}

/** A chunk costs a few round trips however little is in it; in bytes that travel meanwhile. */
const ROUND_TRIPS_BYTES = 100_000;

/**
 * Deals chunks to `shards` runners by size, the largest first, each to whoever has the least so far: a table that is larger
 * than all others together is divided among all of them. No runner gets more than another by more than the largest chunk.
 *
 * @returns for each shard (the first is number 1) the chunks of each table, aligned with `tables` and in their order; the
 *   same for the same tables
 */
export function dealChunks<Chunk>(tables: readonly ToDeal<Chunk>[], shards: number): Chunk[][][] {
  const weighed = tables.flatMap(({ table, chunks }, index) =>
    chunks.map((chunk, position) => ({
      ...{ index, position, chunk },
      weight: table.bytes / Math.max(table.parts, 1) + ROUND_TRIPS_BYTES,
    })),
  );
  weighed.sort((a, b) => b.weight - a.weight || a.index - b.index || a.position - b.position);
  const dealt = Array.from({ length: shards }, () => ({ weight: 0, own: [] as typeof weighed }));
  for (const one of weighed) {
    const least = dealt.reduce((best, other) => (other.weight < best.weight ? other : best));
    least.weight += one.weight;
    least.own.push(one);
  }
  return dealt.map(({ own }) => {
    const byTable = tables.map((): Chunk[] => []);
    own.sort((a, b) => a.position - b.position);
    for (const { index, chunk } of own) byTable[index]?.push(chunk);
    return byTable;
  });
}
