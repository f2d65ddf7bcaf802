import { asSentence, ConfigurationError, messageOf } from '../errors.ts';
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

/** A config var that should lead to a database of ours and leads elsewhere, or nowhere. */
export interface UnmovedAddress {
  variable: 'DATABASE_URL' | 'REDIS_URL';
  /** `mysql2`; empty for what is no address at all. */
  scheme: string;
  /** Why it cannot be read; never with the value. */
  why: string;
}

/** The source as far as its addresses can be read: for whoever tells of the others and goes on. */
export interface SeenSource extends Source {
  unmoved: UnmovedAddress[];
}

/**
 * Reads the config vars, masks every value, and takes the databases' addresses from DATABASE_URL and REDIS_URL.
 * Heroku's certificates cannot be verified (facts of Heroku: self-signed), so the connections are encrypted only.
 *
 * @throws ConfigurationError for an address that is none of Postgres or Redis: nothing may go on as if there were none
 */
export async function readSource(
  client: HerokuClient,
  app: string,
  edge: { mask: (value: string) => void; maskUrl: (url: string) => void },
): Promise<Source> {
  const { unmoved, ...source } = await lookAtSource(client, app, edge);
  const [first] = unmoved;
  if (first === undefined) return source;
  throw new ConfigurationError(`${first.variable} of the Heroku app ${app}: ${asSentence(first.why)}`);
}

/** The same for whoever only tells what is there: an address that cannot be read is told beside the others. */
export async function lookAtSource(
  client: HerokuClient,
  app: string,
  edge: { mask: (value: string) => void; maskUrl: (url: string) => void },
): Promise<SeenSource> {
  const configVars = await readConfigVars(client, app);
  maskConfigVars(configVars, edge);
  return sourceOf(configVars);
}

/** The databases' addresses among config vars whose values are masked. */
export function sourceOf(configVars: Record<string, string>): SeenSource {
  const unmoved: UnmovedAddress[] = [];
  const read = <T>(variable: UnmovedAddress['variable'], parse: (url: string) => T): T | undefined => {
    const url = configVars[variable];
    if (url === undefined) return undefined;
    try {
      return parse(url);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      unmoved.push({ variable, scheme: schemeOf(url), why: messageOf(error) });
      return undefined;
    }
  };
  const postgres = read('DATABASE_URL', (url) => parsePostgresUrl(url, { mode: 'unverified' }));
  const redis = read('REDIS_URL', (url) => parseRedisUrl(url, { mode: 'unverified' }));
  return { configVars, postgres, redis, unmoved };
}

/** `mysql2` of `mysql2://…`, `jdbc:mysql` of `jdbc:mysql://…`. */
function schemeOf(url: string): string {
  return /^\s*((?:jdbc:)?[a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? '';
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
  // `jdbc:` stands before an address.
  const url = URL.parse(value.replace(/^jdbc:/i, ''));
  if (url !== null && url.password !== '') {
    edge.maskUrl(url.href);
    // As it was written, which is not always as it is read.
    edge.mask(value);
  } else if (namesASecret(name) ? value.length >= 4 : looksRandom(value)) edge.mask(value);
}

function looksRandom(value: string): boolean {
  return value.length >= 8 && !/^([a-z_-]+|[\d.]+|https?:\/\/[a-z\d.-]+\/?|[a-z\d.-]+\.[a-z]+)$/i.test(value);
}
