import { createHash } from 'node:crypto';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { full } from '../support/or-skipped.ts';
import { ask, ROUTED } from './support/client.ts';
import { SECRET, startForwarder, type Forwarder } from './support/forwarder.ts';
import { signedBy, startNewSide, type NewSide } from './support/new-side.ts';

async function opened(settings = {}, environment = {}): Promise<{ newSide: NewSide; forwarder: Forwarder }> {
  const newSide = await startNewSide();
  return { newSide, forwarder: await startForwarder({ newSide, settings, environment }) };
}

test('the new side is asked by its own name, and told under a signature what Heroku’s router said', async () => {
  const { newSide, forwarder } = await opened();
  await ask(`${forwarder.url}/a%20b?c=d&c=%E4`, {
    headers: {
      cookie: 'a=b; c=d',
      'x-forwarded-for': '6.6.6.6, 203.0.113.7',
      connection: 'close, x-hop',
      'x-hop': 'for the router only',
    },
  });
  const [seen] = newSide.seen;
  expect(seen?.url).toBe('/a%20b?c=d&c=%E4');
  expect(seen?.headers).toMatchObject({
    host: newSide.host,
    cookie: 'a=b; c=d',
    'x-forwarded-host': 'shop.example.com',
    'x-forwarded-for': '6.6.6.6, 203.0.113.7',
    'x-forwarded-proto': 'https',
  });
  expect(seen?.headers).not.toHaveProperty('x-hop');
  const signed = signedBy(SECRET, seen?.headers ?? {});
  expect(signed).toMatchObject({
    host: 'shop.example.com',
    proto: 'https',
    port: '443',
    for: '6.6.6.6, 203.0.113.7',
  });
  expect(Math.abs(Number(signed['at']) - Date.now() / 1000)).toBeLessThan(5);
  // The secret itself goes nowhere.
  expect(JSON.stringify(newSide.seen)).not.toContain(SECRET);
});

test('a visitor’s own words about host and signature are not passed on', async () => {
  const { newSide, forwarder } = await opened();
  await ask(forwarder.url, {
    headers: {
      'x-front-door': 'forged.forged',
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example;proto=http;for=6.6.6.6',
      'x-forwarded-proto': 'http, https',
    },
  });
  const headers = newSide.seen[0]?.headers ?? {};
  expect(headers['x-forwarded-host']).toBe('shop.example.com');
  expect(headers).not.toHaveProperty('forwarded');
  expect(signedBy(SECRET, headers)).toMatchObject({ host: 'shop.example.com', proto: 'https' });
  expect(JSON.stringify(headers)).not.toMatch(/evil|forged/);
});

