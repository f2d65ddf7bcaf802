import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { Authority } from '../servers/certificates.ts';

/** One terminal that waits for its client. */
export interface Session {
  /** Where the client attaches, `rendezvous://host:port/id`. */
  url: string;
  /** What the dyno writes; kept until the client is there. */
  write(text: string): void;
  /** The dyno has ended. */
  end(): void;
}

export interface Rendezvous {
  /** Opens a terminal under an id; `onGone` is called when its client leaves before the end. */
  open(id: string, onGone: () => void): Session;
  /** How often a client has attached. */
  readonly attached: number;
  /** From now on every client is turned away. */
  refuse(): void;
  close(): Promise<void>;
}

/**
 * Heroku's rendezvous, played: a TLS server to which the client of an attached one-off dyno sends the id of its session,
 * and which answers `rendezvous` before it passes on what the dyno writes.
 */
export async function startRendezvous(authority: Authority): Promise<Rendezvous> {
  const { certificate, key } = await authority.issue(['127.0.0.1', 'localhost']);
  const waiting = new Map<
    string,
    { socket: TLSSocket | undefined; text: string; over: boolean; gone(): void }
  >();
  const sockets = new Set<TLSSocket>();
  let refusing = false;
  let attached = 0;

  const server = createServer({ cert: certificate, key }, (socket) => {
    sockets.add(socket);
    let line = '';
    socket.on('error', () => undefined);
    socket.on('data', (part: Buffer) => {
      line += part.toString('latin1');
      if (!line.includes('\r\n')) return;
      socket.removeAllListeners('data');
      // Whatever is typed from here on would go to the dyno.
      socket.resume();
      const session = waiting.get(line.split('\r\n')[0] ?? '');
      if (session === undefined || refusing) {
        socket.destroy();
        return;
      }
      attached += 1;
      socket.write('rendezvous\r\n');
      session.socket = socket;
      if (session.text !== '') socket.write(session.text);
      if (session.over) socket.end();
    });
    socket.once('close', () => {
      sockets.delete(socket);
      for (const session of waiting.values()) {
        if (session.socket === socket && !session.over) session.gone();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    open: (id, onGone) => {
      const session = { socket: undefined as TLSSocket | undefined, text: '', over: false, gone: onGone };
      waiting.set(id, session);
      return {
        url: `rendezvous://127.0.0.1:${port}/${id}`,
        write: (text) => {
          if (session.socket === undefined) session.text += text;
          else session.socket.write(text);
        },
        end: () => {
          session.over = true;
          session.socket?.end();
        },
      };
    },
    get attached() {
      return attached;
    },
    refuse: () => {
      refusing = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
