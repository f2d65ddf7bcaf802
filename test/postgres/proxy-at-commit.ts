import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

export interface CommitProxy {
  host: string;
  port: number;
  close(): Promise<void>;
  /** From the cut on nobody gets in any more; resolves when that is so. */
  closeAfterCut(): Promise<void>;
}

/**
 * Passes bytes on until a client sends COMMIT, and cuts both connections there: `delivered` after the server has got
 * it, or without. The client cannot tell the two apart, which is the point. Later connections are served normally.
 */
export async function startCommitProxy(
  target: { host: string; port: number },
  delivered: boolean,
): Promise<CommitProxy> {
  let armed = true;
  let closing = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.end();
      });
    }
    upstream.pipe(client);
    client.on('data', (chunk: Buffer) => {
      if (!armed || !chunk.includes('COMMIT\0')) {
        upstream.write(chunk);
        return;
      }
      armed = false;
      if (closing) server.close();
      upstream.unpipe(client);
      if (delivered) upstream.write(chunk, () => client.destroy());
      else client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    host: '127.0.0.1',
    port: address.port,
    closeAfterCut: async () => {
      closing = true;
      await once(server, 'close');
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
