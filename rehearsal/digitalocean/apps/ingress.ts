import {
  createServer as createPlainServer,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Authority } from '../../servers/certificates.ts';
import type { App } from './app.ts';
import type { Apps } from './apps.ts';
import type { IngressRule } from './spec.ts';

export interface Ingress {
  https: { host: string; port: number };
  /** Sends everybody on to TLS. */
  http: { host: string; port: number };
  /** Gives a name another certificate, such as one that nobody has renewed. */
  certify(host: string, validUntil: Date): void;
  stop(): Promise<void>;
}

/** App Platform ends a request after 100 s, whatever it does (limits page). */
const LONGEST_REQUEST_MS = 100_000;

/**
 * The edge of App Platform: one HTTPS listener for all apps. A name is served only with a certificate, which a custom
 * domain has once it is ACTIVE; before that the TLS handshake fails, as in earnest.
 */
export async function startIngress(apps: Apps, authority: Authority): Promise<Ingress> {
  const certificates = new Map<string, Promise<SecureContext>>();
  const certify = (host: string, validUntil?: Date): Promise<SecureContext> => {
    const issued = authority
      .issue([host], validUntil)
      .then(({ certificate, key }) => createSecureContext({ cert: certificate, key }));
    certificates.set(host, issued);
    return issued;
  };
  const certificateOf = (host: string): Promise<SecureContext> => certificates.get(host) ?? certify(host);
  const server = createServer(
    {
      SNICallback: (name, done) => {
        const host = name.toLowerCase();
        if (apps.serving(host) === undefined) {
          done(new Error(`No certificate for ${host}`));
          return;
        }
        certificateOf(host).then(
          (context) => done(null, context),
          (error: unknown) => done(error as Error),
        );
      },
    },
    (request, response) => route(apps, request, response),
  );
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    upgrade(apps, request, socket, head);
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const plain = createPlainServer((request, response) => {
    response.writeHead(301, { location: `https://${hostOf(request)}${request.url ?? '/'}` }).end();
  });
  for (const one of [server, plain]) {
    await new Promise<void>((resolve, reject) => {
      one.once('error', reject);
      one.listen(0, '127.0.0.1', resolve);
    });
  }
  const portOf = (one: typeof server | typeof plain): number => (one.address() as AddressInfo).port;
  return {
    https: { host: '127.0.0.1', port: portOf(server) },
    http: { host: '127.0.0.1', port: portOf(plain) },
    certify: (host, validUntil) => void certify(host, validUntil),
    stop: async () => {
      for (const one of [server, plain]) {
        const closed = new Promise<void>((resolve) => one.close(() => resolve()));
        one.closeAllConnections();
        await closed;
      }
    },
  };
}

interface Destination {
  port: number;
  path: string;
}

/** Where a request goes, or the status that it gets instead. */
function destination(apps: Apps, request: IncomingMessage): Destination | 404 | 503 {
  const app = apps.serving(hostOf(request));
  if (app === undefined) return 404;
  const spec = app.active?.deployment.spec;
  if (app.active === undefined || spec === undefined) return 503;
  if (spec.maintenance?.enabled === true || spec.maintenance?.archive === true) return 503;
  const path = request.url ?? '/';
  const found = matchRule(app, path, hostOf(request));
  if (found?.component === undefined) return 404;
  const port = app.active.release.portOf(found.component.name);
  return port === undefined ? 503 : { port, path: rewrite(path, found) };
}

function route(apps: Apps, request: IncomingMessage, response: ServerResponse): void {
  const to = destination(apps, request);
  if (typeof to === 'number') {
    refuse(response, to);
    return;
  }
  const upstream = httpRequest(
    {
      host: '127.0.0.1',
      port: to.port,
      path: to.path,
      method: request.method,
      headers: forwardedHeaders(request),
      timeout: LONGEST_REQUEST_MS,
      agent: false,
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    },
  );
  upstream.on('timeout', () => {
    upstream.destroy();
    refuse(response, 504);
  });
  upstream.on('error', () => refuse(response, 503));
  request.pipe(upstream);
  request.on('aborted', () => upstream.destroy());
}

function upgrade(apps: Apps, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const to = destination(apps, request);
  if (typeof to === 'number') {
    socket.end(`HTTP/1.1 ${to} Unavailable\r\n\r\n`);
    return;
  }
  const upstream = httpRequest({
    host: '127.0.0.1',
    port: to.port,
    path: to.path,
    method: request.method,
    headers: forwardedHeaders(request),
    agent: false,
  });
  upstream.on('upgrade', (answer, partner, partnerHead) => {
    const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\n\r\n`);
    socket.write(partnerHead);
    partner.write(head);
    partner.pipe(socket).pipe(partner);
    partner.on('error', () => socket.destroy());
    socket.on('error', () => partner.destroy());
  });
  upstream.on('response', () => socket.destroy());
  upstream.on('error', () => socket.destroy());
  upstream.end();
}

/** The client's address comes as `do-connecting-ip`; the edge is Cloudflare. */
function forwardedHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const client = request.socket.remoteAddress ?? '127.0.0.1';
  return {
    ...request.headers,
    'x-forwarded-for': [request.headers['x-forwarded-for'], client].filter(Boolean).join(', '),
    'x-forwarded-proto': 'https',
    'x-forwarded-host': hostOf(request),
    'do-connecting-ip': client,
  };
}

function matchRule(app: App, path: string, host: string): IngressRule | undefined {
  const plain = path.split('?', 1)[0] ?? '/';
  const rules = app.active?.deployment.spec.ingress?.rules ?? [];
  const matching = rules.filter(({ match }) => {
    if (match?.authority !== undefined && match.authority.exact !== host) return false;
    if (match?.path?.exact !== undefined) return match.path.exact === plain;
    const prefix = match?.path?.prefix ?? '/';
    return prefix === '/' || plain === prefix || plain.startsWith(`${prefix.replace(/\/$/, '')}/`);
  });
  return matching.sort((a, b) => weight(b) - weight(a))[0];
}

/** The longest match wins. */
function weight({ match }: IngressRule): number {
  return (
    (match?.path?.exact ?? match?.path?.prefix ?? '/').length + (match?.authority === undefined ? 0 : 1000)
  );
}

/** The prefix that led here is cut off, unless the rule keeps or rewrites it. */
function rewrite(path: string, { match, component }: IngressRule): string {
  const prefix = (match?.path?.prefix ?? '').replace(/\/$/, '');
  if (prefix === '' || component?.preserve_path_prefix === true) return path;
  const rest = path.slice(prefix.length);
  const start = component?.rewrite?.replace(/\/$/, '') ?? '';
  return `${start}${rest.startsWith('/') ? '' : '/'}${rest}`;
}

function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
}

const words = { 404: 'Not Found', 503: 'Service Unavailable', 504: 'Gateway Timeout' };

function refuse(response: ServerResponse, status: 404 | 503 | 504): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/plain', 'x-do-orig-status': String(status) });
  response.end(`${words[status]}\n`);
}