test('headers that come twice, statuses, empty bodies, HEAD and trailers pass as they are', async () => {
  const { newSide, forwarder } = await opened();
  newSide.handle((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.once('end', () => {
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.setHeader('alt-svc', 'h3=":443"');
      response.setHeader('x-length', String(request.headers['content-length']));
      response.setHeader('x-trailer', String(request.trailers['x-sum']));
      if (request.method === 'POST') response.setHeader('trailer', 'x-digest');
      response.writeHead(request.url === '/missing' ? 404 : 200, 'As It Says');
      response.write(body);
      response.addTrailers({ 'x-digest': 'd' });
      response.end();
    });
  });
  const posted = await ask(forwarder.url, {
    method: 'POST',
    headers: { trailer: 'x-sum', 'transfer-encoding': 'chunked' },
    body: 'chunk',
  });
  expect(posted).toMatchObject({ status: 200, body: 'chunk', trailers: { 'x-digest': 'd' } });
  expect(posted.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  expect(posted.headers).not.toHaveProperty('alt-svc');
  expect((await ask(`${forwarder.url}/missing`)).status).toBe(404);
  expect(await ask(forwarder.url, { method: 'HEAD' })).toMatchObject({ status: 200, body: '', whole: true });
  const empty = await ask(forwarder.url, { method: 'POST', headers: { 'content-length': '0' } });
  expect(empty.headers['x-length']).toBe('0');
  const put = await ask(forwarder.url, { method: 'PUT', body: 'four', headers: { 'content-length': '4' } });
  expect([put.body, put.headers['x-length']]).toEqual(['four', '4']);
  expect((await ask(forwarder.url, { method: 'DELETE' })).status).toBe(200);
});

/** Many times what a dyno has for buffers; in the full run more than the smallest dyno has altogether. */
const MEBIBYTES = full ? 1_000 : 24;

test(`an upload and a download of ${MEBIBYTES} MiB pass whole, in flat memory`, async () => {
  const { newSide, forwarder } = await opened();
  const piece = Buffer.alloc(1024 * 1024, 'abcdefgh');
  const expected = await digestOf(Readable.from(repeated(piece, MEBIBYTES)));
  newSide.handle((request, response) => {
    if (request.method === 'GET') Readable.from(repeated(piece, MEBIBYTES)).pipe(response);
    else void digestOf(request).then((digest) => response.end(digest));
  });
  // Warm, so that what is compared is not the first request's own growth.
  await ask(forwarder.url, { method: 'POST', body: Readable.from(repeated(piece, 20)) });
  const before = forwarder.residentMib();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, forwarder.residentMib())), 20);
  const up = await ask(forwarder.url, { method: 'POST', body: Readable.from(repeated(piece, MEBIBYTES)) });
  expect(up.body).toBe(expected);
  const down = await fetch(forwarder.url);
  expect(await digestOf(Readable.fromWeb(down.body as never))).toBe(expected);
  clearInterval(watch);
  // Under so little nothing but noise would be seen.
  if (full) expect(most - before).toBeLessThan(100);
}, 300_000);

async function digestOf(stream: Readable): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of stream) digest.update(chunk as Buffer);
  return digest.digest('hex');
}

function* repeated(piece: Buffer, times: number): Generator<Buffer> {
  for (let at = 0; at < times; at += 1) yield piece;
}

test('a stream of events arrives event by event', async () => {
  const { newSide, forwarder } = await opened();
  const begun = Promise.withResolvers<ServerResponse>();
  newSide.handle((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    begun.resolve(response);
  });
  const response = await fetch(forwarder.url);
  const stream = await begun.promise;
  // The next one is written when the one before has arrived.
  const arrived: string[] = [];
  const reader = response.body?.getReader();
  for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
    stream.write(event);
    arrived.push(Buffer.from((await reader?.read())?.value ?? []).toString());
  }
  stream.end();
  expect(arrived).toEqual(['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']);
  expect(await reader?.read()).toMatchObject({ done: true });
});

test('an upload that the new side refuses early gets its answer, not a cut connection', async () => {
  const { newSide, forwarder } = await opened();
  newSide.handle((request, response) => {
    // Closed by the other side, as App Platform's proxy lets it: what reaches a closed connection takes the answer along.
    response.writeHead(413, { 'content-length': 9 });
    response.write('too large');
    request.resume();
  });
  const large = Readable.from(repeated(Buffer.alloc(64 * 1024), 400));
  const headers = { connection: 'keep-alive' };
  expect(await ask(forwarder.url, { method: 'POST', body: large, headers })).toMatchObject({
    status: 413,
    body: 'too large',
  });
});

test.each(['keep-alive', 'close'])(
  'a client that reads nothing before it has sent everything finds the early answer all the same (connection: %s)',
  async (connection) => {
    const { newSide, forwarder } = await opened();
    newSide.handle((request, response) => {
      response.writeHead(413, { 'content-length': 9 });
      response.write('too large');
      request.resume();
    });
    const [piece, pieces] = [Buffer.alloc(64 * 1024), 20];
    const said = await new Promise<string>((resolve, reject) => {
      let told = '';
      const socket = connect(forwarder.port, '127.0.0.1', () => {
        socket.write(
          `POST / HTTP/1.1\r\nhost: ${ROUTED.host}\r\nconnection: ${connection}\r\ncontent-length: ${piece.length * pieces}\r\n\r\n`,
        );
        void sendSlowly();
      });
      socket.pause();
      socket.once('error', reject);
      socket.on('data', (chunk: Buffer) => {
        told += chunk.toString();
        if (told.endsWith('too large')) resolve(told);
      });
      socket.once('close', () => reject(new Error(`Closed after: ${told}`)));
      async function sendSlowly(): Promise<void> {
        for (let sent = 0; sent < pieces; sent += 1) {
          socket.write(piece);
          await delay(20);
        }
        socket.resume();
      }
    });
    expect(said).toMatch(/^HTTP\/1\.1 413 /);
    await forwarder.process.kill9();
  },
);

