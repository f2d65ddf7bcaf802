import { neededExtensions } from '../postgres/target.ts';
import { UNMOVED } from './address-items.ts';
import { EDITION } from './edition.ts';
import { editionItems } from './edition-items.ts';
import { blocked, decide, told, type Item } from './item.ts';
import { withoutPostgresItem } from './own-postgres.ts';
import { offeredIn, planOf, STANDBY } from './placement.ts';
import type { PlanFacts } from './plan.ts';
import { poolItems } from './pool-items.ts';
import { postgresOffers } from './postgres-offer.ts';
import { offerFor } from './recorded-offer.ts';
import { redisPlaceItems } from './redis-place-items.ts';
import { whyNotRead } from './unknown-items.ts';

type Found = (Item | false | undefined)[];

/** Postgres and Redis: whether there is a place for them, and what is less there than today. */
export function databaseItems(facts: PlanFacts): Item[] {
  return [
    ...postgres(facts),
    ...editionItems(facts),
    ...postgresSize(facts),
    ...standby(facts),
    ...poolItems(facts),
    ...redisPlaceItems(facts),
  ].filter((item) => typeof item === 'object');
}

/** Why nothing is known of the database: Heroku does not say which it is, or it cannot be reached. */
function postgresNotRead(facts: PlanFacts): Found {
  const { inventory, found } = facts;
  if (found.some(({ id }) => id === UNMOVED.DATABASE_URL)) return [];
  const named = inventory.configVars?.some(({ name }) => name === 'DATABASE_URL');
  const addOn = inventory.addOns.find(({ service }) => service === 'heroku-postgresql');
  const area = 'postgres';
  const id = 'postgres/not-read';
  const what = 'the database could not be read';
  const why = whyNotRead(facts, 'postgres');
  if (why === undefined && named === false && addOn !== undefined) {
    return [
      blocked({
        ...{ id, area, what },
        why: `no config var DATABASE_URL says which it is, though there is the add-on ${addOn.name}`,
        remedy: `Attach it: \`heroku addons:attach ${addOn.name} --as DATABASE\`, then run assess again.`,
      }),
    ];
  }
  return [
    blocked({
      ...{ id, area, what },
      why: why ?? 'DATABASE_URL was not tried',
      remedy:
        inventory.configVars !== null
          ? 'Mend what the reason names, then run assess again.'
          : 'Give a token with the scope read-protected, then run assess again.',
    }),
  ];
}

function postgres(all: PlanFacts): Found {
  const { database: facts, catalogue, inventory, datacentre, found } = all;
  const { cluster, offer: size } = all.postgres;
  if (all.ownPostgres === 'none') return [withoutPostgresItem()];
  if (facts === undefined) return postgresNotRead(all);
  const offer = offerFor(all.recordedOffers ?? [], Number(cluster.version), cluster.engine);
  const missing = neededExtensions(facts)
    .map(({ name }) => name)
    .filter((name) => !Object.hasOwn(offer.extensions, name));
  const offered = postgresOffers(catalogue).map(({ slug }) => slug);
  const versions = [...new Set(Object.values(catalogue?.postgres ?? {}).flatMap((one) => one.versions))];
  return [
    // Each extension is an item of its own when the database was read in depth.
    missing.length > 0 &&
      !found.some(({ id }) => id.startsWith('postgres/extension/')) &&
      blocked({
        id: 'postgres/extensions',
        area: 'postgres',
        what: `DigitalOcean does not offer ${missing.join(', ')}`,
        why: `these extensions are not on ${offer.source}, and the application's objects may need them`,
        remedy: 'Remove what is not used (DROP EXTENSION), or ask DigitalOcean to add them.',
      }),
    cluster.version === '' &&
      blocked({
        id: 'postgres/version',
        area: 'postgres',
        what: `PostgreSQL ${facts.major} is newer than DigitalOcean offers`,
        why: `it offers ${versions.join(', ') || 'nothing that is known'}, and a dump cannot go to an older version`,
        remedy: 'Wait until DigitalOcean offers it.',
      }),
    cluster.version !== '' &&
      Number(cluster.version) > facts.major &&
      told({
        id: 'postgres/version',
        area: 'postgres',
        what: `PostgreSQL moves from ${facts.major} to ${cluster.version}`,
        becomes: `PostgreSQL ${cluster.version}`,
        why: 'DigitalOcean does not offer the same version any more',
        remedy: 'Read the release notes and let staging prove it.',
      }),
    cluster.size === '' &&
      blocked({
        id: 'postgres/size',
        area: 'postgres',
        what: 'no cluster size is large enough',
        why: `the plan is ${planOf(inventory, 'heroku-postgresql')}, and what can be created today is ${offered.join(', ') || 'not known'}`,
        remedy:
          catalogue === undefined
            ? 'Give a token for DigitalOcean, so that all that it offers can be read, or set `postgres.size` in migration.yml if a smaller one is enough.'
            : 'Set `postgres.size` in migration.yml if a smaller one is enough.',
      }),
    cluster.size !== '' &&
      size === undefined &&
      catalogue !== undefined &&
      blocked({
        id: 'postgres/size',
        area: 'postgres',
        what: `DigitalOcean does not offer the size ${cluster.size}`,
        why: `it offers ${offered.slice(0, 12).join(', ')}`,
        remedy: 'Correct `postgres.size` in migration.yml.',
      }),
    !offeredIn(catalogue, cluster.engine, datacentre) &&
      blocked({
        id: 'postgres/datacentre',
        area: 'postgres',
        what: `DigitalOcean offers no such database in ${datacentre}`,
        why: 'app, database and Redis must share one datacentre to reach each other privately',
        remedy: 'Choose another `region` in migration.yml.',
      }),
  ];
}

