import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext } from 'node:tls';
import { randomUUID } from 'node:crypto';
import type { Certificate } from '../servers/certificates.ts';
import { writeLog, type App, type Domain, type Dyno, type Platform } from './platform.ts';
import { errorPage, routerErrors, type RouterErrorCode } from './router-error.ts';
import { chooseWebDyno } from './web-dyno.ts';

export interface Router {
  http: { host: string; port: number };
  https: { host: string; port: number };
  close(): Promise<void>;
}

const via = '1.1 heroku-router';
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/**
 * Heroku's router for all apps of the world: by Host, and for TLS by SNI. `fallback` is the certificate that every
 * name without an own one gets (`*.herokuapp.com`).
 */
export async function startRouter(platform: Platform, fallback: Certificate): Promise<Router> {
  const sockets = new Set<Duplex>();
  const contexts = new Map<string, SecureContext>();
  const fallbackContext = createSecureContext({ cert: fallback.certificate, key: fallback.key });
  const https = createHttpsServer({
    cert: fallback.certificate,
    key: fallback.key,
    SNICallback: (name, done) => {
      const endpoint = findHost(platform, name)?.domain.sniEndpoint;
      if (!endpoint) return done(null, fallbackContext);
      const context =
        contexts.get(endpoint.chain) ?? createSecureContext({ cert: endpoint.chain, key: endpoint.key });
      contexts.set(endpoint.chain, context);
      done(null, context);
    },
  });
  const http = createHttpServer();
  for (const [server, scheme] of [
    [http, 'http'],
    [https, 'https'],
  ] as const) {
    // The router's own limits apply, not Node's.
    server.requestTimeout = 0;
    server.on('connection', (socket: Duplex) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('request', (request, response) => void serve(platform, scheme, request, response));
    server.on('upgrade', (request, socket, head) => void upgrade(platform, scheme, request, socket, head));
    await listen(server);
  }
  return {
    http: addressOf(http),
    https: addressOf(https),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all([http, https].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

async function serve(
  platform: Platform,
  scheme: Scheme,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const app = findHost(platform, request.headers.host ?? '')?.app;
  if (!app) {
    sendPage(response, 404, errorPage('no-app'));
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const refused = new Set<Dyno>();
  for (;;) {
    const dyno = await chooseWebDyno(platform, app, gone.signal, refused);
    if (gone.signal.aborted) return;
    if (typeof dyno === 'string') {
      fail(app, dyno, request, response);
      return;
    }
    const outcome = await pass(platform, app, scheme, dyno, request, response);
    if (outcome === 'done') return;
    refused.add(dyno);
  }
}

/** Passes one request to a dyno. `refused`: the dyno took no connection, nothing was sent, another one may be tried. */
function pass(
  platform: Platform,
  app: App,
  scheme: Scheme,
  dyno: Dyno,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<'done' | 'refused'> {
  return new Promise((resolve) => {
    const upstream = ask(dyno, scheme, request);
    let connected = false;
    const end = (code?: RouterErrorCode): void => {
      clearTimeout(timer);
      upstream.destroy();
      if (code) fail(app, code, request, response);
      resolve('done');
    };
    let timer = setTimeout(() => end('H12'), platform.played.firstByteSeconds * 1000);
    const alive = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => end('H15'), platform.played.idleSeconds * 1000);
    };
    upstream.once('socket', (socket) => {
      socket.once('connect', () => {
        connected = true;
        request.pipe(upstream);
      });
    });
    upstream.once('response', (answer) => {
      alive();
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, responseHeaders(answer));
      answer.on('data', alive);
      answer.pipe(response);
      answer.once('aborted', () => end('H18'));
      answer.once('end', () => end());
    });
    upstream.once('error', () => {
      if (response.writableEnded || response.destroyed) return end();
      if (connected) return end('H13');
      clearTimeout(timer);
      resolve('refused');
    });
    response.once('close', () => end());
  });
}

async function upgrade(
  platform: Platform,
  scheme: Scheme,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  client.on('error', () => client.destroy());
  const app = findHost(platform, request.headers.host ?? '')?.app;
  if (!app) return endRaw(client, 404, 'Not Found', errorPage('no-app'));
  const gone = new AbortController();
  client.once('close', () => gone.abort());
  const dyno = await chooseWebDyno(platform, app, gone.signal);
  if (typeof dyno === 'string') {
    logError(app, dyno, request);
    return endRaw(client, routerErrors[dyno].status, 'Service Unavailable', errorPage(dyno));
  }
  const upstream = ask(dyno, scheme, request, {
    connection: 'Upgrade',
    upgrade: request.headers.upgrade ?? 'websocket',
  });
  upstream.end();
  upstream.once('upgrade', (answer, socket, first) => {
    client.write(rawHead(answer));
    if (first.length > 0) client.write(first);
    if (head.length > 0) socket.write(head);
    socket.on('error', () => client.destroy());
    socket.pipe(client).pipe(socket);
    socket.once('close', () => client.destroy());
    client.once('close', () => socket.destroy());
  });
  upstream.once('response', (answer) => {
    client.write(rawHead(answer));
    answer.pipe(client);
  });
  upstream.once('error', () => {
    logError(app, 'H13', request);
    endRaw(client, 503, 'Service Unavailable', errorPage('H13'));
  });
}

type Scheme = 'http' | 'https';

function ask(
  dyno: Dyno,
  scheme: Scheme,
  request: IncomingMessage,
  more: Record<string, string> = {},
): ClientRequest {
  return httpRequest({
    host: '127.0.0.1',
    port: dyno.port,
    agent: false,
    ...(request.method === undefined ? {} : { method: request.method }),
    path: request.url ?? '/',
    headers: { ...requestHeaders(request, scheme), ...more },
  });
}

/** What the router adds (devcenter "HTTP routing", Heroku headers). Client-supplied addresses stay, ours comes last. */
function requestHeaders(request: IncomingMessage, scheme: Scheme): IncomingHttpHeaders {
  const headers = withoutHopByHop(request.headers);
  const before = request.headers['x-forwarded-for'];
  const id = request.headers['x-request-id'];
  const length = request.headers['content-length'];
  return {
    ...headers,
    // Piped bodies of unknown length are sent in chunks.
    ...(length === undefined && request.headers['transfer-encoding']
      ? { 'transfer-encoding': 'chunked' }
      : {}),
    'x-forwarded-for': [before, request.socket.remoteAddress].filter(Boolean).join(', '),
    'x-forwarded-proto': scheme,
    'x-forwarded-port': scheme === 'https' ? '443' : '80',
    'x-request-id': typeof id === 'string' && /^[\w-]{20,200}$/.test(id) ? id : randomUUID(),
    'x-request-start': String(Date.now()),
    via: [request.headers.via, via].filter(Boolean).join(', '),
  };
}

function responseHeaders(answer: IncomingMessage): IncomingHttpHeaders {
  return { ...withoutHopByHop(answer.headers), via };
}

function withoutHopByHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.includes(name)));
}

