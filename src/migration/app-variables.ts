import { appEnvironment, type AppVariable, type VariableFate } from '../digitalocean/app-environment.ts';
import { classifyConfigVar } from '../heroku/config-var-class.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import { addOnFate, isMoved } from './add-on-kinds.ts';
import type { MigrationConfig } from './config.ts';
import { equivalentsOf, type NewMetadata } from './dyno-metadata.ts';

/** The new side's addresses as the application gets them; none of a database that it does not have. */
export interface NewAddresses {
  databaseUrl: string | undefined;
  databaseCa: string | undefined;
  /** Past the connection pool, where `databaseUrl` leads through one: for migrations and whatever needs a session. */
  directUrl?: string;
  redis: { url: string; ca: string; serverName: string } | undefined;
}

export interface AppVariablesInput {
  configVars: Record<string, string>;
  addOns: Pick<HerokuInventory['addOns'][number], 'service' | 'name' | 'plan' | 'configVars'>[];
  config: Pick<MigrationConfig, 'config'>;
  /** What migration.yml answers, by the id of the item: an add-on that is dropped takes its config vars with it. */
  answers: Readonly<Record<string, string>>;
  appName: string;
  addresses: NewAddresses;
  /** Variables of dynos that the code reads and that get an equivalent. */
  dynoMetadata?: NewMetadata & { names: readonly string[] };
}

/** For a plan: what becomes of each variable does not depend on the addresses. */
export function plannedAddresses(hasRedis: boolean, hasPool = false, hasPostgres = true): NewAddresses {
  const redis = hasRedis ? { url: 'later', ca: 'later', serverName: 'later' } : undefined;
  if (!hasPostgres) return { databaseUrl: undefined, databaseCa: undefined, redis };
  const direct = hasPool ? { directUrl: 'later' } : {};
  return { databaseUrl: 'later', databaseCa: 'later', ...direct, redis };
}

const MOVED = new Set(['heroku-postgresql', 'heroku-redis']);

/** Every config var accounted for, and the variables of the new side, with the addresses of its own databases. */
export function appVariables(input: AppVariablesInput): { variables: AppVariable[]; fates: VariableFate[] } {
  const { configVars, addOns, addresses, config, answers } = input;
  const dropped = addOns
    .filter((addOn) => !isMoved(addOn) && addOnFate(addOn, addOns, answers) === 'drop')
    .flatMap((addOn) => addOn.configVars);
  const moved = addOns
    .filter(({ service }) => MOVED.has(service))
    .flatMap((addOn) => addOn.configVars.map((name): [string, string] => [name, addOn.plan]));
  const plain = Object.entries(configVars)
    .filter(([name, value]) => classifyConfigVar(name, value, addOns) === 'plain')
    .map(([name]) => name);

  return appEnvironment({
    configVars,
    plain: new Set(plain),
    movedAddOns: new Map(moved),
    drop: [...config.config.drop, ...dropped],
    set: config.config.set,
    equivalents:
      input.dynoMetadata === undefined ? {} : equivalentsOf(input.dynoMetadata.names, input.dynoMetadata),
    replacements: {
      ...(addresses.databaseUrl === undefined
        ? {}
        : {
            DATABASE_URL: secret(
              addresses.databaseUrl,
              `the new cluster, over the private network${addresses.directUrl === undefined ? '' : ', through its connection pool'}`,
            ),
          }),
      ...(addresses.directUrl === undefined
        ? {}
        : { DATABASE_DIRECT_URL: secret(addresses.directUrl, 'the new cluster, past the connection pool') }),
      ...(addresses.databaseCa === undefined
        ? {}
        : { DATABASE_CA_CERT: open(addresses.databaseCa, 'the CA that signs the new cluster') }),
      DIGITALOCEAN_APP: open(input.appName, 'tells the application where it runs'),
      ...(addresses.redis === undefined
        ? {}
        : {
            REDIS_URL: secret(addresses.redis.url, 'the new Redis, over the private network'),
            REDIS_CA_CERT: open(addresses.redis.ca, 'the CA that signs the new Redis'),
            REDIS_TLS_SERVERNAME: open(addresses.redis.serverName, "the name in the new Redis's certificate"),
          }),
      ...(addresses.redis !== undefined && configVars.REDIS_TLS_URL !== undefined
        ? { REDIS_TLS_URL: secret(addresses.redis.url, 'the new Redis, over the private network') }
        : {}),
    },
  });
}

interface Replacement {
  value: string;
  secret: boolean;
  reason: string;
}

function secret(value: string, reason: string): Replacement {
  return { value, secret: true, reason };
}

/** A certificate and a name are no secrets; shown in the clear they can be compared. */
function open(value: string, reason: string): Replacement {
  return { value, secret: false, reason };
}
