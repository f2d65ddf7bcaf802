import { hkdfSync } from 'node:crypto';

/** The variable by which the application on the new side knows the secret; provision sets it. */
export const FRONT_DOOR_SECRET = 'FRONT_DOOR_SECRET';

/**
 * What the forwarder signs the forwarded values with, and the application's middleware verifies. Derived, so that it need
 * not be kept anywhere: the same key and migration give the same one, and it tells nothing about the key.
 */
export function frontDoorSecret(migrationKey: string, migrationId: string): string {
  const derived = hkdfSync(
    'sha256',
    migrationKey,
    '',
    `heroku-to-digitalocean front-door ${migrationId}`,
    32,
  );
  return Buffer.from(derived).toString('base64url');
}
