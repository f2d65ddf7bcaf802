import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ForwardProxy {
  /** Without a client id. */
  url: string;
  /** The proxy's address as one client names it; the id reaches `resolve`. */
  urlFor(clientId: string): string;
  /** For programs that use no proxy: `?host=…&port=…` is answered with where the name leads for the client `dyno`. */
  resolverUrl: string;
  close(): Promise<void>;
}

export interface ForwardProxyOptions {
  /**
   * Where a host name leads for this client (each client may have a name cache of its own). `clientId` is the user
   * name of Proxy-Authorization, or ''. Undefined is an unknown host: the client gets 502.
   */
  resolve(host: string, port: number, clientId: string): { host: string; port: number } | undefined;
}

const RESOLVER = '/resolve';

/** An HTTP proxy (CONNECT and absolute-form requests) that plays the public name service: nothing needs /etc/hosts. */
export async function startForwardProxy(options: ForwardProxyOptions): Promise<ForwardProxy> {
  const sockets = new Set<Duplex>();
  const server = createServer((incoming, response) => {
    if (incoming.url?.startsWith(`${RESOLVER}?`) === true) tell(incoming.url, response, options);
    else forward(incoming, response, options);
  });
  server.on('connection', (socket) => track(sockets, socket));
  server.on('connect', (incoming: IncomingMessage, client: Socket, head: Buffer) => {
    client.on('error', () => client.destroy());
    const [host, port] = splitAuthority(incoming.url ?? '', 443);
    const target = options.resolve(host, port, clientIdOf(incoming));
    if (!target) {
      client.end(badGateway(`unknown host ${host}`));
      return;
    }
    const upstream = connect({ ...target, noDelay: true });
    track(sockets, upstream);
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => {
      if (upstream.connecting || upstream.bytesRead + upstream.bytesWritten === 0)
        client.end(badGateway(`no answer from ${host}`));
      else client.destroy();
    });
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.end());
  });

  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      resolve(address && typeof address === 'object' ? address.port : 0);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    resolverUrl: `http://127.0.0.1:${port}${RESOLVER}`,
    urlFor: (clientId) => `http://${encodeURIComponent(clientId)}:@127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function tell(path: string, response: ServerResponse, options: ForwardProxyOptions): void {
  const asked = new URL(path, 'http://resolver').searchParams;
  const target = options.resolve(asked.get('host') ?? '', Number(asked.get('port')), 'dyno');
  response.writeHead(target === undefined ? 404 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(target ?? null));
}

function forward(incoming: IncomingMessage, response: ServerResponse, options: ForwardProxyOptions): void {
  const url = URL.parse(incoming.url ?? '');
  if (url?.protocol !== 'http:') {
    response
      .writeHead(400, { 'content-type': 'text/plain' })
      .end('This is a proxy: ask for http://host/path.\n');
    return;
  }
  const target = options.resolve(url.hostname, Number(url.port || 80), clientIdOf(incoming));
  if (!target) {
    response.writeHead(502, { 'content-type': 'text/plain' }).end(`unknown host ${url.hostname}\n`);
    return;
  }
  const headers = { ...incoming.headers };
  delete headers['proxy-authorization'];
  delete headers['proxy-connection'];
  const upstream = request(
    { ...target, method: incoming.method, path: url.pathname + url.search, headers, agent: false },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    },
  );
  upstream.once('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { 'content-type': 'text/plain' }).end(`no answer from ${url.hostname}\n`);
  });
  response.once('close', () => upstream.destroy());
  incoming.pipe(upstream);
}

function track(sockets: Set<Duplex>, socket: Duplex): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

function badGateway(reason: string): string {
  return `HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${reason}\n`;
}

function splitAuthority(authority: string, defaultPort: number): [host: string, port: number] {
  const match = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(authority);
  return [match?.[1] ?? '', Number(match?.[2] ?? defaultPort)];
}

function clientIdOf(incoming: IncomingMessage): string {
  const [scheme, credentials] = (incoming.headers['proxy-authorization'] ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'basic' || !credentials) return '';
  return Buffer.from(credentials, 'base64').toString().split(':')[0] ?? '';
}
