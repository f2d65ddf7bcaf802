import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { egressAddress } from '../../src/github/egress.ts';

const clock = { now: () => new Date(), sleep: () => Promise.resolve() };
let answers: { status: number; body: string }[] = [];
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((_request, response) => {
    const { status, body } = answers.shift() ?? { status: 500, body: '' };
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

test('the address is read from plain text, also after a failed attempt', async () => {
  answers = [{ status: 200, body: '203.0.113.10\n' }];
  expect(await egressAddress(url, undefined, clock)).toBe('203.0.113.10');
  answers = [
    { status: 503, body: 'busy' },
    { status: 200, body: '203.0.113.10' },
  ];
  expect(await egressAddress(url, undefined, clock)).toBe('203.0.113.10');
});

test('what is no IPv4 address never reaches a list of trusted sources', async () => {
  for (const body of ['0.0.0.0/0', '2001:db8::1', '<html>203.0.113.10</html>', '']) {
    answers = Array.from({ length: 3 }, () => ({ status: 200, body }));
    await expect(egressAddress(url, undefined, clock)).rejects.toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringMatching(/input egress-url/) as unknown,
    });
  }
});

test('an unreachable service is told as such', async () => {
  await expect(egressAddress('http://127.0.0.1:1', undefined, clock)).rejects.toThrow(
    /could not be read from http:\/\/127/,
  );
});
