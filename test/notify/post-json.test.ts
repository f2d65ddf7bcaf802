import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';

import { postJson } from '../../src/notify/post-json.ts';

interface Received {
  method: string | undefined;
  path: string | undefined;
  type: string | undefined;
  body: string;
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A real server that answers in its own way; `received` is all that ever reached it. */
async function server(
  answer: (response: ServerResponse, request: IncomingMessage) => void,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const listening = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({
        method: request.method,
        path: request.url,
        type: request.headers['content-type'],
        body,
      });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/services/SECRETPART`,
    received,
  };
}

test('sends the JSON once', async () => {
  const { url, received } = await server((response) => response.end('ok'));
  expect(await postJson(url, { text: 'für alle' })).toEqual({ sent: true });
  expect(received).toEqual([
    { method: 'POST', path: '/services/SECRETPART', type: 'application/json', body: '{"text":"für alle"}' },
  ]);
});

test('an error of the server is told by its number, and is not tried again', async () => {
  const { url, received } = await server((response) => response.writeHead(500).end('SECRETPART'));
  expect(await postJson(url, {})).toEqual({ sent: false, reason: 'HTTP 500' });
  expect(received).toHaveLength(1);
});

test('a redirect to another host is not followed', async () => {
  const other = await server((response) => response.end('ok'));
  for (const status of [301, 302, 303, 307, 308]) {
    const { url } = await server((response) => response.writeHead(status, { location: other.url }).end());
    expect(await postJson(url, {})).toEqual({ sent: false, reason: `it redirects (HTTP ${status})` });
  }
  expect(other.received).toEqual([]);
});

test('a server that never answers costs the patience and no more', async () => {
  const { url } = await server(() => undefined);
  const begun = performance.now();
  expect(await postJson(url, {}, 300)).toEqual({ sent: false, reason: 'no answer within 0.3 s' });
  expect(performance.now() - begun).toBeLessThan(4_900);
});

test('an answer without an end, byte by byte, is not listened to', async () => {
  const { url } = await server((response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(drip));
  });
  expect(await postJson(url, {}, 10_000)).toEqual({ sent: true });
});

test('a head that comes byte by byte is over in time', async () => {
  const { url } = await server((response) => {
    const drip = setInterval(() => response.socket?.write('H'), 50);
    response.on('close', () => clearInterval(drip));
  });
  expect((await postJson(url, {}, 400)).sent).toBe(false);
});

test('nobody there: the reason does not hold the address', async () => {
  const { url } = await server((response) => response.end());
  closing.splice(0).forEach((close) => close());
  const delivery = await postJson(url, {});
  expect(delivery).toEqual({ sent: false, reason: 'no answer (ECONNREFUSED)' });
});

test.each(['hooks.example.com/x', 'http://hooks.example.com/x', 'file:///etc/passwd', 'javascript:alert(1)'])(
  '%s is no address to send to',
  async (address) => {
    const delivery = await postJson(address, {});
    expect(delivery).toEqual({ sent: false, reason: 'its address is not one that begins with https://' });
  },
);
