import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock.ts';
import { ensureCluster } from '../../src/digitalocean/cluster.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { markOf, readMark, type RunnerPass } from '../../src/digitalocean/runner-mark.ts';
import {
  admitRunner,
  dismissRunner,
  networkRule,
  sweepDeadJobs,
  sweepDeadRun,
} from '../../src/digitalocean/trusted-source.ts';
import { silentLog } from '../../src/log.ts';
import { testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const clock: Clock = { now: () => NOW, sleep: () => Promise.resolve() };
const RANGE = '10.114.0.0/20';
const USERS_OWN = { type: 'ip_addr', value: '198.51.100.7', description: 'the office' };

let world: TestWorld;
let client: DigitalOcean;
let cluster: string;
beforeAll(async () => {
  world = await testWorld({ clusterMs: 60_000 });
  client = createDigitalOcean({ token, apiUrl: world.apiUrl, log: silentLog, clock });
  const vpc = (await world.api('POST', '/vpcs', { name: 'shop', region: 'fra1', ip_range: RANGE })).body.vpc;
  const made = await ensureCluster(client, {
    engine: 'pg',
    version: String((await world.api('GET', '/databases/options')).body.options.pg.versions[0]),
    size: 'db-s-1vcpu-1gb',
    nodes: 1,
    datacentre: 'fra1',
    name: 'shop-test',
    vpcId: vpc.id,
    tag: 'heroku-to-digitalocean:shop-test',
    storageMib: null,
    trusted: [networkRule(RANGE)],
  });
  cluster = made.cluster.id;
});
beforeEach(() => write([networkRule(RANGE), USERS_OWN]));

async function write(rules: object[]): Promise<void> {
  expect((await world.api('PUT', `/databases/${cluster}/firewall`, { rules })).status).toBe(204);
}

async function rules(): Promise<{ value: string; description?: string }[]> {
  return (await world.api('GET', `/databases/${cluster}/firewall`)).body.rules;
}

async function addresses(): Promise<string[]> {
  return (await rules()).map(({ value }) => value);
}

function pass(holder: string, address = '203.0.113.10', hours = 6): RunnerPass {
  return { address, holder, until: new Date(NOW.getTime() + hours * 3_600_000) };
}

test('a cluster is never open to the internet: it is ordered with its private network as the only source', () => {
  const order = world.requests.find(({ method, path }) => method === 'POST' && path.endsWith('/databases'));
  expect(order?.body).toMatchObject({ rules: [{ type: 'ip_addr', value: RANGE }] });
});

test('a runner comes in under a mark and goes out again; the other sources stay as they were', async () => {
  const before = await rules();
  expect(await admitRunner(client, cluster, pass('17.1.aa'))).toEqual({
    added: true,
    marked: true,
    swept: [],
  });
  const own = (await rules()).find(({ value }) => value === '203.0.113.10');
  expect(own?.description).toBe('heroku-to-digitalocean runner 17.1.aa@2026-11-23T18:00Z');
  await dismissRunner(client, cluster, pass('17.1.aa'));
  expect(await rules()).toEqual(before);
  // Once more, as a post step that is repeated.
  await dismissRunner(client, cluster, pass('17.1.aa'));
  expect(await rules()).toEqual(before);
});

test('two jobs behind one address: the first that ends leaves the other in', async () => {
  await admitRunner(client, cluster, pass('17.1.aa'));
  expect(await admitRunner(client, cluster, pass('18.1.bb'))).toMatchObject({ added: false, marked: true });
  expect(await addresses()).toHaveLength(3);
  await dismissRunner(client, cluster, pass('17.1.aa'));
  expect(await addresses()).toContain('203.0.113.10');
  await dismissRunner(client, cluster, pass('18.1.bb'));
  expect(await addresses()).not.toContain('203.0.113.10');
});

test('an address that the user trusts already stays the user’s', async () => {
  const own = pass('17.1.aa', USERS_OWN.value);
  expect(await admitRunner(client, cluster, own)).toEqual({ added: false, marked: false, swept: [] });
  await dismissRunner(client, cluster, own);
  expect(await rules()).toContainEqual(expect.objectContaining(USERS_OWN));
});

test('what killed jobs left is taken out by the next one: after its time, or as an earlier attempt of the same run', async () => {
  await admitRunner(client, cluster, pass('11.1.aa', '203.0.113.1', -1));
  await admitRunner(client, cluster, pass('17.1.bb', '203.0.113.2'));
  await admitRunner(client, cluster, pass('16.1.cc', '203.0.113.3'));
  expect((await admitRunner(client, cluster, pass('17.2.dd'))).swept).toEqual(['203.0.113.2']);
  expect((await addresses()).sort()).toEqual([RANGE, USERS_OWN.value, '203.0.113.3', '203.0.113.10'].sort());
});

test('a list that somebody else writes in the same moment is written again, and nothing of theirs is lost', async () => {
  const request: DigitalOcean['request'] = async (method, path, schema, body) => {
    const answer = await client.request(method, path, schema, body);
    if (
      method === 'PUT' &&
      (await addresses()).includes('203.0.113.10') &&
      !(await addresses()).includes('192.0.2.1')
    )
      // A write that had read the list before ours.
      await write([networkRule(RANGE), USERS_OWN, { type: 'ip_addr', value: '192.0.2.1' }]);
    return answer;
  };
  expect(await admitRunner({ ...client, request }, cluster, pass('17.1.aa'))).toMatchObject({ added: true });
  expect((await addresses()).sort()).toEqual([RANGE, USERS_OWN.value, '192.0.2.1', '203.0.113.10'].sort());
});

test('where DigitalOcean keeps no descriptions the job takes out what it put in, and only that', async () => {
  const request: DigitalOcean['request'] = async (method, path, schema, body) =>
    client.request(
      method,
      path,
      schema,
      body === undefined
        ? body
        : JSON.parse(JSON.stringify(body).replace(/"description":"heroku[^"]*"/g, '"description":""')),
    );
  const forgetful = { ...client, request };
  expect(await admitRunner(forgetful, cluster, pass('17.1.aa'))).toEqual({
    added: true,
    marked: false,
    swept: [],
  });
  await dismissRunner(forgetful, cluster, pass('17.1.aa'), true);
  expect(await addresses()).toEqual([RANGE, USERS_OWN.value]);
});

test('the list is never left empty, which would open the cluster to everybody', async () => {
  await write([]);
  await admitRunner(client, cluster, pass('17.1.aa'));
  await expect(dismissRunner(client, cluster, pass('17.1.aa'))).rejects.toThrow('only trusted source');
  expect(await addresses()).toEqual(['203.0.113.10']);
});

test('a mark is read as it was written, and a description of the user’s own is none', () => {
  const holders = [pass('17.1.aa'), pass('18.2.bb')].map(({ holder, until }) => ({ holder, until }));
  expect(readMark(markOf(holders))).toEqual(holders);
  expect(readMark('heroku-to-digitalocean private network')).toBeUndefined();
  expect(readMark('the runner')).toBeUndefined();
  expect(readMark(null)).toBeUndefined();
});

test('what a run that is known to be dead has left is taken out, and nothing of another run or of the user', async () => {
  await admitRunner(client, cluster, pass('17.1.aaaa'));
  await admitRunner(client, cluster, pass('17.2.bbbb', '203.0.113.11'));
  await admitRunner(client, cluster, pass('18.1.cccc'));
  expect(await sweepDeadRun(client, cluster, { runId: '17', runAttempt: 1 })).toEqual([]);
  expect((await addresses()).sort()).toEqual([RANGE, USERS_OWN.value, '203.0.113.10', '203.0.113.11'].sort());
  expect(await sweepDeadRun(client, cluster, { runId: '17', runAttempt: 2 })).toEqual(['203.0.113.11']);
  expect(await sweepDeadRun(client, cluster, { runId: '18', runAttempt: 1 })).toEqual(['203.0.113.10']);
  expect(await addresses()).toEqual([RANGE, USERS_OWN.value]);
});

test('of several jobs of one run only those that died are taken out', async () => {
  await admitRunner(client, cluster, pass('17.1.aaaa'));
  await admitRunner(client, cluster, pass('17.1.bbbb'));
  await admitRunner(client, cluster, pass('17.1.cccc', '203.0.113.11'));
  expect(await sweepDeadJobs(client, cluster, ['17.1.bbbb'])).toEqual([]);
  expect((await addresses()).sort()).toEqual([RANGE, USERS_OWN.value, '203.0.113.10', '203.0.113.11'].sort());
  expect(await sweepDeadJobs(client, cluster, ['17.1.cccc', '17.1.aaaa'])).toEqual([
    '203.0.113.10',
    '203.0.113.11',
  ]);
  expect(await addresses()).toEqual([RANGE, USERS_OWN.value]);
});
