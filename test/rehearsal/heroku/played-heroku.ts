import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from '@jest/globals';
import type { Played } from '../../../rehearsal/heroku/played.ts';
import {
  startHeroku,
  type AppOptions,
  type HerokuApp,
  type HerokuWorld,
} from '../../../rehearsal/heroku/world.ts';
import { createAuthority, type Authority } from '../../../rehearsal/servers/certificates.ts';
import { stopAll } from '../../../rehearsal/servers/process.ts';
import { silentLog } from '../../../src/log.ts';

/** A tiny app: what a dyno sees, and every way in which a web process can disappoint its router. */
const appSource = `
const http = require('node:http');
const { setTimeout: delay } = require('node:timers/promises');
const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://app');
  if (url.pathname === '/close') return request.socket.destroy();
  if (url.pathname === '/exit') return process.exit(3);
  if (url.pathname === '/stall') { response.write('first'); return; }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  await delay(Number(url.searchParams.get('ms') ?? 0));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ dyno: process.env.DYNO, greeting: process.env.GREETING, environment: process.env,
    cwd: process.cwd(), headers: request.headers, body: Buffer.concat(chunks).toString() }));
});
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n');
  socket.on('data', (data) => socket.write('echo ' + data));
});
process.on('SIGTERM', () => server.close(() => process.exit(0)));
setTimeout(() => server.listen(process.env.PORT), Number(process.env.BOOT_MS ?? 0));
`;

const directories: string[] = [];
const worlds: HerokuWorld[] = [];
let authority: Promise<Authority> | undefined;

afterAll(async () => {
  await Promise.all(worlds.map((world) => world.stop()));
  await stopAll();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A directory with code that a dyno can run as `node app.cjs`. */
export function codeDirectory(files: Record<string, string> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'h2d-code-'));
  directories.push(directory);
  for (const [name, text] of Object.entries({ 'app.cjs': appSource, ...files })) {
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

export function testAuthority(): Promise<Authority> {
  authority ??= createAuthority('rehearsal');
  return authority;
}

export async function playedHeroku(played: Partial<Played> = {}): Promise<HerokuWorld> {
  const world = await startHeroku({ log: silentLog, authority: await testAuthority(), played });
  world.tokens.add('owner', 'global');
  worlds.push(world);
  return world;
}

/** An app with two web dynos, unless said otherwise. */
export function shop(world: HerokuWorld, options: Partial<AppOptions> = {}): Promise<HerokuApp> {
  return world.createApp({
    name: 'shop',
    code: codeDirectory(),
    processTypes: { web: 'node app.cjs' },
    formation: { web: { quantity: 1, size: 'Standard-1X' } },
    config: { GREETING: 'hello' },
    domains: ['shop.example.com'],
    ...options,
  });
}

export interface ApiAnswer {
  status: number;
  headers: Headers;
  /** Parsed when it is JSON, else text. */
  body: unknown;
}

/** Asks the control plane as the owner of everything, unless the headers say otherwise. */
export async function ask(
  world: HerokuWorld,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const response = await fetch(world.apiUrl + path, {
    method,
    headers: {
      accept: 'application/vnd.heroku+json; version=3',
      authorization: 'Bearer owner',
      'content-type': 'application/json',
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    body: json ? (JSON.parse(text) as unknown) : text,
  };
}

/** What the tiny app answers with. */
export interface Seen {
  dyno: string;
  greeting: string;
  environment: Record<string, string>;
  cwd: string;
  headers: Record<string, string>;
  body: string;
}

/** What lies at `a.0.b` in parsed JSON. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (inner, name) =>
        typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
      value,
    );
}

/** The string at `a.0.b` in parsed JSON; it must be there. */
export function text(value: unknown, path: string): string {
  const found = at(value, path);
  if (typeof found !== 'string') throw new Error(`${path} is no string in ${JSON.stringify(value)}`);
  return found;
}

/** Parsed JSON that must be a list. */
export function items(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`no list: ${JSON.stringify(value)}`);
  return value;
}

/** What must be there. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it is not there');
  return value;
}

export interface Visit {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body as the tiny app writes it. */
  json: () => Seen;
  milliseconds: number;
}

/** A visitor's request through the router. */
export async function visit(
  world: HerokuWorld,
  path = '/',
  options: {
    host?: string;
    scheme?: 'http' | 'https';
    method?: string;
    body?: string;
    headers?: Record<string, string>;
  } = {},
): Promise<Visit> {
  const { host = 'shop.example.com', scheme = 'http', method = 'GET' } = options;
  const ca = (await testAuthority()).pem;
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const request = (scheme === 'http' ? httpRequest : httpsRequest)(
      {
        ...world.router[scheme],
        method,
        path,
        servername: host,
        ca,
        agent: false,
        headers: { host, ...options.headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: () => JSON.parse(text) as Seen,
            milliseconds: performance.now() - begun,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  for (const end = Date.now() + limitMs; !(await isSo()); await delay(20)) {
    if (Date.now() > end) throw new Error(`It did not become true in ${limitMs} ms: ${isSo.toString()}`);
  }
}

/** A process that has ended and that nobody has waited for (a zombie) is not alive. */
export function isAlive(pid: number | undefined): boolean {
  try {
    if (pid === undefined) return false;
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && process.platform !== 'linux';
  }
}
