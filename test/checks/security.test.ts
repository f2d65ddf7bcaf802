import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, expect, test } from '@jest/globals';
import { publicListener } from '../../src/checks/listener.ts';
import { tlsOnly } from '../../src/checks/plain-http.ts';
import { specSecrets } from '../../src/checks/spec-secrets.ts';
import { accessChecks, type Access } from '../../src/checks/trusted.ts';
import { testPostgres, testRedis } from '../support/servers.ts';

// Who may reach what: each check against something that is open, and against something that is not.

const servers: { close: () => void }[] = [];
afterAll(() => servers.forEach((server) => server.close()));

async function portOf(
  server: ReturnType<typeof createServer> | ReturnType<typeof createHttpServer>,
): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('a real Postgres and a real Redis that answer are open; what cuts off or refuses is closed', async () => {
  const [postgres, redis] = await Promise.all([testPostgres(), testRedis()]);
  const host = '127.0.0.1';
  expect(
    await publicListener({ kind: 'postgres', host: postgres.host, port: postgres.port }, undefined),
  ).toMatchObject({ state: 'failed', found: expect.stringContaining('it answers') });
  expect(await publicListener({ kind: 'redis', host, port: redis.port }, undefined)).toMatchObject({
    state: 'failed',
  });

  const cutting = await portOf(createServer((socket: Socket) => socket.destroy()));
  expect(await publicListener({ kind: 'postgres', host, port: cutting }, undefined)).toMatchObject({
    state: 'passed',
  });
  const free = createServer();
  const port = await portOf(free);
  free.close();
  expect(await publicListener({ kind: 'redis', host, port }, undefined)).toMatchObject({ state: 'passed' });
});

test('from an address that is trusted nothing is proven, and that is told', async () => {
  expect(await publicListener({ kind: 'redis', host: '127.0.0.1', port: 1 }, 'you trust it')).toMatchObject({
    state: 'told',
  });
});

const NOW = new Date('2026-11-23T12:00:00Z');
const range = { type: 'ip_addr', value: '10.114.0.0/20', holders: undefined };
const runner = (run: string, until: string): Access['cluster'][number] => ({
  type: 'ip_addr',
  value: '203.0.113.10',
  holders: [{ holder: `${run}.1.abcd`, until: new Date(until) }],
});
const access = (more: Partial<Access> = {}): Access => ({
  cluster: [range],
  redis: [{ from: '10.114.0.0/20', port: '6379' }],
  redisPort: 6379,
  range: '10.114.0.0/20',
  runsAtWork: ['7'],
  now: NOW,
  ...more,
});
const failed = (more: Partial<Access> = {}): string[] =>
  accessChecks(access(more))
    .filter(({ state }) => state === 'failed')
    .map(({ id }) => id);

test.each<[string, Partial<Access>, string[]]>([
  ['the private network alone', {}, []],
  ['a job at work', { cluster: [range, runner('7', '2026-11-23T14:00:00Z')] }, []],
  [
    'an address of your own',
    { cluster: [range, { type: 'ip_addr', value: '198.51.100.7', holders: undefined }] },
    [],
  ],
  ['no trusted sources', { cluster: [] }, ['security/trusted-sources']],
  [
    'the whole internet',
    { cluster: [range, { type: 'ip_addr', value: '0.0.0.0/0', holders: undefined }] },
    ['security/trusted-sources'],
  ],
  [
    'a job whose time is up',
    { cluster: [range, runner('7', '2026-11-23T11:00:00Z')] },
    ['security/leftover-runner'],
  ],
  [
    'a job that is not at work',
    { cluster: [range, runner('6', '2026-11-23T14:00:00Z')] },
    ['security/leftover-runner'],
  ],
  [
    'an address left in the firewall of Redis',
    { redis: [...(access().redis ?? []), { from: '203.0.113.11', port: '6379' }] },
    ['security/leftover-runner'],
  ],
  [
    'a port of Redis open to all',
    { redis: [...(access().redis ?? []), { from: '0.0.0.0/0', port: '6379' }] },
    ['security/redis-firewall'],
  ],
  [
    'another port open',
    { redis: [...(access().redis ?? []), { from: '10.114.0.0/20', port: '22' }] },
    ['security/redis-firewall'],
  ],
  ['nobody admitted to Redis', { redis: [] }, ['security/redis-firewall']],
])('%s', (_name, more, ids) => {
  expect(failed(more)).toEqual(ids);
});

const SECRET = 'sk_live_51H8xFortyTwo';
const spec = (value: string, type: string, command = 'node web.mjs'): object => ({
  envs: [{ key: 'PAYMENT_KEY', value, type }],
  services: [{ name: 'web', run_command: command, envs: [] }],
});

test('a secret in the clear is found wherever it stands in the spec, and named by its place alone', () => {
  const secrets = { PAYMENT_KEY: SECRET };
  expect(specSecrets(spec('EV[1:abc:def]', 'SECRET'), secrets)).toMatchObject({ state: 'passed' });
  const found = [
    specSecrets(spec(SECRET, 'GENERAL'), secrets),
    specSecrets(spec('EV[1:abc:def]', 'SECRET', `node web.mjs --key ${SECRET}`), secrets),
    specSecrets(spec('postgres://shop:hunter22@db.example.com/shop', 'GENERAL'), {}),
  ];
  expect(found.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
  expect(found.map((one) => one.found)).toEqual([
    'envs[PAYMENT_KEY].value holds the value of PAYMENT_KEY',
    'services[web].run_command holds the value of PAYMENT_KEY',
    'envs[PAYMENT_KEY].value has the shape of a secret',
  ]);
  expect(JSON.stringify(found)).not.toContain(SECRET);
});

test('plain HTTP must lead to TLS or to nobody; a name that is not found proves nothing', async () => {
  const open = await portOf(createHttpServer((_asked, answer) => void answer.end('hello')));
  const leading = await portOf(
    createHttpServer(
      (_asked, answer) => void answer.writeHead(301, { location: 'https://shop.example.com/' }).end(),
    ),
  );
  expect(await tlsOnly('127.0.0.1', open)).toMatchObject({ state: 'failed', found: 'HTTP 200 without TLS' });
  expect(await tlsOnly('127.0.0.1', leading)).toMatchObject({ state: 'passed' });
  expect(await tlsOnly('no-such-name.invalid')).toMatchObject({ state: 'failed' });
});

test('a name that still leads through Heroku’s router is told: what is let through there is not the new side’s', async () => {
  const via = await portOf(
    createHttpServer((_asked, answer) => void answer.writeHead(200, { via: '1.1 heroku-router' }).end('hi')),
  );
  expect(await tlsOnly('127.0.0.1', via)).toMatchObject({
    state: 'told',
    found: 'HTTP 200 without TLS, still by way of Heroku',
  });
});
