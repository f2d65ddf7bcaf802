import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectRedis, type RedisAddress, type RedisOptions } from './connect.ts';
import { OUR_PREFIX } from './key-choice.ts';
import { defineScript, runScript } from './scripts.ts';
import { INVALIDATIONS } from './tracking.ts';

/** What one server lets its user do, asked of the server itself. */
export interface Abilities {
  /** How scripts may be run: read-only ones apart (EVALSHA_RO, since Redis 7), only as EVALSHA, or not at all. */
  scripts: 'read-only' | 'any' | 'none';
  memoryUsage: boolean;
  /** PEXPIRETIME, since Redis 7. */
  expireTime: boolean;
  /** CLIENT TRACKING in broadcasting mode, told to a subscriber. */
  tracking: boolean;
  /**
   * Keyspace notifications for all kinds of events are on: they arrive for writes of ours. Also false where it was not
   * asked, since tracking is there or nothing may be written.
   */
  notifications: boolean;
  /** CLIENT PAUSE … WRITE and UNPAUSE. */
  pause: boolean;
  functions: boolean;
  /** INFO commandstats: how often each command was called since the server started. */
  commandStats: boolean;
}

/** How the source runs the scripts that pack values; `none` where one of both sides runs none. */
export function packing({ from, to }: Record<'from' | 'to', Abilities>): Abilities['scripts'] {
  return to.scripts === 'none' ? 'none' : from.scripts;
}

export interface ProbeOptions extends RedisOptions {
  /**
   * Keyspace notifications may be tried out, with a key under our own prefix that is gone within the same transaction;
   * done only where tracking is refused and CONFIG does not say it.
   */
  mayWrite: boolean;
}

const PROBE_KEY = `${OUR_PREFIX}probe:notifications`;

/** Needs what the scripts of a copy need besides commands: the server's own packing. */
const trivialScript = defineScript('return cmsgpack.unpack(cmsgpack.pack(1))');

/**
 * Asks the server what its user may do, on `redis` and on short connections of its own. Changes no key of the
 * application's and blocks nobody (writers for a millisecond). What is unclear counts as not allowed.
 *
 * @throws when the connection is lost, or another cannot be opened
 */
export async function probeAbilities(
  redis: Redis,
  address: RedisAddress,
  options: ProbeOptions,
): Promise<Abilities> {
  const allowed = async (body: () => Promise<unknown>, good: (answer: unknown) => boolean = () => true) =>
    body().then(good, (thrown: unknown) => {
      if (redis.status !== 'ready') throw thrown;
      return false;
    });
  const script = (mode: 'read-only' | 'any'): Promise<boolean> =>
    allowed(
      () => runScript(redis, trivialScript, mode, [], []),
      (answer) => answer === 1,
    );
  // First, since it lets go what a run that died still holds: scripts that might write would wait for that.
  const pause = await allowed(async () => {
    await redis.call('CLIENT', 'PAUSE', 1, 'WRITE');
    await redis.call('CLIENT', 'UNPAUSE');
  });
  const abilities: Abilities = {
    scripts: (await script('any')) ? ((await script('read-only')) ? 'read-only' : 'any') : 'none',
    memoryUsage: await allowed(() => redis.call('MEMORY', 'USAGE', PROBE_KEY)),
    expireTime: await allowed(() => redis.call('PEXPIRETIME', PROBE_KEY)),
    tracking: await withOwn(address, options, mayTrack),
    notifications: false,
    pause,
    functions: await allowed(() => redis.call('FUNCTION', 'LIST')),
    commandStats: await allowed(
      () => redis.info('commandstats'),
      (answer) => String(answer).includes('cmdstat_'),
    ),
  };
  if (!abilities.tracking) abilities.notifications = await areNotificationsOn(redis, address, options);
  return abilities;
}

