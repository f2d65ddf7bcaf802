import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startCloudflare, type CloudflareWorld } from '../../rehearsal/cloudflare/world.ts';
import type { Zone } from '../../rehearsal/cloudflare/zone.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { cloudflareProvider } from '../../src/dns/cloudflare.ts';
import type { DnsProvider, Origins } from '../../src/dns/provider.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { impatientClock, keepingLog } from './impatient-clock.ts';

const TOKEN = 'cf-token-that-nobody-may-see-0001';
let world: CloudflareWorld;
let zone: Zone;
const clock = impatientClock();
const log = keepingLog();

beforeAll(async () => {
  const authority = await createAuthority('Test authority');
  world = await startCloudflare({ log: silentLog, authority, originOf: () => undefined });
  world.createZone('other.example');
  zone = world.createZone('example.com', 'enterprise');
  world.tokens.add(TOKEN);
});

afterAll(() => world.stop());

beforeEach(() => {
  world.faults.clear();
  zone.records = [];
  zone.originRules = undefined;
  zone.type = 'full';
  zone.plan = 'enterprise';
});

const open = (token = TOKEN): Promise<DnsProvider & { origins: Origins }> =>
  cloudflareProvider({ token, apiUrl: world.apiUrl, zone: 'example.com', log, clock });
const led = (name: string): unknown[] =>
  zone.records
    .filter((record) => record.name === name)
    .map(({ type, content, ttl, proxied }) => ({ type, content, ttl, proxied }));
const shop = 'shop.example.com';
const toApp = [{ type: 'CNAME' as const, data: 'app.ondigitalocean.app', ttl: 60 }];

async function refusal(act: Promise<unknown>): Promise<Error> {
  const error = await act.then(
    () => new Error('It was not refused.'),
    (thrown: unknown) => thrown as Error,
  );
  expect(messageOf(error)).not.toContain(TOKEN);
  return error;
}

test('a CNAME is replaced in place, with its comment, and neighbours stay; again changes nothing', async () => {
  world.addRecord({ type: 'CNAME', name: shop, content: 'old.herokudns.com', ttl: 60 });
  (zone.records[0] ?? { comment: null }).comment = 'made in 2019';
  world.addRecord({ type: 'TXT', name: shop, content: '"v=spf1 -all"', ttl: 60 });
  world.addRecord({ type: 'A', name: 'www.example.com', content: '192.0.2.1', ttl: 60 });
  const dns = await open();
  expect(await dns.readAddresses(shop)).toEqual([{ type: 'CNAME', data: 'old.herokudns.com', ttl: 60 }]);

  expect(await dns.writeAddresses(shop, toApp)).toBe(true);
  expect(zone.records).toMatchObject([
    { type: 'CNAME', name: shop, content: 'app.ondigitalocean.app', comment: 'made in 2019', ttl: 60 },
    { type: 'TXT', name: shop, content: '"v=spf1 -all"' },
    { type: 'A', name: 'www.example.com', content: '192.0.2.1' },
  ]);
  const before = world.requests.length;
  expect(await dns.writeAddresses(shop, toApp)).toBe(false);
  expect(world.requests.slice(before).every(({ method }) => method === 'GET')).toBe(true);
});

test('an A with an AAAA beside it becomes a CNAME in one batch, and comes back whole', async () => {
  world.addRecord({ type: 'A', name: shop, content: '192.0.2.10', ttl: 120 });
  world.addRecord({ type: 'AAAA', name: shop, content: '2001:db8::10', ttl: 120 });
  const dns = await open();
  const before = await dns.readAddresses(shop);
  const asked = world.requests.length;
  await dns.writeAddresses(shop, toApp);
  const writes = world.requests.slice(asked).filter(({ method }) => method !== 'GET');
  expect(writes.map(({ path }) => path.replace(/.*dns_records/, ''))).toEqual(['/batch']);
  expect(led(shop)).toEqual([{ type: 'CNAME', content: 'app.ondigitalocean.app', ttl: 60, proxied: false }]);

  await dns.writeAddresses(shop, before);
  expect(await dns.readAddresses(shop)).toEqual(before);
});

