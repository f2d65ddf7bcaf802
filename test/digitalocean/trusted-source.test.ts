import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock.ts';
import { ensureCluster } from '../../src/digitalocean/cluster.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { markOf, readMark, type RunnerPass } from '../../src/digitalocean/runner-mark.ts';
import {
  admitRunner,
  dismissRunner,
  networkRule,
  readTrustedSources,
  sweepDeadJobs,
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
    told: true,
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
  expect(await admitRunner(client, cluster, own)).toEqual({
    ...{ added: false, marked: false, told: false, swept: [] },
  });
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
    told: false,
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

/** What a cluster was asked to change since so many requests. */
function changesSince(seen: number): string[] {
  return world.requests
    .slice(seen)
    .flatMap(({ method, path }) => (method === 'GET' ? [] : [`${method} ${path}`]));
}

test.each(['cutover', 'roll-back'])(
  'while a %s of another run is at work a visit is refused and changes nothing; its guard, its own jobs and other moves come in',
  async (errand) => {
    await admitRunner(client, cluster, pass(`17.1.aaaa.${errand}`, '203.0.113.1'));
    const seen = world.requests.length;
    await expect(admitRunner(client, cluster, pass('18.1.bbbb'))).rejects.toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringMatching(
        new RegExp(
          `^A ${errand} is at work \\(run 17, for 0 min\\).*Nothing was touched.*take 203\\.0\\.113\\.1 out.*After 18:00 UTC`,
        ),
      ),
      unusual: false,
    });
    expect(changesSince(seen)).toEqual([]);
    for (const holder of ['18.1.cccc.guard', '17.1.dddd', '19.1.eeee.roll-back'])
      expect(await admitRunner(client, cluster, pass(holder))).toMatchObject({ told: true });
    await dismissRunner(client, cluster, pass('17.1.dddd'));
  },
);

test('a move of an earlier attempt, and one whose time is up, keep nobody out; one that takes unusually long is told so', async () => {
  await admitRunner(client, cluster, pass('17.1.aaaa.cutover', '203.0.113.1', 3));
  await expect(admitRunner(client, cluster, pass('18.1.bbbb'))).rejects.toMatchObject({ unusual: true });
  await admitRunner(client, cluster, pass('17.2.cccc.cutover', '203.0.113.2', -1));
  expect(await admitRunner(client, cluster, pass('18.1.bbbb'))).toMatchObject({ swept: ['203.0.113.2'] });
});

test('of a visit and a move that come in the same moment the visit gives way, whoever wrote first', async () => {
  const move = pass('17.1.aaaa.cutover', '203.0.113.1');
  let came = false;
  // The visit has read the list, and writes it without knowing of the move.
  const request: DigitalOcean['request'] = async (method, path, schema, body) => {
    if (method === 'PUT' && !came) {
      came = true;
      await admitRunner(client, cluster, move);
    }
    const answer = await client.request(method, path, schema, body);
    if (method === 'PUT') await admitRunner(client, cluster, move);
    return answer;
  };
  await expect(admitRunner({ ...client, request }, cluster, pass('18.1.bbbb'))).rejects.toThrow(
    'A cutover is at work',
  );
});

test('a move whose address the user trusts himself is told beside the private network, whose rule stays', async () => {
  const before = await rules();
  const move = pass('17.1.aaaa.cutover', USERS_OWN.value);
  expect(await admitRunner(client, cluster, move)).toMatchObject({ added: false, marked: false, told: true });
  expect(await rules()).toContainEqual(expect.objectContaining(USERS_OWN));
  await expect(admitRunner(client, cluster, pass('18.1.bbbb'))).rejects.toThrow('A cutover is at work');
  await dismissRunner(client, cluster, move);
  expect(await rules()).toEqual(before);

  await admitRunner(client, cluster, move);
  expect(await sweepDeadJobs(client, cluster, [move.holder])).toEqual([]);
  expect(await rules()).toEqual(before);
  expect(await readTrustedSources(client, cluster)).toMatchObject([
    { value: RANGE, holders: [] },
    { value: USERS_OWN.value, holders: undefined },
  ]);
});

test('a move that no rule can tell of knows it', async () => {
  await write([{ type: 'ip_addr', value: RANGE, description: 'made by hand' }, USERS_OWN]);
  const move = pass('17.1.aaaa.cutover', USERS_OWN.value);
  expect(await admitRunner(client, cluster, move)).toMatchObject({ told: false });
});
