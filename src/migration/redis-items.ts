import { formatBytes, formatCount } from '../report/format.ts';
import type { RedisAssessFacts, UnreadRedis } from '../redis/assess-facts.ts';
import { PAYLOAD_VERSIONS_ARE_FROM, payloadsFitBetween } from '../redis/payload-versions.ts';
import { automatic, blocked, decide, told, type Item } from './item.ts';
import { sampleInWords, skippedIn, type RedisAbout, type RedisItemOptions } from './redis-about.ts';
import { redisConsumerItems } from './redis-consumer-items.ts';
import { redisJobItems } from './redis-job-items.ts';
import { cacheItems, keyItems } from './redis-key-items.ts';
import { evictionItems, memoryItems } from './redis-memory-items.ts';
import { nameOf } from './redis-target.ts';
import { databaseItems, moduleItems, useItems } from './redis-use-items.ts';

/** What becomes of everything that was found in a Redis, each as the copy really does it, and of everybody who uses it. */
export function redisItems(facts: RedisAssessFacts, options: RedisItemOptions): Item[] {
  const about: RedisAbout = { facts, options, skipped: skippedIn(facts.sample, options.skip ?? []) };
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

function serverItems({ facts, options: { target } }: RedisAbout): Item[] {
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

function versionItem({ facts: { server }, options: { target } }: RedisAbout): Item {
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

function followItems({ facts: { abilities, server } }: RedisAbout): Item[] {
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

function persistenceItem({ facts: { persistence } }: RedisAbout): Item {
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
