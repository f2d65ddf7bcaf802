import { createServer, type AddressInfo } from 'node:net';
import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import packet from 'dns-packet';
import { startCloudflare, type CloudflareWorld } from '../../rehearsal/cloudflare/world.ts';
import { startResolver, type PlayedResolver } from '../../rehearsal/public-dns/resolver.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { readAuthorities, readSigning } from '../../src/dns/public-view.ts';
import { ask, NoAnswer } from '../../src/dns/query.ts';
import {
  askAll,
  expectedOf,
  leadsTo,
  parseResolvers,
  watchPropagation,
  type Resolver,
} from '../../src/dns/resolvers.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { impatientClock, keepingLog } from './impatient-clock.ts';

let world: CloudflareWorld;
let played: PlayedResolver[];
let resolvers: Resolver[];
const shop = 'shop.example.com';

beforeAll(async () => {
  const authority = await createAuthority('Test authority');
  world = await startCloudflare({ log: silentLog, authority, originOf: () => undefined });
  world.createZone('example.com');
  world.addRecord({ type: 'CNAME', name: shop, content: 'old.herokudns.com', ttl: 60 });
  world.addRecord({ type: 'A', name: 'example.com', content: '192.0.2.1', ttl: 60 });
  world.addRecord({ type: 'A', name: 'example.com', content: '192.0.2.2', ttl: 60 });
  world.addRecord({ type: 'CNAME', name: 'www.example.com', content: 'old.herokudns.com', proxied: true });
  played = await Promise.all([1, 2].map(() => startResolver({ served: [world], ttlSecondMs: 20 })));
  resolvers = parseResolvers(played.map(({ address }) => address).join(', '));
});

afterAll(async () => {
  await Promise.all([world.stop(), ...played.map((one) => one.stop())]);
});

beforeEach(() => {
  for (const one of played) {
    const { knobs } = one;
    one.flush();
    knobs.silent = false;
    knobs.broken.clear();
    knobs.signed.clear();
    knobs.authorities.clear();
  }
});

const [first = { host: '127.0.0.1', port: 1 }] = [] as Resolver[];

test('a list of resolvers is read, and what is none is named', () => {
  expect(parseResolvers('1.1.1.1, 8.8.8.8:5353 [2620:fe::fe]:54,2620:fe::9')).toEqual([
    { host: '1.1.1.1', port: 53 },
    { host: '8.8.8.8', port: 5353 },
    { host: '2620:fe::fe', port: 54 },
    { host: '2620:fe::9', port: 53 },
  ]);
  expect(() => parseResolvers('1.1.1.1, dns.google')).toThrow(/resolvers has "dns\.google"/);
  expect(() => parseResolvers(' ')).toThrow(/resolvers is empty/);
});

test('where a name leads is what the alias says, the addresses of an apex, or the proxy', async () => {
  const target = async (name: string): Promise<string[]> => {
    const [seen] = await askAll(resolvers, name, 'A');
    return seen?.answer === undefined ? [] : leadsTo(seen.answer, name);
  };
  expect(await target(shop)).toEqual(['old.herokudns.com']);
  expect(await target('example.com')).toEqual(['192.0.2.1', '192.0.2.2']);
  expect(await target('www.example.com')).toEqual(['104.16.0.1']);
  expect((await ask(resolvers[0] ?? first, 'nobody.example.com', 'A')).rcode).toBe('NXDOMAIN');
  expect(expectedOf([{ type: 'CNAME', data: 'Old.HerokuDNS.com', ttl: 1 }])).toEqual(['old.herokudns.com']);
  expect(expectedOf([{ type: 'CNAME', data: 'x', ttl: 1, proxied: true }])).toBeUndefined();
});

test('a resolver that is silent is told as such, beside one that answers', async () => {
  (played[0] ?? { knobs: { silent: false } }).knobs.silent = true;
  const impatient = resolvers.slice(0, 1).map((one) => ({ ...one, patienceMs: 200 }));
  const [quiet, loud] = await askAll([...impatient, ...resolvers.slice(1)], shop, 'A');
  expect(quiet).toMatchObject({
    answer: undefined,
    why: expect.stringMatching(/gave no answer .*nothing within/),
  });
  expect(loud?.answer?.rcode).toBe('NOERROR');
});

