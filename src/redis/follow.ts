import type { FeedKind } from './changes.ts';
import type { RedisCopyOptions, RedisCopyResult } from './copy.ts';

export interface FollowResult {
  /** Keys carried again because they changed. */
  keys: number;
  deleted: number;
  /** Passes until what was left was small. */
  passes: number;
  milliseconds: number;
}

export interface FinishResult {
  keys: number;
  deleted: number;
  /** Keys whose content was compared on both sides afterwards: all that moved since they were last proven. */
  compared: number;
  /** `changes`: only what changed was looked at; `everything`: all keys were compared, for the reason that is given. */
  how: 'changes' | 'everything';
  reason: string | null;
  /** Writers of the source were held by CLIENT PAUSE. */
  paused: boolean;
  milliseconds: number;
}

/** A target that follows its source. Every method throws a cleaned error when a connection is lost. */
export interface RedisFollow {
  kind: FeedKind;
  copied: RedisCopyResult;
  /** Brings over what changed, again and again, until little is left or it no longer shrinks. */
  catchUp(signal?: AbortSignal): Promise<FollowResult>;
  /**
   * Inside the fence: holds the source's writers where that is allowed, brings over what is left, deletes what was
   * deleted, and compares what moved.
   *
   * @throws Error naming up to 20 keys when anything differs
   */
  finish(signal?: AbortSignal): Promise<FinishResult>;
  /** Right before the point of no return. @throws Error when the source was written to since `finish`, or may have been. */
  assertStill(): Promise<void>;
  /** Lets the source's writers go, and closes all connections. Never throws. */
  close(): Promise<void>;
}

/**
 * Makes the target equal to the source and has it follow. May be called again after a kill: what is equal already is
 * not carried again.
 *
 * @throws as `copyRedis`
 */
export async function followRedis(_options: RedisCopyOptions): Promise<RedisFollow> {
  const none: RedisCopyResult | undefined = undefined;
  await Promise.resolve(none);
  throw new Error('not built yet');
}
