import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { dnsFindings } from '../../actions/cutover/dns-pre-flight.ts';
import type { Finding } from '../../actions/cutover/findings.ts';
import type { Parties } from '../../actions/parties.ts';
import { startCloudflare, type CloudflareWorld } from '../../rehearsal/cloudflare/world.ts';
import type { Zone } from '../../rehearsal/cloudflare/zone.ts';
import { startResolver, type PlayedResolver } from '../../rehearsal/public-dns/resolver.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { systemClock } from '../../src/clock.ts';
import { cloudflareProvider } from '../../src/dns/cloudflare.ts';
import { parseResolvers } from '../../src/dns/resolvers.ts';
import { silentLog } from '../../src/log.ts';
import type { StepRow } from '../../src/migration/journal.ts';

const shop = 'shop.example.com';
let world: CloudflareWorld;
let zone: Zone;
let played: PlayedResolver[];

beforeAll(async () => {
  const authority = await createAuthority('Test authority');
  world = await startCloudflare({ log: silentLog, authority, originOf: () => undefined });
  zone = world.createZone('example.com', 'enterprise');
  world.tokens.add('writes-0001');
  world.tokens.add('reads-0001', ['zone:read', 'settings:read']);
  played = await Promise.all([1, 2].map(() => startResolver({ served: [world], ttlSecondMs: 1_000 })));
});

afterAll(async () => {
  await Promise.all([world.stop(), ...played.map((one) => one.stop())]);
});

beforeEach(() => {
  zone.records = [];
  zone.originRules = undefined;
  zone.plan = 'enterprise';
  zone.ssl = 'full';
  world.addRecord({ type: 'CNAME', name: shop, content: 'old.herokudns.com', ttl: 60 });
  world.addRecord({ type: 'TXT', name: 'example.com', content: '"not ours"', ttl: 60 });
  for (const one of played) {
    one.flush();
    one.knobs.silent = false;
    one.knobs.broken.clear();
    one.knobs.signed.clear();
    one.knobs.authorities.clear();
  }
});

interface Asked {
  traffic?: 'dns' | 'cdn';
  token?: string;
  certified?: boolean;
  lowered?: StepRow[];
}

async function look({
  traffic = 'dns',
  token = 'writes-0001',
  certified = true,
  lowered = [],
}: Asked = {}): Promise<Finding[]> {
  const app = {
    id: 'app',
    spec: { name: 'shop-staging' },
    domains: certified ? [{ spec: { domain: shop }, phase: 'ACTIVE' }] : [],
    default_ingress: 'https://shop-new.ondigitalocean.app',
  };
  const dns = await cloudflareProvider({
    token,
    apiUrl: world.apiUrl,
    zone: 'example.com',
    log: silentLog,
    clock: systemClock,
  });
  const parties = {
    subject: {
      config: { traffic, application: 'shop', dns: { provider: 'cloudflare', zone: 'example.com', ttl: 60 } },
      environment: { migrationId: 'shop-staging', domains: [shop] },
    },
    newSide: {
      client: { all: () => Promise.resolve([app]) },
      ingressHost: () => Promise.resolve('shop-new.ondigitalocean.app'),
    },
    dns,
    resolvers: parseResolvers(played.map(({ address }) => address).join(' ')).map((one) => ({
      ...one,
      patienceMs: played.some(({ knobs }) => knobs.silent) ? 400 : 10_000,
    })),
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
  };
  return dnsFindings(parties as unknown as Parties, lowered);
}

const wrong = (found: readonly Finding[]): string[] =>
  found.filter(({ remedy }) => remedy !== undefined).map(({ what }) => what);
const record = (): Zone['records'][number] => {
  const found = zone.records.find(({ name, type }) => name === shop && type !== 'TXT');
  if (found === undefined) throw new Error('The record is gone.');
  return found;
};

