import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { Clock } from '../../src/clock.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { ensureVpc, findVpc } from '../../src/digitalocean/vpc.ts';
import { silentLog } from '../../src/log.ts';

const TOKEN = 'dop_v1_not-to-be-seen';
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Seen {
  method: string;
  url: string;
  accept: string;
}

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', accept: request.headers.accept ?? '' });
    handler(request, response, seen.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const waits: number[] = [];
const impatient: Clock = {
  now: () => new Date(),
  sleep: (milliseconds) => {
    waits.push(milliseconds);
    return Promise.resolve();
  },
};

function client(url: string): DigitalOcean {
  return createDigitalOcean({ token: TOKEN, apiUrl: url, log: silentLog, clock: impatient });
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(TOKEN);
  return error as Error;
}

const vpc = (name: string, description = ''): object => ({
  id: `id-of-${name}`,
  name,
  region: 'fra1',
  ip_range: '10.1.0.0/20',
  description,
});

test('a name on the seventh page of 1,300 is found', async () => {
  const { url, seen } = await serve((request, response) => {
    const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page'));
    const vpcs = Array.from({ length: page < 7 ? 200 : 100 }, (_, index) =>
      vpc(`vpc-${(page - 1) * 200 + index}`),
    );
    json(response, 200, {
      vpcs,
      links: { pages: page < 7 ? { next: 'http://elsewhere/' } : {} },
      meta: { total: 1300 },
    });
  });
  expect((await findVpc(client(url), 'vpc-1299'))?.id).toBe('id-of-vpc-1299');
  expect(seen).toHaveLength(7);
  expect(seen.every(({ accept }) => accept === 'application/json')).toBe(true);
});

test('a 429 is waited out as long as DigitalOcean asks', async () => {
  const { url } = await serve((_request, response, count) => {
    if (count === 1)
      json(response, 429, { id: 'too_many_requests', message: 'slow' }, { 'retry-after': '11' });
    else json(response, 200, { vpcs: [] });
  });
  waits.length = 0;
  expect(await findVpc(client(url), 'x')).toBeUndefined();
  expect(waits).toEqual([11_000]);
});

test('a creation whose answer was lost is looked up instead of repeated', async () => {
  const made: object[] = [];
  const { url, seen } = await serve((request, response) => {
    if (request.method === 'POST') {
      made.push(vpc('shop-production', 'heroku-to-digitalocean:shop-production'));
      request.socket.destroy();
    } else json(response, 200, { vpcs: made });
  });
  const wanted = {
    name: 'shop-production',
    datacentre: 'fra1',
    tag: 'heroku-to-digitalocean:shop-production',
  };
  expect((await ensureVpc(client(url), wanted)).vpc.id).toBe('id-of-shop-production');
  expect(seen.filter(({ method }) => method === 'POST')).toHaveLength(1);
});

test('something with our name and without our mark is refused, not touched', async () => {
  const { url, seen } = await serve((_request, response) =>
    json(response, 200, { vpcs: [vpc('shop-production', 'mine')] }),
  );
  const wanted = {
    name: 'shop-production',
    datacentre: 'fra1',
    tag: 'heroku-to-digitalocean:shop-production',
  };
  const error = await failureOf(ensureVpc(client(url), wanted));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain('does not belong to this migration');
  expect(seen.every(({ method }) => method === 'GET')).toBe(true);
});

test('a redirect is refused, and the token never reaches the other host', async () => {
  const other = await serve((_request, response) => json(response, 200, { vpcs: [] }));
  const { url } = await serve((_request, response) => {
    response.writeHead(307, { location: `${other.url}/v2/vpcs` }).end();
  });
  expect((await failureOf(findVpc(client(url), 'x'))).message).toContain('redirect');
  expect(other.seen).toHaveLength(0);
});

test('a wrong token and a missing scope are told with what to do', async () => {
  const wrong = await serve((_request, response) =>
    json(response, 401, { id: 'unauthorized', message: 'Unable to authenticate you' }),
  );
  const unknown = await failureOf(findVpc(client(wrong.url), 'x'));
  expect(unknown).toBeInstanceOf(ConfigurationError);
  expect(unknown.message).toContain('does not know the token');

  const scoped = await serve((_request, response) =>
    json(response, 403, { id: 'forbidden', message: 'You are not authorized' }),
  );
  const scope = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string): Promise<string> =>
    (await failureOf(client(scoped.url).request(method, path, z.unknown()))).message;
  expect(await scope('POST', '/vpcs')).toContain('`vpc:create`');
  expect(await scope('PUT', '/databases/1/firewall')).toContain('`database:update`');
  expect(await scope('POST', '/databases/1/dbs')).toContain('`database:create`');
  expect(await scope('POST', '/apps/propose')).toContain('`app:read`');
  expect(await scope('POST', '/monitoring/alerts')).toContain('`monitoring:create`');
  expect(await scope('DELETE', '/monitoring/alerts/1')).toContain('`monitoring:delete`');
  expect(await scope('DELETE', '/domains/example.com/records/1')).toContain('`domain:update`');
});

test("what dots-wrapper's own client would throw never gets out: no token, no request body", async () => {
  const { url } = await serve((_request, response) =>
    json(response, 422, { id: 'unprocessable_entity', message: 'bad size' }),
  );
  const error = await failureOf(
    client(url).dots.droplet.createDroplet({ name: 'a', size: 'x', image: 'y', user_data: 'a private key' }),
  );
  expect(error.message).toContain('422 unprocessable_entity: bad size');
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('a private key');
});

test('a limit that lasts for minutes is waited out, also for a creation, which then happens once', async () => {
  const made: object[] = [];
  const { url, seen } = await serve((request, response, count) => {
    if (count <= 12) json(response, 429, { id: 'too_many_requests', message: 'slow' });
    else if (request.method === 'POST') {
      made.push(vpc('x'));
      json(response, 201, { vpc: vpc('x') });
    } else json(response, 200, { vpcs: made });
  });
  waits.length = 0;
  await client(url).request('POST', '/vpcs', z.unknown(), { name: 'x' });
  expect(made).toHaveLength(1);
  expect(seen).toHaveLength(13);
  expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThan(10 * 60_000);
});

test('a limit that never ends, and a server that stays broken, end the request', async () => {
  const limited = await serve((_request, response) => json(response, 429, { id: 'x', message: 'slow' }));
  waits.length = 0;
  expect((await failureOf(findVpc(client(limited.url), 'x'))).message).toContain('429');
  expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThanOrEqual(10 * 60_000);
  const broken = await serve((_request, response) => json(response, 503, { id: 'x', message: 'away' }));
  expect((await failureOf(findVpc(client(broken.url), 'x'))).message).toContain('503');
  expect(broken.seen).toHaveLength(6);
});
