import type { CloudInit, WrittenFile } from './cloud-init.ts';
import { containersOf, installsDocker, type Container, type Mount } from './container.ts';

/** A Redis that a cloud-config starts: its configuration with the files that it refers to. */
export interface ConfiguredRedis {
  /** Lines of redis.conf without ports, addresses and what only makes sense in a container. */
  lines: string[];
  /** By path relative to the server's directory, as `lines` name them. */
  files: Record<string, string>;
  tls: Listener | undefined;
  plain: Listener | undefined;
}

/** A port of the configuration, and where the machine serves it: undefined when the container does not publish it. */
export interface Listener {
  port: number;
  published: number | undefined;
}

/** Ours to decide on this machine: where it listens, lives and logs. */
const ofTheContainer = new Set([
  'bind',
  'port',
  'tls-port',
  'dir',
  'daemonize',
  'supervised',
  'logfile',
  'pidfile',
  'unixsocket',
  'unixsocketperm',
  'protected-mode',
  'loglevel',
]);

const referring = new Set(['tls-cert-file', 'tls-key-file', 'tls-ca-cert-file', 'aclfile', 'include']);

/** The user that redis-server becomes in the official image. */
const REDIS_UID = '999';

/**
 * Finds the Redis that a cloud-config really starts. Undefined when it starts none at all.
 *
 * @throws with the reason when it starts one that could not run: no Docker, a file that is not mounted, or one that
 *   the user `redis` in the container may not read
 */
export function configuredRedis(init: CloudInit, image: string): ConfiguredRedis | undefined {
  const file = init.files.find(({ path }) => path.endsWith('/redis.conf'));
  if (file === undefined) return undefined;
  const container = containersOf(init).find(({ mounts }) => inContainer(file.path, mounts) !== undefined);
  if (container === undefined) return undefined;
  if (!installsDocker(init, image)) throw new Error('docker: command not found (nothing installs it)');
  const path = inContainer(file.path, container.mounts) ?? '';
  if (!container.command.some((word) => word.includes(path))) {
    throw new Error(`the container's command does not name ${path}, so Redis runs without its configuration`);
  }
  requireReadable(file, container, init);
  return read(file, container, init);
}

function read(file: WrittenFile, container: Container, init: CloudInit): ConfiguredRedis {
  const files: Record<string, string> = {};
  const lines: string[] = [];
  const ports = { tls: 0, plain: 6379 };
  for (const line of file.content.split('\n')) {
    const [directive = '', value = ''] = line.trim().split(/\s+/);
    const name = directive.toLowerCase();
    if (name === 'tls-port') ports.tls = Number(value);
    if (name === 'port') ports.plain = Number(value);
    if (name === '' || name.startsWith('#') || ofTheContainer.has(name)) continue;
    if (!referring.has(name)) {
      lines.push(line.trim());
      continue;
    }
    const path = value.replaceAll('"', '');
    const found = init.files.find((candidate) => inContainer(candidate.path, container.mounts) === path);
    if (found === undefined) throw new Error(`${name} ${path}: no such file in the container`);
    requireReadable(found, container, init);
    const local = `container${path}`;
    files[local] = found.content;
    lines.push(`${name} ${local}`);
  }
  const listener = (port: number): Listener | undefined =>
    port > 0
      ? { port, published: container.ports === undefined ? port : container.ports.get(port) }
      : undefined;
  return { lines, files, tls: listener(ports.tls), plain: listener(ports.plain) };
}

/** Where a container sees a file of the machine; the longest mount wins. */
function inContainer(path: string, mounts: readonly Mount[]): string | undefined {
  const over = mounts
    .filter(({ host }) => path === host || path.startsWith(`${host.replace(/\/$/, '')}/`))
    .sort((a, b) => b.host.length - a.host.length)[0];
  if (over === undefined) return undefined;
  return `${over.container.replace(/\/$/, '')}${path.slice(over.host.replace(/\/$/, '').length)}`;
}

/**
 * The official image starts as root and becomes the user redis (999) before it reads anything, so a file that only
 * root may read stops it. A `chown` in the commands is taken as having been done right.
 */
function requireReadable(file: WrittenFile, container: Container, init: CloudInit): void {
  const forOthers = Number.parseInt(file.permissions.slice(-1), 8) & 4;
  const [user = '', group = ''] = file.owner.split(':');
  const asRoot = /^(0|root)\b/.test(container.user ?? '');
  const handedOver = init.commands.some((line) => /\bch(own|mod)\b/.test(line));
  if (forOthers || user === REDIS_UID || group === REDIS_UID || asRoot || handedOver) return;
  throw new Error(
    `${file.path} (${file.owner} ${file.permissions}) cannot be read by the user redis in the container`,
  );
}
