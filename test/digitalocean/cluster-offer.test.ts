import { beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { ensureCluster, findCluster, type WantedCluster } from '../../src/digitalocean/cluster.ts';
import { refuseUnoffered, type ClusterOrder } from '../../src/digitalocean/cluster-offer.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';

let world: TestWorld;
let client: DigitalOcean;
let order: ClusterOrder;
beforeAll(async () => {
  world = await testWorld({ clusterMs: 60_000 });
  client = createDigitalOcean({ token, apiUrl: world.apiUrl, log: silentLog, clock: systemClock });
  const version = String((await world.api('GET', '/databases/options')).body.options.pg.versions[0]);
  order = { engine: 'pg', version, size: 'db-s-1vcpu-1gb', nodes: 1, datacentre: 'fra1' };
});

test('a cluster that another one made under our name while we ordered is not taken for ours', async () => {
  const vpc = (await world.api('POST', '/vpcs', { name: 'shop', region: 'fra1' })).body.vpc;
  const request: DigitalOcean['request'] = async (method, path, schema, body) => {
    if (method === 'POST')
      await world.api('POST', '/databases', { ...(body as object), tags: ['somebody-else'] });
    return client.request(method, path, schema, body);
  };
  const wanted: WantedCluster = {
    ...{ ...order, name: 'shop-other', vpcId: vpc.id, tag: 'heroku-to-digitalocean:shop-other' },
    storageMib: 20_480,
    trusted: [],
  };
  await expect(ensureCluster({ ...client, request }, wanted)).rejects.toThrow(
    'does not belong to this migration',
  );
  const mine = await ensureCluster(client, { ...wanted, name: 'shop-mine' });
  expect(mine).toMatchObject({ created: true, cluster: { storage_size_mib: 20_480 } });
  expect(await ensureCluster(client, { ...wanted, name: 'shop-mine' })).toMatchObject({ created: false });
});

test('what is offered passes, the Advanced Edition with a standby among it', async () => {
  await expect(refuseUnoffered(client, order)).resolves.toBeUndefined();
  await expect(
    refuseUnoffered(client, { ...order, engine: 'advanced_pg', size: 'gd-2vcpu-8gb', nodes: 2 }),
  ).resolves.toBeUndefined();
});

test.each<[string, Partial<ClusterOrder>, RegExp]>([
  ['a size that the edition has no more', { size: 'db-s-4vcpu-8gb' }, /its sizes are .*postgres\.size/],
  ['a standby that the edition has no more', { nodes: 2 }, /comes with 1 node\. .*postgres\/standby/],
  ['a version that is not sold', { version: '9' }, /its versions are .*run assess again/],
  ['a datacentre without it', { datacentre: 'atl1' }, /it is offered in .*`region`/],
])('%s is refused with what to do, and nothing is made', async (_what, change, message) => {
  const refused = refuseUnoffered(client, { ...order, ...change });
  await expect(refused).rejects.toThrow(ConfigurationError);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toThrow('Nothing was made');
});

test('an order that the options allow and DigitalOcean refuses all the same tells the editions, and none is made', async () => {
  const wanted: WantedCluster = {
    ...{
      ...order,
      size: 'db-s-4vcpu-8gb',
      name: 'shop-test',
      vpcId: '',
      tag: 'heroku-to-digitalocean:shop-test',
    },
    storageMib: null,
    trusted: [],
  };
  await expect(ensureCluster(client, wanted)).rejects.toThrow(/No cluster was made\. Since 2026-11-30/);
  expect(await findCluster(client, 'shop-test')).toBeUndefined();
});