function postgresSize({
  config,
  inventory,
  database: facts,
  postgres: { cluster, needs, offer },
}: PlanFacts): Found {
  if (facts === undefined || offer === undefined) return [];
  const limit = facts.connectionLimit;
  const inUse = needs.connectionsInUse ?? 0;
  const { pool } = config.postgres;
  const gib = facts.sizeBytes / 2 ** 30;
  const ordered = cluster.storageMib === null ? null : cluster.storageMib / 1024;
  const disk = ordered === null ? offer.diskGib : Math.max(ordered, offer.diskGib ?? 0);
  const includes =
    cluster.storageMib === null
      ? `${cluster.size} includes ${disk ?? '?'} GiB of disk`
      : `the cluster gets ${disk ?? '?'} GiB of disk`;
  const more = 'Set `postgres.storage`, or choose a larger `postgres.size`.';
  const less = `${cluster.size} takes ${offer.connections} connections`;
  return [
    config.postgres.size !== undefined &&
      offer.memoryGib < needs.memoryGib &&
      told({
        id: 'postgres/memory',
        area: 'postgres',
        what: `${cluster.size} has less memory than ${planOf(inventory, 'heroku-postgresql')}`,
        becomes: `${offer.memoryGib} GiB in place of ${needs.memoryGib} GiB`,
        why: 'migration.yml sets `postgres.size`',
        remedy: 'Be sure that staging proves it enough.',
      }),
    disk !== null &&
      gib > disk &&
      blocked({
        id: 'postgres/disk',
        area: 'postgres',
        what: includes,
        why: `the data alone take ${gib.toFixed(1)} GiB`,
        remedy: more,
      }),
    disk !== null &&
      gib <= disk &&
      needs.diskGib > disk &&
      told({
        id: 'postgres/disk',
        area: 'postgres',
        what: includes,
        becomes: `${(disk - gib).toFixed(1)} GiB to grow into`,
        why: `the data and half as much again need ${needs.diskGib.toFixed(1)} GiB`,
        remedy: more,
      }),
    // Where the Advanced Edition is a question, its disk is part of that.
    disk === null &&
      (cluster.engine === 'pg' || config.postgres.size !== undefined) &&
      decide({
        id: 'postgres/disk',
        area: 'postgres',
        what: `how much disk ${cluster.size} includes is not known`,
        question: `Does it hold ${needs.diskGib.toFixed(1)} GiB? So much are the data with room to grow.`,
        options: ['enough'],
        why: `the data take ${gib.toFixed(1)} GiB; DigitalOcean's API tells no disk, and this size is not in the dated list`,
        remedy: 'Look at the size in the control panel, or set `postgres.storage`: each GiB has its price.',
      }),
    !needs.memoryKnown &&
      config.postgres.size === undefined &&
      decide({
        id: 'postgres/memory',
        area: 'postgres',
        what: `how much memory ${planOf(inventory, 'heroku-postgresql')} has is not known`,
        question: `Are ${offer.memoryGib} GiB (${cluster.size}) as much as the database has today?`,
        options: ['enough'],
        why: needs.why,
        remedy: 'See `heroku pg:info`, and set `postgres.size` if it has more.',
      }),
    pool === undefined &&
      offer.connections < Math.max(inUse, needs.connections) &&
      decide({
        id: 'postgres/connections',
        area: 'postgres',
        what: `the new database takes ${offer.connections} connections, and ${Math.max(inUse, needs.connections)} are needed`,
        question: 'Have the pools of web and workers been made to fit?',
        options: ['pools-fit'],
        why: needs.whyConnections,
        remedy:
          'Lower the pools of web and workers, set a larger `postgres.size`, or let clients share connections with `postgres.pool`.',
      }),
    (pool !== undefined || offer.connections >= Math.max(inUse, needs.connections)) &&
      limit !== null &&
      offer.connections < limit &&
      told({
        id: 'postgres/connections',
        area: 'postgres',
        what: `the new database takes ${offer.connections} connections, the old one ${limit}`,
        becomes:
          pool === undefined ? less : `the application’s clients share the ${pool.size} of \`postgres.pool\``,
        why: needs.whyConnections,
        remedy: 'Check the pools of web and workers at their largest, or set a larger `postgres.size`.',
      }),
  ];
}

/** Heroku's Premium plans have a standby: the new side may only have none when somebody says so. */
function standby({ inventory, answers, postgres: { needs, standbyOffered, cluster } }: PlanFacts): Found {
  if (!needs.standby) return [];
  const plan = planOf(inventory, 'heroku-postgresql');
  return [
    decide({
      id: STANDBY,
      area: 'postgres',
      what: `${plan} has a standby that takes over when the server dies`,
      question: standbyOffered
        ? 'Does the new database get one, too?'
        : 'Is a single node enough? When it dies DigitalOcean starts it again from its storage, which takes minutes.',
      options: standbyOffered ? ['standby', 'single-node'] : ['single-node'],
      why: standbyOffered
        ? `a cluster with a standby is offered (${cluster.nodes} × ${cluster.size} is planned); backups of seven days are included with either`
        : `${answers[EDITION] === 'standard' ? 'the Standard Edition, which migration.yml answers, has' : 'DigitalOcean offers'} no cluster with a standby that is large enough; backups of seven days are included`,
      remedy: `Answer \`${STANDBY}\` under \`decisions\` in migration.yml.`,
    }),
  ];
}
