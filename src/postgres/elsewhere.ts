import type { Chunk, TableToCopy } from './chunks.ts';
import type { CopiedChunk } from './copied.ts';
import type { ShardState } from './shared-copy.ts';

interface ChunkJob {
  of: { table: TableToCopy };
  chunk: Chunk;
}

/** Chunks that were left to another runner and that nobody copied there. */
export interface TakenOver {
  shard: number;
  why: 'ended' | 'silent';
  chunks: number;
}

/** Chunks that other runners copy, as long as they are not known to be on the target. */
export class Elsewhere<Job extends ChunkJob> {
  readonly #byShard = new Map<number, Job[]>();
  readonly #takenOver = new Map<number, TakenOver>();
  #states: ReadonlyMap<number, ShardState> = new Map();

  add(shard: number, job: Job): void {
    const jobs = this.#byShard.get(shard) ?? [];
    jobs.push(job);
    this.#byShard.set(shard, jobs);
  }

  get size(): number {
    let size = 0;
    for (const jobs of this.#byShard.values()) size += jobs.length;
    return size;
  }

  get takenOver(): TakenOver[] {
    return [...this.#takenOver.values()];
  }

  /** The tables of which something is still to come, as our statements call them. */
  relations(): string[] {
    return [...new Set(this.#all().map(({ of }) => of.table.relation))];
  }

  see(states: ReadonlyMap<number, ShardState>): void {
    this.#states = states;
  }

  /**
   * A chunk that nobody copies there: the last one, since a runner that comes late begins with the first. `isFirst`: of
   * that runner.
   */
  takeOver(): { job: Job; from: TakenOver; isFirst: boolean } | undefined {
    for (const [shard, jobs] of this.#byShard) {
      const why = this.#states.get(shard) ?? 'working';
      if (why === 'working') continue;
      const job = jobs.pop();
      if (job === undefined) continue;
      const isFirst = !this.#takenOver.has(shard);
      const from = this.#takenOver.get(shard) ?? { shard, why, chunks: 0 };
      from.chunks += 1;
      this.#takenOver.set(shard, from);
      return { job, from, isFirst };
    }
    return undefined;
  }

  /** A table is begun again, and by this runner alone. */
  forget(of: Job['of']): void {
    this.#keep((job) => job.of !== of);
  }

  /** Those that are on the target now, each with its note. They are no longer waited for. */
  settle(copied: ReadonlyMap<string, readonly CopiedChunk[]>): { job: Job; note: CopiedChunk }[] {
    const settled: { job: Job; note: CopiedChunk }[] = [];
    const byPart = new Map(
      [...copied].map(([relation, notes]) => [relation, new Map(notes.map((note) => [note.part, note]))]),
    );
    this.#keep((job) => {
      const { relation, filenode } = job.of.table;
      const note = byPart.get(relation)?.get(job.chunk.part);
      if (note?.parts !== job.chunk.parts || note.filenode !== filenode) return true;
      settled.push({ job, note });
      return false;
    });
    return settled;
  }

  #keep(isKept: (job: Job) => boolean): void {
    for (const [shard, jobs] of this.#byShard) this.#byShard.set(shard, jobs.filter(isKept));
  }

  #all(): Job[] {
    return [...this.#byShard.values()].flat();
  }
}
