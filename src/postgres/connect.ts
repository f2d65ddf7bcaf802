import pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';

/**
 * How a server's certificate is treated. Heroku's cannot be verified ("unverified" encrypts only); DigitalOcean's
 * is verified against the cluster's CA.
 */
export type Tls = { mode: 'unverified' } | { mode: 'verify'; ca: string } | { mode: 'off' };

export interface PostgresAddress {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  tls: Tls;
}

export interface ConnectOptions {
  /** Seen in pg_stat_activity; sessions of ours are named by `applicationName()` in settle.ts. */
  applicationName: string;
  log?: Log;
  /** Longest time of one statement; without it a statement may take as long as it needs. */
  statementTimeoutMs?: number;
  /** Aborting closes the connection; the server drops what the session was doing. */
  signal?: AbortSignal;
}

export function parsePostgresUrl(url: string, tls: Tls): PostgresAddress {
  void url;
  void tls;
  throw new ConfigurationError('not yet');
}

/** Where a database is, without its password: `user@host:port/database`. */
export function describeAddress(address: PostgresAddress): string {
  return `${address.user}@${address.host}:${address.port}/${address.database}`;
}

export async function connect(address: PostgresAddress, options: ConnectOptions): Promise<pg.Client> {
  void address;
  void options;
  await Promise.reject(new Error('not yet'));
  return new pg.Client();
}

export async function withConnection<T>(
  address: PostgresAddress,
  options: ConnectOptions,
  body: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(address, options);
  try {
    return await body(client);
  } finally {
    await client.end();
  }
}
