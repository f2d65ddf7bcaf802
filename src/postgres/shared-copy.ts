import type { Chunk, TableToCopy } from './chunks.ts';

// One copy that several runners share. The first holds the snapshot, makes the schema, empties what is to be copied anew,
// builds the indexes and answers for the whole; the others copy chunks under its snapshot and its epoch. What is on the
// target is noted there, chunk by chunk, in the chunk's own transaction: nobody needs anybody's word for it.

/** What is to be copied, and under which snapshot: all that another runner needs. */
export interface SharedPlan {
  epoch: number;
  /** As `pg_export_snapshot()` named it. */
  snapshot: string;
  /** Chunks that each runner copies at the same time. */
  pairs: number;
  /** Tables of which something is left to be copied, with these chunks; everybody deals them in the same way. */
  remaining: { table: TableToCopy; chunks: Chunk[] }[];
}

/** `working`: heard of lately. `ended`: it says that it is over. `silent`: not heard of for too long, or never. */
export type ShardState = 'working' | 'ended' | 'silent';

/** The other runners, as the one that holds the snapshot sees them. */
export interface Others {
  /** How many runners share the copy, this one included. */
  readonly shards: number;
  /** How often they and what they have copied is looked at. */
  readonly lookEveryMs: number;
  /** Lets them begin. From this moment on one that never came counts as silent after a while. */
  begin(plan: SharedPlan): Promise<void>;
  /** What each of them does, by its number: 2 and higher. */
  look(): Promise<ReadonlyMap<number, ShardState>>;
  /** Everything is there: whoever comes now has nothing to do. */
  complete(): Promise<void>;
}

/** What the runner that holds the snapshot does, as another one sees it. */
export type HolderSight =
  /** Nothing is known of it in this run. */
  | { state: 'absent' }
  /** It prepares the copy. */
  | { state: 'preparing' }
  | { state: 'copying'; snapshot: string }
  | { state: 'complete' }
  /** It ended with an error, whose words are in its own log. */
  | { state: 'failed' }
  /** Not heard of for too long. */
  | { state: 'silent' };

/** The runner that holds the snapshot, as another one sees it. */
export interface Holder {
  look(): Promise<HolderSight>;
  /** The plan of that snapshot; undefined when another has taken its place. */
  readPlan(snapshot: string): Promise<SharedPlan | undefined>;
  /** Tells it that this runner is there, or that it is over. */
  sign(state: 'working' | 'ended'): Promise<void>;
}
