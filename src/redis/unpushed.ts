import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';
import type { FeedKind } from './changes.ts';

/** What a feed does not tell and must be looked for. */
export interface Unpushed {
  /** State of consumer groups may have changed, or a stream been made by XGROUP CREATE: streams are read again. */
  streams: boolean;
  /** Logical databases may have changed places, or been flushed without a word: everything is looked at again. */
  everything: boolean;
}

/** Watches by the server's own count of calls per command; where it does not give one, everything counts as called. */
export interface UnpushedWatch {
  /** What was called since the last look. */
  look(): Promise<Unpushed>;
}

export async function watchUnpushed(
  _redis: Redis,
  _abilities: Abilities,
  _kind: FeedKind,
): Promise<UnpushedWatch> {
  await Promise.resolve();
  throw new Error('not built yet');
}
