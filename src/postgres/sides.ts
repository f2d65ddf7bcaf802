import type { PostgresAddress } from './connect.ts';

/**
 * The side that is written to. `owner` owns what is created there, and its own right to write is revoked while the side
 * is closed; `loader` writes the data. Both may be one role: on the way back, where raising triggers keep the side closed.
 */
export interface TargetSide {
  owner: PostgresAddress;
  loader: PostgresAddress;
}

/** Both sides of a copy, whatever the direction. */
export interface Sides {
  /** A role that owns the tables. */
  source: PostgresAddress;
  target: TargetSide;
}

/** From the new side to the old one: there one role owns and loads. */
export function isWayBack({ target: { owner, loader } }: Sides): boolean {
  return owner.user === loader.user;
}
