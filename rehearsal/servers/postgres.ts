import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { ConfigurationError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { findPostgres, type PostgresBinaries } from './binaries.ts';
import { cacheDirectory } from './cache-directory.ts';
import type { Certificate } from './certificates.ts';
import { onFreePort, PortTaken } from './free-port.ts';
import { removeTemporaryDirectory, startProcess, temporaryDirectory, type ServerProcess } from './process.ts';
import { giveToServerUser } from './server-user.ts';

const run = promisify(execFile);

export interface PostgresOptions {
  /** For the temporary directory and messages. */
  name: string;
  /** The data directory; default: a new temporary one. */
  directory?: string;
  binaries?: PostgresBinaries;
  /** With it, clients over TCP must use TLS; without it, they cannot. */
  tls?: Certificate;
  /** Lines of postgresql.conf, over the small and fast defaults of a rehearsal. */
  settings?: Record<string, string>;
  /** Where the port comes from; when it turns out to be taken, it is asked again. Default: a free one. */
  choosePort?: () => Promise<number>;
}

export interface PostgresServer {
  host: '127.0.0.1';
  port: number;
  /** The binaries that it runs from; its clients' tools are beside them. */
  binaries: PostgresBinaries;
  superuser: { user: 'postgres'; password: string };
  /** A connection string; default: as the superuser. */
  url(database: string, user?: string, password?: string): string;
  /** Runs SQL (several statements are one transaction) as the superuser, over the server's own socket. */
  query<Row = Record<string, unknown>>(database: string, sql: string, values?: unknown[]): Promise<Row[]>;
  /** The server's log so far. */
  log(): string;
  /** Ends sessions and stops; `restart` brings it back with its data. */
  stop(): Promise<void>;
  /** Kills it with all its sessions, as a crash would; `restart` then recovers. */
  kill9(): Promise<void>;
  /** Stops it when it runs, and starts it on the same port. */
  restart(): Promise<void>;
}

/** Made for many short-lived servers beside each other: small memory, and no care for power cuts. */
const rehearsalSettings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  // The default since version 14, and what the file of access below asks for.
  password_encryption: 'scram-sha-256',
  max_connections: '100',
  shared_buffers: '16MB',
  fsync: 'off',
  max_wal_size: '256MB',
  autovacuum_max_workers: '1',
  // Just-in-time compilation only costs time here, and needs LLVM, which we do not download.
  jit: 'off',
  // In the data directory rather than in /dev/shm, so that it goes when the directory goes.
  dynamic_shared_memory_type: 'mmap',
  log_line_prefix: '%m [%p] %q%u@%d %a ',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/**
 * Starts a real PostgreSQL server on 127.0.0.1 and a free port, under the server user, with a superuser whose password
 * nobody else knows. It stays until `stopAll`.
 *
 * @throws with the end of the server's log when it does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = options.binaries ?? (await findPostgres(silentLog));
  const home = temporaryDirectory(`pg-${options.name}`);
  const data = options.directory ?? join(home, 'data');
  const logFile = join(home, 'postgres.log');
  if (!existsSync(data)) await copyDirectory(await templateDirectory(binaries), data);
  configure(data, home, options);

  const password = randomBytes(12).toString('hex');
  const server = { port: 0, process: undefined as ServerProcess | undefined };

  const start = async (port: number): Promise<void> => {
    server.process = startProcess(join(binaries.bin, 'postgres'), ['-D', data, '-p', `${port}`], {
      cwd: home,
      env: { PATH: process.env['PATH'], ...binaries.environment },
      logFile,
      asServerUser: true,
      stopSignal: 'SIGINT',
      // Killed outright, it would leave its System V shared memory behind.
      lastWord: 'SIGQUIT',
    });
    server.port = port;
    await untilReady(
      server.process,
      () => query('postgres', 'select 1'),
      () => readFileSync(logFile, 'utf8'),
    );
  };

  const query = async <Row>(database: string, sql: string, values?: unknown[]): Promise<Row[]> => {
    const client = new pg.Client({ host: home, port: server.port, user: 'postgres', database });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const result = await client.query(sql, values);
      return (Array.isArray(result) ? (result.at(-1) as pg.QueryResult) : result).rows as Row[];
    } finally {
      await client.end();
    }
  };

  await onFreePort(start, options.choosePort);
  await query('postgres', `alter role postgres password '${password}'`);

  return {
    host: '127.0.0.1',
    get port() {
      return server.port;
    },
    binaries,
    superuser: { user: 'postgres', password },
    url: (database, user = 'postgres', userPassword = user === 'postgres' ? password : '') =>
      `postgres://${encodeURIComponent(user)}:${encodeURIComponent(userPassword)}@127.0.0.1:${server.port}/${encodeURIComponent(database)}`,
    query,
    log: () => readFileSync(logFile, 'utf8'),
    stop: async () => server.process?.stop(),
    kill9: async () => {
      await server.process?.kill9();
      await removeSharedMemory(data);
    },
    restart: async () => {
      await server.process?.stop();
      await start(server.port);
    },
  };
}

async function untilReady(
  server: ServerProcess,
  probe: () => Promise<unknown>,
  log: () => string,
): Promise<void> {
  const ended = { yet: false };
  void server.exited.then(() => {
    ended.yet = true;
  });
  for (;;) {
    try {
      await probe();
      return;
    } catch {
      await delay(20);
    }
    if (ended.yet) {
      const words = log();
      if (words.includes('could not bind')) throw new PortTaken('The port was taken.');
      throw new Error(
        `PostgreSQL did not start. Its log ends with:\n${words.split('\n').slice(-15).join('\n')}`,
      );
    }
  }
}

function configure(data: string, home: string, { tls, settings }: PostgresOptions): void {
  const all: Record<string, string> = {
    ...rehearsalSettings,
    unix_socket_directories: home,
    ...(tls ? { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' } : {}),
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  appendFileSync(join(data, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
  // The socket lies in a directory that only we can enter, so that it needs no password.
  const access = [
    'local all postgres trust',
    `${tls ? 'hostssl' : 'host'} all all 127.0.0.1/32 scram-sha-256`,
  ];
  writeFileSync(join(data, 'pg_hba.conf'), `${access.join('\n')}\n`);
  if (!tls) return;
  writeFileSync(join(data, 'server.crt'), tls.certificate);
  writeFileSync(join(data, 'server.key'), tls.key, { mode: 0o600 });
  giveToServerUser(join(data, 'server.key'));
}

/**
 * What a killed postmaster leaves in the kernel: the seventh line of postmaster.pid has key and id of a System V
 * segment, which only the next start would remove.
 */
async function removeSharedMemory(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const id = readFileSync(file, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1];
  if (id) await run('ipcrm', ['-m', id]).catch(() => undefined);
}

/** A freshly initialised data directory of this version, made once per machine: `initdb` takes seconds, a copy does not. */
async function templateDirectory(binaries: PostgresBinaries): Promise<string> {
  const { stdout } = await run(join(binaries.bin, 'postgres'), ['--version'], { env: binaries.environment });
  const version = /\) (\S+)/.exec(stdout)?.[1] ?? binaries.major;
  const template = join(cacheDirectory(), `data-directory-${version}-${process.arch}`);
  if (existsSync(template)) return template;

  requireNamedUser();
  const workplace = temporaryDirectory('initdb', dirname(template));
  try {
    const data = join(workplace, basename(template));
    const log = join(workplace, 'initdb.log');
    const initdb = startProcess(
      join(binaries.bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '--encoding=UTF8', `--locale=${utf8Locale}`, '--auth=reject'],
      {
        cwd: workplace,
        env: { PATH: process.env['PATH'], ...binaries.environment },
        logFile: log,
        asServerUser: true,
      },
    );
    if ((await initdb.exited) !== 0) throw new Error(`initdb failed:\n${readFileSync(log, 'utf8')}`);
    renameSync(data, template);
  } catch (error) {
    if (!existsSync(template)) throw error;
  } finally {
    removeTemporaryDirectory(workplace);
  }
  return template;
}

/** `initdb` looks itself up; a container that runs as a bare number is the usual case of nobody. */
function requireNamedUser(): void {
  try {
    userInfo();
  } catch {
    throw new ConfigurationError(
      `PostgreSQL wants to run as a user with a name, and user id ${process.getuid?.() ?? ''} has none on this machine: run this as a user that /etc/passwd knows, or as root.`,
    );
  }
}

/** Always there on Debian and Ubuntu; macOS has no such locale. */
const utf8Locale = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';

/** With owners and modes, and as a clone where the file system can. */
async function copyDirectory(from: string, to: string): Promise<void> {
  await run('cp', [...(process.platform === 'linux' ? ['-a', '--reflink=auto'] : ['-a']), from, to]);
}