function rawHead(answer: IncomingMessage): string {
  const pairs: string[] = [];
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    pairs.push(`${answer.rawHeaders[at] ?? ''}: ${answer.rawHeaders[at + 1] ?? ''}`);
  }
  return `HTTP/1.1 ${answer.statusCode ?? 101} ${answer.statusMessage ?? ''}\r\n${pairs.join('\r\n')}\r\n\r\n`;
}

function endRaw(client: Duplex, status: number, reason: string, page: string): void {
  const head = `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n`;
  client.end(`${head}content-length: ${Buffer.byteLength(page)}\r\n\r\n${page}`);
}

function fail(app: App, code: RouterErrorCode, request: IncomingMessage, response: ServerResponse): void {
  logError(app, code, request);
  // An answer that has begun can only be broken off.
  if (response.headersSent) response.destroy();
  else sendPage(response, routerErrors[code].status, errorPage(code));
}

function sendPage(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(page),
    'cache-control': 'no-cache, no-store',
    connection: 'close',
    via,
  });
  response.end(page);
}

function logError(app: App, code: RouterErrorCode, request: IncomingMessage): void {
  const { status, text } = routerErrors[code];
  const [path] = (request.url ?? '/').split('?');
  writeLog(
    app,
    'heroku[router]',
    `at=error code=${code} desc="${text}" method=${request.method ?? ''} path="${path ?? ''}" host=${request.headers.host ?? ''} status=${status}`,
  );
}

/** The app that serves a host name, also by a wildcard domain (`*.example.com`, one label). */
function findHost(platform: Platform, host: string): { app: App; domain: Domain } | undefined {
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
  const wildcard = name.replace(/^[^.]+/, '*');
  for (const wanted of [name, wildcard]) {
    for (const app of platform.apps) {
      const domain = app.domains.find(({ hostname }) => hostname === wanted);
      if (domain) return { app, domain };
    }
  }
  return undefined;
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => resolve());
  });
}

function addressOf(server: Server): { host: string; port: number } {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}
