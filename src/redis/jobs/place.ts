import type { Redis } from 'ioredis';
import { ConfigurationError } from '../../errors.ts';
import { OUR_PREFIX } from '../our-keys.ts';
import { pipelined, scanKeys } from '../scan.ts';
import { findPlaces } from './find.ts';
import type { Place } from './job-system.ts';
import { inOneStep } from './one-step.ts';
import type { StagedOptions } from './staged.ts';
import { isCarried, stagedKeys, stagedUnder } from './staged.ts';
import { placeUnder, systemAt } from './system-at.ts';

/** Entries moved in one step. */
const PAGE = 1_000;

/** What stands in the places of jobs on the side that no longer runs them, and was put there since. */
interface Late {
  /** Names of keys that hold jobs; as byte strings. */
  keys: Set<string>;
  /** Whether a key belongs to one of these jobs alone. */
  isOwn: (name: string) => boolean;
}

/**
 * Puts the keys that `stageJobs` has brought into their places in the selected database; jobs that somebody enqueued
 * there meanwhile join them, behind those that wait, however many. What else stands in those places is older than the
 * new side's and goes. A job is in one of the two places at any time; killed anywhere and run again, it goes on. Returns
 * how many keys were placed, and how many late jobs joined.
 *
 * @throws ConfigurationError when a late key is of another type than the one that takes its place; nothing is lost then
 */
export async function placeJobs(
  redis: Redis,
  options: StagedOptions,
): Promise<{ placed: number; late: number }> {
  const under = stagedUnder(options.migrationId);
  const late = await lateIn(redis, [...options.places, ...(await findPlaces(redis))], under);
  await clearOnce(redis, late, options);
  const done = { placed: 0, late: 0 };
  for (let isEmpty = false; !isEmpty;) {
    isEmpty = true;
    for await (const keys of stagedKeys(redis, options.migrationId)) {
      isEmpty = false;
      const nameOf = (staged: Buffer): Buffer => staged.subarray(Buffer.byteLength(under));
      const isLate = (staged: Buffer): boolean => late.keys.has(byteString(nameOf(staged)));
      await renameAll(
        redis,
        keys.filter((staged) => !isLate(staged)),
        nameOf,
      );
      for (const staged of keys.filter(isLate))
        done.late += await joinAndPlace(redis, nameOf(staged), staged);
      done.placed += keys.length;
    }
  }
  await redis.unlink(clearedKey(options.migrationId));
  return done;
}

/**
 * Before anything is carried back: what would stand in the way of `placeJobs` on `old`, one line each; empty: nothing.
 * `from` is the side whose jobs are to come.
 */
export async function lateObstacles(from: Redis, old: Redis): Promise<string[]> {
  const found: string[] = [];
  for (const place of await findPlaces(old)) {
    const system = systemAt(place);
    for (const name of await system.jobKeys(old)) {
      const [here, there] = [await old.type(name), await from.type(name)];
      if (here !== 'none' && there !== 'none' && here !== there)
        found.push(`${name} is a ${here} on the old Redis and a ${there} on the new one`);
    }
    // Only where the counters were not set ahead at the switch, or for names that the application gave.
    for (const id of await system.ownKeysOf(old))
      if ((await from.exists(`${place.prefix}${id}`)) === 1)
        found.push(`the job ${id} under ${place.prefix} has the name of another job of the new side`);
  }
  return found;
}

async function lateIn(redis: Redis, places: readonly Place[], under: string): Promise<Late> {
  const keys = new Set<string>();
  const own: { prefix: string; ids: Set<string> }[] = [];
  for (const place of places) {
    const system = systemAt(place);
    for (const name of await system.jobKeys(redis)) keys.add(latin1(name));
    // Whoever enqueues by hand may not say in which queues: those that come have the names of those that were.
    for (const name of await systemAt(placeUnder(under, place)).jobKeys(redis))
      keys.add(latin1(name).slice(latin1(under).length));
    own.push({ prefix: latin1(place.prefix), ids: new Set((await system.ownKeysOf(redis)).map(latin1)) });
  }
  return {
    keys,
    isOwn: (name) =>
      own.some(({ prefix, ids }) => {
        if (ids.size === 0 || !name.startsWith(prefix)) return false;
        const rest = name.slice(prefix.length);
        if (ids.has(rest)) return true;
        for (let at = rest.indexOf(':'); at >= 0; at = rest.indexOf(':', at + 1))
          if (ids.has(rest.slice(0, at))) return true;
        return false;
      }),
  };
}

