import { formatCount } from '../report/format.ts';
import type { RedisAssessFacts } from '../redis/assess-facts.ts';
import type { ClientGroup, SeenClients } from '../redis/client-groups.ts';
import { automatic, decide, idPart, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';

/** What looks into a Redis for people, or carries its keys elsewhere, by the names that clients give themselves. */
const TOOLS: readonly (readonly [RegExp, string])[] = [
  [/redis-?insight/i, 'RedisInsight'],
  [/exporter/i, 'an exporter of metrics'],
  [/datadog|newrelic|grafana|telegraf|prometheus/i, 'a monitoring agent'],
  [/\b(redis|valkey)-cli\b|\biredis\b/i, 'a person’s own tool'],
  [/medis|tableplus|another.?redis|redsmin|redis.?commander|datagrip/i, 'a person’s own tool'],
  [/\briot\b|redis-?shake|redis-dump|debezium|rump/i, 'a tool that copies'],
  [/zapier|n8n|retool|metabase|superset/i, 'a tool of others'],
];

/** Libraries by their language, as they name themselves in CLIENT SETINFO. */
const LANGUAGES: readonly (readonly [RegExp, string])[] = [
  [/^redis-(rb|client)|^hiredis-rb/i, 'ruby'],
  [/^(ioredis|node-redis|iovalkey)/i, 'node'],
  [/^(redis-py|valkey-py|aioredis|coredis)/i, 'python'],
  [/^(jedis|lettuce|redisson)/i, 'java'],
  [/^(go-redis|rueidis|redigo)/i, 'go'],
  [/^(SE\.Redis|StackExchange|NRedisStack)/i, '.net'],
  [/^(php-?redis|predis)/i, 'php'],
];

/** Everybody beside the app itself who uses this Redis. `language`: the app's own; null when it is not known. */
export function redisConsumerItems({ clients, replicas }: RedisAssessFacts, language: string | null): Item[] {
  if (clients === null) return [];
  const others: Item[] = [];
  const own: ClientGroup[] = [];
  for (const group of clients.groups) {
    if (group.kind === 'replica') continue;
    const stranger = whyStranger(group, clients, language);
    if (stranger === null) own.push(group);
    else others.push(outsiderItem(group, stranger, clients.looks));
  }
  return [
    ...(own.length === 0 ? [] : [ownItem(own)]),
    ...others,
    ...(replicas === 0 ? [] : [replicaItem(replicas)]),
    told({
      id: 'consumer/redis-sampling',
      area: 'consumer',
      what: 'clients of Redis that were not connected just now',
      becomes: 'not detectable: seen only when a run of assess meets them',
      why: `CLIENT LIST was looked at ${clients.looks} times`,
      remedy: 'Ask who else has REDIS_URL, and run assess at the hours when they work.',
    }),
  ];
}

function whyStranger(group: ClientGroup, { ownUser }: SeenClients, language: string | null): string | null {
  if (group.user !== ownUser) return `it has a user of its own (${group.user})`;
  const tool = TOOLS.find(([pattern]) => pattern.test(group.name) || pattern.test(group.library))?.[1];
  if (tool !== undefined) return `it looks like ${tool}`;
  if (group.kind === 'monitor') return 'it watches every command (MONITOR)';
  const theirs = LANGUAGES.find(([pattern]) => pattern.test(group.library))?.[1];
  if (language !== null && theirs !== undefined && theirs !== language)
    return `its library is one for ${theirs}, and the app’s language is ${language}`;
  return null;
}

function titleOf({ name, library }: ClientGroup): string {
  return name || library || 'a client without a name';
}

function ownItem(groups: readonly ClientGroup[]): Item {
  const names = [...new Set(groups.map(titleOf))].sort();
  const connections = groups.reduce((sum, group) => sum + group.connections, 0);
  const addresses = groups.reduce((sum, group) => Math.max(sum, group.addresses), 0);
  return automatic({
    id: 'consumer/redis-app',
    area: 'consumer',
    what: `the app’s own connections to Redis, ${formatCount(connections)} at once`,
    becomes: 'the app on the new side, with a user and an address of its own',
    why: `they use the user of REDIS_URL: ${namesOf(names)}, from ${formatCount(addresses)} addresses or more (another client that gives no name would count as the app’s)`,
  });
}

function outsiderItem(group: ClientGroup, why: string, looks: number): Item {
  const { user, connections, addresses, commands } = group;
  const seenWith = commands.length === 0 ? '' : `, last seen with ${namesOf(commands)}`;
  return decide({
    id: `consumer/redis/${idPart(user)}/${idPart(titleOf(group))}`,
    area: 'consumer',
    what: `${titleOf(group)} uses Redis beside the app`,
    question: 'Its address and password end with the add-on. What becomes of it?',
    options: ['not needed any more', 'pointed at the new Redis by hand'],
    why: `${why}; seen at ${group.looks} of ${looks} looks, ${formatCount(connections)} connections from ${formatCount(addresses)} addresses${seenWith}`,
    remedy:
      'Whoever writes to the old Redis must stop before the window. The new one is reachable inside the VPC alone: give it a user there, and a way in.',
  });
}

function replicaItem(replicas: number): Item {
  return told({
    id: 'consumer/redis-replicas',
    area: 'consumer',
    what: `${formatCount(replicas)} ${replicas === 1 ? 'server follows' : 'servers follow'} this Redis`,
    becomes: 'left behind: the plan’s own standby, or a tool that copies, ends with the add-on',
    why: 'INFO: connected_slaves',
    remedy: 'On a plan without a standby somebody else copies it: find out who.',
  });
}
