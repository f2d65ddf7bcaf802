import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A line between this machine and servers elsewhere, as one would rent it. */
export interface Line {
  /** There and back, milliseconds. */
  roundTripMs: number;
  /** What one connection gets, in each direction. */
  connectionBytesPerSecond: number;
  /** What all connections get together, in each direction. */
  sharedBytesPerSecond: number;
  /**
   * What one connection may have on its way, unacknowledged; default twice what the line holds, so that
   * `connectionBytesPerSecond` is the limit and not the window.
   */
  windowBytes?: number;
}

export interface WideArea {
  /** An address at which the server is reached over the line. */
  reach(server: { host: string; port: number }): Promise<{ host: string; port: number }>;
  close(): Promise<void>;
}

/** When a wire is free again, on the clock of `performance.now()`. */
interface Wire {
  freeAt: number;
}

/**
 * A long line in user space, for machines whose kernel has no netem: every connection is held up for a round trip when
 * it is opened, and every byte for half of one; it passes its connection's wire and then the one that all connections of
 * a direction share, and a sender that has a window full on its way waits. Lost packets and TCP's slow start are not
 * played; what the kernel's own buffers hold comes on top of the window, as a sender's send buffer would.
 */
export function openWideArea(line: Line): WideArea {
  const shared = { there: { freeAt: 0 }, back: { freeAt: 0 } };
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  return {
    reach: async ({ host, port }) => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => {
        keep(near);
        near.on('error', () => near.destroy());
        // SYN and SYN-ACK take a round trip before anything can be said.
        setTimeout(() => {
          if (near.destroyed) return;
          const far = connect({ host, port, allowHalfOpen: true, noDelay: true });
          keep(far);
          far.on('error', () => far.destroy());
          far.once('connect', () => {
            carry(near, far, line, shared.there);
            carry(far, near, line, shared.back);
          });
          near.once('close', () => far.destroy());
          far.once('close', () => near.destroy());
        }, line.roundTripMs);
      });
      servers.push(server);
      server.listen({ host: '127.0.0.1', port: 0, exclusive: true });
      await once(server, 'listening');
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('The line got no port.');
      return { host: '127.0.0.1', port: address.port };
    },
    close: async () => {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

interface Parcel {
  data: Buffer;
  /** When it has left its connection's wire, and then when it arrives. */
  at: number;
}

/** One direction of one connection. */
function carry(from: Socket, to: Socket, line: Line, shared: Wire): void {
  const oneWay = line.roundTripMs / 2;
  const own: Wire = { freeAt: 0 };
  const window =
    line.windowBytes ??
    Math.max(128 * 1024, Math.round((2 * line.connectionBytesPerSecond * line.roundTripMs) / 1000));
  const state = { unacknowledged: 0, stuck: 0, ended: false, held: 0 };

  const acknowledge = (bytes: number): void => {
    state.unacknowledged -= bytes;
    if (state.unacknowledged < window && !from.destroyed) from.resume();
  };
  const arrived = ({ data }: Parcel): void => {
    if (to.destroyed) return;
    if (to.write(data)) setTimeout(acknowledge, oneWay, data.length);
    else state.stuck += data.length;
    state.held -= 1;
    if (state.ended && state.held === 0) to.end();
  };
  // Who reads slowly acknowledges late.
  to.on('drain', () => {
    setTimeout(acknowledge, oneWay, state.stuck);
    state.stuck = 0;
  });
  const onItsWay = timedQueue(arrived);
  const onSharedWire = timedQueue((parcel) => {
    // Booked when it gets there, not before: a slow connection's backlog takes nothing from the others.
    shared.freeAt =
      Math.max(parcel.at, shared.freeAt) + (parcel.data.length * 1000) / line.sharedBytesPerSecond;
    onItsWay({ data: parcel.data, at: shared.freeAt + oneWay });
  });

  from.on('data', (data: Buffer) => {
    state.unacknowledged += data.length;
    state.held += 1;
    if (state.unacknowledged >= window) from.pause();
    own.freeAt =
      Math.max(performance.now(), own.freeAt) + (data.length * 1000) / line.connectionBytesPerSecond;
    onSharedWire({ data, at: own.freeAt });
  });
  from.once('end', () => {
    state.ended = true;
    if (state.held === 0) setTimeout(() => to.end(), oneWay);
  });
  from.resume();
}

/** Hands parcels on in order, each when its time has come. Timers are late by a little; parcels keep their own times. */
function timedQueue(handOn: (parcel: Parcel) => void): (parcel: Parcel) => void {
  const queue: Parcel[] = [];
  let timer: NodeJS.Timeout | undefined;
  const work = (): void => {
    timer = undefined;
    for (;;) {
      const next = queue[0];
      if (next === undefined) return;
      const wait = next.at - performance.now();
      if (wait > 0.5) {
        // Timers are late rather than early: the next whole millisecond would be late by a half on average.
        timer = setTimeout(work, Math.max(1, Math.floor(wait)));
        return;
      }
      queue.shift();
      handOn(next);
    }
  };
  return (parcel) => {
    queue.push(parcel);
    if (timer === undefined) work();
  };
}
