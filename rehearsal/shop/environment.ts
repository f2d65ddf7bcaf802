/**
 * The environment of a process of the shop: DATABASE_URL and REDIS_URL; DATABASE_CA_CERT, REDIS_CA_CERT (PEM) and
 * REDIS_TLS_SERVERNAME when the servers' certificates can be verified; PORT for web; DIGITALOCEAN_APP (any value)
 * on the new side; PGSSLMODE=disable for a database without TLS.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a process runs. It is written into rows, so that afterwards one can tell which side did what. */
export type Side = 'heroku' | 'digitalocean';

export function sideOf(environment: Environment): Side {
  return environment['DIGITALOCEAN_APP'] ? 'digitalocean' : 'heroku';
}

/** @throws when the variable is missing or empty */
export function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (!value) throw new Error(`The shop needs the environment variable ${name}.`);
  return value;
}

/** Certificates arrive in variables with real line breaks or with `\n` written out. */
export function pem(environment: Environment, name: string): string | undefined {
  return environment[name]?.replaceAll('\\n', '\n') ?? undefined;
}
