import { deriveSecret, type MigrationKey } from '../migration/secrets.ts';

/** The variable by which the application on the new side knows the secret; provision sets it there. */
export const FRONT_DOOR_SECRET = 'FRONT_DOOR_SECRET';

/** What the forwarder signs the forwarded values with, and the application's middleware verifies; to be masked. */
export function frontDoorSecret(key: MigrationKey, migrationId: string): string {
  return deriveSecret(key, 'front-door', 1, migrationId).toString('base64url');
}
