import { Agent, type RequestOptions } from 'node:https';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';

export interface PublicAgentOptions {
  proxyUrl: string;
  /** The user name under which this client is known to the proxy. */
  clientId: string;
  hostName: string;
  caPem: string;
  /** A connection is not used for a new request after this time, milliseconds. */
  connectionAgeMs: number;
}

/**
 * One client's connections to the public host name: verified TLS through the forward proxy, kept alive, but never
 * older than the address that it was resolved to may be.
 */
export class PublicAgent extends Agent {
  readonly #options: PublicAgentOptions;
  readonly #tooOld = new WeakSet<object>();

  constructor(options: PublicAgentOptions) {
    super({ keepAlive: true, maxSockets: 32, scheduling: 'lifo' });
    this.#options = options;
  }

  override createConnection(
    _options: RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    openTunnel(this.#options).then(
      (socket) => {
        this.#limitAge(socket);
        callback?.(null, socket);
      },
      // Node's types want a stream in any case; with an error it is not looked at.
      (error: unknown) =>
        callback?.(error instanceof Error ? error : new Error('no connection'), null as never),
    );
    return undefined;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    return !this.#tooOld.has(socket) && (super.keepSocketAlive(socket) as unknown) !== false;
  }

  #limitAge(socket: TLSSocket): void {
    const timer = setTimeout(() => {
      this.#tooOld.add(socket);
      const idle = Object.values(this.freeSockets).some((sockets) => sockets?.includes(socket));
      if (idle) socket.destroy();
    }, this.#options.connectionAgeMs).unref();
    socket.once('close', () => clearTimeout(timer));
  }
}

const connectMs = 10_000;

function openTunnel({ proxyUrl, clientId, hostName, caPem }: PublicAgentOptions): Promise<TLSSocket> {
  const proxy = new URL(proxyUrl);
  return new Promise((resolve, reject) => {
    const tunnel = request({
      host: proxy.hostname,
      port: proxy.port,
      method: 'CONNECT',
      path: `${hostName}:443`,
      headers: {
        host: `${hostName}:443`,
        'proxy-authorization': `Basic ${Buffer.from(`${clientId}:`).toString('base64')}`,
      },
      agent: false,
      timeout: connectMs,
    });
    tunnel.once('error', reject);
    tunnel.once('timeout', () => tunnel.destroy(new Error('The proxy did not answer.')));
    tunnel.once('connect', (response, socket: Socket) => {
      socket.setTimeout(0);
      socket.on('error', reject);
      if (response.statusCode !== 200) {
        socket.destroy();
        reject(new Error(`The proxy answered ${response.statusCode ?? 0}.`));
        return;
      }
      const secure = connectTls({ socket, servername: hostName, ca: caPem });
      secure.setTimeout(connectMs, () => secure.destroy(new Error('The TLS handshake took too long.')));
      secure.once('error', reject);
      // The other end closes without a word, before anything was agreed on.
      secure.once('close', () => reject(new Error('The connection was closed.')));
      secure.once('secureConnect', () => {
        secure.setTimeout(0);
        resolve(secure);
      });
    });
    tunnel.end();
  });
}
