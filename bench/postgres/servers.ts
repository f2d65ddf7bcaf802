import { totalmem } from 'node:os';
import { startPostgres, type PostgresServer } from '../../rehearsal/servers/postgres.ts';
import { parsePostgresUrl, type PostgresAddress } from '../../src/postgres/connect.ts';
import { makeApplication } from './application.ts';
import { treeCpuSeconds } from '../cpu.ts';

/** A target as a managed cluster hands it out: a role that owns the tables, and one that loads them. */
export interface Target {
  owner: PostgresAddress;
  loader: PostgresAddress;
}

export interface BenchServers {
  from: PostgresServer;
  to: PostgresServer;
  /** What the servers were told, for the report. */
  settings: Record<string, string>;
  /** Where the programs of the servers' version are, and what they need in their environment. */
  bin: string;
  environment: Record<string, string>;
  /** CPU seconds that each server has used since it started. */
  cpuSeconds(): { source: number; target: number };
}

const PASSWORD = 'bench';
const OFF = { mode: 'off' } as const;
const GIB = 1024 ** 3;

/** As on servers that somebody relies on; with as much memory as 2 servers may have of this machine. */
function settingsOfBench(): Record<string, string> {
  return {
    shared_buffers: totalmem() >= 8 * GIB ? '1GB' : '128MB',
    fsync: 'on',
    wal_level: 'replica',
    max_wal_size: '8GB',
    max_connections: '200',
    autovacuum_max_workers: '3',
  };
}

/** Two servers, each with the roles without which nothing can be measured; neither role is a superuser. */
export async function startServers(): Promise<BenchServers> {
  const settings = settingsOfBench();
  const [from, to] = await Promise.all([
    startPostgres({ name: 'bench-source', settings }),
    startPostgres({ name: 'bench-target', settings }),
  ]);
  await from.query('postgres', `CREATE ROLE app LOGIN PASSWORD '${PASSWORD}' CREATEDB`);
  await to.query(
    'postgres',
    `CREATE ROLE doadmin LOGIN PASSWORD '${PASSWORD}' CREATEDB CREATEROLE; CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'`,
  );
  const pids = { source: await postmasterOf(from), target: await postmasterOf(to) };
  return {
    from,
    to,
    settings,
    bin: from.binaries.bin,
    environment: { ...process.env, ...from.binaries.environment } as Record<string, string>,
    cpuSeconds: () => ({ source: treeCpuSeconds(pids.source), target: treeCpuSeconds(pids.target) }),
  };
}

async function postmasterOf(server: PostgresServer): Promise<number> {
  const [row] = await server.query<{ file: string }>(
    'postgres',
    "SELECT pg_read_file('postmaster.pid') AS file",
  );
  return Number(row?.file.split('\n')[0]);
}

/** A source database with about `sizeBytes` of an application's data. */
export async function makeSource(
  { from }: BenchServers,
  name: string,
  sizeBytes: number,
): Promise<PostgresAddress> {
  await dropDatabase(from, name);
  await from.query('postgres', `CREATE DATABASE ${name} OWNER app`);
  await setSearchPath(from, name);
  await makeApplication(from.url(name, 'app', PASSWORD), sizeBytes);
  return parsePostgresUrl(from.url(name, 'app', PASSWORD), OFF);
}

/** The same data once more, for what changes it. */
export async function cloneSource(
  { from }: BenchServers,
  source: PostgresAddress,
  name: string,
): Promise<PostgresAddress> {
  await from.query('postgres', `CREATE DATABASE ${name} TEMPLATE ${source.database} OWNER app`);
  await setSearchPath(from, name);
  return { ...source, database: name };
}

/** An empty database. Databases of that name, and what they left to be written, are gone before. */
export async function newTarget({ from, to }: BenchServers, name: string): Promise<Target> {
  await to.query('postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await to.query('postgres', `CREATE DATABASE ${name} OWNER doadmin`);
  await to.query(name, `GRANT CREATE ON DATABASE ${name} TO app; GRANT CREATE ON SCHEMA public TO app`);
  await setSearchPath(to, name);
  for (const server of [from, to]) await server.query('postgres', 'CHECKPOINT');
  return {
    owner: parsePostgresUrl(to.url(name, 'app', PASSWORD), OFF),
    loader: parsePostgresUrl(to.url(name, 'doadmin', PASSWORD), OFF),
  };
}

export async function dropDatabase(server: PostgresServer, name: string): Promise<void> {
  await server.query('postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

/** As Heroku sets it for every database; pgcopydb restores nothing that needs heroku_ext without it. */
async function setSearchPath(server: PostgresServer, name: string): Promise<void> {
  await server.query('postgres', `ALTER DATABASE ${name} SET search_path = "$user", public, heroku_ext`);
}

export async function sizeOf(server: PostgresServer, database: string): Promise<number> {
  const [row] = await server.query<{ size: number }>(
    database,
    'SELECT pg_database_size(current_database())::float8 AS size',
  );
  return row?.size ?? 0;
}
