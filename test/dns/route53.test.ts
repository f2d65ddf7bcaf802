import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { HostedZone } from '../../rehearsal/route53/record-set.ts';
import { startRoute53, type Route53World } from '../../rehearsal/route53/world.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { route53Provider } from '../../src/dns/route53.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { impatientClock, keepingLog } from './impatient-clock.ts';

const USER = { accessKeyId: 'AKIATESTOFTHEZONE001', secretAccessKey: 'a-secret-that-nobody-may-see' };
let world: Route53World;
let zone: HostedZone;
const clock = impatientClock();
const log = keepingLog();

beforeAll(async () => {
  world = await startRoute53({ log: silentLog });
  for (const name of ['aaa.example', 'zzz.example']) world.createZone(name);
  world.createZone('example.com', { private: true });
  zone = world.createZone('example.com');
  world.users.add(USER.accessKeyId);
});

afterAll(() => world.stop());

beforeEach(() => {
  world.faults.clear();
  zone.sets = [];
});

const open = (credentials = USER, zoneId?: string): Promise<DnsProvider> =>
  route53Provider({ credentials, apiUrl: world.apiUrl, zone: 'example.com', zoneId, log, clock });
const shop = 'shop.example.com';
const toApp = [{ type: 'CNAME' as const, data: 'app.ondigitalocean.app', ttl: 30 }];

async function refusal(act: Promise<unknown>): Promise<Error> {
  const error = await act.then(
    () => new Error('It was not refused.'),
    (thrown: unknown) => thrown as Error,
  );
  expect(messageOf(error)).not.toContain(USER.secretAccessKey);
  return error;
}

test('a CNAME is replaced, its neighbours stay, and again changes nothing; the private zone of that name is left alone', async () => {
  world.addSet(zone, { name: shop, type: 'CNAME', ttl: 60, values: ['old.herokudns.com'] });
  world.addSet(zone, { name: 'www.example.com', type: 'A', ttl: 60, values: ['192.0.2.1'] });
  const dns = await open();
  expect(await dns.writeAddresses(shop, toApp)).toBe(true);
  expect(await dns.readAddresses(shop)).toEqual(toApp);
  expect(zone.sets).toContainEqual({ name: 'www.example.com.', type: 'A', ttl: 60, values: ['192.0.2.1'] });
  const before = world.requests.length;
  expect(await dns.writeAddresses(shop, toApp)).toBe(false);
  expect(world.requests.slice(before).every(({ method }) => method === 'GET')).toBe(true);
});

test('an alias with an AAAA beside it goes and comes back whole, at the name of the zone too', async () => {
  const balancer = {
    zone: 'Z35SXDOTRQ7X7K',
    target: 'lb.us-east-1.elb.amazonaws.com.',
    evaluateHealth: true,
  };
  world.addSet(zone, { name: 'example.com', type: 'A', values: [], alias: balancer });
  world.addSet(zone, { name: 'example.com', type: 'AAAA', ttl: 300, values: ['2001:db8::1', '2001:db8::2'] });
  world.addSet(zone, { name: 'example.com', type: 'MX', ttl: 300, values: ['10 mail.example.com'] });
  const kept = structuredClone(zone.sets);
  const dns = await open();
  const before = await dns.readAddresses('example.com');
  expect(before.map(({ type, data }) => `${type} ${data}`)).toEqual([
    'ALIAS lb.us-east-1.elb.amazonaws.com',
    'AAAA 2001:db8::1',
    'AAAA 2001:db8::2',
  ]);
  const wanted = ['162.159.140.98', '172.66.0.96'].map((data) => ({ type: 'A' as const, data, ttl: 30 }));
  await dns.writeAddresses('example.com', wanted);
  expect(await dns.readAddresses('example.com')).toEqual(wanted);
  expect(zone.sets.map(({ type }) => type).sort()).toEqual(['A', 'MX']);

  await dns.writeAddresses('example.com', before);
  expect(
    zone.sets.map((set) =>
      set.alias === undefined ? set : { ...set, alias: { ...set.alias, target: balancer.target } },
    ),
  ).toEqual(kept);
});

test('an A becomes a CNAME in one batch: Route 53 takes both or neither', async () => {
  world.addSet(zone, { name: shop, type: 'A', ttl: 60, values: ['192.0.2.10', '192.0.2.11'] });
  const dns = await open();
  const before = world.requests.length;
  await dns.writeAddresses(shop, toApp);
  expect(world.requests.slice(before).filter(({ method }) => method === 'POST')).toHaveLength(1);
  expect(zone.sets.map(({ type }) => type)).toEqual(['CNAME']);
});

test('every page is read', async () => {
  for (const type of ['CAA', 'MX', 'NS', 'SPF', 'SRV', 'TXT'])
    world.addSet(zone, { name: 'example.com', type, ttl: 60, values: ['"some"'] });
  world.addSet(zone, { name: 'example.com', type: 'AAAA', ttl: 60, values: ['2001:db8::1'] });
  for (const host of ['a', 'b', 'c', 'd', 'e', 'f'])
    world.addSet(zone, { name: `${host}.example.com`, type: 'A', ttl: 60, values: ['192.0.2.1'] });
  const dns = await open();
  expect(await dns.hasText('example.com', 'some')).toBe(true);
  expect(await dns.readAddresses('f.example.com')).toHaveLength(1);
  expect(await dns.readAddresses('g.example.com')).toEqual([]);
});

