import { expect, test } from '@jest/globals';

import { deriveSecret, keyedDigest, requireMigrationKey } from '../../src/migration/secrets.ts';

const key = requireMigrationKey('0123456789abcdef0123456789abcdef');

test('a key that could be guessed is refused with the command that makes a good one', () => {
  expect(() => requireMigrationKey('short')).toThrow(/5 characters.*openssl rand -hex 32/);
  expect(() => requireMigrationKey('')).toThrow(/at least 32/);
});

test('every phase derives the same secret, and each purpose, version and environment another', () => {
  const one = deriveSecret(key, 'redis-app', 1);
  expect(deriveSecret(key, 'redis-app', 1).equals(one)).toBe(true);
  expect(one).toHaveLength(32);
  const others = [
    deriveSecret(key, 'redis-admin', 1),
    deriveSecret(key, 'redis-app', 2),
    deriveSecret(key, 'redis-app', 1, 'shop-staging'),
    deriveSecret(requireMigrationKey(`${key}x`), 'redis-app', 1),
  ];
  expect(new Set([one, ...others].map((secret) => secret.toString('hex'))).size).toBe(5);
});

test('a derived secret stays what it is from release to release, or passwords in use would change', () => {
  expect(deriveSecret(key, 'redis-app', 1).toString('hex')).toMatchInlineSnapshot(
    `"8cd6e1936f508071e306e9db2bcfbd1c4082dacd507c081b4b5172819b6f2c84"`,
  );
});

test('a digest compares values without telling them to who has no key', () => {
  expect(keyedDigest(key, 'enabled')).toBe(keyedDigest(key, 'enabled'));
  expect(keyedDigest(key, 'enabled')).not.toBe(keyedDigest(requireMigrationKey(`${key}x`), 'enabled'));
  expect(keyedDigest(key, 'enabled')).toMatch(/^hmac-sha256:[0-9a-f]{64}$/);
});
