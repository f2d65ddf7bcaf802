import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Abilities } from './abilities.ts';
import type { RedisAddress } from './connect.ts';

export type FeedKind = 'tracking' | 'notifications' | 'none';

/** What changed since the last `take`. */
export interface Changes {
  /** Anything may have changed: the server was flushed, the feed was cut, or there is none. */
  everything: boolean;
  /** Names of keys, in whatever logical database; ours are left out. */
  keys: Buffer[];
}

/** Follows what changes on a server. It never tells less than what changed; in doubt it says `everything`. */
export interface ChangeFeed {
  kind: FeedKind;
  /** How many keys are waiting to be taken; Infinity for everything. */
  readonly waiting: number;
  /** What was told so far; taken once. */
  take(): Changes;
  /** Afterwards every change that the server made before the call has been told. */
  barrier(): Promise<void>;
  close(): void;
}

export interface FeedOptions {
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/** Opens the best feed that the server allows and that then really tells a change. */
export async function followChanges(
  _address: RedisAddress,
  _abilities: Abilities,
  _options: FeedOptions,
): Promise<ChangeFeed> {
  await Promise.resolve();
  throw new Error('not built yet');
}
