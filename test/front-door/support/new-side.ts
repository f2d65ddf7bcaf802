import { createHmac } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll } from '@jest/globals';
import { createAuthority } from '../../../rehearsal/servers/certificates.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Stands where App Platform's ingress would: TLS with a certificate of an authority that only the forwarder trusts. */
export interface NewSide {
  /** As `targetHost`. */
  host: string;
  authority: string;
  server: Server;
  /** Every request that came, in order. */
  seen: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  /** Connections ever made. */
  connections(): number;
  handle(handler: Handler): void;
  /** Nobody listens any more; what is open is cut. */
  stop(): Promise<void>;
  /** Listens on the same port again. */
  start(): Promise<void>;
}

const running = new Set<NewSide>();
afterAll(() => Promise.all([...running].map((side) => side.stop())));

export async function startNewSide(names: string[] = ['localhost']): Promise<NewSide> {
  const authority = await createAuthority('new side');
  const { certificate, key } = await authority.issue(names);
  const echo: Handler = (request, response) => {
    request.resume();
    request.once('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    });
  };
  let handler = echo;
  let connections = 0;
  const side: NewSide = {
    host: '',
    authority: authority.pem,
    server: createServer({ cert: certificate, key }, (request, response) => {
      side.seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
      handler(request, response);
    }),
    seen: [],
    connections: () => connections,
    handle: (next) => {
      handler = next;
    },
    stop: async () => {
      running.delete(side);
      if (!side.server.listening) return;
      const closed = new Promise((resolve) => side.server.once('close', resolve));
      side.server.close();
      side.server.closeAllConnections();
      await closed;
    },
    start: async () => {
      await listen(side.server, Number(side.host.split(':')[1]));
      running.add(side);
    },
  };
  side.server.on('secureConnection', () => (connections += 1));
  await listen(side.server, 0);
  running.add(side);
  side.host = `localhost:${(side.server.address() as AddressInfo).port}`;
  return side;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** What the forwarder says a request came with; throws when its signature is not one of `secret`. */
export function signedBy(secret: string, headers: IncomingMessage['headers']): Record<string, unknown> {
  const [payload = '', signature] = String(headers['x-front-door']).split('.');
  if (createHmac('sha256', secret).update(payload).digest('base64url') !== signature)
    throw new Error('The signature is wrong.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}
