import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';

/** Two connections, one to each side, that one batch after the other goes through. */
export interface Lane {
  from: Redis;
  to: Redis;
}

/** Both servers of a move and the connections to them; `lanes` are all on the same logical database at any time. */
export interface Sides {
  lanes: readonly [Lane, ...Lane[]];
  abilities: { from: Abilities; to: Abilities };
  /** What must be added to a time of the source's clock to say the same moment on the target's, milliseconds. */
  clockOffsetMs: number;
  /** The target reads the source's payloads; otherwise every key goes element by element. */
  payloadsFit: boolean;
  /** Puts all lanes on one logical database. */
  select(database: number): Promise<void>;
}
