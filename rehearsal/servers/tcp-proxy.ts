import { connect, createServer, type Socket } from 'node:net';
import { carry } from './carry.ts';

/** What a test turns while the proxy runs; each is read for every new connection or piece of data. */
export interface TcpProxyKnobs {
  /** New connections are reset at once. */
  refuse: boolean;
  /** Added to the way in and to the way out, milliseconds. */
  delayMs: number;
  /** Upper bound for each direction of each connection; 0 is unbounded. */
  bytesPerSecond: number;
}

export interface TcpProxy {
  host: string;
  port: number;
  knobs: TcpProxyKnobs;
  /** Connections that are open now. */
  connections(): number;
  /** Resets every open connection; new ones are served. */
  cut(): void;
  /** Resets every connection and gives the port back. */
  close(): Promise<void>;
}

export interface TcpProxyOptions {
  /** Asked for each connection, so the target may move. */
  target: () => { host: string; port: number };
  host?: string;
  /** Fixed port; a free one otherwise. */
  port?: number;
  /** A firewall's decision for each new connection; what is not admitted is reset at once. Default: everybody. */
  admit?: () => boolean;
}

/**
 * Listens on an address of its own and passes bytes on to the target, with backpressure: an address that the world
 * hands out and can refuse, cut, slow down or move.
 */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const host = options.host ?? '127.0.0.1';
  const knobs: TcpProxyKnobs = { refuse: false, delayMs: 0, bytesPerSecond: 0 };
  const pairs = new Set<readonly [Socket, Socket]>();

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    if (knobs.refuse || !(options.admit?.() ?? true)) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...options.target(), allowHalfOpen: true, noDelay: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      reset(pair);
    };
    upstream.on('error', end);
    client.on('error', end);
    upstream.once('connect', () => {
      void Promise.all([carry(client, upstream, knobs), carry(upstream, client, knobs)]).then(
        () => pairs.delete(pair),
        end,
      );
    });
  });

  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: options.port ?? 0, exclusive: true }, () => {
      const address = server.address();
      resolve(address && typeof address === 'object' ? address.port : 0);
    });
  });

  const cut = (): void => {
    for (const pair of pairs) reset(pair);
    pairs.clear();
  };
  return {
    host,
    port,
    knobs,
    connections: () => pairs.size,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

function reset(pair: readonly [Socket, Socket]): void {
  for (const socket of pair) {
    if (!socket.destroyed) socket.resetAndDestroy();
  }
}
