import { readDigests, type KeyDigest } from './digest.ts';
import type { Lane, Sides } from './lanes.ts';

/** A key that lives longer or shorter than this on the target is not the same. */
const EXPIRY_TOLERANCE_MS = 250;

/**
 * Those of the keys of the selected database whose value or expiry is not the same on both sides, or cannot be told by
 * a digest: then the values may still be equal by content.
 */
export async function differentKeys(sides: Sides, lane: Lane, keys: readonly Buffer[]): Promise<Buffer[]> {
  const { from, to } = sides.abilities;
  const [ours, theirs] = await Promise.all([
    readDigests(lane.from, keys, from),
    readDigests(lane.to, keys, to),
  ]);
  return keys.filter((_key, place) => !isSame(ours[place], theirs[place], sides.clockOffsetMs));
}

function isSame(
  one: KeyDigest | null | undefined,
  other: KeyDigest | null | undefined,
  clockOffsetMs: number,
): boolean {
  if (!one || !other) return !one && !other;
  if (one.digest === null || one.digest !== other.digest) return false;
  if (one.expiresAt === null || other.expiresAt === null) return one.expiresAt === other.expiresAt;
  return Math.abs(one.expiresAt + clockOffsetMs - other.expiresAt) <= EXPIRY_TOLERANCE_MS;
}
