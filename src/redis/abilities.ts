import type { Redis } from 'ioredis';

/** What one server lets its user do, asked of the server itself. */
export interface Abilities {
  /** How scripts may be run: read-only ones apart (EVALSHA_RO, since Redis 7), only as EVALSHA, or not at all. */
  scripts: 'read-only' | 'any' | 'none';
  memoryUsage: boolean;
  /** PEXPIRETIME, since Redis 7. */
  expireTime: boolean;
  /** CLIENT TRACKING in broadcasting mode over RESP3. */
  tracking: boolean;
  /** Keyspace notifications for all kinds of events are on: they arrive for a write of ours. */
  notifications: boolean;
  /** CLIENT PAUSE … WRITE and UNPAUSE. */
  pause: boolean;
  functions: boolean;
  /** INFO commandstats: how often each command was called since the server started. */
  commandStats: boolean;
}

/** Asks the server; changes no key of the application's. */
export async function probeAbilities(_redis: Redis): Promise<Abilities> {
  await Promise.resolve();
  throw new Error('not built yet');
}
