import { createHmac, hkdfSync } from 'node:crypto';

import { ConfigurationError } from '../errors.ts';

/** The user's `migration-key`, checked to be long enough to derive secrets from. */
export type MigrationKey = string & { readonly brand: 'migration-key' };

/** What a derived secret is for. Each purpose gets bytes that tell nothing about another's. */
export type SecretPurpose = 'redis-app' | 'redis-admin' | 'redis-ca' | 'redis-server' | 'front-door';

const SHORTEST_KEY = 32;

/** Accepts a key of at least 32 characters; a shorter one could be guessed from the digests in the record. */
export function requireMigrationKey(text: string): MigrationKey {
  const key = text.trim();
  if (key.length >= SHORTEST_KEY) return key as MigrationKey;
  throw new ConfigurationError(
    `The input migration-key has ${key.length} characters and needs at least ${SHORTEST_KEY}: it seals passwords and digests. ` +
      'Make one with `openssl rand -hex 32`, store it as the secret MIGRATION_KEY and keep it: the same key must be given in every phase.',
  );
}

/**
 * 32 bytes that every phase derives again from the key (HKDF-SHA256), so no password travels between jobs.
 * Raise `version` to rotate one. With `migrationId` each environment gets its own even under one key.
 */
export function deriveSecret(
  key: MigrationKey,
  purpose: SecretPurpose,
  version: number,
  migrationId = '',
): Buffer {
  const info = ['heroku-to-digitalocean', purpose, `v${version}`, migrationId].join('\0');
  return Buffer.from(hkdfSync('sha256', key, 'heroku-to-digitalocean', info, 32));
}

/** A digest that can be compared and published: keyed, since a short config value could be guessed from a plain one. */
export function keyedDigest(key: MigrationKey, value: string): string {
  const digestKey = Buffer.from(hkdfSync('sha256', key, 'heroku-to-digitalocean', 'digest', 32));
  return `hmac-sha256:${createHmac('sha256', digestKey).update(value).digest('hex')}`;
}
