import { ConfigurationError } from '../../src/errors.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import { redisSecrets, type Target, type TargetRedis } from '../../src/migration/target.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { acceptedOf, addPasswords, keepOnly, lacking, type UserPassword } from '../../src/redis/passwords.ts';
import type { Provisioning } from './provision.ts';
import { targetSubject } from './target-subject.ts';

// A number that migration.yml raises is a new password: `infrastructure` lets Redis take it beside the old one,
// `application` deploys the app with it and, once that is healthy, takes the old one away. No connection is cut.

/**
 * The migration's user with the password that the server takes at this moment: that of migration.yml, or an older one
 * that was not replaced yet.
 */
export function presentAdmin(p: Provisioning, { admin }: TargetRedis): Promise<RedisAddress> {
  const newest = numbersOf(p).admin;
  const subject = targetSubject(p);
  return acceptedOf(
    Array.from({ length: newest }, (_, index) => ({
      ...admin,
      password: redisSecrets(subject, { redisAdmin: newest - index }).adminPassword,
    })),
  );
}

/** Lets Redis take the passwords of migration.yml, beside those that it takes already. */
export function passwordsStep(p: Provisioning, theRedis: () => Promise<TargetRedis>): Step {
  const { edge } = p;
  return defineStep({
    name: 'redis-passwords',
    settle: async () => {
      const redis = await theRedis();
      const missing = await lacking(await presentAdmin(p, redis), usersOf(redis));
      return missing.length === 0 ? 'done' : 'not-done';
    },
    act: async () => {
      const redis = await theRedis();
      const added = await addPasswords(await presentAdmin(p, redis), usersOf(redis));
      for (const user of added)
        edge.log.info(`Redis takes a new password of ${user}, and still the old one.`);
      // The migration itself has it from here on; the application when it is deployed with it.
      const [, migration] = usersOf(redis);
      await keepOnly(redis.admin, [migration]);
      return { added };
    },
  });
}

/** The app must not be deployed with a password that Redis does not take yet. */
export async function requirePasswords(p: Provisioning, { redis }: Target): Promise<void> {
  if (redis === undefined) return;
  const missing = await lacking(await presentAdmin(p, redis), usersOf(redis));
  if (missing.length === 0) return;
  throw new ConfigurationError(
    `Redis does not take the new password of ${missing.join(' and ')} yet: run provision with \`stage: infrastructure\` first. ` +
      'Nothing was deployed.',
  );
}

/** After the app runs with its password: the older ones are taken away. Returns whether there were any. */
export async function forgetOldPasswords(p: Provisioning, { redis }: Target): Promise<boolean> {
  if (redis === undefined) return false;
  const forgotten = await keepOnly(redis.admin, usersOf(redis));
  for (const user of forgotten) p.edge.log.info(`Redis takes the old password of ${user} no more.`);
  return forgotten.length > 0;
}

function usersOf({ app, admin }: TargetRedis): [UserPassword, UserPassword] {
  const of = ({ username = '', password = '' }: RedisAddress): UserPassword => ({ user: username, password });
  return [of(app), of(admin)];
}

function numbersOf({ subject }: Provisioning): { app: number; admin: number } {
  return subject.config.redis.passwords ?? { app: 1, admin: 1 };
}
