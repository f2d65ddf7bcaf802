import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { Certificate } from '../../servers/certificates.ts';

/**
 * The door of PgBouncer: TLS, and a pool's name in the place of the database. It holds no connections back: a client has
 * its own to Postgres, as in session mode with room for everybody. What transaction mode takes away is not played.
 */
export interface Pooler {
  port: number;
  close(): Promise<void>;
}

export interface PoolerOptions {
  tls: Certificate;
  /** Port of the real server on this machine. */
  server: () => number;
  /** The database behind a pool's name; `undefined` for a name that no pool has. */
  databaseOf: (pool: string) => string | undefined;
}

const SSL_REQUEST = 80_877_103;
const PROTOCOL_3 = 196_608;

export async function startPooler(options: PoolerOptions): Promise<Pooler> {
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const server = createServer((client) => {
    keep(client);
    serve(client, options, keep).catch(() => client.destroy());
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0, exclusive: true }, () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

async function serve(
  client: Socket,
  { tls, server, databaseOf }: PoolerOptions,
  keep: (socket: Socket) => void,
): Promise<void> {
  const request = await readPacket(client);
  // As on DigitalOcean, nobody comes in without TLS.
  if (request.readInt32BE(4) !== SSL_REQUEST) {
    client.end(refusal('SSL required'));
    return;
  }
  client.write('S');
  const secure = new TLSSocket(client, { isServer: true, cert: tls.certificate, key: tls.key });
  keep(secure);
  const startup = await readPacket(secure);
  const parameters = readParameters(startup);
  const pool = parameters.get('database') ?? '';
  const database = databaseOf(pool);
  if (startup.readInt32BE(4) !== PROTOCOL_3 || database === undefined) {
    secure.end(refusal(`no such database: ${pool}`));
    return;
  }
  const upstream = await secureConnection(server(), keep);
  upstream.write(startupPacket(new Map([...parameters, ['database', database]])));
  secure.pipe(upstream);
  upstream.pipe(secure);
  upstream.once('close', () => secure.destroy());
  secure.once('close', () => upstream.destroy());
}

/** A TLS connection to the real server; the two are on one machine, so nobody is in between. */
async function secureConnection(port: number, keep: (socket: Socket) => void): Promise<TLSSocket> {
  const plain = connectTcp({ host: '127.0.0.1', port, noDelay: true });
  keep(plain);
  await once(plain, 'connect');
  const request = Buffer.alloc(8);
  request.writeInt32BE(8, 0);
  request.writeInt32BE(SSL_REQUEST, 4);
  plain.write(request);
  const answer = await readBytes(plain, 1);
  if (answer.toString() !== 'S') throw new Error('the server takes no TLS');
  const secure = connectTls({ socket: plain, rejectUnauthorized: false });
  keep(secure);
  await once(secure, 'secureConnect');
  return secure;
}

/** A packet of the beginning: its length, then the rest. */
async function readPacket(socket: Socket): Promise<Buffer> {
  const length = await readBytes(socket, 4);
  const size = length.readInt32BE(0);
  if (size < 8 || size > 10_000) throw new Error('no start of a session');
  return Buffer.concat([length, await readBytes(socket, size - 4)]);
}

function readParameters(startup: Buffer): Map<string, string> {
  const words = startup.subarray(8, -1).toString('utf8').split('\0');
  const parameters = new Map<string, string>();
  for (let index = 0; index + 1 < words.length; index += 2)
    parameters.set(words[index] ?? '', words[index + 1] ?? '');
  return parameters;
}

function startupPacket(parameters: ReadonlyMap<string, string>): Buffer {
  const text = Buffer.from(`${[...parameters].flat().join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + text.length, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, text]);
}

/** An ErrorResponse, as PgBouncer refuses. */
function refusal(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C08P01\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E', 0);
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}

async function readBytes(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes !== null) return bytes;
    await new Promise<void>((resolve, reject) => {
      const end = (): void => reject(new Error('the connection ended'));
      socket.once('close', end);
      socket.once('readable', () => {
        socket.off('close', end);
        resolve();
      });
    });
  }
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
  });
}
