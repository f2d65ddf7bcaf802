import { findPostgres } from '../../servers/binaries.ts';
import type { Certificate } from '../../servers/certificates.ts';
import { startPostgres, type PostgresServer } from '../../servers/postgres.ts';
import type { Platform } from '../platform.ts';
import type { ManagedBinaries } from './allowed-extensions.ts';
import { manageExtensions } from './allowed-extensions.ts';

/** A name in SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The PostgreSQL programs of all clusters, prepared once. */
export async function prepareBinaries(platform: Platform): Promise<ManagedBinaries> {
  return manageExtensions(await findPostgres(platform.log), platform.log);
}

/**
 * Starts the server of one cluster as DigitalOcean hands it out: TLS only, a superuser that nobody is told of, and
 * `doadmin` with CREATEDB, CREATEROLE, REPLICATION and BYPASSRLS but no superuser (docs, "\du", 2025-11), who owns
 * the database `defaultdb`.
 */
export async function startClusterServer(
  managed: ManagedBinaries,
  cluster: { name: string; adminPassword: string; tls: Certificate; connections: number },
): Promise<PostgresServer> {
  const server = await startPostgres({
    name: `do-${cluster.name}`,
    binaries: managed.binaries,
    tls: cluster.tls,
    settings: {
      ...managed.settings,
      // DigitalOcean keeps three for itself.
      max_connections: String(cluster.connections + 3),
      superuser_reserved_connections: '3',
    },
  });
  await server.query(
    'postgres',
    `create role doadmin login createdb createrole replication bypassrls password ${literal(cluster.adminPassword)}`,
  );
  await addDatabase(server, 'defaultdb');
  return server;
}

/** Databases that the API creates belong to doadmin. */
export async function addDatabase(server: PostgresServer, name: string, owner = 'doadmin'): Promise<void> {
  await server.query('postgres', `create database ${identifier(name)} owner ${identifier(owner)}`);
}

/**
 * Users that the API creates may log in and nothing else. Before PostgreSQL 16 doadmin's CREATEROLE administers them;
 * since then that takes a grant with ADMIN OPTION.
 */
export async function addUser(
  server: PostgresServer,
  user: { name: string; password: string; replication: boolean; superuser?: boolean },
): Promise<void> {
  const name = identifier(user.name);
  const replication = user.replication ? 'replication' : 'noreplication';
  await server.query(
    'postgres',
    `create role ${name} login ${replication} ${user.superuser === true ? 'superuser' : 'nosuperuser'} password ${literal(user.password)}`,
  );
  if (server.binaries.major >= 16) {
    await server.query('postgres', `grant ${name} to doadmin with admin true, inherit false, set true`);
  }
}
