import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:https';
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Authority } from '../servers/certificates.ts';
import { hostOverride } from './origin-rules.ts';
import type { Zone } from './zone.ts';

export interface EdgeOptions {
  zones: readonly Zone[];
  authority: Authority;
  /** Where the name of an origin leads, over HTTPS. */
  originOf: (host: string) => { host: string; port: number } | undefined;
}

/**
 * The proxies of Cloudflare: they hold the certificate of every proxied name, and ask the origin that the record names,
 * under the visitor's Host and SNI unless an origin rule overrides them. Mode "full": the origin's certificate is not
 * looked at. Without TLS visitors are sent there ("Always Use HTTPS").
 */
export async function startEdge({ zones, authority, originOf }: EdgeOptions): Promise<{
  https: { host: string; port: number };
  http: { host: string; port: number };
  stop(): Promise<void>;
}> {
  const certificates = new Map<string, Promise<SecureContext>>();
  const contextOf = (name: string): Promise<SecureContext> => {
    const known = certificates.get(name);
    if (known !== undefined) return known;
    const issued = authority
      .issue([name])
      .then(({ certificate, key }) => createSecureContext({ cert: certificate, key }));
    certificates.set(name, issued);
    return issued;
  };
  const server = createServer(
    {
      SNICallback: (name, done) => {
        if (proxied(zones, name) === undefined) {
          done(new Error(`No certificate for ${name}`));
          return;
        }
        contextOf(name).then(
          (context) => done(null, context),
          (error: unknown) => done(error as Error),
        );
      },
    },
    (request, response) => forward(zones, originOf, request, response),
  );
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const plain = createPlainServer((request, response) => {
    const location = `https://${request.headers.host ?? ''}${request.url ?? '/'}`;
    response.writeHead(301, { location }).end();
  });
  await new Promise<void>((resolve, reject) => {
    plain.once('error', reject);
    plain.listen(0, '127.0.0.1', resolve);
  });
  return {
    https: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    http: { host: '127.0.0.1', port: (plain.address() as AddressInfo).port },
    stop: async () => {
      for (const one of [server, plain]) {
        const closed = new Promise<void>((resolve) => one.close(() => resolve()));
        one.closeAllConnections();
        await closed;
      }
    },
  };
}

function proxied(zones: readonly Zone[], name: string): { zone: Zone; target: string } | undefined {
  for (const zone of zones) {
    const record = zone.records.find((one) => one.name === name && one.proxied);
    if (record !== undefined) return { zone, target: record.content };
  }
  return undefined;
}

function forward(
  zones: readonly Zone[],
  originOf: EdgeOptions['originOf'],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const visited = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  const found = proxied(zones, visited);
  const origin = found === undefined ? undefined : originOf(found.target);
  if (found === undefined || origin === undefined) {
    response.writeHead(530, { 'content-type': 'text/plain' }).end('error code: 1016');
    return;
  }
  const host = hostOverride(found.zone, visited) ?? visited;
  const upstream = httpsRequest(
    {
      ...origin,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, host, 'cf-connecting-ip': '203.0.113.77' },
      servername: host,
      rejectUnauthorized: false,
      agent: false,
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  upstream.on('error', () => {
    // 525: the handshake with the origin failed, as with a name that it has no certificate for.
    if (!response.headersSent)
      response.writeHead(525, { 'content-type': 'text/plain' }).end('error code: 525');
    else response.destroy();
  });
  response.once('close', () => upstream.destroy());
  request.pipe(upstream);
}
