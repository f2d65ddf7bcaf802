import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openWideArea, type Line, type WideArea } from '../../bench/wan.ts';

let server: Server;
let area: WideArea | undefined;
const open = new Set<Socket>();

beforeEach(async () => {
  // Says everything back.
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
});

afterEach(async () => {
  await area?.close();
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function over(line: Line): Promise<Socket> {
  area ??= openWideArea(line);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  const socket = connect({ ...(await area.reach({ host: '127.0.0.1', port: address.port })), noDelay: true });
  open.add(socket);
  await once(socket, 'connect');
  return socket;
}

/** Sends and waits until as much has come back; milliseconds. */
async function echo(socket: Socket, bytes: number): Promise<number> {
  const started = performance.now();
  let received = 0;
  const all = new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      received += data.length;
      if (received >= bytes) resolve();
    });
  });
  socket.write(Buffer.alloc(bytes));
  await all;
  socket.removeAllListeners('data');
  return performance.now() - started;
}

const wide = { connectionBytesPerSecond: 1e9, sharedBytesPerSecond: 1e9 };

test('a byte and its answer take the round trip, and the first of a connection one more', async () => {
  area = undefined;
  const socket = await over({ roundTripMs: 40, ...wide });
  expect(await echo(socket, 1)).toBeGreaterThanOrEqual(79);
  const times = [await echo(socket, 1), await echo(socket, 1), await echo(socket, 1)];
  expect(Math.min(...times)).toBeGreaterThanOrEqual(39);
  expect(Math.min(...times)).toBeLessThan(79);
});

test('one connection gets its own share and all together no more than the line has', async () => {
  area = undefined;
  const line = { roundTripMs: 2, connectionBytesPerSecond: 4e6, sharedBytesPerSecond: 6e6 };
  const alone = await over(line);
  // One megabyte at four in a second, both ways at once.
  expect(await echo(alone, 1e6)).toBeGreaterThanOrEqual(240);
  const others = [alone, await over(line), await over(line)];
  const times = await Promise.all(others.map((socket) => echo(socket, 1e6)));
  expect(Math.max(...times)).toBeGreaterThanOrEqual(490);
});

test('a sender with a full window waits for the acknowledgement', async () => {
  area = undefined;
  const socket = await over({ roundTripMs: 50, windowBytes: 64 * 1024, ...wide });
  // Sixteen windows, of which each takes a round trip.
  expect(await echo(socket, 1024 * 1024)).toBeGreaterThanOrEqual(400);
});
