import type { Catalogue } from '../digitalocean/prices.ts';
import { redisMaxMemoryMib } from '../digitalocean/redis-cloud-init.ts';
import { formatBytes, formatCount } from '../report/format.ts';
import { UNMOVED } from './address-items.ts';
import { blocked, decide, told, type Item } from './item.ts';
import { planOf } from './placement.ts';
import type { PlanFacts } from './plan.ts';
import { keyValueConnections, keyValueLimitBytes } from './sizing.ts';
import { whyNotRead } from './unknown-items.ts';

/** Redis's default of `maxclients`, which the droplet's redis.conf leaves as it is. */
const REDIS_MAX_CLIENTS = 10_000;

function dropletSizes({ dropletSizes: sizes }: Catalogue, datacentre: string): string {
  return sizes
    .filter(({ slug, regions }) => /^s-/.test(slug) && (regions.length === 0 || regions.includes(datacentre)))
    .map(({ slug }) => slug)
    .slice(0, 8)
    .join(', ');
}

/** Whether there is a droplet for Redis, and what is less there than today. */
export function redisPlaceItems(all: PlanFacts): (Item | false)[] {
  const { hasRedis, redis: facts, droplet, inventory, config, catalogue, datacentre } = all;
  if (!hasRedis) return [];
  if (facts === undefined || droplet === null) return redisNotRead(all);
  const plan = planOf(inventory, 'heroku-redis');
  const today = facts.maxmemoryBytes ?? keyValueLimitBytes(plan);
  const clients = keyValueConnections(plan);
  const limitMib = redisMaxMemoryMib(droplet.memoryMib);
  const tooSmall = droplet.size !== '' && facts.usedMemoryBytes / 2 ** 20 > limitMib;
  const what = `Redis uses more memory than ${droplet.size} gives it`;
  const why = `${formatBytes(facts.usedMemoryBytes)} are in use, and it may use ${formatBytes(limitMib * 2 ** 20)} there`;
  return [
    facts.cluster &&
      blocked({
        id: 'redis/cluster',
        area: 'redis',
        what: 'Redis is a cluster',
        why: 'its keys are spread over several servers, and the droplet is one',
        remedy: 'Move to a single-server plan first; this version refuses it.',
      }),
    droplet.size === '' &&
      blocked({
        id: 'redis/size',
        area: 'redis',
        what: 'no droplet is large enough for Redis',
        why: droplet.why,
        remedy: 'Set `redis.size` in migration.yml, or clear what is not used.',
      }),
    tooSmall &&
      config.redis.skip.length === 0 &&
      blocked({ id: 'redis/size', area: 'redis', what, why, remedy: 'Choose a larger `redis.size`.' }),
    tooSmall &&
      config.redis.skip.length > 0 &&
      decide({
        id: 'redis/size',
        area: 'redis',
        what,
        question: 'Does what `redis.skip` leaves behind make enough room?',
        options: ['skip-makes-room'],
        why,
        remedy: 'Choose a larger `redis.size`.',
      }),
    config.redis.size !== undefined &&
      catalogue !== undefined &&
      !catalogue.dropletSizes.some(
        ({ slug, regions }) =>
          slug === config.redis.size && (regions.length === 0 || regions.includes(datacentre)),
      ) &&
      blocked({
        id: 'redis/droplet',
        area: 'redis',
        what: `DigitalOcean offers no droplet ${config.redis.size} in ${datacentre}`,
        why: `of what it offers the plan would take ${dropletSizes(catalogue, datacentre)}`,
        remedy: 'Correct `redis.size` in migration.yml, or leave it out.',
      }),
    !tooSmall &&
      today !== null &&
      today / 2 ** 20 > limitMib &&
      told({
        id: 'redis/limit',
        area: 'redis',
        what: `Redis may use ${formatBytes(limitMib * 2 ** 20)} on ${droplet.size}, and today ${formatBytes(today)}`,
        becomes: 'less room than today',
        why: `migration.yml sets \`redis.size\`; ${formatBytes(facts.usedMemoryBytes)} are in use`,
        remedy: 'Choose a larger `redis.size`, unless you know that it is enough.',
      }),
    clients !== undefined &&
      clients > REDIS_MAX_CLIENTS &&
      told({
        id: 'redis/connections',
        area: 'redis',
        what: `the new Redis takes ${formatCount(REDIS_MAX_CLIENTS)} connections, the old one ${formatCount(clients)}`,
        becomes: `${formatCount(REDIS_MAX_CLIENTS)} connections`,
        why: `${plan}; Redis’s own default (maxclients)`,
        remedy: 'Count the pools of web and workers at their largest.',
      }),
    /:premium-/.test(plan) &&
      told({
        id: 'redis/standby',
        area: 'redis',
        what: `${plan} has a standby, the droplet has none`,
        becomes: 'one droplet; every second is written to its disk, and it is backed up weekly',
        why: 'Redis moves to a droplet of your own; Premium plans of Heroku have a second server (Dev Center)',
        remedy: 'Let the app bear minutes without Redis, which a restart of the droplet takes.',
      }),
  ];
}

/** Why nothing is known of Redis: the reason is Heroku's, the address's or the server's. */
function redisNotRead(facts: PlanFacts): Item[] {
  const { inventory, found } = facts;
  if (found.some(({ id }) => id === UNMOVED.REDIS_URL)) return [];
  const named = inventory.configVars?.some(({ name }) => name === 'REDIS_URL');
  const addOn = inventory.addOns.find(({ service }) => service === 'heroku-redis')?.name ?? '<redis>';
  const why =
    named === false
      ? `no config var REDIS_URL says which it is, though there is the add-on ${addOn}`
      : (whyNotRead(facts, 'redis') ?? 'REDIS_URL was not tried');
  const remedy =
    named === false
      ? `Attach it: \`heroku addons:attach ${addOn} --as REDIS\`, then run assess again.`
      : named === true
        ? 'Mend what the reason names, then run assess again.'
        : 'Give a token with the scope read-protected, then run assess again.';
  return [blocked({ id: 'redis/not-read', area: 'redis', what: 'Redis could not be read', why, remedy })];
}
