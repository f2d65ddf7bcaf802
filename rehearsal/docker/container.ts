import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { loopbackAddress } from '../digitalocean/droplets/loopback.ts';
import { freePort } from '../servers/free-port.ts';
import { startPostgres } from '../servers/postgres.ts';
import { startProcess } from '../servers/process.ts';
import { startRedis } from '../servers/redis.ts';
import { startTcpProxy, type TcpProxy } from '../servers/tcp-proxy.ts';
import type { PlayedImage } from './world.ts';

const execute = promisify(execFile);

export interface PlayedNetwork {
  name: string;
  internal: boolean;
  labels: Readonly<Record<string, string>>;
}

export interface ContainerSettings {
  name: string;
  image: string;
  labels: Readonly<Record<string, string>>;
  network: PlayedNetwork | undefined;
  alias: string;
  variables: Readonly<Record<string, string>>;
  /** What `sh -c` runs. */
  script: string;
  /** Where its files lie on this machine. */
  root: string;
  code: PlayedImage | undefined;
  /** Addresses by name of what runs in its network by now. */
  neighbours: () => Record<string, string>;
}

const NAMES = fileURLToPath(new URL('./names.ts', import.meta.url));

/** What runs in a container: real processes, at an address that only this container has. */
export class PlayedContainer {
  readonly id = randomBytes(32).toString('hex');
  readonly settings: ContainerSettings;
  readonly lines: string[] = [];
  address = '';
  running = false;
  exitCode = 0;
  #stop: () => Promise<unknown> = () => Promise.resolve();
  #proxies: TcpProxy[] = [];

  constructor(settings: ContainerSettings) {
    this.settings = settings;
  }

  async start(): Promise<void> {
    this.address = await loopbackAddress();
    this.running = true;
    const { image } = this.settings;
    if (this.settings.code !== undefined) return this.#runCode(this.settings.code);
    // As in earnest the program is back before the server answers.
    void this.#runServer(/^postgres[:@]/.test(image) ? 'postgres' : 'redis').catch((error: unknown) => {
      this.lines.push(messageOf(error));
      this.#ended(1);
    });
  }

  async remove(): Promise<void> {
    this.running = false;
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.#stop();
  }

  #ended(code: number): void {
    this.running = false;
    this.exitCode = code;
  }

  /** In a container every process has its own network: here a port of its own, and the container's address before it. */
  async #runCode({ code }: PlayedImage): Promise<void> {
    const { variables, script, network, neighbours } = this.settings;
    const port = await freePort();
    const wanted = Number(variables['PORT'] ?? 0);
    const started = startProcess('sh', ['-c', script], {
      cwd: code,
      env: {
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
        ...variables,
        ...(wanted > 0 ? { PORT: String(port) } : {}),
        NODE_OPTIONS: `--import ${pathToFileURL(NAMES).href}`,
        PLAYED_NAMES: JSON.stringify(neighbours()),
        PLAYED_INTERNAL: network?.internal === true ? 'yes' : '',
      },
      onLine: (line) => this.lines.push(line),
    });
    this.#stop = () => started.kill9();
    void started.exited.then((exit) => this.#ended(exit ?? 137));
    if (wanted > 0) await this.#serve(wanted, { host: '127.0.0.1', port });
  }

  async #runServer(kind: 'postgres' | 'redis'): Promise<void> {
    const [program, ...args] = await this.#enteredWith();
    if (kind === 'postgres' && program === 'postgres') return this.#runPostgres(args);
    if (kind === 'redis' && program === 'redis-server') return this.#runRedis(args[0] ?? '');
    throw new Error(`docker-entrypoint.sh: exec: ${program ?? ''}: not found`);
  }

  /** Runs the container's script for real, in a root of its own, up to the image's entry point: what that would start. */
  async #enteredWith(): Promise<string[]> {
    const { root, script, variables } = this.settings;
    const bin = join(root, 'bin');
    mkdirSync(bin, { recursive: true });
    const played = {
      'docker-entrypoint.sh': `#!/bin/sh\nfor word in "$@"; do printf '%s\\n' "$word"; done > '${root}/entered'\n`,
      // The image's own users are not those of this machine.
      chown: '#!/bin/sh\n[ "$#" -ge 3 ]\n',
    };
    for (const [name, text] of Object.entries(played)) {
      writeFileSync(join(bin, name), text);
      chmodSync(join(bin, name), 0o755);
    }
    await execute('sh', ['-c', script.replaceAll(/(?<=[\s=])\/(etc|var)\//g, `${root}/$1/`)], {
      env: { PATH: `${bin}:/usr/bin:/bin`, ...variables },
    });
    return readFileSync(join(root, 'entered'), 'utf8').trimEnd().split('\n');
  }

  async #runPostgres(args: readonly string[]): Promise<void> {
    const { variables } = this.settings;
    const settings = new Map(
      args.filter((word) => word !== '-c').map((word) => word.split('=') as [string, string]),
    );
    const password = variables['POSTGRES_PASSWORD'];
    if (password === undefined) throw new Error('superuser password is not specified');
    const certificate = settings.get('ssl_cert_file');
    const key = settings.get('ssl_key_file');
    const server = await startPostgres({
      name: 'trial',
      ...(settings.get('ssl') === 'on' && certificate !== undefined && key !== undefined
        ? { tls: { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') } }
        : {}),
    });
    this.#stop = () => server.kill9();
    if (!this.running) return server.kill9();
    await server.query('postgres', `CREATE DATABASE "${variables['POSTGRES_DB'] ?? 'app'}"`);
    await server.query('postgres', `ALTER ROLE postgres PASSWORD '${password}'`);
    await this.#serve(5432, server);
  }

  async #runRedis(path: string): Promise<void> {
    const { root } = this.settings;
    const files: Record<string, string> = {};
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter(
        (line) => line !== '' && !line.startsWith('#') && !/^(bind|port|dir|protected-mode) /.test(line),
      )
      .map((line) => {
        const [name = '', value = ''] = line.split(' ');
        if (!value.startsWith('/') || !existsSync(join(root, value))) return line;
        files[`container${value}`] = readFileSync(join(root, value), 'utf8');
        return `${name} container${value}`;
      });
    const server = await startRedis({ name: 'trial', host: this.address, configuration: lines, files });
    this.#stop = () => server.kill9();
    if (!this.running) await server.kill9();
  }

  async #serve(port: number, to: { host: string; port: number }): Promise<void> {
    this.#proxies.push(
      await startTcpProxy({ host: this.address, port, target: () => ({ host: to.host, port: to.port }) }),
    );
  }
}
