import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import {
  accountEmail,
  ensureAlertPolicies,
  findAlertPolicies,
  missingAlerts,
} from '../../src/digitalocean/alert-policy.ts';
import {
  ensureClusterAlerts,
  findClusterAlerts,
  missingClusterAlerts,
} from '../../src/digitalocean/cluster-alert.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { ensureDroplet, findDroplet } from '../../src/digitalocean/droplet.ts';
import { admitRunner, admitsBeyond, ensureFirewall } from '../../src/digitalocean/firewall.ts';
import { nightHour, timeZoneOf } from '../../src/digitalocean/region.ts';
import { silentLog } from '../../src/log.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { runner, testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';

// What stands around Redis, against the played control plane.

const TAG = 'heroku-to-digitalocean:shop-test';
const RANGE = '10.114.0.0/20';
const wanted = { name: 'shop-test-redis', tag: TAG, port: 6379, range: RANGE };

let world: TestWorld;
let client: DigitalOcean;
beforeAll(async () => {
  world = await testWorld();
  client = createDigitalOcean({ token, apiUrl: world.apiUrl, log: silentLog, clock: systemClock });
});

const sent = (): string[] =>
  world.requests.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);

test('the firewall admits the private network and nothing else, and what was admitted meanwhile is put back', async () => {
  const { firewall, change } = await ensureFirewall(client, wanted);
  expect(change).toBe('created');
  expect(admitsBeyond(firewall, wanted)).toBeUndefined();
  expect((await ensureFirewall(client, wanted)).change).toBe('kept');

  // A runner that died, and somebody who opened a door.
  await admitRunner(client, firewall.id, runner, 6379);
  await world.api('POST', `/firewalls/${firewall.id}/rules`, {
    inbound_rules: [
      { protocol: 'tcp', ports: '22', sources: { addresses: ['0.0.0.0/0'], tags: ['office'] } },
    ],
  });
  const opened = (await world.api('GET', `/firewalls/${firewall.id}`)).body.firewall;
  expect(admitsBeyond(opened as typeof firewall, wanted)).toBe(
    `it also admits ${runner} to port 6379 and 0.0.0.0/0, tags office to port 22`,
  );
  const mended = await ensureFirewall(client, wanted);
  expect([mended.change, mended.firewall.id]).toEqual(['changed', firewall.id]);
  expect(admitsBeyond(mended.firewall, wanted)).toBeUndefined();
  expect(mended.firewall.tags).toEqual([TAG]);
  expect(mended.firewall.outbound_rules).toHaveLength(3);
});

test('a firewall that is shut to the private network is opened to it again', async () => {
  const { firewall } = await ensureFirewall(client, wanted);
  await world.api('DELETE', `/firewalls/${firewall.id}/rules`, {
    inbound_rules: [{ protocol: 'tcp', ports: '6379', sources: { addresses: [RANGE] } }],
  });
  expect((await ensureFirewall(client, wanted)).change).toBe('changed');
});

test('a firewall of that name which is not ours is refused and stays as it is', async () => {
  const foreign = { ...wanted, name: 'somebody-elses' };
  await world.api('POST', '/firewalls', {
    name: foreign.name,
    inbound_rules: [{ protocol: 'tcp', ports: '6379', sources: { addresses: ['0.0.0.0/0'] } }],
  });
  const before = sent();
  await expect(ensureFirewall(client, foreign)).rejects.toThrow(/does not belong to this migration/);
  expect(sent()).toEqual(before);
});

test('the droplet has weekly backups in the night of its region, monitoring and no SSH key', async () => {
  await ensureDroplet(client, {
    name: 'shop-test-redis',
    datacentre: 'nyc1',
    size: 's-1vcpu-1gb',
    vpcId: (await world.api('POST', '/vpcs', { name: 'shop', region: 'nyc1' })).body.vpc.id,
    tag: TAG,
    backupHour: nightHour(timeZoneOf('nyc1')),
    userData: '#cloud-config\n',
  });
  const request = world.requests.findLast(
    ({ method, path }) => method === 'POST' && path.endsWith('/droplets'),
  );
  expect(request?.body).toMatchObject({
    image: 'ubuntu-24-04-x64',
    backups: true,
    // 8 h UTC is 3 in the morning of New York.
    backup_policy: { plan: 'weekly', weekday: 'SAT', hour: 8 },
    monitoring: true,
    ssh_keys: [],
  });
  expect(await findDroplet(client, 'shop-test-redis', TAG)).toMatchObject({
    backups: true,
    monitoring: true,
  });
});

test('an order for a droplet that arrives twice leaves one, the oldest, also when nobody was left to see it', async () => {
  const vpcId = (await world.api('POST', '/vpcs', { name: 'twice', region: 'fra1' })).body.vpc.id;
  const order = {
    ...{ name: 'twice-redis', datacentre: 'fra1', size: 's-1vcpu-1gb', vpcId, tag: TAG, backupHour: 4 },
    userData: '#cloud-config\n',
  };
  const ours = () => world.droplets().filter(({ name }) => name === order.name);
  world.faults.inject({ method: 'POST', path: /droplets$/, times: 1, kind: 'twice' });
  const { droplet, removed } = await ensureDroplet(client, order);
  expect(removed).toBe(1);
  expect(ours().map(({ id }) => id)).toEqual([droplet.id]);

  // Another hand's, by its tag; and one that a run ordered which then died.
  await world.api('POST', '/droplets', {
    ...{ name: order.name, region: 'fra1', size: order.size },
    image: 'ubuntu-24-04-x64',
  });
  await world.api('POST', '/droplets', {
    ...{ name: order.name, region: 'fra1', size: order.size, image: 'ubuntu-24-04-x64', tags: [TAG] },
  });
  expect((await findDroplet(client, order.name, TAG))?.id).toBe(droplet.id);
  expect(await ensureDroplet(client, order)).toMatchObject({
    droplet: { id: droplet.id },
    created: false,
    removed: 1,
  });
  expect(ours()).toHaveLength(2);
});

