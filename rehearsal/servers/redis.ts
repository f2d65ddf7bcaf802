import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { silentLog } from '../../src/log.ts';
import { findRedis, type RedisBinaries } from './binaries.ts';
import type { Certificate } from './certificates.ts';
import { freePort, onFreePort, PortTaken } from './free-port.ts';
import { startProcess, temporaryDirectory, type ServerProcess } from './process.ts';
import { giveToServerUser } from './server-user.ts';

export interface RedisOptions {
  /** For the temporary directory and messages. */
  name: string;
  /** Lines of redis.conf. A `port` or `tls-port` in them is kept; without one a free port is chosen. */
  configuration: string[];
  /** Address to bind, 127.0.0.0/8; default 127.0.0.1. */
  host?: string;
  /** Files that the configuration names, by path relative to the server's directory. */
  files?: Record<string, string>;
  /** Serve TLS only, with this certificate; clients need none of their own. A replica trusts the PEM of its `authority`. */
  tls?: Certificate & { authority?: string };
  binaries?: RedisBinaries;
  /** Where the port comes from; when it turns out to be taken, it is asked again. Default: a free one. */
  choosePort?: () => Promise<number>;
}

export interface RedisServer {
  host: string;
  port: number;
  pid: number;
  /** The server's log so far. */
  log(): string;
  /** Stops it; what is not persisted by the configuration is lost. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** Stops it when it runs, and starts it on the same address. */
  restart(): Promise<void>;
}

/**
 * Starts a real redis-server in a temporary directory, under the server user. It stays until `stopAll`.
 *
 * @throws with the end of the server's log when it does not start
 */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const binaries = options.binaries ?? (await findRedis(silentLog));
  const host = options.host ?? '127.0.0.1';
  const home = temporaryDirectory(`redis-${options.name}`);
  const logFile = join(home, 'redis.log');
  const files = { ...options.files, ...(options.tls ? tlsFiles(options.tls) : {}) };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), content, { mode: 0o600 });
  }
  const server = { port: 0, process: undefined as ServerProcess | undefined };

  const start = async (port: number): Promise<void> => {
    const lines = [
      'protected-mode no',
      'save ""',
      ...portLines(options, port),
      ...options.configuration,
      // Ours to decide whatever the configuration says: where it runs, and that we hear from it.
      `bind ${host}`,
      'daemonize no',
      'supervised no',
      `dir ${home}`,
      'logfile ""',
      'loglevel notice',
    ];
    writeFileSync(join(home, 'redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
    giveToServerUser(home);
    server.process = await untilReady(binaries, home, logFile);
    server.port = port;
  };

  const fixed = fixedPort(options.configuration);
  if (fixed === undefined) await onFreePort(start, options.choosePort ?? (() => freePort(host)));
  else await start(fixed);

  return {
    host,
    get port() {
      return server.port;
    },
    get pid() {
      return server.process?.pid ?? 0;
    },
    log: () => readFileSync(logFile, 'utf8'),
    stop: async () => server.process?.stop(),
    kill9: async () => server.process?.kill9(),
    restart: async () => {
      await server.process?.stop();
      await start(server.port);
    },
  };
}

/** Resolves when the server says that it accepts connections. */
async function untilReady(binaries: RedisBinaries, home: string, logFile: string): Promise<ServerProcess> {
  const words: string[] = [];
  const ready = Promise.withResolvers<true>();
  const server = startProcess(binaries.server, [join(home, 'redis.conf')], {
    cwd: home,
    env: { PATH: process.env['PATH'], ...binaries.environment },
    logFile,
    asServerUser: true,
    onLine: (line) => {
      words.push(line);
      if (line.includes('Ready to accept connections')) ready.resolve(true);
    },
  });
  const isReady = await Promise.race([ready.promise, server.exited.then(() => false)]);
  if (isReady) return server;
  const end = words.slice(-10).join('\n');
  if (end.includes('Address already in use')) throw new PortTaken(`The port was taken:\n${end}`);
  throw new Error(`Redis did not start. Its log ends with:\n${end}`);
}

function portLines({ tls, configuration }: RedisOptions, port: number): string[] {
  if (!tls) return fixedPort(configuration) === undefined ? [`port ${port}`] : [];
  return [
    'port 0',
    `tls-port ${port}`,
    'tls-cert-file tls/server.crt',
    'tls-key-file tls/server.key',
    'tls-ca-cert-file tls/authority.crt',
    'tls-auth-clients no',
  ];
}

function tlsFiles({ certificate, key, authority = certificate }: NonNullable<RedisOptions['tls']>) {
  return { 'tls/server.crt': certificate, 'tls/server.key': key, 'tls/authority.crt': authority };
}

/** The port that a configuration itself asks for: TLS before plain, the last of each, 0 being none. */
function fixedPort(configuration: string[]): number | undefined {
  const asked = (directive: string): number => {
    const line = configuration.findLast((candidate) => candidate.trim().startsWith(`${directive} `));
    return Number(line?.trim().split(/\s+/)[1] ?? 0);
  };
  return asked('tls-port') || asked('port') || undefined;
}
