import type { Catalogue } from '../../src/digitalocean/prices.ts';
import { datacentreOf } from '../../src/digitalocean/region.ts';
import { missing, wanting, type Check } from '../../src/doctor/check.ts';
import type { OfferCheck } from '../../src/doctor/digitalocean-checks.ts';
import { rehearsalCost, type RehearsalCost } from '../../src/doctor/rehearsal-cost.ts';
import { messageOf } from '../../src/errors.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { configFor, type EnvironmentConfig, type MigrationConfig } from '../../src/migration/config.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { ownPostgresOf } from '../../src/migration/own-postgres.ts';
import { offeredIn, placePostgres, placeProcesses, placeRedis } from '../../src/migration/placement.ts';
import { proposeConfig } from '../../src/migration/propose-config.ts';
import type { Declared } from './doctor-reading.ts';

/** What each environment would create, whether it is offered, and what the first of them costs while it stands. */
export interface Places {
  offers: OfferCheck[];
  /** Of the environment that is rehearsed; undefined while nothing is known of an app. */
  cost: RehearsalCost | undefined;
  problems: Check[];
}

interface Placed {
  config: MigrationConfig;
  environment: EnvironmentConfig;
  inventory: HerokuInventory;
}

/**
 * Places what the inventories hold without looking into the databases: sizes follow the plans on Heroku, and assess, which
 * knows their use, may choose larger ones.
 */
export function placesOf(
  { config, environments }: Pick<Declared, 'config' | 'environments'>,
  inventories: readonly HerokuInventory[],
  catalogue: Catalogue | undefined,
): Places {
  const problems: Check[] = [];
  const placed =
    config === undefined
      ? proposed(inventories, problems)
      : environments.flatMap((environment): Placed[] => {
          const inventory = inventories.find(({ app }) => app.name === environment.herokuApp);
          return inventory === undefined ? [] : [{ config, environment, inventory }];
        });
  const offers: OfferCheck[] = [];
  let cost: RehearsalCost | undefined;
  // What is rehearsed is what nobody has to approve.
  for (const one of [...placed].sort(
    (a, b) => Number(a.environment.protected) - Number(b.environment.protected),
  )) {
    try {
      const found = placeOne(one, catalogue);
      offers.push(...found.offers);
      cost ??= found.cost;
    } catch (error) {
      problems.push(
        missing(
          'migration.yml',
          `Region of ${one.environment.name}`,
          messageOf(error),
          'Correct `region` in migration.yml',
        ),
      );
    }
  }
  return { offers: catalogue === undefined ? [] : offers, cost, problems };
}

function proposed(inventories: readonly HerokuInventory[], problems: Check[]): Placed[] {
  if (inventories.length === 0) return [];
  try {
    const { config } = proposeConfig(
      inventories.map((inventory) => ({ stage: inventory.pipeline?.stage ?? null, inventory })),
    );
    return Object.values(config.environments).flatMap((environment): Placed[] => {
      const inventory = inventories.find(({ app }) => app.name === environment.herokuApp);
      return inventory === undefined ? [] : [{ config, environment, inventory }];
    });
  } catch (error) {
    problems.push(
      wanting('migration.yml', 'What a rehearsal costs', messageOf(error), 'Write a migration.yml'),
    );
    return [];
  }
}

function placeOne(
  { config: file, environment, inventory }: Placed,
  catalogue: Catalogue | undefined,
): { offers: OfferCheck[]; cost: RehearsalCost } {
  const config = configFor(file, environment);
  const { name } = environment;
  const datacentre = datacentreOf(environment.region);
  const { components, homeless } = placeProcesses(
    { inventory, catalogue },
    { jobs: config.schedule, dynoSizes: {} },
  );
  const { cluster, offer } = placePostgres(
    { config, database: undefined, live: undefined, catalogue, inventory },
    answersOf(config, environment),
  );
  const hasRedis = inventory.addOns.some(({ service }) => service === 'heroku-redis');
  const redis = hasRedis ? placeRedis({ config, redis: undefined, catalogue, inventory }, datacentre) : null;
  const droplet = catalogue?.dropletSizes.find(({ slug }) => slug === redis?.size);
  const hasPostgres = ownPostgresOf(inventory, undefined) === 'there';
  const offers: OfferCheck[] = [
    ...(hasPostgres
      ? [
          {
            environment: name,
            what: `PostgreSQL ${cluster.size === '' ? 'of a fitting size' : cluster.size} in ${datacentre}`,
            offered: offer !== undefined && offeredIn(catalogue, cluster.engine, datacentre),
            mend: '`doctl databases options regions --engine pg` lists what there is: choose another region, or another `postgres.size`, in migration.yml',
            droplets: 0,
            clusters: 1,
          },
        ]
      : []),
    ...(redis === null
      ? []
      : [
          {
            environment: name,
            what: `droplet ${redis.size === '' ? 'of a fitting size' : redis.size} in ${datacentre}`,
            offered:
              droplet !== undefined && (droplet.regions.length === 0 || droplet.regions.includes(datacentre)),
            mend: '`doctl compute size list` lists what there is: choose another region, or another `redis.size`, in migration.yml',
            droplets: 1,
            clusters: 0,
          },
        ]),
    ...homeless.map(({ what, remedy }) => ({
      environment: name,
      what,
      offered: false,
      mend: remedy ?? 'Spread the process over smaller dynos',
      droplets: 0,
      clusters: 0,
    })),
  ];
  return {
    offers,
    cost: rehearsalCost(
      name,
      { components, cluster: hasPostgres ? cluster : null, redis },
      inventory,
      offer?.priceIsFrom ?? false,
    ),
  };
}