/** Deletes what the new side's state does not know; once, since what has been placed looks the same afterwards. */
async function clearOnce(redis: Redis, late: Late, options: StagedOptions): Promise<void> {
  const cleared = clearedKey(options.migrationId);
  if ((await redis.exists(cleared)) === 1) return;
  const under = Buffer.from(stagedUnder(options.migrationId));
  const belongs = isCarried(options);
  for await (const keys of scanKeys(redis)) {
    const older = keys.filter((key) => {
      const name = byteString(key);
      return belongs(key) && !late.keys.has(name) && !late.isOwn(name);
    });
    const comes = await pipelined(redis, older, (pipeline, key) =>
      pipeline.exists(Buffer.concat([under, key])),
    );
    const gone = older.filter((_key, place) => comes[place] !== 1);
    if (gone.length > 0) await redis.unlink(...gone);
  }
  await redis.set(cleared, '1');
}

function clearedKey(migrationId: string): string {
  return `${OUR_PREFIX}${migrationId}-cleared`;
}

/** In one go; SCAN may have told a key twice. */
async function renameAll(redis: Redis, keys: Buffer[], nameOf: (key: Buffer) => Buffer): Promise<void> {
  const pipeline = redis.pipeline();
  for (const key of keys) pipeline.rename(key, nameOf(key));
  for (const [error] of (await pipeline.exec()) ?? [])
    if (error !== null && !error.message.includes('no such key')) throw error;
}

/** Moves what stands in the place to what comes, page by page, and then that into the place. How many were moved. */
async function joinAndPlace(redis: Redis, name: Buffer, staged: Buffer): Promise<number> {
  for (let moved = 0; ;) {
    const [type, other] = [await redis.type(name), await redis.type(staged)];
    // Told twice, and in its place already.
    if (other === 'none') return moved;
    if (type === 'none') {
      // Somebody may have enqueued in this moment: then once more.
      if ((await redis.renamenx(staged, name)) === 1) return moved;
      continue;
    }
    if (type !== other)
      throw new ConfigurationError(
        `${byteString(name)} on the old Redis became a ${type} while a ${other} was to take its place. Nothing is lost: ` +
          'rename or delete it there, and run this again.',
      );
    moved += await movePage(redis, type, name, staged);
  }
}

/** One page of a list, set, sorted set or hash, in one step; how many jobs were on it. */
async function movePage(redis: Redis, type: string, name: Buffer, staged: Buffer): Promise<number> {
  if (type === 'list') {
    // From the right, where the oldest is, to behind all that wait.
    const step = redis.multi();
    for (let entry = 0; entry < PAGE; entry += 1) step.rpoplpush(name, staged);
    const replies = (await step.exec()) ?? [];
    for (const [error] of replies) if (error !== null) throw error;
    return replies.filter(([, reply]) => reply !== null).length;
  }
  const watched = name.toString('latin1') === name.toString() ? [name.toString()] : [];
  const moved = await inOneStep(redis, watched, async () => {
    switch (type) {
      case 'zset': {
        const page = await redis.zrangeBuffer(name, '0', String(PAGE - 1), 'WITHSCORES');
        const members = page.filter((_entry, index) => index % 2 === 0);
        const pairs = members.flatMap((member, index) => [String(page[2 * index + 1]), member]);
        return {
          commands: (multi) => multi.zadd(staged, ...pairs).zrem(name, ...members),
          result: members.length,
        };
      }
      case 'set': {
        const members = await redis.srandmemberBuffer(name, PAGE);
        return {
          commands: (multi) => multi.sadd(staged, ...members).srem(name, ...members),
          // Names of queues or processes, no jobs.
          result: 0,
        };
      }
      case 'hash': {
        const [, page] = await redis.hscanBuffer(name, '0', 'COUNT', PAGE);
        const fields = page.filter((_entry, index) => index % 2 === 0);
        return {
          commands: (multi) => multi.hset(staged, ...page).hdel(name, ...fields),
          result: fields.length,
        };
      }
      default:
        // A plain value of a counter or a lock: the new side's counts.
        return { commands: (multi) => multi.unlink(name), result: 0 };
    }
  });
  return moved ?? 0;
}

function byteString(key: Buffer): string {
  return key.toString('latin1');
}

/** Of a name that is text: as the bytes of a key compare with it. */
function latin1(name: string): string {
  return Buffer.from(name).toString('latin1');
}
