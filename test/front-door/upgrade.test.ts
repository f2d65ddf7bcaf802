import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { prepareFrontDoor, setFrontDoor } from '../../src/front-door/state.ts';
import { MIGRATION, SECRET, startForwarder, type Forwarder } from './support/forwarder.ts';
import { signedBy, startNewSide, type NewSide } from './support/new-side.ts';
import { startOldDatabase } from './support/old-database.ts';

const open: { destroy: () => void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

/** A client that keeps what it hears. */
interface Visitor {
  socket: Socket;
  heard: () => string;
  hears: (text: string) => Promise<void>;
  closed: Promise<void>;
}

function upgrade(forwarder: Forwarder, path = '/cable'): Visitor {
  const socket = connect(forwarder.port, '127.0.0.1');
  open.push(socket);
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.write(
    [
      `GET ${path} HTTP/1.1`,
      'Host: shop.example.com',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'X-Forwarded-Proto: https',
      '',
      '',
    ].join('\r\n'),
  );
  return {
    socket,
    heard: () => heard,
    hears: async (text) => {
      for (const deadline = Date.now() + 30_000; !heard.includes(text); await delay(10))
        if (Date.now() > deadline) throw new Error(`It did not hear ${text} but ${heard}`);
    },
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  };
}

/** A server that repeats what comes, byte for byte, after the handshake of RFC 6455. */
function echoes(newSide: NewSide): Socket[] {
  const sockets: Socket[] = [];
  newSide.server.on('upgrade', (request, socket: Socket) => {
    newSide.seen.push({ method: 'GET', url: request.url ?? '', headers: request.headers });
    sockets.push(socket);
    open.push(socket);
    socket.on('error', () => undefined);
    if (request.url === '/refused') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!');
      return;
    }
    const key = `${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n\r\nwelcome`,
    );
    socket.pipe(socket);
  });
  return sockets;
}

test('a WebSocket waits, is passed on, carries what both say, and ends on both sides together', async () => {
  const newSide = await startNewSide();
  const sockets = echoes(newSide);
  const database = await startOldDatabase();
  await prepareFrontDoor(database.address, MIGRATION);
  const forwarder = await startForwarder({ newSide, databaseUrl: database.url });
  await forwarder.said('holds');
  const visitor = upgrade(forwarder);
  await delay(300);
  expect(visitor.heard()).toBe('');
  await setFrontDoor(database.address, MIGRATION, 'forward');
  await visitor.hears('welcome');
  expect(visitor.heard()).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(visitor.heard()).toMatch(/Sec-WebSocket-Accept: \S{28}\r\n/);
  expect(newSide.seen[0]?.headers).toMatchObject({ host: newSide.host, upgrade: 'websocket' });
  expect(signedBy(SECRET, newSide.seen[0]?.headers ?? {})).toMatchObject({ host: 'shop.example.com' });

  const long = 'abc'.repeat(100_000);
  visitor.socket.write(`${long}#`);
  await visitor.hears(`${long}#`);
  sockets[0]?.destroy();
  await visitor.closed;

  const other = upgrade(forwarder);
  await other.hears('welcome');
  const gone = new Promise((resolve) => sockets[1]?.once('close', resolve));
  other.socket.destroy();
  await gone;
});

test('an upgrade that the new side refuses gets its answer; one that waits too long is refused here', async () => {
  const newSide = await startNewSide();
  echoes(newSide);
  const forwarder = await startForwarder({ newSide });
  const refused = upgrade(forwarder, '/refused');
  await refused.closed;
  expect(refused.heard()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  expect(refused.heard().endsWith('no!')).toBe(true);

  const holding = await startForwarder({
    newSide,
    databaseUrl: 'postgres://a:b@127.0.0.1:1/c',
    settings: { holdLimitMs: 300 },
  });
  const waited = upgrade(holding);
  await waited.closed;
  expect(waited.heard()).toMatch(/^HTTP\/1\.1 503 /);
  expect(waited.heard().toLowerCase()).toContain('retry-after: 5');
});

test('told to end, it lets a WebSocket go on within its limit and then cuts it', async () => {
  const newSide = await startNewSide();
  echoes(newSide);
  const forwarder = await startForwarder({ newSide, settings: { shutdownLimitMs: 3_000 } });
  const visitor = upgrade(forwarder);
  await visitor.hears('welcome');
  forwarder.process.signal('SIGTERM');
  await forwarder.said('ends');
  visitor.socket.write('still here');
  await visitor.hears('still here');
  expect(await forwarder.process.exited).toBe(0);
  await visitor.closed;
});