test('a new side that dies in the middle of its answer leaves an answer that is seen to be cut', async () => {
  const { newSide, forwarder } = await opened();
  newSide.handle((request, response) => {
    if (request.url === '/length') response.setHeader('content-length', '1000');
    response.write('half');
    setTimeout(() => request.socket.destroy(), 50);
  });
  expect(await ask(`${forwarder.url}/length`)).toMatchObject({ status: 200, body: 'half', whole: false });
  expect(await ask(`${forwarder.url}/chunks`)).toMatchObject({ status: 200, body: 'half', whole: false });
});

test('a new side that takes the request and dies is a 502, and what may have been done is not asked for again', async () => {
  const { newSide, forwarder } = await opened();
  newSide.handle((request) => {
    request.resume();
    request.once('end', () => request.socket.destroy());
  });
  expect((await ask(`${forwarder.url}/order`, { method: 'POST', body: 'pay' })).status).toBe(502);
  expect((await ask(`${forwarder.url}/order`, { method: 'POST', body: '' })).status).toBe(502);
  expect((await ask(`${forwarder.url}/order`, { method: 'DELETE' })).status).toBe(502);
  expect(newSide.seen).toHaveLength(3);
  // What only reads is asked for again, a few times.
  expect((await ask(`${forwarder.url}/list`)).status).toBe(502);
  expect(newSide.seen.filter(({ url }) => url === '/list')).toHaveLength(4);
});

test('nobody listens at the new side: every request waits for it, whatever it asks, and is sent once', async () => {
  const { newSide, forwarder } = await opened();
  await newSide.stop();
  const waits = [
    ask(`${forwarder.url}/get`),
    ask(`${forwarder.url}/post`, { method: 'POST', body: 'body that is not lost' }),
  ];
  await forwarder.said('cannot reach the new side (ECONNREFUSED)');
  await delay(300);
  let posted = '';
  newSide.handle((request, response) => {
    request.on('data', (chunk: Buffer) => (posted += chunk.toString()));
    request.once('end', () => response.end());
  });
  await newSide.start();
  expect((await Promise.all(waits)).map(({ status }) => status)).toEqual([200, 200]);
  expect(posted).toBe('body that is not lost');
  expect(newSide.seen.map(({ url }) => url).sort()).toEqual(['/get', '/post']);
  expect(forwarder.lines.slice(2)).toEqual([
    'front-door: cannot reach the new side (ECONNREFUSED)',
    'front-door: reaches the new side again',
  ]);
});

test('nobody listens for longer than the limit: 502', async () => {
  const { newSide, forwarder } = await opened({ holdLimitMs: 500 });
  await newSide.stop();
  expect((await ask(forwarder.url)).status).toBe(502);
});

