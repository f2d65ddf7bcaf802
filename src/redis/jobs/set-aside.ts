import type { ChainableCommander, Redis } from 'ioredis';
import { ConfigurationError, messageOf } from '../../errors.ts';
import { OUR_PREFIX } from '../our-keys.ts';
import { pipelined } from '../scan.ts';
import { defineScript, runScript } from '../scripts.ts';
import type { JobSystem } from './job-system.ts';
import { inOneStep } from './one-step.ts';

/** Entries that were added to one key while its jobs were set aside and can be merged back in one step. */
const MERGED_AT_MOST = 10_000;
/** Keys named in one command. */
const BATCH = 1_000;

/*
 * Job keys that are set aside bear the prefix `heroku-to-digitalocean:<id>:`, and the set
 * `heroku-to-digitalocean:<id>` names them as they were. Both change in one step: all or none, whenever we are killed.
 * Only the selected database is looked at, the one in the address that the application uses. Renaming costs
 * nothing however many jobs a key holds.
 */

/**
 * How far the counters of jobs are set ahead on the side that no longer counts: a job that somebody adds there all the
 * same bears a number that the other side does not reach.
 */
const AHEAD = 1_000_000_000_000;

/** Renames what there is of the named keys, and notes the names; 0 when that was done before. Counters go ahead, once. */
const settingAside = defineScript(`
local manifest, ahead, count = KEYS[1], KEYS[2], 0
for i = 2, #ARGV do
  if redis.call('EXISTS', ARGV[i]) == 1 and redis.call('SADD', ahead, ARGV[i]) == 1 then
    redis.call('INCRBY', ARGV[i], '${AHEAD}')
  end
end
if redis.call('EXISTS', manifest) == 1 then return 0 end
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('SADD', manifest, KEYS[i])
    redis.call('RENAME', KEYS[i], ARGV[1] .. KEYS[i])
    count = count + 1
  end
end
return count`);

/**
 * Returns the number of keys; 0 when jobs are set aside already, whatever has been enqueued since (see `lateNames`).
 *
 * A script, so that whoever enqueues all the time cannot win against it; where the server runs none, a transaction.
 */
export async function setAside(redis: Redis, systems: JobSystem[], migrationId: string): Promise<number> {
  const [manifest, ahead] = [manifestOf(migrationId), aheadOf(migrationId)];
  const counters = systems.flatMap((system) => system.counters());
  const listed = async (): Promise<string[]> => {
    const names: string[] = [];
    for (const system of systems) names.push(...(await system.jobKeys(redis)));
    return [...new Set(names)];
  };
  const names = await listed();
  try {
    const keys = [manifest, ahead, ...names].map((name) => Buffer.from(name));
    return Number(
      await runScript(redis, settingAside, 'any', keys, [asideName(migrationId, ''), ...counters]),
    );
  } catch (thrown) {
    if (!/^(NOPERM|ERR unknown command)/i.test(messageOf(thrown))) throw thrown;
  }
  const count = await inOneStep(redis, [manifest, ahead, ...counters, ...names], async () => {
    const isDone = (await redis.exists(manifest)) === 1;
    const there = isDone ? [] : await existing(redis, await listed());
    const known = new Set(await redis.smembers(ahead));
    const behind = (await existing(redis, counters)).filter((name) => !known.has(name));
    if (there.length + behind.length === 0) return undefined;
    return {
      commands: (multi) => {
        for (const name of behind) multi.incrby(name, AHEAD).sadd(ahead, name);
        for (let from = 0; from < there.length; from += BATCH)
          multi.sadd(manifest, ...there.slice(from, from + BATCH));
        for (const name of there) multi.rename(name, asideName(migrationId, name));
      },
      result: there.length,
    };
  });
  return count ?? 0;
}

/**
 * Brings them back in one step; returns how many keys, 0 when nothing is set aside. Jobs that were enqueued meanwhile
 * are kept, behind those that waited before.
 *
 * @throws ConfigurationError when so much was enqueued meanwhile that it cannot be merged in one step, or a key has
 *   become something else; nothing is changed then
 */
