import { formatBytes, formatCount, formatDuration } from '../report/format.ts';
import { memoryForCopy } from '../redis/memory.ts';
import { automatic, blocked, decide, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';
import { percent, shareOf, type RedisAbout } from './redis-about.ts';

/** A Redis that holds nothing, with the connections of a copy; 1.4 MB were measured with twelve on Redis 7.0 (2026-11-23). */
const EMPTY_SERVER_BYTES = 2_000_000;

/** Whether everything has room in the new Redis. */
export function memoryItems({ facts, options, skipped }: RedisAbout): Item[] {
  const { server, memory, sample } = facts;
  const { target, skip = [] } = options;
  const keys = Object.values(server.keys).reduce((sum, count) => sum + count, 0);
  const left = skipped.reduce((sum, group) => sum + (shareOf(group, sample) ?? 0), 0);
  const coming = { bytes: memory.dataBytes * (1 - left), keys: Math.ceil(keys * (1 - left)) };
  const needed = EMPTY_SERVER_BYTES + memoryForCopy(coming, { source: server, target });
  const limit = target.limitBytes;
  const why = `${formatBytes(memory.dataBytes)} of data${
    left > 0 ? `, of which about ${percent(left)} are left behind` : ''
  }; at its peak ${formatBytes(memory.peakBytes)}${
    server.maxmemoryBytes === null ? '' : `, its limit ${formatBytes(server.maxmemoryBytes)}`
  }`;
  const what = `the copy needs up to ${formatBytes(needed)} of memory`;
  if (limit === null)
    return [
      told({
        id: 'redis/memory',
        area: 'redis',
        what,
        becomes: 'whether it fits is known once a size is chosen; the copy looks again before its first key',
        why,
        remedy: 'Give a token for DigitalOcean, or set `redis.size`.',
      }),
    ];
  const tooSmall = {
    id: 'redis/size',
    area: 'redis' as const,
    what: `${what}, and the new Redis may use ${formatBytes(limit)}`,
    why,
    remedy: 'Choose a larger `redis.size`, or leave caches behind with `redis.skip`.',
  };
  if (needed > limit)
    return [
      skip.length === 0
        ? blocked(tooSmall)
        : decide({
            ...tooSmall,
            question: 'Does what `redis.skip` leaves behind make enough room?',
            options: ['skip-makes-room'],
          }),
    ];
  const fits = { id: 'redis/memory', area: 'redis' as const, what, why };
  if (memory.peakBytes > limit)
    return [
      told({
        ...fits,
        becomes: `a Redis that may use ${formatBytes(limit)}, and refuses writes when that is full`,
        remedy: 'It has used more than that: choose a larger `redis.size`.',
      }),
    ];
  return [automatic({ ...fits, becomes: `a Redis that may use ${formatBytes(limit)}` })];
}

/** What the old one does when it is full, and what the new one will do. */
export function evictionItems({ facts, skipped }: RedisAbout): Item[] {
  const { server, memory, jobs, sample, uptimeSeconds } = facts;
  const { policy } = server;
  const id = 'redis/eviction';
  const area = 'redis';
  const becomes = 'noeviction: a full Redis refuses writes and loses nothing';
  if (policy === null)
    return [
      told({
        id,
        area,
        what: 'Redis does not say what it does when its memory is full',
        becomes,
        why: 'INFO names no maxmemory_policy',
        remedy: 'See `heroku redis:info`; a cache that relies on eviction fills the new one up.',
      }),
    ];
  if (policy === 'noeviction')
    return [
      automatic({
        id,
        area,
        what: 'Redis never evicts (noeviction)',
        becomes,
        why: 'INFO: maxmemory_policy',
      }),
    ];
  const holdsJobs = (jobs ?? []).length > 0;
  const forEver = sample === null ? null : sample.looked - sample.withExpiry;
  const evidence = [
    `${formatCount(memory.evictedKeys)} keys were evicted in ${formatDuration(uptimeSeconds * 1_000)}`,
    ...(sample === null || forEver === null
      ? []
      : [`${percent(forEver / Math.max(1, sample.looked))} of keys have no expiry`]),
    ...(skipped.length === 0 ? [] : [`left behind: ${namesOf(skipped.map(({ pattern }) => pattern))}`]),
  ].join('; ');
  return [
    decide({
      id,
      area,
      what: `Redis evicts keys today (${policy})${holdsJobs ? ', and jobs are in it' : ''}`,
      question: holdsJobs
        ? 'The new one never evicts, so that no job is lost. Do all cache keys have an expiry, or room enough?'
        : 'The new one never evicts. Do all keys have an expiry, or room enough?',
      options: ['never-evict'],
      why: evidence,
      remedy: holdsJobs
        ? 'Today a full memory may take jobs with it. Give cache keys an expiry, list them under `redis.skip`, or put the cache into a Redis of its own.'
        : 'Give cache keys an expiry, list them under `redis.skip`, or choose a larger `redis.size`.',
    }),
  ];
}
