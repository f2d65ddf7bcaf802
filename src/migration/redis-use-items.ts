import { formatCount } from '../report/format.ts';
import { automatic, blocked, decide, idPart, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';
import { sampleInWords, type RedisAbout } from './redis-about.ts';
import { nameOf } from './redis-target.ts';

/** Whether the new Redis has every logical database that is in use. */
export function databaseItems({ facts: { server }, options: { target } }: RedisAbout): Item[] {
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

/** What only a module of the server knows. */
export function moduleItems({
  facts: { sample, modules, commands },
  options: { target },
}: RedisAbout): Item[] {
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

/** Scripts, functions, messages, and commands that the new side forbids. */
export function useItems({ facts: { commands, functions, pubsub } }: RedisAbout): Item[] {
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
