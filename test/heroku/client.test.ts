import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { systemClock, type Clock } from '../../src/clock.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { readInventory } from '../../src/heroku/inventory.ts';
import { silentLog } from '../../src/log.ts';

const TOKEN = 'HRKU-not-to-be-seen';
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serve(handler: Handler): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req-1', ...headers });
  response.end(JSON.stringify(body));
}

/** A clock on which waiting takes no time, and is counted. */
function impatient(): Clock & { waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    now: () => new Date(),
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    },
  };
}

function client(url: string, clock: Clock = impatient()): HerokuClient {
  return createHeroku({ token: TOKEN, apiUrl: url, dataApiUrl: url, log: silentLog, clock });
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(TOKEN);
  return error as Error;
}

const item = z.object({ id: z.number() });

test('a list of 2,300 items is read to its end, page by page', async () => {
  const all = Array.from({ length: 2300 }, (_, id) => ({ id }));
  const { url, requests } = await serve((request, response) => {
    const range = /id (\d+)\.\.; max=(\d+)/.exec(request.headers.range ?? '');
    const from = Number(range?.[1] ?? 0);
    const size = Number(range?.[2] ?? 200);
    const more = from + size < all.length;
    json(
      response,
      more ? 206 : 200,
      all.slice(from, from + size),
      more ? { 'next-range': `id ${from + size}..; max=${size}` } : {},
    );
  });
  expect(await client(url).list('/apps', item)).toHaveLength(2300);
  expect(requests).toHaveLength(4);
});

test('a 429 is waited out as long as Heroku asks, also for a POST', async () => {
  const { url } = await serve((_request, response, count) => {
    if (count < 3) json(response, 429, { id: 'rate_limit', message: 'slow down' }, { 'retry-after': '7' });
    else json(response, 200, { id: 1 });
  });
  const clock = impatient();
  expect(await client(url, clock).post('/apps/shop/dynos', {}, item)).toEqual({ id: 1 });
  expect(clock.waits).toEqual([7000, 7000]);
});

test('however many are asked for, only so many requests are under way, and one alone when the limit is near', async () => {
  for (const [remaining, atMost] of [
    ['4000', 16],
    ['50', 8],
    ['3', 1],
  ] as const) {
    let now = 0;
    let most = 0;
    const { url } = await serve((_request, response) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        json(response, 200, { id: 1 }, { 'ratelimit-remaining': remaining });
      }, 5);
    });
    const heroku = client(url);
    // The first answer tells what is left.
    await heroku.get('/apps/shop', item);
    await Promise.all(Array.from({ length: 60 }, () => heroku.get('/apps/shop', item)));
    expect(most).toBe(atMost);
  }
});

test('with nothing left of the limit, each request waits until one has been given back', async () => {
  const { url } = await serve((_request, response) =>
    json(response, 200, { id: 1 }, { 'ratelimit-remaining': '0' }),
  );
  const clock = impatient();
  const heroku = client(url, clock);
  await Promise.all(Array.from({ length: 5 }, () => heroku.get('/apps/shop', item)));
  await heroku.get('/apps/shop', item);
  await heroku.get('/apps/shop', item);
  expect(clock.waits).toEqual([800, 800]);
});

test('one 429 holds back every request as long as Heroku asks', async () => {
  let refusedAt = 0;
  const early: number[] = [];
  const { url } = await serve((_request, response, count) => {
    if (count === 3) {
      refusedAt = performance.now();
      json(response, 429, { id: 'rate_limit', message: 'slow down' }, { 'retry-after': '1' });
      return;
    }
    if (refusedAt > 0) early.push(performance.now() - refusedAt);
    setTimeout(() => json(response, 200, { id: 1 }), 20);
  });
  const heroku = createHeroku({
    token: TOKEN,
    apiUrl: url,
    dataApiUrl: url,
    log: silentLog,
    clock: systemClock,
    inFlight: 4,
  });
  const answers = await Promise.all(Array.from({ length: 20 }, () => heroku.get('/apps/shop', item)));
  expect(answers).toHaveLength(20);
  // The other three lanes may have been on their way when it was refused.
  expect(early.filter((after) => after < 950).length).toBeLessThanOrEqual(3);
  expect(early).toHaveLength(18);
});

test('a cancelled run leaves no request waiting', async () => {
  const { url } = await serve(() => undefined);
  const stop = new AbortController();
  const heroku = createHeroku({
    token: TOKEN,
    apiUrl: url,
    dataApiUrl: url,
    log: silentLog,
    clock: systemClock,
    signal: stop.signal,
    inFlight: 1,
  });
  const asked = Array.from({ length: 3 }, () => failureOf(heroku.get('/apps/shop', item)));
  stop.abort(new Error('cancelled'));
  for (const error of await Promise.all(asked)) expect(error.message).toBe('cancelled');
});

test('where Heroku wants the token as a password, it gets it so', async () => {
  const { url, requests } = await serve((_request, response) => json(response, 200, { id: 1 }));
  await client(url).findData('/postgres/v0/databases/x/credentials', item, { basic: true });
  expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}`);
});

test('a read is repeated after a 503 and a broken connection, a POST is not', async () => {
  const flaky = await serve((request, response, count) => {
    if (count === 1) request.socket.destroy();
    else if (count === 2) json(response, 503, { id: 'unavailable', message: 'later' });
    else json(response, 200, { id: 1 });
  });
  expect(await client(flaky.url).get('/apps/shop', item)).toEqual({ id: 1 });

  const broken = await serve((_request, response) =>
    json(response, 500, { id: 'internal', message: 'oops' }),
  );
  const error = await failureOf(client(broken.url).post('/apps/shop/slugs', {}, item));
  expect(error.message).toContain('Request-Id req-1');
  expect(broken.requests).toHaveLength(1);
});

test('a redirect is refused, and the token never reaches the other host', async () => {
  const other = await serve((_request, response) => json(response, 200, { id: 1 }));
  const { url } = await serve((_request, response) => {
    response.writeHead(302, { location: `${other.url}/steal` }).end();
  });
  const error = await failureOf(client(url).get('/apps/shop', item));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain('redirect');
  expect(other.requests).toHaveLength(0);
});

test('a wrong token is told as such, with the command that makes a right one', async () => {
  const { url } = await serve((_request, response) =>
    json(response, 401, { id: 'unauthorized', message: 'no' }),
  );
  const error = await failureOf(client(url).get('/apps/shop', item));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain('heroku authorizations:create');
});

test('a token without the scope is told which scope it lacks', async () => {
  const { url } = await serve((_request, response) =>
    json(response, 403, { id: 'forbidden', message: 'no' }),
  );
  expect((await failureOf(client(url).get('/apps/shop/config-vars', item))).message).toContain(
    '`read-protected`',
  );
  expect((await failureOf(client(url).patch('/apps/shop/formation', {}, item))).message).toContain('`write`');
  expect((await failureOf(client(url).post('/apps/shop/releases', {}, item))).message).toContain(
    '`write-protected`',
  );
});

test('an unknown app is told as such', async () => {
  const { url } = await serve((_request, response) =>
    json(response, 404, { id: 'not_found', message: "Couldn't find that app." }),
  );
  const error = await failureOf(readInventory(client(url), 'shpo', undefined));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain('no app "shpo"');
});

test('an answer in another shape names the fields and none of their values', async () => {
  const { url } = await serve((_request, response) => json(response, 200, { id: 'a-secret-value' }));
  const error = await failureOf(client(url).get('/apps/shop', item));
  expect(error.message).toContain('id: invalid_type');
  expect(error.message).not.toContain('a-secret-value');
});