test('a TXT value joins the set and leaves it, and the last one takes the set along', async () => {
  world.addSet(zone, { name: shop, type: 'TXT', ttl: 900, values: ['"v=spf1 -all"'] });
  const dns = await open();
  const proof = 'a "proof" with \\ in it';
  expect(await dns.ensureText(shop, proof, 60)).toBe(true);
  expect(await dns.ensureText(shop, proof, 60)).toBe(false);
  expect(zone.sets).toMatchObject([
    { ttl: 900, values: ['"v=spf1 -all"', String.raw`"a \"proof\" with \\ in it"`] },
  ]);
  await dns.removeText(shop, proof);
  await dns.removeText(shop, proof);
  expect(zone.sets).toMatchObject([{ values: ['"v=spf1 -all"'] }]);
  await dns.ensureText(`_x.${shop}`, 'alone', 60);
  await dns.removeText(`_x.${shop}`, 'alone');
  expect(zone.sets).toHaveLength(1);
});

describe('which zone', () => {
  test('by its id, whose name must fit', async () => {
    await expect(open(USER, zone.id)).resolves.toMatchObject({ title: 'Route 53' });
    const other = world.zones.find(({ name }) => name === 'aaa.example.')?.id ?? '';
    expect((await refusal(open(USER, other))).message).toMatch(/is that of aaa\.example/);
    expect((await refusal(open(USER, 'ZNOBODYHASTHIS'))).message).toMatch(/NoSuchHostedZone/);
  });

  test('two public ones of the name: a person must say which', async () => {
    const twin = world.createZone('example.com');
    const { message } = await refusal(open());
    expect(message).toMatch(/2 public hosted zones example\.com .*zone-id/);
    (world.zones as HostedZone[]).splice(world.zones.indexOf(twin), 1);
  });

  test('none of the name', async () => {
    const none = route53Provider({
      credentials: USER,
      apiUrl: world.apiUrl,
      zone: 'nowhere.example',
      zoneId: undefined,
      log,
      clock,
    });
    expect((await refusal(none)).message).toMatch(/no public hosted zone nowhere\.example/);
  });
});

describe('what AWS refuses is told without the secret', () => {
  test('an unknown key, a wrong secret, one that has expired', async () => {
    const stranger = { ...USER, accessKeyId: 'AKIANOBODYKNOWSTHIS' };
    expect((await refusal(open(stranger))).message).toMatch(
      /does not know the credentials .*AWS_ACCESS_KEY_ID/,
    );
    for (const id of ['SignatureDoesNotMatch', 'ExpiredToken']) {
      world.faults.inject({ times: 1, kind: { status: 403, id, message: 'No.' } });
      const error = await refusal(open());
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(/does not know the credentials/);
    }
  });

  test('a user that may not change records', async () => {
    world.users.add('AKIAREADSONLY000001', ['ListHostedZonesByName', 'ListResourceRecordSets']);
    const dns = await open({ ...USER, accessKeyId: 'AKIAREADSONLY000001' });
    const error = await refusal(dns.writeAddresses(shop, toApp));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/lack route53:ChangeResourceRecordSets/);
  });

  test('a name with a routing policy: its records are not flattened', async () => {
    for (const identifier of ['one', 'two'])
      world.addSet(zone, { name: shop, type: 'A', ttl: 60, values: ['192.0.2.1'], identifier, weight: 50 });
    const dns = await open();
    expect((await refusal(dns.readAddresses(shop))).message).toMatch(/has a routing policy/);
    expect(zone.sets).toHaveLength(2);
  });
});

describe('trouble that passes', () => {
  test.each([
    ['throttling', 429],
    ['500', 500],
    ['503', 503],
    ['a cut connection', 'cut'],
    ['a change before it that is not done', { status: 400, id: 'PriorRequestNotComplete', message: 'Wait.' }],
  ] as const)('%s is waited out', async (_title, kind) => {
    world.addSet(zone, { name: shop, type: 'A', ttl: 60, values: ['192.0.2.1'] });
    const dns = await open();
    world.faults.inject({ path: /rrset/, times: 4, kind });
    expect(await dns.writeAddresses(shop, toApp)).toBe(true);
    expect(zone.sets).toHaveLength(1);
  });

  test('an answer that was cut after the change was made counts as ours', async () => {
    world.addSet(zone, { name: shop, type: 'A', ttl: 60, values: ['192.0.2.1'] });
    const dns = await open();
    world.faults.inject({ method: 'POST', times: 1, kind: 'truncate' });
    expect(await dns.writeAddresses(shop, toApp)).toBe(true);
    expect(zone.sets.map(({ type }) => type)).toEqual(['CNAME']);
  });
});