/** One line for the log. */
export function describeAbilities(abilities: Abilities): string {
  const names: [ability: boolean, name: string][] = [
    [abilities.scripts !== 'none', 'scripts'],
    [abilities.scripts === 'read-only', 'read-only scripts'],
    [abilities.memoryUsage, 'MEMORY USAGE'],
    [abilities.expireTime, 'PEXPIRETIME'],
    [abilities.tracking, 'CLIENT TRACKING'],
    [abilities.notifications, 'keyspace notifications'],
    [abilities.pause, 'CLIENT PAUSE'],
    [abilities.functions, 'functions'],
    [abilities.commandStats, 'command statistics'],
  ];
  const list = (wanted: boolean): string =>
    names
      // Where there is tracking, nobody asked for notifications.
      .filter(([, name]) => name !== 'keyspace notifications' || !abilities.tracking)
      .filter(([ability]) => ability === wanted)
      .map(([, name]) => name)
      .join(', ');
  return `allows ${list(true) || 'nothing special'}${list(false) === '' ? '' : `; not ${list(false)}`}`;
}

/** A connection of its own, since what it is told to do would stay with it. */
async function withOwn(
  address: RedisAddress,
  options: RedisOptions,
  body: (own: Redis) => Promise<boolean>,
): Promise<boolean> {
  const own = await connectRedis({ ...address, database: 0 }, options);
  try {
    return await body(own).catch(() => false);
  } finally {
    own.disconnect();
  }
}

/**
 * As the feed listens, for our own prefix only, on a connection of its own: nothing of the application's is pushed to us.
 */
export async function mayTrack(own: Redis): Promise<boolean> {
  const id = String(await own.client('ID'));
  await own.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', OUR_PREFIX);
  await own.subscribe(INVALIDATIONS);
  return true;
}

/** CONFIG says it where it is allowed; on Heroku only a write shows it. */
async function areNotificationsOn(
  redis: Redis,
  address: RedisAddress,
  options: ProbeOptions,
): Promise<boolean> {
  const answer: unknown = await redis.config('GET', 'notify-keyspace-events').catch(() => null);
  if (Array.isArray(answer) && answer.length === 2) return tellsEverything(String(answer[1]));
  return options.mayWrite && (await withOwn(address, options, (own) => areNotificationsSeen(redis, own)));
}

/** What the letter A stands for: generic commands, every type, and expired and evicted keys. */
const flagsOfAll = ['g', '$', 'l', 's', 'h', 'z', 't', 'x', 'e'];

/** `notify-keyspace-events`: K is for messages per key. */
export function tellsEverything(flags: string): boolean {
  return flags.includes('K') && (flags.includes('A') || flagsOfAll.every((flag) => flags.includes(flag)));
}

/** Events that the writes of `areNotificationsSeen` cause, one of each class. */
const events = ['set', 'lpush', 'sadd', 'hset', 'zadd', 'xadd', 'del', 'expired'];

async function areNotificationsSeen(redis: Redis, own: Redis): Promise<boolean> {
  const missing = new Set(events);
  const channel = `__keyspace@0__:${PROBE_KEY}`;
  own.on('message', (_channel: string, event: string) => missing.delete(event));
  await own.subscribe(channel);
  // Nothing is left of it, however this process ends: each is deleted in the same transaction, and the last expires.
  const replies = await redis
    .multi()
    .lpush(PROBE_KEY, 1)
    .del(PROBE_KEY)
    .sadd(PROBE_KEY, 1)
    .del(PROBE_KEY)
    .hset(PROBE_KEY, 'field', 1)
    .del(PROBE_KEY)
    .zadd(PROBE_KEY, 1, 'member')
    .del(PROBE_KEY)
    .xadd(PROBE_KEY, '*', 'field', 1)
    .del(PROBE_KEY)
    .set(PROBE_KEY, 1, 'PX', 1)
    .exec();
  if (replies === null || replies.some(([error]) => error !== null)) return false;
  await delay(10);
  // Looking at it makes the server notice that it has expired.
  await redis.exists(PROBE_KEY);
  // Its answer comes behind all that the server has told this connection.
  await own.unsubscribe(channel);
  return missing.size === 0;
}
