import tls from 'node:tls';
import pg from 'pg';
import { pem, required, type Environment } from './environment.ts';

/** Anything that runs queries: the pool for single statements, a client inside a transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

/**
 * The connection that DATABASE_URL describes. `sslmode` is taken out of the address, since pg reads `require` as
 * "verify", which Heroku's certificates cannot pass; they are verified when DATABASE_CA_CERT is there.
 */
export function databaseSettings(environment: Environment): pg.ClientConfig {
  const url = new URL(required(environment, 'DATABASE_URL'));
  const mode = url.searchParams.get('sslmode') ?? environment['PGSSLMODE'];
  const ca = pem(environment, 'DATABASE_CA_CERT');
  const host = decodeURIComponent(url.hostname);
  return {
    host,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ssl: mode === 'disable' ? false : verification(host, ca),
    connectionTimeoutMillis: 5000,
    keepAlive: true,
  };
}

function verification(host: string, ca: string | undefined): tls.ConnectionOptions {
  if (ca === undefined) return { rejectUnauthorized: false };
  // pg does not tell TLS the host when it is an address; without this "localhost" would be checked.
  return {
    ca,
    rejectUnauthorized: true,
    checkServerIdentity: (_name, cert) => tls.checkServerIdentity(host, cert),
  };
}

/** A few connections that come and go as they are needed; a lost one is replaced, never fatal. */
export function openPool(environment: Environment, size: number): pg.Pool {
  const pool = new pg.Pool({
    ...databaseSettings(environment),
    application_name: `shop ${environment['DYNO'] ?? 'process'}`,
    max: size,
    idleTimeoutMillis: 30_000,
    statement_timeout: 15_000,
    // For a server that is gone without a word.
    query_timeout: 20_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  pool.on('error', (error) => console.error(`at=warning database connection lost: ${error.message}`));
  return pool;
}

/** Runs `body` in one transaction: committed when it resolves, rolled back when it rejects. */
export async function inTransaction<T>(pool: pg.Pool, body: (client: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onLoss = (error: Error): void => {
    broken = error;
  };
  client.on('error', onLoss);
  try {
    await client.query('BEGIN');
    const result = await body(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error('ROLLBACK failed');
    });
    throw error;
  } finally {
    client.off('error', onLoss);
    client.release(broken);
  }
}
