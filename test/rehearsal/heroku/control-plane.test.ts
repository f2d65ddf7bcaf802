import { expect, test } from '@jest/globals';
import { createRateLimit } from '../../../rehearsal/heroku/api/rate-limit.ts';
import { ask, at, items, playedHeroku, shop } from './played-heroku.ts';

test('every answer has a Request-Id and the tokens that are left; asking for the limit costs none', async () => {
  const world = await playedHeroku();
  const first = await ask(world, 'GET', '/apps');
  expect(first.headers.get('request-id')).toMatch(/^[\da-f-]{36}$/);
  expect(first.headers.get('ratelimit-remaining')).toBe('4499');
  expect((await ask(world, 'GET', '/account/rate-limits')).body).toEqual({ remaining: 4499 });
});

test('the limit is one bucket for all tokens, filled evenly over the hour; an empty one is 429', async () => {
  let now = 0;
  const limit = createRateLimit(4500, () => now);
  for (let request = 0; request < 4500; request += 1) expect(limit.take()).toBe(true);
  expect(limit.take()).toBe(false);
  now += 60_000;
  expect(limit.remaining()).toBe(75);

  const world = await playedHeroku({ requestsPerHour: 2 });
  world.tokens.add('second', 'global');
  await ask(world, 'GET', '/apps');
  await ask(world, 'GET', '/apps', undefined, { authorization: 'Bearer second' });
  const refused = await ask(world, 'GET', '/apps');
  expect(refused).toMatchObject({ status: 429, body: { id: 'rate_limit' } });
  expect(refused.headers.get('ratelimit-remaining')).toBe('0');
});

test('no or a wrong token is 401, a missing version 406, an unknown app 404, an unknown endpoint 404', async () => {
  const world = await playedHeroku();
  expect(await ask(world, 'GET', '/apps', undefined, { authorization: '' })).toMatchObject({
    status: 401,
    body: { id: 'unauthorized', message: 'Invalid credentials provided.' },
  });
  expect((await ask(world, 'GET', '/apps', undefined, { authorization: 'Bearer other' })).status).toBe(401);
  expect((await ask(world, 'GET', '/apps', undefined, { accept: 'application/json' })).body).toMatchObject({
    id: 'not_acceptable',
  });
  expect((await ask(world, 'GET', '/apps/nope')).body).toEqual({
    id: 'not_found',
    message: "Couldn't find that app.",
  });
  expect((await ask(world, 'GET', '/nonsense')).status).toBe(404);
  const unparsable = await ask(world, 'PATCH', '/apps/nope');
  expect(unparsable.status).toBe(404);
});

test('a token reaches no further than its scopes and apps', async () => {
  const world = await playedHeroku();
  await shop(world);
  await shop(world, { name: 'other', domains: [] });
  world.tokens.add('reader', 'read');
  world.tokens.add('protected', ['read-protected']);
  world.tokens.add('narrow', 'global', ['other']);
  const as = (token: string, method: string, path: string, body?: unknown) =>
    ask(world, method, path, body, { authorization: `Bearer ${token}` });
  expect((await as('reader', 'GET', '/apps/shop')).status).toBe(200);
  expect(await as('reader', 'GET', '/apps/shop/config-vars')).toMatchObject({
    status: 403,
    body: { id: 'forbidden' },
  });
  expect((await as('reader', 'PATCH', '/apps/shop', { maintenance: true })).status).toBe(403);
  expect((await as('protected', 'GET', '/apps/shop/config-vars')).status).toBe(200);
  expect((await as('protected', 'PATCH', '/apps/shop/config-vars', { A: 'b' })).status).toBe(403);
  expect((await as('narrow', 'GET', '/apps/shop')).status).toBe(403);
  expect((await as('narrow', 'GET', '/apps')).body).toHaveLength(1);
});

test('lists come in pages: 206 and Next-Range until the last one, in both orders', async () => {
  const world = await playedHeroku();
  await shop(world);
  for (const value of ['1', '2', '3', '4'])
    await ask(world, 'PATCH', '/apps/shop/config-vars', { VALUE: value });
  const versions = async (first: string) => {
    const pages: number[][] = [];
    for (let range: string | null = first; range !== null;) {
      const page = await ask(world, 'GET', '/apps/shop/releases', undefined, { range });
      pages.push(items(page.body).map((release) => Number(at(release, 'version'))));
      range = page.headers.get('next-range');
      expect(page.status).toBe(range === null ? 200 : 206);
    }
    return pages;
  };
  expect(await versions('version ..; max=3')).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  expect(await versions('version ..; order=desc, max=3')).toEqual([[7, 6, 5], [4, 3, 2], [1]]);
  expect(await versions('version 3..5')).toEqual([[3, 4, 5]]);
  expect((await versions('id ..; max=1000;')).flat().sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  for (const range of ['id ..; max=1001', 'colour ..']) {
    expect((await ask(world, 'GET', '/apps/shop/releases', undefined, { range })).status).toBe(416);
  }
});

test('what has not changed is 304', async () => {
  const world = await playedHeroku();
  await shop(world);
  const etag = (await ask(world, 'GET', '/apps/shop')).headers.get('etag') ?? '';
  expect((await ask(world, 'GET', '/apps/shop', undefined, { 'if-none-match': etag })).status).toBe(304);
  await ask(world, 'PATCH', '/apps/shop', { maintenance: true });
  expect((await ask(world, 'GET', '/apps/shop', undefined, { 'if-none-match': etag })).status).toBe(200);
});

test('it fails as told, as often as told: refused requests change nothing, a truncated answer was acted on', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  const maintenance = (on: boolean) => ask(world, 'PATCH', '/apps/shop', { maintenance: on });
  world.faults.inject({ method: 'PATCH', path: /^\/apps\/shop$/, times: 1, kind: 503 });
  expect((await ask(world, 'GET', '/apps/shop')).status).toBe(200);
  expect(await maintenance(true)).toMatchObject({ status: 503, body: { id: 'service_unavailable' } });
  world.faults.inject({ times: 1, kind: 'cut' });
  await expect(maintenance(true)).rejects.toThrow();
  expect(app.maintenance()).toBe(false);
  world.faults.inject({ times: 1, kind: 'truncate' });
  await expect(maintenance(true)).rejects.toThrow();
  expect(app.maintenance()).toBe(true);
  world.faults.inject({ times: 1, after: 1, kind: 429 });
  expect((await maintenance(false)).status).toBe(200);
  expect((await maintenance(false)).status).toBe(429);
  expect(world.requests.map(({ method, status }) => `${method} ${status}`)).toContain('PATCH 503');
  const releases = app.releases().length;
  const met = world.faults.inject({ method: 'PATCH', times: 1, kind: 'twice' });
  const config = { ARRIVED: 'twice' };
  expect((await ask(world, 'PATCH', '/apps/shop/config-vars', config)).body).toMatchObject(config);
  expect(met()).toBe(1);
  expect(app.releases().length).toBeGreaterThan(releases);
  expect(JSON.stringify(world.requests)).not.toContain('owner');
});
