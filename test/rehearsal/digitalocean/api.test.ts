import { beforeAll, expect, test } from '@jest/globals';
import { found, testWorld, token, type TestWorld } from './played-world.ts';

let world: TestWorld;
beforeAll(async () => {
  world = await testWorld();
});

test('a request without a known token gets 401 and the error body of DigitalOcean', async () => {
  const reply = await world.api('GET', '/account', undefined, 'nobody');
  expect(reply.status).toBe(401);
  expect(reply.body).toEqual({
    id: 'Unauthorized',
    message: 'Unable to authenticate you',
    request_id: reply.headers.get('x-request-id'),
  });
});

test('a token may do what its scopes name and nothing else', async () => {
  world.tokens.add('reader', ['account:read', 'vpc:read']);
  expect((await world.api('GET', '/account', undefined, 'reader')).status).toBe(200);
  const refused = await world.api('POST', '/vpcs', { name: 'x', region: 'fra1' }, 'reader');
  expect(refused.status).toBe(403);
  expect(refused.body.id).toBe('Forbidden');
});

test('lists come in pages that link to each other', async () => {
  for (const name of ['one', 'two', 'three']) {
    await world.api('POST', '/vpcs', { name, region: 'ams3' });
  }
  const first = await world.api('GET', '/vpcs?per_page=2');
  expect(first.body.vpcs).toHaveLength(2);
  expect(first.body.meta.total).toBe(3);
  const { next, last } = first.body.links.pages;
  expect(next).toBe(last);
  const second = await fetch(found(next), { headers: { authorization: `Bearer ${token}` } });
  const body = (await second.json()) as { vpcs: { name: string }[]; links: { pages: object } };
  expect(body.vpcs.map(({ name }) => name)).toEqual(['three']);
  expect(Object.keys(body.links.pages).sort()).toEqual(['first', 'prev']);
});

test('every answer tells what is left of the rate limit, and the 251st request of a minute is refused', async () => {
  const real = await testWorld({ requestsPerMinute: 250, requestsPerHour: 5000 });
  const ask = () => real.api('GET', '/account');
  const first = await ask();
  expect(first.headers.get('ratelimit-limit')).toBe('5000');
  expect(first.headers.get('ratelimit-remaining')).toBe('4999');
  await Promise.all(Array.from({ length: 249 }, ask));
  const refused = await ask();
  expect(refused.status).toBe(429);
  expect(refused.body.id).toBe('too_many_requests');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('an ordered fault is suffered once, and a truncated answer was acted on', async () => {
  world.faults.inject({ method: 'POST', path: /vpcs/, times: 1, kind: 503 });
  const wanted = { name: 'faulty', region: 'fra1' };
  expect((await world.api('POST', '/vpcs', wanted)).status).toBe(503);
  world.faults.inject({ method: 'POST', path: /vpcs/, times: 1, kind: 'truncate' });
  await expect(world.api('POST', '/vpcs', wanted)).rejects.toThrow();
  expect((await world.api('POST', '/vpcs', wanted)).status).toBe(409);
});

test('a request that arrives twice is acted on twice, and the caller hears what the second one did', async () => {
  const met = world.faults.inject({ method: 'POST', path: /vpcs|droplets/, times: 2, kind: 'twice' });
  const vpc = { name: 'doubled', region: 'fra1' };
  expect((await world.api('POST', '/vpcs', vpc)).status).toBe(409);
  expect(met()).toBe(1);
  const droplet = { name: 'doubled', region: 'fra1', size: 's-1vcpu-1gb', image: 'ubuntu-24-04-x64' };
  expect((await world.api('POST', '/droplets', droplet)).status).toBe(202);
  const { body } = await world.api('GET', '/droplets?name=doubled');
  expect(body.droplets).toHaveLength(2);
  expect(met()).toBe(2);
  expect((await world.api('GET', '/vpcs')).status).toBe(200);
  expect(met()).toBe(2);
});

test('a record is found by its full name, kept relative, and answered with its TTL', async () => {
  await world.dots.domain.createDomain({ name: 'example.com' });
  const record = { type: 'CNAME', name: 'shop', data: 'shop.herokudns.com.', ttl: 30 };
  const made = await world.api('POST', '/domains/example.com/records', record);
  expect(made.body.domain_record).toMatchObject({ name: 'shop', data: 'shop.herokudns.com', ttl: 30 });
  expect(world.dns.resolve('shop.example.com', 'CNAME')).toEqual({ value: 'shop.herokudns.com', ttl: 30 });

  const found = await world.api('GET', '/domains/example.com/records?name=shop.example.com&type=CNAME');
  expect(found.body.domain_records).toHaveLength(1);
  const { id } = made.body.domain_record;
  await world.api('PUT', `/domains/example.com/records/${id}`, {
    ...record,
    data: 'new.ondigitalocean.app.',
  });
  expect(world.dns.resolve('shop.example.com', 'CNAME')?.value).toBe('new.ondigitalocean.app');
});

test('a CNAME without its final dot, and one beside another record, are refused', async () => {
  const add = (record: object) => world.api('POST', '/domains/example.com/records', record);
  expect((await add({ type: 'CNAME', name: 'www', data: 'elsewhere.example.org' })).status).toBe(422);
  expect((await add({ type: 'A', name: 'shop', data: '192.0.2.1' })).status).toBe(422);
});

test('tags count what carries them, and a default VPC cannot be deleted', async () => {
  const droplet = {
    name: 'tagged',
    region: 'lon1',
    size: 's-1vcpu-1gb',
    image: 'ubuntu-24-04-x64',
    tags: ['a:b'],
  };
  const made = await world.api('POST', '/droplets', droplet);
  const tag = await world.api('GET', '/tags/a:b');
  expect(tag.body.tag.resources.droplets.count).toBe(1);
  const removed = await world.api('DELETE', `/vpcs/${made.body.droplet.vpc_uuid}`);
  expect(removed.status).toBe(403);
});