test("the zone's own name takes several addresses", async () => {
  world.addRecord({ type: 'A', name: 'example.com', content: '192.0.2.10', ttl: 60 });
  world.addRecord({ type: 'MX', name: 'example.com', content: 'mail.example.com', ttl: 60 });
  const dns = await open();
  const wanted = ['162.159.140.98', '172.66.0.96'].map((data) => ({ type: 'A' as const, data, ttl: 60 }));
  await dns.writeAddresses('example.com', wanted);
  expect(await dns.readAddresses('example.com')).toEqual(wanted);
  expect(zone.records.map(({ type }) => type)).toContain('MX');
});

test('"auto" is told as its 300 s and stays "auto"; a proxied record is told as proxied and stays so', async () => {
  world.addRecord({ type: 'CNAME', name: shop, content: 'old.herokudns.com', proxied: true });
  world.addRecord({ type: 'CNAME', name: 'www.example.com', content: 'old.herokudns.com', ttl: 1 });
  const dns = await open();
  const before = await dns.readAddresses(shop);
  expect(before).toEqual([{ type: 'CNAME', data: 'old.herokudns.com', ttl: 300, proxied: true }]);
  expect(await dns.readAddresses('www.example.com')).toEqual([
    { type: 'CNAME', data: 'old.herokudns.com', ttl: 300 },
  ]);
  await dns.writeAddresses(shop, [
    { type: 'CNAME', data: 'app.ondigitalocean.app', ttl: 300, proxied: true },
  ]);
  await dns.writeAddresses(shop, before);
  expect(led(shop)).toEqual([{ type: 'CNAME', content: 'old.herokudns.com', ttl: 1, proxied: true }]);
});

test('every page is read: a name with more records than one page holds', async () => {
  for (let n = 0; n < 120; n += 1)
    world.addRecord({ type: 'TXT', name: shop, content: `"proof ${n}"`, ttl: 60 });
  world.addRecord({ type: 'CNAME', name: shop, content: 'old.herokudns.com', ttl: 60 });
  const dns = await open();
  expect(await dns.readAddresses(shop)).toHaveLength(1);
  expect(await dns.hasText(shop, 'proof 119')).toBe(true);
});

test('a TXT record is added beside others and removed alone, both only once', async () => {
  world.addRecord({ type: 'TXT', name: `_acme.${shop}`, content: '"somebody else"', ttl: 60 });
  const dns = await open();
  expect(await dns.hasText(`_acme.${shop}`, 'proof')).toBe(false);
  expect(await dns.ensureText(`_acme.${shop}`, 'proof', 60)).toBe(true);
  expect(await dns.ensureText(`_acme.${shop}`, 'proof', 60)).toBe(false);
  expect(await dns.hasText(`_acme.${shop}`, 'proof')).toBe(true);
  await dns.removeText(`_acme.${shop}`, 'proof');
  await dns.removeText(`_acme.${shop}`, 'proof');
  expect(zone.records.map(({ content }) => content)).toEqual(['"somebody else"']);
});

describe('what Cloudflare refuses is told without the token', () => {
  test('an unknown token', async () => {
    const error = await refusal(open('nobody-knows-this-token'));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/does not know the token .*CLOUDFLARE_TOKEN/);
  });

  test('a token for another zone, or without Zone Read', async () => {
    world.tokens.add('edits-only-0001', ['dns:edit']);
    expect((await refusal(open('edits-only-0001'))).message).toMatch(/shows this token no zone example\.com/);
  });

  test('a token that may not edit: 403 names the permission', async () => {
    world.tokens.add('reads-only-0001', ['zone:read']);
    const dns = await open('reads-only-0001');
    const error = await refusal(dns.readAddresses(shop));
    expect(error.message).toMatch(/lacks the permission Zone → DNS → Edit/);
  });

  test('a lifetime below what the plan allows', async () => {
    zone.plan = 'free';
    const dns = await open();
    const error = await refusal(
      dns.writeAddresses(shop, [{ type: 'CNAME', data: 'x.example.net', ttl: 30 }]),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain('Invalid TTL');
  });

  test('a zone that somebody else serves', async () => {
    zone.type = 'partial';
    expect((await refusal(open())).message).toMatch(/"partial" at Cloudflare: somebody else serves/);
  });
});

