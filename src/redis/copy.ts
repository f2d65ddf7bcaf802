import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { FeedKind } from './changes.ts';
import type { RedisAddress } from './connect.ts';
import { followRedis } from './follow.ts';

export interface RedisCopyOptions {
  source: RedisAddress;
  /** A user that may do everything: keys that the source does not have are deleted here. */
  target: RedisAddress;
  /** Glob patterns of keys that stay behind. */
  skip: string[];
  /** Such patterns of keys that are carried later and in another way: left out here, but the target must have room for them. */
  later?: string[];
  /** When given, a target that holds keys without this migration's stamp is refused. */
  migrationId?: string;
  /**
   * `target` (default): the new side, which must be empty or carry this migration's stamp, and be closed.
   * `origin`: the old side, where the data came from, on the way back.
   */
  onto?: 'target' | 'origin';
  /** The lease's epoch: what older ones left on the target is ended first. */
  epoch?: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before the target is changed: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
}

export interface RedisCopyResult {
  /** Keys that were carried over. */
  keys: number;
  /** Of these, those that went element by element. */
  bigKeys: number;
  /** Size of their serialised forms. */
  bytes: number;
  /** Keys of the target that the source does not have. */
  deleted: number;
  /** Keys that stayed behind: `skip`, heartbeats and ours. */
  skipped: number;
  milliseconds: number;
  /** How changes of the source are followed. */
  feed: FeedKind;
  /** How long the pass inside the fence would have taken right afterwards. */
  finalPassMs: number;
}

/**
 * Makes the target hold what the source holds, in every logical database, functions included: values, and when they
 * expire; what the source does not have is deleted. Keys of ours, skipped ones and heartbeats of workers are neither
 * carried nor deleted. The source is only read, and what changes meanwhile is brought over once. A target that a killed
 * run left gets only what is missing or different.
 *
 * @throws ConfigurationError for a target that evicts, is too small, is open, or is not this migration's
 * @throws NotSupportedError for cluster mode
 */
export async function copyRedis(options: RedisCopyOptions): Promise<RedisCopyResult> {
  const follow = await followRedis(options);
  try {
    await follow.catchUp(options.signal);
    const finalPassMs = await follow.practise(options.signal);
    return { ...follow.copied, finalPassMs };
  } finally {
    await follow.close();
  }
}
