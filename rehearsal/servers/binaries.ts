import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { cacheDirectory } from './cache-directory.ts';
import { fetchPackages, newestPackage } from './debian-packages.ts';
import { reachableByServerUser } from './server-user.ts';

const run = promisify(execFile);

export interface PostgresBinaries {
  /** The directory with initdb, postgres, pg_dump, pg_restore and psql. */
  bin: string;
  /** What these programs need in their environment. */
  environment: Record<string, string>;
  major: number;
}

export interface RedisBinaries {
  /** Path of redis-server. */
  server: string;
  environment: Record<string, string>;
}

export interface FindOptions {
  /** Behave as if the machine had no such server: always use the downloaded one. */
  ignoreSystem?: boolean;
}

const postgresPrograms = ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'psql'];
const oldestPostgres = 15;
const oldestRedis = 7;

/**
 * PostgreSQL >= 15: the newest that the machine has, else the distribution's packages unpacked into our cache (no
 * root, no system server).
 *
 * @throws ConfigurationError with one sentence that says what to install
 */
export async function findPostgres(log: Log, options: FindOptions = {}): Promise<PostgresBinaries> {
  const installed: PostgresBinaries[] = [];
  for (const bin of options.ignoreSystem ? [] : postgresDirectories()) {
    const major = await majorOf(join(bin, 'postgres'), {});
    if (major !== undefined && major >= oldestPostgres) installed.push({ bin, environment: {}, major });
  }
  const newest = installed.sort((a, b) => b.major - a.major)[0];
  return newest ?? (await fetched('PostgreSQL', oldestPostgres, 'postgresql', () => fetchPostgres(log)));
}

/**
 * Redis >= 7: the machine's, else the distribution's packages unpacked into our cache.
 *
 * @throws ConfigurationError with one sentence that says what to install
 */
export async function findRedis(log: Log, options: FindOptions = {}): Promise<RedisBinaries> {
  for (const directory of options.ignoreSystem ? [] : redisDirectories()) {
    const server = join(directory, 'redis-server');
    const major = await majorOf(server, {});
    if (major !== undefined && major >= oldestRedis) return { server, environment: {} };
  }
  return fetched('Redis', oldestRedis, 'redis', () => fetchRedis(log));
}

async function fetchPostgres(log: Log): Promise<PostgresBinaries> {
  const server = await newestPackage(/^postgresql-(\d+)$/, oldestPostgres, cacheDirectory());
  const major = Number(server.slice('postgresql-'.length));
  const unpacked = await fetchPackages({
    packages: [server, `postgresql-client-${major}`, 'libpq5'],
    check: postgresPrograms.map((program) => `usr/lib/postgresql/${major}/bin/${program}`),
    cache: cacheDirectory(),
    log,
  });
  // Debian's PostgreSQL reads the system's time zones, from a path that is compiled in.
  if (!isThere('/usr/share/zoneinfo/UTC', constants.R_OK)) throw new Error('the package tzdata is missing');
  return {
    bin: join(unpacked.directory, `usr/lib/postgresql/${major}/bin`),
    environment: unpacked.environment,
    major,
  };
}

async function fetchRedis(log: Log): Promise<RedisBinaries> {
  const unpacked = await fetchPackages({
    packages: ['redis-tools', 'redis-server'],
    check: ['usr/bin/redis-server'],
    cache: cacheDirectory(),
    log,
  });
  const server = join(unpacked.directory, 'usr/bin/redis-server');
  const major = await majorOf(server, unpacked.environment);
  if (major === undefined || major < oldestRedis)
    throw new Error(`the distribution's Redis is ${major ?? 'unusable'}`);
  return { server, environment: unpacked.environment };
}

async function fetched<T>(what: string, oldest: number, name: string, fetch: () => Promise<T>): Promise<T> {
  try {
    if (process.platform !== 'linux') throw new Error('none was found');
    return await fetch();
  } catch (error) {
    const remedy = {
      darwin: `run \`brew install ${name === 'postgresql' ? 'postgresql@17' : name}\``,
      linux: `install it (Debian, Ubuntu: \`sudo apt-get install ${name}${name === 'redis' ? '-server' : ''}\`, newer ones from ${name === 'redis' ? 'packages.redis.io' : 'apt.postgresql.org'})`,
    }[process.platform as string];
    const reason = messageOf(error);
    throw new ConfigurationError(
      `The rehearsal needs ${what} ${oldest} or newer, and it could not be had here (${reason}): ${remedy ?? 'install it'}, then run this again.`,
    );
  }
}

function postgresDirectories(): string[] {
  const candidates = [
    ...pathDirectories(),
    ...childrenOf('/usr/lib/postgresql', 'bin'),
    ...childrenOf('/usr', 'bin', /^pgsql-\d+$/),
    ...childrenOf('/opt/homebrew/opt', 'bin', /^postgresql@\d+$/),
    ...childrenOf('/usr/local/opt', 'bin', /^postgresql@\d+$/),
    '/Applications/Postgres.app/Contents/Versions/latest/bin',
  ];
  return [...new Set(candidates)].filter((bin) =>
    postgresPrograms.every((program) => isProgram(join(bin, program))),
  );
}

function redisDirectories(): string[] {
  const candidates = [...pathDirectories(), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
  return [...new Set(candidates)].filter((directory) => isProgram(join(directory, 'redis-server')));
}

function pathDirectories(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory.startsWith('/'));
}

function childrenOf(directory: string, below: string, wanted = /./): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => wanted.test(name))
      .map((name) => join(directory, name, below));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  return isThere(path, constants.X_OK) && reachableByServerUser(path);
}

function isThere(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** `postgres (PostgreSQL) 15.16 (Debian …)` or `Redis server v=7.0.15 sha=…`; undefined when it does not run. */
async function majorOf(program: string, environment: Record<string, string>): Promise<number | undefined> {
  try {
    const { stdout } = await run(program, ['--version'], { env: { ...process.env, ...environment } });
    const major = /(?:PostgreSQL\) |v=)(\d+)/.exec(stdout)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}
