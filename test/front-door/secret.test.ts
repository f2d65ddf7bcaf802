import { expect, test } from '@jest/globals';
import { frontDoorSecret } from '../../src/front-door/secret.ts';
import { deriveSecret, requireMigrationKey } from '../../src/migration/secrets.ts';

test('both sides derive the same secret, each migration another, and it is nobody else’s', () => {
  const key = requireMigrationKey('0123456789abcdef'.repeat(4));
  const secret = frontDoorSecret(key, 'shop-staging');
  expect(frontDoorSecret(key, 'shop-staging')).toBe(secret);
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect(frontDoorSecret(key, 'shop-production')).not.toBe(secret);
  expect(frontDoorSecret(requireMigrationKey('f'.repeat(64)), 'shop-staging')).not.toBe(secret);
  expect(deriveSecret(key, 'redis-app', 1, 'shop-staging').toString('base64url')).not.toBe(secret);
});
