import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { readRouterLog } from '../../src/heroku/router-log.ts';
import { silentLog } from '../../src/log.ts';

// Lines as the Dev Center shows them ("Heroku Router", "Error Codes").
const LINES = [
  '2026-11-23T12:00:01.123456+00:00 heroku[router]: at=info method=GET path="/?token=s3cret" host=shop.example.com request_id=1 fwd="198.51.100.7, 10.0.0.1" dyno=web.1 connect=0ms service=12ms status=200 bytes=13 protocol=https',
  '2026-11-23T12:00:02.000000+00:00 heroku[router]: at=info code=H80 desc="Maintenance mode" method=POST path="/hook" host=shop.herokuapp.com fwd="2001:db8:1:2::9" dyno= connect= service= status=503 bytes= protocol=https',
  '2026-11-23T12:00:03.000000+00:00 app[web.1]: heroku[router]: at=info host=forged status=200',
];
let status = 201;
const server = createServer((asked, answer) => {
  const { port } = server.address() as AddressInfo;
  if (asked.method === 'POST')
    answer
      .writeHead(status, { 'content-type': 'application/json' })
      .end(
        status === 201
          ? JSON.stringify({ logplex_url: `http://127.0.0.1:${port}/stream` })
          : '{"id":"forbidden","message":"no"}',
      );
  else answer.end(`${LINES.join('\n')}\n`);
});
let heroku: HerokuClient;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  heroku = createHeroku({ token: 't', apiUrl, dataApiUrl: apiUrl, log: silentLog, clock: systemClock });
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test('requests are read from the lines of the router alone, without a path and without the end of an address', async () => {
  expect(await readRouterLog(heroku, 'shop')).toEqual([
    {
      at: new Date('2026-11-23T12:00:01.123Z'),
      host: 'shop.example.com',
      status: 200,
      code: undefined,
      from: '198.51.100.x',
    },
    {
      at: new Date('2026-11-23T12:00:02.000Z'),
      host: 'shop.herokuapp.com',
      status: 503,
      code: 'H80',
      from: '2001:db8:1::',
    },
  ]);
});

test('a token that may not read the log makes it unknown', async () => {
  status = 403;
  expect(await readRouterLog(heroku, 'shop')).toBeUndefined();
});