export async function bringBack(redis: Redis, migrationId: string): Promise<number> {
  const [manifest, ahead] = [manifestOf(migrationId), aheadOf(migrationId)];
  const watched = await redis.smembers(manifest);
  const count = await inOneStep(
    redis,
    [manifest, ahead, ...watched, ...watched.map((name) => asideName(migrationId, name))],
    async () => {
      const names = await redis.smembers(manifest);
      const counters = await existing(redis, await redis.smembers(ahead));
      if (names.length + counters.length === 0) return undefined;
      const there = new Set(await existing(redis, names));
      const steps: ((multi: ChainableCommander) => void)[] = [];
      // Jobs that were added meanwhile keep their names; the next one is counted on from where it was.
      for (const name of counters) steps.push((multi) => multi.decrby(name, AHEAD));
      for (const aside of await existing(
        redis,
        names.map((name) => asideName(migrationId, name)),
      )) {
        const name = aside.slice(asideName(migrationId, '').length);
        if (there.has(name)) steps.push(await merge(redis, name, aside));
        steps.push((multi) => multi.rename(aside, name));
      }
      return {
        commands: (multi) => {
          for (const step of steps) step(multi);
          multi.del(manifest, ahead);
        },
        result: names.length,
      };
    },
  );
  return count ?? 0;
}

/** Deletes what is set aside, never more at a time than the server does without a pause; returns how many keys. */
export async function dropAside(redis: Redis, migrationId: string): Promise<number> {
  const manifest = manifestOf(migrationId);
  const names = await redis.smembers(manifest);
  for (let from = 0; from < names.length; from += BATCH)
    await redis.unlink(...names.slice(from, from + BATCH).map((name) => asideName(migrationId, name)));
  // Last, so that a run after a kill still knows the names.
  await redis.unlink(manifest, aheadOf(migrationId));
  return names.length;
}

export async function isAside(redis: Redis, migrationId: string): Promise<boolean> {
  return (await redis.exists(manifestOf(migrationId), aheadOf(migrationId))) > 0;
}

/** Names the counters that were set ahead. */
function aheadOf(migrationId: string): string {
  return `${OUR_PREFIX}${migrationId}-ahead`;
}

function manifestOf(migrationId: string): string {
  return `${OUR_PREFIX}${migrationId}`;
}

function asideName(migrationId: string, name: string): string {
  return `${OUR_PREFIX}${migrationId}:${name}`;
}

async function existing(redis: Redis, names: string[]): Promise<string[]> {
  const there = await pipelined(redis, names, (pipeline, name) => pipeline.exists(name));
  return names.filter((_name, index) => there[index] === 1);
}

/** Commands that add what is in `name` to what is in `aside`. */
async function merge(
  redis: Redis,
  name: string,
  aside: string,
): Promise<(multi: ChainableCommander) => void> {
  const type = await redis.type(name);
  const refusal = (why: string): ConfigurationError =>
    new ConfigurationError(
      `${name} on the old Redis ${why}, while its jobs were set aside as ${aside}. Nothing was changed. Delete or empty one of the two and run again.`,
    );
  if (type !== (await redis.type(aside))) throw refusal(`became a ${type}`);
  switch (type) {
    case 'list': {
      const added = await redis.lrangeBuffer(name, 0, MERGED_AT_MOST);
      if (added.length > MERGED_AT_MOST) throw refusal(`got more than ${MERGED_AT_MOST} jobs`);
      // Jobs are fetched from the right; the oldest of the new ones is on the right too.
      return (multi) => multi.lpush(aside, ...added.reverse());
    }
    case 'zset': {
      const added = await redis.zrangeBuffer(name, '0', String(MERGED_AT_MOST), 'WITHSCORES');
      if (added.length > 2 * MERGED_AT_MOST) throw refusal(`got more than ${MERGED_AT_MOST} jobs`);
      const pairs: (string | Buffer)[] = [];
      for (let index = 0; index + 1 < added.length; index += 2)
        pairs.push(String(added[index + 1]), added[index] ?? '');
      return (multi) => multi.zadd(aside, ...pairs);
    }
    case 'set': {
      const added = await redis.smembersBuffer(name);
      return (multi) => multi.sadd(aside, ...added);
    }
    case 'hash': {
      const added = Object.entries(await redis.hgetallBuffer(name));
      return (multi) => multi.hset(aside, ...added.flat());
    }
    default:
      throw refusal(`became a ${type}`);
  }
}