describe('traffic: dns', () => {
  test('all is well, and nothing is left behind of the proof that the token may write', async () => {
    const before = structuredClone(zone.records);
    expect(wrong(await look())).toEqual([]);
    expect(zone.records).toEqual(before);
  });

  test('a proof that a dead run left is no proof, and is removed', async () => {
    await look();
    world.addRecord({
      type: 'TXT',
      name: '_heroku-to-digitalocean.example.com',
      content: '"heroku-to-digitalocean: proves that this migration may write, and is removed at once"',
      ttl: 300,
    });
    const asked = world.requests.length;
    expect(wrong(await look())).toEqual([]);
    expect(world.requests.slice(asked).filter(({ method }) => method !== 'GET')).toHaveLength(3);
    expect(zone.records.map(({ name }) => name)).toEqual([shop, 'example.com']);
  });

  test('a token that may not even read', async () => {
    const found = await look({ token: 'reads-0001' });
    expect(wrong(found)).toEqual([`DNS of ${shop}`]);
    expect(found[0]?.remedy).toMatch(/Zone → DNS → Edit/);
  });

  test('no record', async () => {
    zone.records = [];
    expect(await look()).toMatchObject([
      { found: 'no record', remedy: expect.stringMatching(/leads to Heroku/) },
    ]);
  });

  test('a proxied record is explained', async () => {
    Object.assign(record(), { proxied: true, ttl: 1 });
    const found = await look();
    expect(found.find(({ what }) => what === `DNS of ${shop}`)?.remedy).toMatch(/traffic: cdn/);
  });

  test('a lifetime that is too long, and one that was lowered a moment ago', async () => {
    record().ttl = 3600;
    expect(wrong(await look())).toEqual([`lifetime of ${shop}`]);
    record().ttl = 60;
    const row = (minutesAgo: number): StepRow => {
      const at = new Date(Date.now() - minutesAgo * 60_000);
      const facts = { name: `dns-ttl ${shop}`, status: 'done', prior: { ttl: 3600 }, result: { ttl: 60 } };
      return { ...facts, begunAt: at, finishedAt: at } as unknown as StepRow;
    };
    expect(wrong(await look({ lowered: [row(59)] }))).toEqual([`lifetime of ${shop}`]);
    expect(wrong(await look({ lowered: [row(61)] }))).toEqual([]);
  });

  test('another zone is delegated than the one that is written', async () => {
    await look();
    record().content = 'other.herokudns.com';
    // The resolvers still have what was there.
    expect(wrong(await look())).toEqual([`${shop} as public resolvers see it`]);
  });

  test('CAA records that leave one of the two authorities out', async () => {
    for (const { knobs } of played) knobs.authorities.set('example.com', ['0 issue "letsencrypt.org"']);
    const found = await look();
    expect(wrong(found)).toEqual([`CAA of ${shop}`]);
    expect(found.find(({ what }) => what.startsWith('CAA'))?.remedy).toMatch(/pki\.goog to example\.com/);
  });

  test('a signed zone, with certificates and without', async () => {
    for (const { knobs } of played) knobs.signed.add('example.com');
    expect(wrong(await look())).toEqual([]);
    expect(wrong(await look({ certified: false }))).toEqual(['DNSSEC of example.com']);
  });

  test('resolvers that refuse the zone, and resolvers that are silent, are no pass', async () => {
    for (const { knobs } of played) knobs.broken.add('example.com');
    expect(wrong(await look())).toEqual([
      `${shop} as public resolvers see it`,
      `CAA of ${shop}`,
      'DNSSEC of example.com',
    ]);
    for (const { knobs } of played) knobs.silent = true;
    expect(wrong(await look())).toEqual([
      `${shop} as public resolvers see it`,
      `CAA of ${shop}`,
      'DNSSEC of example.com',
    ]);
  });

  test('an AAAA is told, and is no fault', async () => {
    Object.assign(record(), { type: 'A', content: '192.0.2.1' });
    world.addRecord({ type: 'AAAA', name: shop, content: '2001:db8::1', ttl: 60 });
    const found = await look();
    expect(wrong(found)).toEqual([]);
    expect(found.find(({ what }) => what === `DNS of ${shop}`)?.found).toMatch(/its AAAA goes/);
  });
});

describe('traffic: cdn', () => {
  beforeEach(() => {
    Object.assign(record(), { proxied: true, ttl: 1 });
  });

  test('all is well', async () => {
    expect(wrong(await look({ traffic: 'cdn' }))).toEqual([]);
  });

  test('a plan without the override, plain HTTP to the origin, a record that is not proxied', async () => {
    zone.plan = 'business';
    zone.ssl = 'flexible';
    record().proxied = false;
    expect(wrong(await look({ traffic: 'cdn' }))).toEqual([
      `DNS of ${shop}`,
      'plan of the zone at Cloudflare',
      'TLS between Cloudflare and the origin',
    ]);
  });

  test('a token that may not read origin rules', async () => {
    world.tokens.add('no-rules-0001', ['zone:read', 'dns:edit', 'settings:read']);
    expect(wrong(await look({ traffic: 'cdn', token: 'no-rules-0001' }))).toEqual([`origin rule of ${shop}`]);
  });
});
