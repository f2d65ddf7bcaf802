import { Redis } from 'ioredis';
import pg from 'pg';

/** What Heroku knows about a database by looking at it. */
export interface DatabaseState {
  bytes: number;
  tables: number;
  version: string;
  connections: number;
}

export interface KeyValueState {
  version: string;
}

const patienceMs = 3000;

/** Looks at a Postgres add-on's server with the add-on's own credentials; undefined when it cannot be reached. */
export async function inspectPostgres(url: string): Promise<DatabaseState | undefined> {
  for (const ssl of [{ rejectUnauthorized: false }, false]) {
    const client = new pg.Client({
      connectionString: url.replace(/\?.*$/, ''),
      ssl,
      connectionTimeoutMillis: patienceMs,
      application_name: 'heroku',
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{
        bytes: string;
        tables: string;
        version: string;
        connections: string;
      }>(`
        SELECT pg_database_size(current_database()) AS bytes,
               (SELECT count(*) FROM pg_tables
                 WHERE schemaname NOT IN ('pg_catalog', 'information_schema', '_heroku')) AS tables,
               current_setting('server_version') AS version,
               (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections`);
      const [row] = rows;
      if (!row) return undefined;
      return {
        bytes: Number(row.bytes),
        tables: Number(row.tables),
        version: row.version.split(' ')[0] ?? row.version,
        connections: Number(row.connections),
      };
    } catch {
      continue;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  return undefined;
}

/** Looks at a Key-Value Store add-on's server; undefined when it cannot be reached. */
export async function inspectKeyValueStore(url: string): Promise<KeyValueState | undefined> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: patienceMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    ...(url.startsWith('rediss:') ? { tls: { rejectUnauthorized: false } } : {}),
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const info = await redis.info('server');
    return { version: /(?:valkey|redis)_version:(\S+)/.exec(info)?.[1] ?? '' };
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}
