import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { ConfigurationError } from '../errors.ts';
import { withRedis, type RedisAddress } from './connect.ts';
import { saveAcl } from './rights.ts';

// A user of Redis may have several passwords. A new one is added while the old one is still taken, and the old one goes when
// nobody uses it any more: who is connected stays connected throughout.

/** A user and a password that it should have. */
export interface UserPassword {
  user: string;
  password: string;
}

/**
 * The first of these addresses whose password the server takes.
 *
 * @throws what the server says to the first one when it takes none, and at once when it does not answer at all
 */
export async function acceptedOf(addresses: readonly RedisAddress[]): Promise<RedisAddress> {
  const refusals: Error[] = [];
  for (const address of addresses) {
    try {
      await withRedis({ ...address, database: 0 }, {}, (redis) => redis.ping());
      return address;
    } catch (error) {
      if (!(error instanceof ConfigurationError) || !/password was refused/.test(error.message)) throw error;
      refusals.push(error);
    }
  }
  throw refusals[0] ?? new Error('no address was given');
}

/** The users who do not have the password that they should have. */
export function lacking(admin: RedisAddress, wanted: readonly UserPassword[]): Promise<string[]> {
  return withRedis({ ...admin, database: 0 }, {}, async (redis) => {
    const users: string[] = [];
    for (const { user, password } of wanted)
      if (!(await passwordsOf(redis, user)).includes(digestOf(password))) users.push(user);
    return users;
  });
}

/** Lets the server take these passwords, too. Returns the users for whom that was new. */
export function addPasswords(admin: RedisAddress, wanted: readonly UserPassword[]): Promise<string[]> {
  return changed(admin, wanted, (digests, digest) => (digests.includes(digest) ? [] : [`#${digest}`]));
}

/** Takes every other password from these users. Returns those who had others; refuses a user who lacks the one to keep. */
export function keepOnly(admin: RedisAddress, wanted: readonly UserPassword[]): Promise<string[]> {
  return changed(admin, wanted, (digests, digest, user) => {
    if (!digests.includes(digest))
      throw new ConfigurationError(
        `The Redis user “${user}” does not have the password that would be left: nothing was taken from it.`,
      );
    return digests.filter((one) => one !== digest).map((one) => `!${one}`);
  });
}

async function changed(
  admin: RedisAddress,
  wanted: readonly UserPassword[],
  rulesOf: (digests: string[], digest: string, user: string) => string[],
): Promise<string[]> {
  return withRedis({ ...admin, database: 0 }, {}, async (redis) => {
    const users: string[] = [];
    for (const { user, password } of wanted) {
      const rules = rulesOf(await passwordsOf(redis, user), digestOf(password), user);
      if (rules.length === 0) continue;
      await redis.call('ACL', 'SETUSER', user, ...rules);
      users.push(user);
    }
    // Also when nothing was new: a run may have died between the two.
    await saveAcl(redis);
    return users;
  });
}

/** Redis lists passwords by their SHA-256 and takes them so: nothing readable travels. */
function digestOf(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}

async function passwordsOf(redis: Redis, user: string): Promise<string[]> {
  const answer = await redis.call('ACL', 'GETUSER', user);
  if (!Array.isArray(answer))
    throw new ConfigurationError(`The Redis server has no user “${user}”; provision creates it.`);
  const at = answer.indexOf('passwords');
  const found: unknown = at < 0 ? undefined : answer[at + 1];
  return Array.isArray(found) ? found.map(String) : [];
}
