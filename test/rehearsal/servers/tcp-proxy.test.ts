import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from '../../../rehearsal/servers/tcp-proxy.ts';

let echo: Server;
let echoPort: number;
let proxy: TcpProxy;

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  echoPort = (echo.address() as { port: number }).port;
  await start();
});

afterEach(async () => {
  await proxy.close();
  echo.close();
});

async function start(options: Partial<TcpProxyOptions> = {}): Promise<void> {
  proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: echoPort }), ...options });
}

async function open(): Promise<Socket> {
  const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
}

/** Sends, ends, and gives back all that came back, or how the connection broke. */
async function talk(text: string | Buffer): Promise<Buffer | string> {
  const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(text);
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('end', () => resolve(Buffer.concat(chunks)));
  });
}

test('passes on every byte in both directions, then the end', async () => {
  const everything = Buffer.alloc(20_000_000, 'heroku to digitalocean ');
  expect(everything.equals((await talk(everything)) as Buffer)).toBe(true);
  expect(proxy.connections()).toBe(0);
});

test('keeps a sender waiting while the receiver does not read, instead of growing', async () => {
  const socket = await open();
  const piece = Buffer.alloc(1_000_000);
  for (let written = 0; written < 200; written += 1) socket.write(piece);
  await new Promise((resolve) => setTimeout(resolve, 300));
  // What is neither read by the echo nor by us waits in our own socket, not in the proxy.
  expect(socket.writableLength).toBeGreaterThan(150_000_000);
  socket.destroy();
});

test('who is not admitted is reset at once, and decided anew for each connection', async () => {
  await proxy.close();
  let trusted = false;
  await start({ admit: () => trusted });
  expect(await talk('hello')).toBe('ECONNRESET');
  trusted = true;
  expect(String(await talk('hello'))).toBe('hello');
});

test('refuse drops new connections and leaves the open ones', async () => {
  const before = await open();
  before.write('a');
  await once(before, 'data');
  proxy.knobs.refuse = true;
  expect(await talk('hello')).toBe('ECONNRESET');
  before.write('b');
  expect(String((await once(before, 'data'))[0])).toBe('b');
  before.destroy();
});

test('cut breaks every open connection and new ones are served', async () => {
  const socket = await open();
  socket.write('a');
  await once(socket, 'data');
  const broken = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
  proxy.cut();
  expect((await broken)[0].code).toBe('ECONNRESET');
  expect(String(await talk('hello'))).toBe('hello');
});

test('delay is added on the way in and on the way out, without holding up what follows', async () => {
  proxy.knobs.delayMs = 100;
  const began = performance.now();
  const many = Buffer.alloc(3_000_000, 'x');
  expect(((await talk(many)) as Buffer).length).toBe(many.length);
  const elapsed = performance.now() - began;
  expect(elapsed).toBeGreaterThanOrEqual(199);
  // One piece of 64 kB after the other, each waiting for itself, would take this long.
  expect(elapsed).toBeLessThan((many.length / 65_536) * proxy.knobs.delayMs);
});

test('a rate is kept', async () => {
  proxy.knobs.bytesPerSecond = 1_000_000;
  const began = performance.now();
  await talk(Buffer.alloc(300_000));
  expect(performance.now() - began).toBeGreaterThanOrEqual(290);
});

test('a target that is down is a reset, and where it moved to is found', async () => {
  await proxy.close();
  let port = 1;
  await start({ target: () => ({ host: '127.0.0.1', port }) });
  expect(await talk('hello')).toBe('ECONNRESET');
  port = echoPort;
  expect(String(await talk('hello'))).toBe('hello');
});

test('a target that dies breaks the client, a client that dies frees the target', async () => {
  const targetSockets: Socket[] = [];
  echo.on('connection', (socket) => targetSockets.push(socket));
  const client = await open();
  client.write('a');
  await once(client, 'data');
  const broken = once(client, 'error');
  targetSockets[0]?.resetAndDestroy();
  await broken;

  const leaving = await open();
  leaving.write('a');
  await once(leaving, 'data');
  const [, second] = targetSockets;
  expect(second).toBeDefined();
  const freed = new Promise((resolve) => second?.once('close', resolve));
  leaving.resetAndDestroy();
  await freed;
  expect(proxy.connections()).toBe(0);
});
