import { redisMaxMemoryMib } from '../digitalocean/redis-cloud-init.ts';
import { REDIS_IMAGE } from '../digitalocean/redis-image.ts';
import { formatBytes, formatCount, formatDuration } from '../report/format.ts';
import type { RedisAssessFacts, UnreadRedis } from '../redis/assess-facts.ts';
import { globToRegExp } from '../redis/key-choice.ts';
import type { KeyGroup, KeySample } from '../redis/key-sample.ts';
import { memoryForCopy } from '../redis/memory.ts';
import {
  PAYLOAD_VERSIONS_ARE_FROM,
  payloadsFitBetween,
  type ServerVersion,
} from '../redis/payload-versions.ts';
import { automatic, blocked, decide, idPart, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';
import { redisConsumerItems } from './redis-consumer-items.ts';
import { redisJobItems } from './redis-job-items.ts';

/** What the new Redis will be. */
export interface RedisTarget extends ServerVersion {
  /** What it may use; null: its size is not known yet. */
  limitBytes: number | null;
  /** Logical databases, from 0 on. */
  databases: number;
}

export interface RedisItemOptions {
  target: RedisTarget;
  /** What migration.yml leaves behind under `redis.skip`. */
  skip?: readonly string[];
  /** The application's language, to tell its clients from others. */
  language?: 'node' | 'ruby' | 'python' | null;
}

/** redis.conf sets no other number. */
const DATABASES = 16;

/**
 * The Redis that provision makes on a droplet with so much memory; null: no size is chosen. `image`: what migration.yml
 * has in the place of ours.
 */
export function plannedRedis(dropletMemoryMib: number | null, image: string = REDIS_IMAGE): RedisTarget {
  return {
    ...serverIn(image),
    limitBytes: dropletMemoryMib === null ? null : redisMaxMemoryMib(dropletMemoryMib) * 2 ** 20,
    databases: DATABASES,
  };
}

/** What the name and the tag of an image say that is in it; a digest alone says nothing. */
function serverIn(image: string): ServerVersion {
  const [, name = '', version = 'unknown'] =
    /(?:^|\/)([a-z0-9._-]+)(?::v?(\d+\.\d+)[^/]*)?@/.exec(image) ?? [];
  return { flavour: name.includes('valkey') ? 'valkey' : 'redis', version };
}

/** What becomes of everything that was found in a Redis, each as the copy really does it, and of everybody who uses it. */
export function redisItems(facts: RedisAssessFacts, options: RedisItemOptions): Item[] {
  const about: About = { facts, options, skipped: skippedIn(facts.sample, options.skip ?? []) };
  return [
    ...serverItems(about),
    versionItem(about),
    ...memoryItems(about),
    ...evictionItems(about),
    ...keyItems(about),
    ...cacheItems(about),
    ...databaseItems(about),
    ...moduleItems(about),
    ...useItems(about),
    ...followItems(about),
    persistenceItem(about),
    ...redisJobItems(facts),
    ...redisConsumerItems(facts, options.language ?? null),
    ...facts.unread.map(unreadItem),
  ];
}

interface About {
  facts: RedisAssessFacts;
  options: RedisItemOptions;
  /** Groups of keys that a pattern of migration.yml leaves behind whole. */
  skipped: KeyGroup[];
}

function skippedIn(sample: KeySample | null, skip: readonly string[]): KeyGroup[] {
  const patterns = skip.map(globToRegExp);
  // A group's own glob matches whatever leaves the whole of it behind.
  return (sample?.prefixes ?? []).filter(({ pattern }) => patterns.some((one) => one.test(pattern)));
}

function serverItems({ facts, options: { target } }: About): Item[] {
  const { server, role, sample } = facts;
  const keys = Object.values(server.keys).reduce((sum, count) => sum + count, 0);
  const items: Item[] = [
    automatic({
      id: 'redis/server',
      area: 'redis',
      what: `${nameOf(server)} with ${formatCount(keys)} keys, ${formatBytes(server.usedMemoryBytes)}`,
      becomes: `${nameOf(target)} on a droplet: every key carried with its expiry, and proven equal by content`,
      why: sample === null ? 'keys were not looked at' : sampleInWords(sample),
    }),
  ];
  if (server.cluster)
    items.push(
      blocked({
        id: 'redis/cluster',
        area: 'redis',
        what: 'Redis is a cluster',
        why: 'its keys are spread over several servers, and the droplet is one (INFO: cluster_enabled)',
        remedy: 'Move to a single-server plan first; this version refuses it.',
      }),
    );
  if (role === 'replica')
    items.push(
      blocked({
        id: 'redis/replica',
        area: 'redis',
        what: 'REDIS_URL leads to a replica',
        why: 'a replica takes no writes: workers could not be told to stop and jobs not be set aside (INFO: role)',
        remedy: 'Use the address of the primary.',
      }),
    );
  return items;
}

function nameOf({ flavour, version }: ServerVersion): string {
  return `${flavour === 'valkey' ? 'Valkey' : 'Redis'} ${version}`;
}

/** What was looked at, and by what right it speaks for the rest. */
function sampleInWords(sample: KeySample): string {
  const { keys, looked, types } = sample;
  const list = Object.entries(types)
    .sort(([, a], [, b]) => b.keys - a.keys)
    .map(([type, { keys: count }]) => `${formatCount(count)} ${type}`);
  const which =
    looked >= keys
      ? `all ${formatCount(looked)} keys`
      : `${formatCount(looked)} of ${formatCount(keys)} keys by chance`;
  return `${which} were looked at${list.length === 0 ? '' : `: ${list.join(', ')}`}`;
}

function versionItem({ facts: { server }, options: { target } }: About): Item {
  const id = 'redis/version';
  const area = 'redis';
  const what = `serialised values of ${nameOf(server)}, read by ${nameOf(target)}`;
  switch (payloadsFitBetween(server, target)) {
    case true:
      return automatic({
        id,
        area,
        what,
        becomes: 'keys travel in packs, as the server serialises them',
        why: PAYLOAD_VERSIONS_ARE_FROM,
      });
    case false:
      return told({
        id,
        area,
        what: `${nameOf(target)} cannot read serialised values of ${nameOf(server)}`,
        becomes: 'every key travels element by element, which takes several times as long',
        why: `its format is newer; ${PAYLOAD_VERSIONS_ARE_FROM}`,
        remedy: 'Let the practice copy of staging show how long it takes.',
      });
    case null:
      return told({
        id,
        area,
        what: `whether ${nameOf(target)} reads serialised values of ${nameOf(server)} is not known`,
        becomes: 'the copy offers it one value and decides; at worst every key travels element by element',
        why: `not in our table (${PAYLOAD_VERSIONS_ARE_FROM})`,
        remedy: 'Let the practice copy of staging show how long it takes.',
      });
  }
}

/** A Redis that holds nothing, with the connections of a copy; 1.4 MB were measured with twelve on Redis 7.0 (2026-11-23). */
const EMPTY_SERVER_BYTES = 2_000_000;

function memoryItems({ facts, options, skipped }: About): Item[] {
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

/** Of all data: by bytes where they are known, else by keys. null: nothing was looked at. */
function shareOf(group: Pick<KeyGroup, 'keys' | 'bytes'>, sample: KeySample | null): number | null {
  if (sample === null || sample.looked === 0) return null;
  if (group.bytes !== null && sample.bytes !== null && sample.bytes > 0) return group.bytes / sample.bytes;
  return group.keys / sample.looked;
}

function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 1) return '< 1 %';
  if (value > 99 && value < 100) return '> 99 %';
  return `${Math.round(value)} %`;
}

