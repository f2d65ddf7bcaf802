import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll } from '@jest/globals';
import { parseCloudInit } from '../../rehearsal/digitalocean/droplets/cloud-init.ts';
import { findRedis } from '../../rehearsal/servers/binaries.ts';
import { freePort } from '../../rehearsal/servers/free-port.ts';
import { guardProcess, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { redisAuthority } from '../../src/digitalocean/redis-certificates.ts';
import { renderRedisCloudInit } from '../../src/digitalocean/redis-cloud-init.ts';
import { silentLog } from '../../src/log.ts';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import { redisSecrets, type RedisSecrets } from '../../src/migration/target.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';

const run = promisify(execFile);

export const SERVER_NAME = 'redis.shop-test.internal';
export const MIGRATION = 'shop-test';
/** Certificates of 2021 to 2030, as if the droplet were five years old. */
export const OLD_GENERATION = 0;
export const KEY = requireMigrationKey('0123456789abcdef0123456789abcdef');

/** Images that the played registry has: the first is what the droplet begins with, the last never starts. */
export const IMAGES = ['first', 'second', 'broken'].map(
  (name, index) => `redis:${name}@sha256:${String(index + 1).repeat(64)}`,
) as [string, string, string];

// The servers are daemons, as on a droplet: they end with the test file, and with its process however that ends.
const daemons = new Map<string, { pid: number; forget: () => void }>();
afterAll(() => {
  for (const { pid, forget } of daemons.values()) {
    try {
      // Not SIGTERM: a server whose directory is gone refuses to end without having saved.
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    forget();
  }
});

/** Remembers the server that runs below a directory now. */
function watch(root: string): void {
  const file = join(root, 'redis.pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (pid === 0 || daemons.get(root)?.pid === pid) return;
  daemons.get(root)?.forget();
  daemons.set(root, { pid, forget: guardProcess(pid) });
}

/** A droplet's own files and scripts below a directory, with a real Redis and without Docker and systemd. */
export interface KeptDroplet {
  root: string;
  admin: RedisAddress;
  app: RedisAddress;
  secrets: RedisSecrets;
  /** Runs one of its scripts, such as `redis-keeper`, as a timer or a person would. */
  script(name: string, ...words: string[]): Promise<{ failed: boolean; said: string }>;
  /** The keeper's timer, much quicker; until the returned function is called. */
  keeping(): () => Promise<void>;
  read(path: string): string;
  write(path: string, content: string): void;
  /** What systemctl and apt-get were told to do, apart from the server itself. */
  told(): string[];
}

/**
 * What the user data writes, on this machine: the same files and the same scripts under other paths. `docker` and
 * `systemctl` are played by scripts that start, stop and ask the real redis-server with the droplet's configuration.
 */
export async function keptDroplet(): Promise<KeptDroplet> {
  const root = temporaryDirectory('kept-droplet');
  const at = (path: string): string => join(root, path);
  const binaries = await findRedis(silentLog);
  const secrets = redisSecrets({ key: KEY, migrationId: MIGRATION, mask: () => undefined });
  const authority = await redisAuthority(secrets.ca, MIGRATION, OLD_GENERATION);
  const port = await freePort();
  const init = parseCloudInit(
    renderRedisCloudInit({
      certificates: { ca: authority.pem, ...(await authority.issue(secrets.server, SERVER_NAME)) },
      serverName: SERVER_NAME,
      migrationId: MIGRATION,
      adminUser: 'admin',
      adminPassword: secrets.adminPassword,
      appUser: 'app',
      appPassword: secrets.appPassword,
      port,
      dropletMemoryMib: 1024,
      timeZone: 'Europe/Berlin',
      image: IMAGES[0],
    }),
  );
  // Longer paths first, so that none is put below the directory twice.
  const here = (text: string): string =>
    text.replace(
      /\/(etc\/redis-keeper|etc\/redis|var\/lib\/redis|usr\/local\/sbin|run\/reboot)/g,
      `${root}/$1`,
    );
  for (const { path, content, permissions } of init?.files ?? []) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), here(content), { mode: Number.parseInt(permissions, 8) });
  }
  mkdirSync(at('bin'));
  mkdirSync(at('run'));
  const command = (name: string, lines: string[]): void => {
    writeFileSync(at(`bin/${name}`), ['#!/bin/bash', ...lines, ''].join('\n'));
    chmodSync(at(`bin/${name}`), 0o755);
  };
  command('docker', [
    'case $1 in',
    `  inspect) cat ${at('health')} 2>/dev/null ;;`,
    `  pull) [[ "${IMAGES.join(' ')}" == *"$3"* ]] || { echo 'manifest unknown' >&2; exit 1; } ;;`,
    // exec --interactive --env REDISCLI_AUTH redis redis-cli …
    `  exec) shift 6; exec ${join(dirname(binaries.server), 'redis-cli')} -h 127.0.0.1 "$@" ;;`,
    'esac',
  ]);
  const pid = at('redis.pid');
  command('systemctl', [
    'start() {',
    `  if grep -q broken ${at('etc/redis-keeper/image')}; then return 0; fi`,
    `  ${binaries.server} ${at('etc/redis/redis.conf')} --bind 127.0.0.1 --daemonize yes --pidfile ${pid} --logfile ${at('redis.log')}`,
    `  while [ ! -s ${pid} ]; do sleep 0.02; done`,
    '}',
    `stop() { [ ! -e ${pid} ] || { p=$(cat ${pid}); kill $p; while kill -0 $p 2>/dev/null; do sleep 0.02; done; rm -f ${pid}; }; }`,
    'case "$1 $2" in',
    "  'start redis-container.service') start ;;",
    "  'stop redis-container.service') stop ;;",
    `  'restart redis-container.service') stop; start; rm -f ${at('health')} ;;`,
    `  *) echo "systemctl $*" >> ${at('told')} ;;`,
    'esac',
  ]);
  command('apt-get', [`echo "apt-get $*" >> ${at('told')}`]);

  const script: KeptDroplet['script'] = async (name, ...words) => {
    const environment = {
      ...binaries.environment,
      PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`,
      PATIENCE: '3',
    };
    const path = name === 'systemctl' ? at('bin/systemctl') : at(`usr/local/sbin/${name}`);
    try {
      const { stdout, stderr } = await run(path, words, { env: environment });
      return { failed: false, said: stdout + stderr };
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return { failed: true, said: stdout + stderr };
    } finally {
      watch(root);
    }
  };
  await script('redis-prepare');
  await script('systemctl', 'start', 'redis-container.service');

  const tls = { mode: 'verify', ca: authority.pem, serverName: SERVER_NAME } as const;
  const address = { host: '127.0.0.1', port, tls };
  return {
    root,
    admin: { ...address, username: 'admin', password: secrets.adminPassword },
    app: { ...address, username: 'app', password: secrets.appPassword },
    secrets,
    script,
    keeping: () => {
      const state = { stop: false };
      const loop = (async () => {
        while (!state.stop) {
          await script('redis-keeper');
          await delay(200);
        }
      })();
      return async () => {
        state.stop = true;
        await loop;
      };
    },
    read: (path) => readFileSync(at(path), 'utf8'),
    write: (path, content) => writeFileSync(at(path), content),
    told: () => (existsSync(at('told')) ? readFileSync(at('told'), 'utf8').trim().split('\n') : []),
  };
}