test('a certificate that is not the new side’s is refused at once, whatever the app’s config vars allow', async () => {
  const newSide = await startNewSide(['other.example.com']);
  const forwarder = await startForwarder({ newSide, environment: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
  expect((await ask(forwarder.url, { method: 'POST', body: 'x' })).status).toBe(502);
  expect(newSide.seen).toEqual([]);
  await forwarder.said('cannot reach the new side (ERR_TLS_CERT_ALTNAME_INVALID)');
});

test('a new side that does not answer in time is a 504, and one that accepts and says nothing is tried no longer than the limit', async () => {
  const { newSide, forwarder } = await opened({ answerLimitMs: 300 });
  newSide.handle((request) => request.resume());
  expect((await ask(forwarder.url, { method: 'POST', body: 'x' })).status).toBe(504);
  expect(newSide.seen).toHaveLength(1);

  const there: Socket[] = [];
  const silent = createServer((socket) => there.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, resolve));
  const other = await startForwarder({
    newSide: { ...newSide, host: `localhost:${(silent.address() as AddressInfo).port}` },
    settings: { holdLimitMs: 500, connectLimitMs: 200 },
  });
  expect((await ask(other.url, { method: 'POST', body: 'x' })).status).toBe(504);
  silent.close();
  for (const socket of there) socket.destroy();
});

test('a client that goes away ends its request at the new side', async () => {
  const { newSide, forwarder } = await opened();
  const ended = new Promise<void>((resolve) => {
    newSide.handle((request, response) => {
      response.write('begun');
      request.socket.once('close', () => {
        resolve();
      });
    });
  });
  const gone = new AbortController();
  const begun = Promise.withResolvers<Buffer>();
  const request = ask(forwarder.url, { signal: gone.signal }, begun.resolve).catch(() => undefined);
  await begun.promise;
  gone.abort();
  await ended;
  await request;
  // Nor one that goes before there is an answer: that is no trouble of the new side.
  const asked = new Promise<void>((resolve) => {
    newSide.handle((other) => {
      other.resume();
      resolve();
    });
  });
  const early = new AbortController();
  const silent = ask(forwarder.url, { signal: early.signal }).catch(() => undefined);
  await asked;
  early.abort();
  await silent;
  await forwarder.hasHeard();
  await delay(100);
  expect(forwarder.lines.join('\n')).not.toContain('cannot reach');
});

test('connections to the new side are used again for what may be repeated, and a stale one costs nobody an answer', async () => {
  const { newSide, forwarder } = await opened();
  for (let at = 0; at < 5; at += 1) expect((await ask(forwarder.url)).status).toBe(200);
  expect(newSide.connections()).toBe(1);
  // Closed under the forwarder's hands, as a deployment of the edge would.
  newSide.server.closeAllConnections();
  expect((await ask(forwarder.url)).status).toBe(200);
  const posts = await Promise.all(
    Array.from({ length: 10 }, () => ask(forwarder.url, { method: 'POST', body: 'x' })),
  );
  expect(posts.map(({ status }) => status)).toEqual(Array(10).fill(200));
});

test('a client that asks before it sends its body is told to go on when it is its turn', async () => {
  const { newSide, forwarder } = await opened();
  const answer = ask(forwarder.url, {
    method: 'PUT',
    headers: { expect: '100-continue', 'content-length': '4' },
    body: 'body',
  });
  expect((await answer).status).toBe(200);
  expect(newSide.seen[0]?.headers).not.toHaveProperty('expect');
  expect(newSide.seen[0]?.headers['content-length']).toBe('4');
});

test('where Node’s switch says so, the new side is reached through the proxy of the environment', async () => {
  const asked: string[] = [];
  const proxy = createHttpServer().on('connect', (request, client) => {
    asked.push(request.url ?? '');
    const [host = '', port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [upstream, client]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const HTTPS_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const { newSide, forwarder } = await opened({}, { HTTPS_PROXY, NODE_USE_ENV_PROXY: '1' });
  expect((await ask(forwarder.url)).status).toBe(200);
  expect((await ask(forwarder.url, { method: 'POST', body: 'x' })).status).toBe(200);
  expect(asked).toEqual([newSide.host, newSide.host]);
  // An app's own proxy for its own requests is not the visitors'.
  const other = await startForwarder({ newSide, environment: { HTTPS_PROXY } });
  expect((await ask(other.url)).status).toBe(200);
  expect(asked).toHaveLength(2);
  await forwarder.process.kill9();
  proxy.close();
});

test('what is no HTTP is answered as such, and the others are served on', async () => {
  const { forwarder } = await opened();
  const words = await new Promise<string>((resolve) => {
    const socket = connect(forwarder.port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
    let said = '';
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.once('close', () => {
      resolve(said);
    });
  });
  expect(words).toMatch(/^HTTP\/1\.1 400 /);
  expect((await ask(forwarder.url, { headers: { host: ROUTED.host } })).status).toBe(200);
});
