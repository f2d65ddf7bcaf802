import pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { connectionError, statementError } from './errors.ts';

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

/** Long enough for a slow TLS handshake across an ocean, short enough to notice a firewall that swallows packets. */
const CONNECT_TIMEOUT_MS = 15_000;

/**
 * Every session reads and writes values in one form, whatever the database's or role's own settings: otherwise the
 * same row has two texts (all of these change what a value looks like as text, or which rows are seen).
 * What a server does not know it goes without. They are set after the connection is made, so that `reset_val` in
 * pg_settings still tells what the application gets.
 */
const PINNED_SETTINGS: Record<string, string> = {
  row_security: 'off',
  search_path: '',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  client_encoding: 'UTF8',
  // A backslash in a script means itself, whatever the database's own setting.
  standard_conforming_strings: 'on',
  statement_timeout: '0',
  lock_timeout: '30s',
  idle_in_transaction_session_timeout: '10min',
  // Since Postgres 14; a session that only holds a lock is idle for as long as a copy takes.
  idle_session_timeout: '0',
  default_transaction_isolation: 'read committed',
  // Since Postgres 17; a snapshot is held as long as the copy takes.
  transaction_timeout: '0',
  // A statement whose client is gone stops within seconds instead of running on (since Postgres 14).
  client_connection_check_interval: '2s',
};

/**
 * Reads a `postgres://user:password@host:port/database` address. Parameters such as `sslmode` are ignored: what is
 * verified is `tls`'s to say (the driver takes `sslmode=require` for verify-full, facts of Heroku §3.5).
 * Throws a ConfigurationError that does not quote the address, since it holds a password.
 */
export function parsePostgresUrl(url: string, tls: Tls): PostgresAddress {
  const parsed = URL.parse(url.trim());
  if (parsed === null || !['postgres:', 'postgresql:'].includes(parsed.protocol))
    throw new ConfigurationError(
      'A database address cannot be read: it must look like postgres://user:password@host:5432/database, with special characters of the password percent-encoded.',
    );
  const database = decode(parsed.pathname.slice(1));
  const user = decode(parsed.username);
  if (parsed.hostname === '' || database === '' || user === '')
    throw new ConfigurationError('A database address lacks its host, user or database name.');
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? 5432 : Number(parsed.port),
    database,
    user,
    password: decode(parsed.password),
    tls,
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(
      'A database address holds a percent sign that is not part of an encoded character.',
    );
  }
}

/** Where a database is, without its password: `user@host:port/database`. */
export function describeAddress(address: PostgresAddress): string {
  return `${address.user}@${address.host}:${address.port}/${address.database}`;
}

/**
 * Opens a session with every setting pinned. Throws a ConfigurationError with advice when the server refuses, and
 * never an error that carries the driver's configuration. The caller closes it with `closeConnection`.
 */
export async function connect(address: PostgresAddress, options: ConnectOptions): Promise<pg.Client> {
  options.signal?.throwIfAborted();
  const where = describeAddress(address);
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    password: address.password,
    ssl: sslOptions(address.tls),
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // Without a listener a connection lost between two statements would end the process.
  client.on('error', (error) => {
    options.log?.debug(`The connection to ${where} was lost: ${error.message}`);
  });
  const onAbort = (): void => {
    client.connection.stream.destroy();
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  client.once('end', () => options.signal?.removeEventListener('abort', onAbort));
  try {
    await client.connect();
    await pin(client, options.statementTimeoutMs);
    return client;
  } catch (thrown) {
    client.connection.stream.destroy();
    options.signal?.throwIfAborted();
    throw connectionError(thrown, where);
  }
}

/** Runs `body` with a session of its own, and closes it whatever happens; errors are cleaned as in `connect`. */
export async function withConnection<T>(
  address: PostgresAddress,
  options: ConnectOptions,
  body: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(address, options);
  try {
    return await body(client);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw statementError(thrown, describeAddress(address));
  } finally {
    await closeConnection(client);
  }
}

/** Ends a session; one that does not answer is cut after two seconds. Never throws. */
export async function closeConnection(client: pg.Client): Promise<void> {
  const cut = setTimeout(() => {
    client.connection.stream.destroy();
  }, 2_000);
  await client.end().catch(() => undefined);
  clearTimeout(cut);
}

function sslOptions(tls: Tls): pg.ClientConfig['ssl'] {
  switch (tls.mode) {
    case 'off':
      return false;
    case 'unverified':
      return { rejectUnauthorized: false };
    case 'verify':
      return { rejectUnauthorized: true, ca: tls.ca };
  }
}

async function pin(client: pg.Client, statementTimeoutMs: number | undefined): Promise<void> {
  const settings = { ...PINNED_SETTINGS };
  if (statementTimeoutMs !== undefined) settings.statement_timeout = `${statementTimeoutMs}ms`;
  const names = Object.keys(settings);
  await client.query(
    `SELECT pg_catalog.set_config(known.name, wanted.value, false)
       FROM unnest($1::text[], $2::text[]) AS wanted(name, value)
       JOIN pg_catalog.pg_settings known ON known.name = wanted.name`,
    [names, Object.values(settings)],
  );
}
