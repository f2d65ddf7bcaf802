import { createHash } from 'node:crypto';

/** A stable number for a name, as GitHub gives each user, repository and artifact one. */
export function numberOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0);
}
