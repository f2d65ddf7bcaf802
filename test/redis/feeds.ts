import { afterAll } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { Abilities } from '../../src/redis/abilities.ts';
import { followChanges, type ChangeFeed, type FeedKind, type FeedOptions } from '../../src/redis/changes.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';

const feeds: ChangeFeed[] = [];
afterAll(() => {
  for (const feed of feeds) feed.close();
});

/** Configuration of a server that offers each way of following. */
export const offering: Record<Exclude<FeedKind, 'none'>, string[]> = {
  tracking: [],
  notifications: ['rename-command CLIENT ""', 'notify-keyspace-events AKE'],
};

/** What a server of our days allows. */
export const everyAbility: Abilities = {
  scripts: 'read-only',
  memoryUsage: true,
  expireTime: true,
  tracking: true,
  notifications: true,
  pause: true,
  functions: true,
  commandStats: true,
};

/** A feed closed after the file's last test. */
export async function feedOf(
  address: RedisAddress,
  options: Partial<FeedOptions> = {},
  abilities: Partial<Abilities> = {},
): Promise<ChangeFeed> {
  const feed = await followChanges(
    address,
    { ...everyAbility, ...abilities },
    { log: silentLog, clock: systemClock, ...options },
  );
  feeds.push(feed);
  return feed;
}

/** What was told of all that the server did until now. */
export async function toldUntilNow(feed: ChangeFeed): Promise<{ everything: boolean; keys: string[] }> {
  await feed.barrier();
  const { everything, keys } = feed.take();
  return { everything, keys: keys.map((key) => key.toString('latin1')).sort() };
}
