import { ConfigurationError } from '../errors.ts';
import type { HerokuClient } from '../heroku/client.ts';
import { namesASecret } from '../heroku/config-var-class.ts';
import { readConfigVars } from '../heroku/config-vars.ts';
import { parsePostgresUrl, type PostgresAddress } from '../postgres/connect.ts';
import { parseRedisUrl, type RedisAddress } from '../redis/connect.ts';

/** The old side's databases, read afresh: Heroku changes these addresses at any hour. */
export interface Source {
  /** `undefined` when the app has no DATABASE_URL. */
  postgres: PostgresAddress | undefined;
  redis: RedisAddress | undefined;
  /** Every config var with its value. */
  configVars: Record<string, string>;
}

/**
 * Reads the config vars, masks every value, and takes the databases' addresses from DATABASE_URL and REDIS_URL.
 * Heroku's certificates cannot be verified (facts of Heroku: self-signed), so the connections are encrypted only.
 */
export async function readSource(
  client: HerokuClient,
  app: string,
  edge: { mask: (value: string) => void; maskUrl: (url: string) => void },
): Promise<Source> {
  const configVars = await readConfigVars(client, app);
  maskConfigVars(configVars, edge);
  return sourceOf(configVars);
}

/** The databases' addresses among config vars whose values are masked; ConfigurationError for one that cannot be read. */
export function sourceOf(configVars: Record<string, string>): Source {
  const { DATABASE_URL: database, REDIS_URL: redis } = configVars;
  return {
    configVars,
    postgres: database === undefined ? undefined : parsePostgresUrl(database, { mode: 'unverified' }),
    redis: redis === undefined ? undefined : parseRedisUrl(redis, { mode: 'unverified' }),
  };
}

/** The source's Postgres address, or a ConfigurationError for an app without one. */
export function requirePostgres(source: Source, app: string): PostgresAddress {
  if (source.postgres !== undefined) return source.postgres;
  throw new ConfigurationError(
    `The Heroku app ${app} has no config var DATABASE_URL, so there is no database to move. ` +
      'Attach it (`heroku addons:attach <database> --as DATABASE`) and run this again.',
  );
}

/** Masks the value of every config var that may be a secret. */
export function maskConfigVars(
  configVars: Record<string, string>,
  edge: { mask: (value: string) => void; maskUrl: (url: string) => void },
): void {
  for (const [name, value] of Object.entries(configVars)) maskConfigValue(name, value, edge);
}

/**
 * Masks one value. Words such as "true", "production" or the application's own name are left readable: masking them
 * would make every log unreadable, and GitHub drops an output that contains a masked text.
 */
function maskConfigValue(
  name: string,
  value: string,
  edge: { mask: (value: string) => void; maskUrl: (url: string) => void },
): void {
  const url = URL.parse(value);
  if (url !== null && url.password !== '') edge.maskUrl(value);
  else if (namesASecret(name) ? value.length >= 4 : looksRandom(value)) edge.mask(value);
}

function looksRandom(value: string): boolean {
  return value.length >= 8 && !/^([a-z_-]+|[\d.]+|https?:\/\/[a-z\d.-]+\/?|[a-z\d.-]+\.[a-z]+)$/i.test(value);
}