test.each(['ams3', 'blr1', 'fra1', 'lon1', 'nyc1', 'sfo3', 'sgp1', 'syd1', 'tor1'])(
  'in %s backups begin before four in the morning',
  (datacentre) => {
    const timeZone = timeZoneOf(datacentre);
    expect(timeZone).not.toBe('UTC');
    const hour = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', hourCycle: 'h23' });
    expect(Number(hour.format(new Date(Date.UTC(2026, 0, 15, nightHour(timeZone)))))).toBeLessThan(4);
  },
);

test('alerts go to the verified address, are made once, and one that a person adapted is kept', async () => {
  const email = await accountEmail(client);
  expect(email).toBe('operator@shop.example');
  const alerts = { tag: TAG, name: 'shop-test-redis', cores: 2, email: email ?? '' };
  expect(await ensureAlertPolicies(client, alerts)).toBe(4);
  expect(world.alerts().map(({ type, tags }) => [type.split('/').at(-1), tags])).toEqual([
    ['memory_utilization_percent', [TAG]],
    ['disk_utilization_percent', [TAG]],
    ['cpu', [TAG]],
    ['load_15', [TAG]],
  ]);
  expect(await ensureAlertPolicies(client, alerts)).toBe(0);

  const [memory, disk] = await findAlertPolicies(client, TAG);
  await world.api('PUT', `/monitoring/alerts/${memory?.id ?? ''}`, {
    type: memory?.type,
    description: 'ours',
    compare: 'GreaterThan',
    value: 95,
    window: '1h',
    entities: [],
    tags: [TAG],
    alerts: { email: [email], slack: [] },
    enabled: true,
  });
  await world.api('DELETE', `/monitoring/alerts/${disk?.id ?? ''}`);
  const left = await findAlertPolicies(client, TAG);
  expect(missingAlerts(left, 2).map(({ what }) => what)).toEqual(['disk']);
  expect(await ensureAlertPolicies(client, alerts)).toBe(1);
  expect(world.alerts()).toHaveLength(4);
});

test('an order of an alert that arrives twice leaves one; a policy that differs in anything is no twin', async () => {
  const alerts = { tag: TAG, name: 'shop-test-redis', cores: 2, email: 'operator@shop.example' };
  const ofType = (end: string): ReturnType<typeof world.alerts> =>
    world.alerts().filter(({ type }) => type.endsWith(end));
  const [load] = ofType('load_15');
  const adapted = { ...load, enabled: false, uuid: undefined };
  expect((await world.api('POST', '/monitoring/alerts', adapted)).status).toBe(200);
  await world.api('DELETE', `/monitoring/alerts/${ofType('cpu')[0]?.uuid ?? ''}`);
  const met = world.faults.inject({ method: 'POST', path: /monitoring/, times: 1, kind: 'twice' });
  expect(await ensureAlertPolicies(client, alerts)).toBe(1);
  expect(met()).toBe(1);
  expect([ofType('cpu').length, ofType('load_15').length]).toEqual([1, 2]);
  await world.api('DELETE', `/monitoring/alerts/${ofType('load_15')[1]?.uuid ?? ''}`);
});

test('alerts on a cluster are made once for its disk, memory and CPU, and are found without the cluster, too', async () => {
  const email = (await accountEmail(client)) ?? '';
  const cluster = { id: randomUUID(), name: 'shop-test-db' };
  expect(await ensureClusterAlerts(client, cluster, email)).toBe(3);
  expect(await ensureClusterAlerts(client, cluster, email)).toBe(0);
  const made = world.alerts().filter(({ entities }) => entities[0] === cluster.id);
  expect(made.map(({ type, tags, value }) => [type, tags, value])).toEqual([
    ['v1/dbaas/alerts/disk_utilization_alerts', [], 80],
    ['v1/dbaas/alerts/memory_utilization_alerts', [], 90],
    ['v1/dbaas/alerts/cpu_alerts', [], 90],
  ]);
  expect(await findClusterAlerts(client, { id: undefined, name: cluster.name })).toHaveLength(3);
  // A cluster whose name begins alike is another one, and a droplet's alerts are none of a cluster's.
  expect(await findClusterAlerts(client, { id: randomUUID(), name: 'shop-test' })).toEqual([]);
  expect(await findAlertPolicies(client, TAG)).toHaveLength(4);
  await world.api('DELETE', `/monitoring/alerts/${made[0]?.uuid ?? ''}`);
  const left = await findClusterAlerts(client, cluster);
  expect(missingClusterAlerts(left).map(({ what }) => what)).toEqual(['disk']);
});

test("another migration's alerts are neither ours nor enough", async () => {
  expect(await findAlertPolicies(client, 'heroku-to-digitalocean:other')).toEqual([]);
});

(hasContract ? test : test.skip)(
  "every change asked for is as DigitalOcean's API description wants it",
  () => {
    const contract = new Contract();
    const changes = world.requests.filter(({ method, status }) => method !== 'GET' && status < 300);
    expect(changes.length).toBeGreaterThan(10);
    expect(
      changes.flatMap(({ method, path, body }) =>
        contract.problemsOfRequest(method, path.startsWith('/v2') ? path : `/v2${path}`, body),
      ),
    ).toEqual([]);
  },
);