function evictionItems({ facts, skipped }: About): Item[] {
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

/** From here on a key that changes in the window is worth a question: it is carried anew each time. */
const HUGE_BYTES = 100_000_000;

function keyItems({ facts: { sample, commands } }: About): Item[] {
  if (sample === null) return [];
  const items: Item[] = [];
  const { looked, withExpiry, biggest, big, bytes, streams } = sample;
  if (looked > 0)
    items.push(
      automatic({
        id: 'redis/expiry',
        area: 'redis',
        what: `${percent(withExpiry / looked)} of keys expire`,
        becomes: 'the same points in time, with the difference of both clocks added',
        why: sampleInWords(sample),
      }),
    );
  if (looked > 0 && bytes === null)
    items.push(
      told({
        id: 'redis/sizes',
        area: 'redis',
        what: 'how large single keys are is not known',
        becomes: 'sizes are guessed from lengths; big keys travel element by element all the same',
        why: 'MEMORY USAGE is refused',
        remedy: 'Let the practice copy of staging show how long it takes.',
      }),
    );
  const huge = biggest.filter((key) => key.bytes >= HUGE_BYTES);
  const named = (keys: typeof biggest): string =>
    namesOf(keys.map((key) => `${key.name} (${key.type}, ${formatBytes(key.bytes)})`));
  if (huge.length > 0)
    items.push(
      decide({
        id: 'redis/huge-keys',
        area: 'redis',
        what: `huge keys: ${named(huge)}`,
        question: 'May they change in the window? Each that does is carried anew, for as long as that takes.',
        options: ['carry'],
        why: `above ${formatBytes(HUGE_BYTES)} by MEMORY USAGE, among ${sampleInWords(sample)}`,
        remedy: 'Split or clear them, or list them under `redis.skip`, when they are not needed.',
      }),
    );
  if (big > huge.length)
    items.push(
      told({
        id: 'redis/big-keys',
        area: 'redis',
        what: `big keys: ${formatCount(big)} above a megabyte, the largest ${named(biggest.slice(0, 3))}`,
        becomes: 'they travel element by element, and take their place in one step',
        why: `a DUMP of them would stop the server; ${sampleInWords(sample)}`,
        remedy: 'Look whether they grow for ever: such a key is the usual reason of a full Redis.',
      }),
    );
  if (streams.length > 0 || (commands?.streams ?? 0) > 0) {
    const groups = streams.reduce((sum, stream) => sum + stream.groups, 0);
    items.push(
      automatic({
        id: 'redis/streams',
        area: 'redis',
        what:
          streams.length === 0
            ? 'streams, none of them among the keys that were looked at'
            : `${formatCount(streams.length)} streams with ${formatCount(groups)} consumer groups`,
        becomes:
          'the same entries, groups, consumers and pending entries; when a consumer was last seen begins anew',
        why:
          commands === null
            ? sampleInWords(sample)
            : `${formatCount(commands.streams)} calls of stream commands since the server started`,
      }),
    );
  }
  return items;
}

/** What caches call themselves. Sessions, carts and locks are no caches, whatever they expire. */
const CACHE = /cache|^views?[:/]|fragment|rack.?attack|throttl|rate.?limit|memo|tmp|temp/i;
const PRECIOUS = /sess|cart|basket|token|lock|auth|user|order|job|queue|uniq/i;
/** Less than this share is not worth a question. */
const WORTH = 0.05;

function cacheItems({ facts: { sample, server }, skipped }: About): Item[] {
  if (sample === null) return [];
  const items: Item[] = [];
  if (skipped.length > 0)
    items.push(
      automatic({
        id: 'redis/skipped',
        area: 'redis',
        what: `keys that migration.yml leaves behind: ${namesOf(skipped.map((group) => inWords(group, sample)))}`,
        becomes: 'left behind; the application fills them anew',
        why: '`redis.skip` in migration.yml',
      }),
    );
  const caches = sample.prefixes.filter(
    (group) => !skipped.includes(group) && CACHE.test(group.pattern) && !PRECIOUS.test(group.pattern),
  );
  const large = caches.filter(
    ({ keys, bytes }) =>
      keys / sample.looked >= WORTH || (bytes !== null && bytes / Math.max(1, sample.bytes ?? 0) >= WORTH),
  );
  const volatile = large.filter(({ keys, withExpiry }) => withExpiry >= keys * 0.9);
  if (volatile.length > 0)
    items.push(
      decide({
        id: 'redis/caches',
        area: 'redis',
        what: `what looks like caches: ${namesOf(volatile.map((group) => inWords(group, sample)))}`,
        question:
          'Carry them, or leave them behind? Without them the copy is quicker, and the first pages are slower.',
        options: ['carry'],
        why: `by their names, and since their keys expire; ${sampleInWords(sample)}`,
        remedy: `To leave them behind: \`redis: { skip: [${volatile
          .map(({ pattern }) => `'${pattern}'`)
          .join(', ')}] }\` in migration.yml.`,
      }),
    );
  const growing = caches.filter(({ keys, withExpiry }) => withExpiry < keys * 0.5);
  if (growing.length > 0)
    items.push(
      decide({
        id: 'redis/growing',
        area: 'redis',
        what: `caches whose keys never expire: ${namesOf(growing.map((group) => inWords(group, sample)))}`,
        question:
          'Who keeps them small? Where nothing is evicted they fill the memory, and then jobs are refused, too.',
        options: ['carry'],
        why: `most of these keys have no expiry, and the policy is ${server.policy ?? 'not told'} today; ${sampleInWords(sample)}`,
        remedy: `Give them an expiry (\`expires_in\`), or leave them behind: \`redis: { skip: [${growing
          .map(({ pattern }) => `'${pattern}'`)
          .join(', ')}] }\`.`,
      }),
    );
  return items;
}

function inWords(group: KeyGroup, sample: KeySample): string {
  const keys = `${percent(group.keys / Math.max(1, sample.looked))} of keys`;
  if (group.bytes === null || sample.bytes === null) return `${group.pattern} (${keys})`;
  return `${group.pattern} (${keys}, ${percent(group.bytes / Math.max(1, sample.bytes))} of bytes)`;
}

function databaseItems({ facts: { server }, options: { target } }: About): Item[] {
  const used = Object.entries(server.keys).map(([database, keys]) => ({ database: Number(database), keys }));
  const list = used.map(({ database, keys }) => `${database} (${formatCount(keys)})`);
  const beyond = used.filter(({ database }) => database >= target.databases);
  if (beyond.length > 0)
    return [
      blocked({
        id: 'redis/databases',
        area: 'redis',
        what: `the logical databases ${beyond.map(({ database }) => database).join(', ')}`,
        why: `the new Redis has ${target.databases}, numbered from 0; in use, with their keys, are ${list.join(', ')}`,
        remedy: 'Move what is in them to a lower number, or clear it.',
      }),
    ];
  if (used.length < 2) return [];
  return [
    told({
      id: 'redis/databases',
      area: 'redis',
      what: `${used.length} logical databases, with their keys: ${list.join(', ')}`,
      becomes: 'the same numbers; jobs are found, counted and set aside in each',
      why: 'INFO keyspace',
      remedy:
        'REDIS_URL of the new side names none: an address that the app makes itself (`/1`) must be made the same way there.',
    }),
  ];
}

/** What every Redis and Valkey has. */
const CORE_TYPES = new Set(['string', 'list', 'set', 'zset', 'hash', 'stream']);

function moduleItems({ facts: { sample, modules, commands }, options: { target } }: About): Item[] {
  const strange = Object.entries(sample?.types ?? {}).filter(([type]) => !CORE_TYPES.has(type));
  const items = strange.map(([type, { keys }]) =>
    blocked({
      id: `redis/type/${idPart(type)}`,
      area: 'redis',
      what: `keys of the type ${type}, which only a module has`,
      why: `${formatCount(keys)} of ${formatCount(sample?.looked ?? 0)} keys that were looked at; ${nameOf(target)} on the droplet has no modules`,
      remedy:
        'Leave them behind with `redis.skip` when they can be made anew, or keep that part at a provider who has the module.',
    }),
  );
  const called = Object.entries(commands?.modules ?? {});
  if (called.length > 0)
    items.push(
      blocked({
        id: 'redis/module-commands',
        area: 'redis',
        what: `commands of modules: ${namesOf(called.map(([module, calls]) => `${module}.* (${formatCount(calls)} calls)`))}`,
        why: `INFO commandstats, since the server started; ${nameOf(target)} on the droplet does not know them`,
        remedy: 'Change what calls them before the move, or keep that part at a provider who has the module.',
      }),
    );
  const loaded = (modules ?? []).map(({ name, version }) => `${name} ${version}`);
  if (loaded.length > 0 && items.length === 0)
    items.push(
      decide({
        id: 'redis/modules',
        area: 'redis',
        what: `modules are loaded: ${namesOf(loaded)}`,
        question: 'Is any of them in use? They are not on the new side.',
        options: ['not-in-use'],
        why: `no key of their types and no call was found${sample === null ? '' : `; ${sampleInWords(sample)}`}`,
        remedy: 'The copy stops at the first key of a type that the new side lacks, and names it.',
      }),
    );
  return items;
}

function useItems({ facts: { commands, functions, pubsub } }: About): Item[] {
  const items: Item[] = [];
  if (commands !== null && commands.scripts > 0)
    items.push(
      automatic({
        id: 'redis/scripts',
        area: 'redis',
        what: 'Lua scripts',
        becomes:
          'loaded anew by whoever runs them: a server that does not know one answers NOSCRIPT, and is sent it',
        why: `${formatCount(commands.scripts)} calls of EVAL and EVALSHA since the server started; a practice copy is among them`,
      }),
    );
  if (functions !== null && functions.libraries.length > 0)
    items.push(
      automatic({
        id: 'redis/functions',
        area: 'redis',
        what: `${formatCount(functions.functions)} server-side functions in ${namesOf(functions.libraries)}`,
        becomes: 'carried with the keys',
        why: 'FUNCTION LIST',
      }),
    );
  if (commands !== null && commands.flushes > 0)
    items.push(
      decide({
        id: 'redis/flush',
        area: 'redis',
        what: `all of a database was cleared at once: ${formatCount(commands.flushes)} calls of FLUSHDB or FLUSHALL`,
        question:
          'The application’s user may not do that on the new side. Was it a person, or has the application been changed?',
        options: ['by-hand', 'application-changed'],
        why: 'INFO commandstats, since the server started; there it would also clear the key that starting workers look for',
        remedy:
          '`Rails.cache.clear` and Django’s `cache.clear()` send FLUSHDB: give the cache a namespace (`namespace:` in Rails; in Django `cache.delete_pattern` of django-redis) or a Redis of its own.',
      }),
    );
  const published = commands?.publish ?? 0;
  const channels = (pubsub?.channels ?? 0) + (pubsub?.patterns ?? 0);
  if (published > 0 || channels > 0)
    items.push(
      told({
        id: 'redis/pubsub',
        area: 'redis',
        what: `messages between clients (pub/sub): ${formatCount(pubsub?.channels ?? 0)} channels and ${formatCount(pubsub?.patterns ?? 0)} patterns with a listener`,
        becomes:
          'the same on the new side, for whoever connects to it; messages are no data and are not carried',
        why: commands === null ? 'PUBSUB' : `${formatCount(published)} messages since the server started`,
        remedy: 'Websockets (Action Cable, socket.io) connect anew at the switch: the page must bear that.',
      }),
    );
  return items;
}

function followItems({ facts: { abilities, server } }: About): Item[] {
  if (abilities === null) return [];
  const keys = Object.values(server.keys).reduce((sum, count) => sum + count, 0);
  const id = 'redis/feed';
  const area = 'redis';
  const compared = `in the window every key is compared by digest: some seconds for a million keys, and there are ${formatCount(keys)}`;
  const remedy =
    'Switch them on: `heroku redis:keyspace-notifications <add-on> -c AKE` (elsewhere: notify-keyspace-events AKE).';
  const items: Item[] = [
    abilities.feed === 'tracking' || abilities.feed === 'notifications'
      ? automatic({
          id,
          area,
          what: `changes are followed by ${abilities.feed === 'tracking' ? 'client tracking' : 'keyspace notifications'}`,
          becomes: 'the window looks only at keys that were told',
          why: `the server allows ${abilities.feed === 'tracking' ? 'CLIENT TRACKING … BCAST' : 'it and they are on'}`,
        })
      : told({
          id,
          area,
          what:
            abilities.feed === 'none'
              ? 'the server tells nobody what changes'
              : 'whether the server tells what changes is not known',
          becomes: abilities.feed === 'none' ? compared : `the copy finds out; at worst ${compared}`,
          why:
            abilities.feed === 'none'
              ? 'CLIENT TRACKING is refused, and keyspace notifications are off'
              : 'CLIENT TRACKING is refused, and only a write shows whether notifications are on: assess writes nothing',
          remedy,
        }),
  ];
  if (!abilities.pause)
    items.push(
      told({
        id: 'redis/hold',
        area,
        what: 'writers of the old server cannot be held for a moment',
        becomes: 'a stray writer is noticed right before the point of no return, and stops the cutover',
        why: 'CLIENT PAUSE is refused; by then no dyno of the app runs',
        remedy: 'Stop whatever else writes to this Redis before the window.',
      }),
    );
  if (abilities.scripts === 'none')
    items.push(
      told({
        id: 'redis/no-scripts',
        area,
        what: 'the server runs no scripts for us',
        becomes: 'the copy and the comparison go by single commands, which takes several times as long',
        why: 'EVAL is refused',
        remedy: 'Let the practice copy of staging show how long it takes.',
      }),
    );
  return items;
}

function persistenceItem({ facts: { persistence } }: About): Item {
  const today = persistence.appendOnly
    ? 'every second is written to disk (append-only file)'
    : persistence.lastSnapshot === null
      ? 'nothing is written to disk'
      : 'snapshots alone are written to disk';
  return automatic({
    id: 'redis/persistence',
    area: 'redis',
    what: `today ${today}`,
    becomes: 'append-only file, written every second, with snapshots, on the droplet’s disk',
    why: 'INFO persistence',
  });
}

const PARTS: Record<UnreadRedis['part'], { what: string; asks: string }> = {
  commands: { what: 'which commands are called: scripts, streams, modules', asks: 'INFO commandstats' },
  modules: { what: 'which modules are loaded', asks: 'INFO modules' },
  functions: { what: 'server-side functions', asks: 'FUNCTION LIST' },
  pubsub: { what: 'channels with a listener', asks: 'PUBSUB' },
  clients: { what: 'who uses this Redis beside the app', asks: 'CLIENT LIST' },
  sample: { what: 'types, sizes and expiry of keys', asks: 'SCAN, TYPE and PTTL' },
  jobs: { what: 'job libraries and what waits in them', asks: 'commands that read lists, sets and hashes' },
  abilities: { what: 'what the server will let the copy do', asks: 'EVAL, CLIENT and MEMORY' },
};

function unreadItem({ part, why }: UnreadRedis): Item {
  const { what, asks } = PARTS[part];
  return decide({
    id: `redis/unread/${part}`,
    area: 'redis',
    what: `not read: ${what}`,
    question: 'Go on without knowing?',
    options: ['accepted as unknown'],
    why,
    remedy: `Give a user that may call ${asks}.`,
  });
}
