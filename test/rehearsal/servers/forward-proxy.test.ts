import { once } from 'node:events';
import { createServer as createHttp, request, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuthority, type Authority } from '../../../rehearsal/servers/certificates.ts';
import { startForwardProxy, type ForwardProxy } from '../../../rehearsal/servers/forward-proxy.ts';

let authority: Authority;
let proxy: ForwardProxy;
const servers: Server[] = [];
const asked: string[] = [];

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

beforeAll(async () => {
  authority = await createAuthority('Rehearsal');
  const answer = (incoming: IncomingMessage): string =>
    `${incoming.headers.host ?? ''} ${incoming.url ?? ''}`;
  const { certificate: cert, key } = await authority.issue(['shop.example.com']);
  const https = await listen(
    createHttps({ cert, key }, (incoming, response) => response.end(answer(incoming))),
  );
  const http = await listen(
    createHttp((incoming, response) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => response.end(`${incoming.method ?? ''} ${answer(incoming)} ${body}`));
    }),
  );
  proxy = await startForwardProxy({
    resolve: (host, port, clientId) => {
      asked.push(`${clientId}:${host}:${port}`);
      if (host === 'down.example.com') return { host: '127.0.0.1', port: 1 };
      if (host !== 'shop.example.com') return undefined;
      return { host: '127.0.0.1', port: port === 443 ? https : http };
    },
  });
});

afterAll(async () => {
  await proxy.close();
  for (const server of servers) server.close();
});

function tunnel(
  target: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; socket: Socket }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(proxy.url);
    request({ host: hostname, port, method: 'CONNECT', path: target, headers })
      .once('connect', (answer, socket) => resolve({ status: answer.statusCode ?? 0, socket }))
      .once('error', reject)
      .end();
  });
}

async function fetchThrough(target: string, ca: string): Promise<string> {
  const { socket } = await tunnel(target);
  const secure = connectTls({ socket, servername: 'shop.example.com', ca });
  secure.end('GET /orders HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n');
  let text = '';
  for await (const chunk of secure) text += String(chunk);
  return text;
}

test('a public host name over HTTPS reaches where it resolves to, under its own certificate', async () => {
  expect(await fetchThrough('shop.example.com:443', authority.pem)).toContain('shop.example.com /orders');
});

test('its certificate is refused by who does not know the authority', async () => {
  const { pem } = await createAuthority('Rehearsal');
  await expect(fetchThrough('shop.example.com:443', pem)).rejects.toThrow(/certificate/);
});

test('an unknown host and one that does not answer are 502', async () => {
  for (const target of ['nowhere.example.com:443', 'down.example.com:443']) {
    const { status, socket } = await tunnel(target);
    expect(status).toBe(502);
    socket.destroy();
  }
});

test('each client is resolved for by its own id', async () => {
  const credentials = Buffer.from('webhooks:').toString('base64');
  const { status, socket } = await tunnel('shop.example.com:443', {
    'proxy-authorization': `Basic ${credentials}`,
  });
  socket.destroy();
  expect(status).toBe(200);
  expect(asked).toContain('webhooks:shop.example.com:443');
  expect(new URL(proxy.urlFor('webhooks')).username).toBe('webhooks');
});

test('a plain HTTP request in absolute form is passed on with its body, without the proxy credentials', async () => {
  const { hostname, port } = new URL(proxy.url);
  const sent = request({
    host: hostname,
    port,
    method: 'POST',
    path: 'http://shop.example.com/hooks?a=1',
    headers: {
      host: 'shop.example.com',
      'proxy-authorization': `Basic ${Buffer.from('a:').toString('base64')}`,
    },
  });
  sent.end('payload');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  expect(text).toBe('POST shop.example.com /hooks?a=1 payload');
});