describe('trouble that passes', () => {
  test.each([
    ['429', 429],
    ['500', 500],
    ['503', 503],
    ['a cut connection', 'cut'],
  ] as const)('%s is waited out', async (_title, kind) => {
    world.addRecord({ type: 'CNAME', name: shop, content: 'old.herokudns.com', ttl: 60 });
    const dns = await open();
    world.faults.inject({ path: /dns_records/, times: 2, kind });
    expect(await dns.writeAddresses(shop, toApp)).toBe(true);
    expect(led(shop)).toHaveLength(1);
  });

  test('an answer that was cut after the batch was carried out counts as ours', async () => {
    world.addRecord({ type: 'A', name: shop, content: '192.0.2.10', ttl: 60 });
    const dns = await open();
    world.faults.inject({ method: 'POST', path: /batch/, times: 1, kind: 'truncate' });
    expect(await dns.writeAddresses(shop, toApp)).toBe(true);
    expect(led(shop)).toEqual([
      { type: 'CNAME', content: 'app.ondigitalocean.app', ttl: 60, proxied: false },
    ]);
  });

  test('a second TXT record is not made when the first answer was cut', async () => {
    const dns = await open();
    world.faults.inject({ method: 'POST', path: /dns_records$/, times: 1, kind: 'truncate' });
    await dns.ensureText(shop, 'proof', 60);
    expect(zone.records).toHaveLength(1);
  });

  test('it ends with what was said, when it does not pass', async () => {
    const dns = await open();
    world.faults.inject({ path: /dns_records/, times: 50, kind: 500 });
    expect((await refusal(dns.readAddresses(shop))).message).toMatch(/HTTP 500/);
    expect(log.lines.join('\n')).not.toContain(TOKEN);
  });
});

describe('the origin', () => {
  test('is asked under another name from the rule on, and ours alone is removed', async () => {
    zone.originRules = {
      id: 'theirs',
      rules: [
        {
          id: 'rule-of-theirs',
          action: 'route',
          description: 'api',
          enabled: true,
          expression: '(http.host eq "api.example.com")',
          action_parameters: { origin: { port: 8443 } },
        },
      ],
    };
    const { origins } = await open();
    expect(await origins.readHost(shop)).toBeUndefined();
    expect(await origins.ensureHost(shop, 'app.ondigitalocean.app')).toBe(true);
    expect(await origins.ensureHost(shop, 'app.ondigitalocean.app')).toBe(false);
    expect(await origins.readHost(shop)).toBe('app.ondigitalocean.app');
    expect(zone.originRules.rules).toHaveLength(2);
    await origins.removeHost(shop);
    await origins.removeHost(shop);
    expect(zone.originRules.rules.map(({ id }) => id)).toEqual(['rule-of-theirs']);
  });

  test('has its first rule in a zone that never had one', async () => {
    const { origins } = await open();
    await origins.removeHost(shop);
    expect(await origins.ensureHost(shop, 'app.ondigitalocean.app')).toBe(true);
    expect(await origins.readHost(shop)).toBe('app.ondigitalocean.app');
    expect(await origins.readSslMode()).toBe('full');
    expect(await origins.readPlan()).toBe('enterprise');
  });

  test('is refused on a plan without the override, and to a token without the permission', async () => {
    zone.plan = 'pro';
    const { origins } = await open();
    expect((await refusal(origins.ensureHost(shop, 'app.ondigitalocean.app'))).message).toContain(
      'not entitled',
    );
    world.tokens.add('dns-alone-0001', ['zone:read', 'dns:edit']);
    const alone = await open('dns-alone-0001');
    expect((await refusal(alone.origins.readHost(shop))).message).toMatch(/Zone → Origin Rules → Edit/);
    expect((await refusal(alone.origins.readSslMode())).message).toMatch(/Zone → Zone Settings → Read/);
  });
});