test('an answer to another question is not taken', async () => {
  const liar = createSocket('udp4');
  liar.on('message', (message, from) => {
    const query = packet.decode(message);
    const answers = [{ type: 'A' as const, name: shop, ttl: 60, data: '203.0.113.66' }];
    const forged = packet.encode({
      type: 'response',
      id: (query.id ?? 0) + 1,
      questions: query.questions ?? [],
      answers,
    });
    liar.send(forged, from.port, from.address);
    liar.send(Buffer.from('rubbish'), from.port, from.address);
  });
  await new Promise<void>((resolve) => liar.bind(0, '127.0.0.1', resolve));
  const { port } = liar.address();
  await expect(ask({ host: '127.0.0.1', port, patienceMs: 200 }, shop, 'A')).rejects.toThrow(NoAnswer);
  liar.close();
});

test('an answer that is too long for UDP is asked for over TCP', async () => {
  const short = createSocket('udp4');
  short.on('message', (message, from) => {
    const { id = 0, questions = [] } = packet.decode(message);
    short.send(
      packet.encode({ type: 'response', id, flags: packet.TRUNCATED_RESPONSE, questions }),
      from.port,
      from.address,
    );
  });
  const whole = createServer((socket) => {
    socket.on('data', (data) => {
      const { id = 0, questions = [] } = packet.streamDecode(data);
      const answers = [{ type: 'TXT' as const, name: shop, ttl: 60, data: 'long'.repeat(50) }];
      const reply = packet.streamEncode({ type: 'response', id, questions, answers });
      socket.write(reply.subarray(0, 40));
      setTimeout(() => socket.end(reply.subarray(40)), 20);
    });
    socket.on('error', () => undefined);
  });
  // TCP chooses: hundreds of other servers' connections hold its ports here, and hardly anybody those of UDP.
  await new Promise<void>((resolve) => whole.listen(0, '127.0.0.1', resolve));
  const { port } = whole.address() as AddressInfo;
  await new Promise<void>((resolve) => short.bind(port, '127.0.0.1', resolve));
  const { answers } = await ask({ host: '127.0.0.1', port }, shop, 'TXT');
  expect(answers).toHaveLength(1);
  short.close();
  whole.close();
});

describe('who may issue certificates', () => {
  const allow = (name: string, ...records: string[]): void => {
    for (const { knobs } of played) knobs.authorities.set(name, records);
  };

  test('everybody, without records', async () => {
    expect(await readAuthorities(resolvers, shop)).toEqual({ at: '', allowed: [] });
  });

  test('those of the nearest name that has any; an address for reports limits nothing', async () => {
    allow('example.com', '0 issue "letsencrypt.org; validationmethods=dns-01"', '0 issue "pki.goog"');
    expect(await readAuthorities(resolvers, shop)).toEqual({
      at: 'example.com',
      allowed: ['letsencrypt.org', 'pki.goog'],
    });
    allow(shop, '0 issue ";"');
    expect(await readAuthorities(resolvers, shop)).toEqual({ at: shop, allowed: [] });
    allow(shop, '0 iodef "mailto:security@example.com"');
    expect(await readAuthorities(resolvers, shop)).toEqual({ at: '', allowed: [] });
  });

  test('unknown, when nobody answers', async () => {
    for (const { knobs } of played) knobs.broken.add('example.com');
    expect(await readAuthorities(resolvers, shop)).toBeUndefined();
  });
});

test('a zone is unsigned, signed, or broken by a DS that does not fit', async () => {
  expect(await readSigning(resolvers, 'example.com')).toBe('unsigned');
  for (const { knobs } of played) knobs.signed.add('example.com');
  expect(await readSigning(resolvers, 'example.com')).toBe('signed');
  (played[0] ?? { knobs: { broken: new Set<string>() } }).knobs.broken.add('example.com');
  expect(await readSigning(resolvers, 'example.com')).toBe('broken');
});

describe('propagation', () => {
  test('is watched until each resolver has forgotten the old record', async () => {
    await askAll(resolvers, shop, 'A');
    const record = world.zones[0]?.records.find(({ name }) => name === shop);
    if (record !== undefined) record.content = 'app.ondigitalocean.app';
    const found = await watchPropagation(shop, ['app.ondigitalocean.app'], {
      resolvers,
      limitMs: 60_000,
      log: silentLog,
      clock: systemClock,
    });
    // 60 s of a TTL last 1.2 s here.
    for (const { followedMs } of found) expect(followedMs).toBeGreaterThan(500);
  });

  test('a resolver that does not follow is told, and is no failure', async () => {
    const log = keepingLog();
    const found = await watchPropagation(shop, ['elsewhere.example.net'], {
      resolvers: resolvers.slice(0, 1),
      limitMs: 30_000,
      log,
      clock: impatientClock(),
    });
    expect(found).toMatchObject([{ followedMs: null, said: 'app.ondigitalocean.app' }]);
    expect(log.lines).toEqual([expect.stringMatching(/still says app\.ondigitalocean\.app after 30 s/)]);
  });
});
