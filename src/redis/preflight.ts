import type { Redis } from 'ioredis';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Abilities } from './abilities.ts';
import type { RedisAddress } from './connect.ts';
import type { RedisFacts } from './facts.ts';

export interface PreflightOptions {
  source: RedisAddress;
  target: RedisAddress;
  /** When given, a target that holds keys without this migration's stamp is refused. */
  migrationId?: string;
  /**
   * `target` (default): the new side, which must be empty or carry this migration's stamp, and be closed.
   * `origin`: the old side, where the data came from, on the way back.
   */
  onto?: 'target' | 'origin';
  log: Log;
  clock: Clock;
}

export interface Preflight {
  facts: { source: RedisFacts; target: RedisFacts };
  abilities: { from: Abilities; to: Abilities };
  /** What must be added to a time of the source's clock to say the same moment on the target's, milliseconds. */
  clockOffsetMs: number;
  /** The target reads the source's payloads. */
  payloadsFit: boolean;
  /** The target already holds (part of) this migration's copy: what is equal need not be carried. */
  begun: boolean;
}

/**
 * Everything that can refuse a copy, before the first key; the target is written only under our own prefix.
 *
 * @throws ConfigurationError for a target that evicts, is too small, is open, or is not this migration's
 * @throws NotSupportedError for cluster mode
 */
export async function preflight(_from: Redis, _to: Redis, _options: PreflightOptions): Promise<Preflight> {
  await Promise.resolve();
  throw new Error('not built yet');
}
