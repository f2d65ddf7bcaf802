import { randomBytes } from 'node:crypto';
import { afterAll } from '@jest/globals';
import { startPostgres, type PostgresServer } from '../../rehearsal/servers/postgres.ts';
import { stopAll } from '../../rehearsal/servers/process.ts';
import { startRedis, type RedisOptions, type RedisServer } from '../../rehearsal/servers/redis.ts';

export interface FreshDatabase {
  server: PostgresServer;
  database: string;
  /** A role of its own that owns the database and is no superuser. */
  owner: { user: string; password: string };
  /** As the owner. */
  url: string;
  superuserUrl: string;
  /** Runs SQL as the superuser in this database. */
  query<Row = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>;
}

export interface FreshDatabaseOptions {
  /** Default: this test file's own server. */
  server?: PostgresServer;
  /** Begins the names of the database and its owner. */
  name?: string;
  /** Run as the owner. */
  sql?: string;
}

let postgres: Promise<PostgresServer> | undefined;

// What a test file started ends with the file, also when its tests fail.
afterAll(async () => {
  postgres = undefined;
  await stopAll();
});

/** The test file's PostgreSQL server, started on first use and stopped after its last test. */
export function testPostgres(): Promise<PostgresServer> {
  postgres ??= startPostgres({ name: 'test' });
  return postgres;
}

/** A new empty database with an owner of its own. */
export async function freshDatabase(options: FreshDatabaseOptions = {}): Promise<FreshDatabase> {
  const server = options.server ?? (await testPostgres());
  const database = `${options.name ?? 'test'}_${randomBytes(4).toString('hex')}`;
  const owner = { user: `${database}_owner`, password: randomBytes(8).toString('hex') };
  await server.query('postgres', `create role "${owner.user}" login password '${owner.password}'`);
  await server.query('postgres', `create database "${database}" owner "${owner.user}"`);
  const fresh: FreshDatabase = {
    server,
    database,
    owner,
    url: server.url(database, owner.user, owner.password),
    superuserUrl: server.url(database),
    query: (sql, values) => server.query(database, sql, values),
  };
  if (options.sql) await fresh.query(`set session authorization "${owner.user}"; ${options.sql}`);
  return fresh;
}

/** A Redis server with these lines of redis.conf; stopped after the file's last test. */
export function testRedis(
  lines: string[] = [],
  files: Record<string, string> = {},
  options: Pick<RedisOptions, 'host' | 'tls'> = {},
): Promise<RedisServer> {
  return startRedis({ name: 'test', configuration: lines, files, ...options });
}
