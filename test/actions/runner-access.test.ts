import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { admitRunner, dismissRunner, openAsAdmitted } from '../../actions/runner-access.ts';
import { readAdmitted, type Admitted } from '../../actions/verify/admitted.ts';
import { systemClock } from '../../src/clock.ts';
import { ensureCluster } from '../../src/digitalocean/cluster.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { ensureFirewall, findFirewall } from '../../src/digitalocean/firewall.ts';
import * as trustedSource from '../../src/digitalocean/trusted-source.ts';
import { networkRule } from '../../src/digitalocean/trusted-source.ts';
import type { Edge } from '../../src/github/run.ts';
import { silentLog } from '../../src/log.ts';
import type { Target } from '../../src/migration/target.ts';
import { testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';
import { edgeOf } from './edge-of.ts';

// Whom the new databases are open to while jobs come and go, against the played control plane.

const RANGE = '10.114.0.0/20';
const ADDRESS = '203.0.113.10';
const PORT = 6379;
const TAG = 'heroku-to-digitalocean:shop-test';

let world: TestWorld;
let client: DigitalOcean;
let target: Target;
const egress = createServer((_request, response) => response.end(`${ADDRESS}\n`));

beforeAll(async () => {
  world = await testWorld({ clusterMs: 60_000 });
  client = createDigitalOcean({ token, apiUrl: world.apiUrl, log: silentLog, clock: systemClock });
  const vpc = (await world.api('POST', '/vpcs', { name: 'shop', region: 'fra1', ip_range: RANGE })).body.vpc;
  const { cluster } = await ensureCluster(client, {
    engine: 'pg',
    version: String((await world.api('GET', '/databases/options')).body.options.pg.versions[0]),
    size: 'db-s-1vcpu-1gb',
    nodes: 1,
    datacentre: 'fra1',
    name: 'shop-test',
    vpcId: vpc.id,
    tag: TAG,
    storageMib: null,
    trusted: [networkRule(RANGE)],
  });
  const { firewall } = await ensureFirewall(client, {
    name: 'shop-test-redis',
    tag: TAG,
    port: PORT,
    range: RANGE,
  });
  target = { clusterId: cluster.id, redis: { firewallId: firewall.id, port: PORT } } as Target;
  egress.listen(0, '127.0.0.1');
  await once(egress, 'listening');
});
afterAll(() => {
  egress.close();
  egress.closeAllConnections();
});
beforeEach(async () => {
  await world.api('PUT', `/databases/${target.clusterId}/firewall`, { rules: [networkRule(RANGE)] });
  const rule = { protocol: 'tcp', ports: String(PORT), sources: { addresses: [ADDRESS] } };
  await world.api('DELETE', `/firewalls/${target.redis?.firewallId}/rules`, { inbound_rules: [rule] });
});

/** A job of a run, with the state that its post step finds again. */
function job(runId: string, attempt = '1'): Edge {
  const state = new Map<string, string>();
  return {
    ...edgeOf(
      {
        'egress-url': `http://127.0.0.1:${(egress.address() as AddressInfo).port}/`,
        'digitalocean-token': token,
        'digitalocean-api-url': world.apiUrl,
      },
      { environment: { GITHUB_RUN_ID: runId, GITHUB_RUN_ATTEMPT: attempt } },
    ),
    saveState: (name, value) => void state.set(name, value),
    getState: (name) => state.get(name) ?? '',
  };
}

const inAnHour = (): Date => new Date(Date.now() + 3_600_000);

function withToken(edge: Edge, given: string): Edge {
  const { inputs } = edge;
  const secret = (name: string): string => (name === 'digitalocean-token' ? given : inputs.secret(name));
  return { ...edge, inputs: { ...inputs, secret } };
}

async function begun(runId: string, attempt?: string): Promise<Edge> {
  const edge = job(runId, attempt);
  await admitRunner(edge, client, target);
  return edge;
}

/** To which databases the runner's address leads. */
async function openTo(): Promise<string[]> {
  const { rules } = (await world.api('GET', `/databases/${target.clusterId}/firewall`)).body;
  const firewall = await findFirewall(client, 'shop-test-redis');
  const sources = (firewall?.inbound_rules ?? []).flatMap((rule) =>
    (rule.sources.addresses ?? []).map((one) => one.replace('/32', '')),
  );
  return [
    ...(rules.some(({ value }) => value === ADDRESS) ? ['cluster'] : []),
    ...(sources.includes(ADDRESS) ? ['redis'] : []),
  ];
}

test('a job alone: both are open while it lasts, and closed after it', async () => {
  const one = await begun('17');
  expect(await openTo()).toEqual(['cluster', 'redis']);
  await dismissRunner(one);
  expect(await openTo()).toEqual([]);
  await dismissRunner(one);
  expect(await openTo()).toEqual([]);
});

test('two jobs behind one address: the one that ends first leaves both open to the other', async () => {
  const one = await begun('17');
  const other = await begun('18');
  await dismissRunner(one);
  expect(await openTo()).toEqual(['cluster', 'redis']);
  await dismissRunner(other);
  expect(await openTo()).toEqual([]);
});

test.each([1, 2, 3])('two jobs that end in the same moment leave nothing open (%i)', async () => {
  const jobs = [await begun('17'), await begun('18')];
  await Promise.all(jobs.map(dismissRunner));
  expect(await openTo()).toEqual([]);
});

test('a job that begins while another closes keeps both open', async () => {
  const one = await begun('17');
  const other = job('18');
  const seen = world.requests.length;
  const closing = dismissRunner(one);
  while (!world.requests.slice(seen).some(({ path }) => path.includes('/firewalls/'))) await delay(1);
  await Promise.all([closing, admitRunner(other, client, target)]);
  expect(await openTo()).toEqual(['cluster', 'redis']);
  await dismissRunner(other);
  expect(await openTo()).toEqual([]);
});

test('a job whose address another one has written over in the same moment is let in again', async () => {
  const one = job('17');
  const { lookAgain } = await admitRunner(one, client, target);
  await world.api('PUT', `/databases/${target.clusterId}/firewall`, { rules: [networkRule(RANGE)] });
  let asked = 0;
  const open = async (): Promise<string> => {
    for (;;) {
      asked += 1;
      if ((await openTo()).includes('cluster')) return 'opened';
      await delay(20);
    }
  };
  expect(await openAsAdmitted(one, lookAgain, open)).toBe('opened');
  expect(asked).toBeGreaterThan(1);
  await dismissRunner(one);
  expect(await openTo()).toEqual([]);
});

test('a visit that comes with a cutover in the same moment leaves at once, whatever it has written', async () => {
  const [cutover, visit] = [job('17'), job('18')];
  let came = false;
  const request: DigitalOcean['request'] = async (method, path, schema, body) => {
    const answer = await client.request(method, path, schema, body);
    if (method === 'PUT' && !came) {
      came = true;
      const pass = { address: '203.0.113.17', holder: '17.1.aaaa.cutover', until: inAnHour() };
      await trustedSource.admitRunner(client, target.clusterId, pass);
    }
    return answer;
  };
  await expect(admitRunner(visit, { ...client, request }, target)).rejects.toThrow('A cutover is at work');
  expect(came).toBe(true);
  expect(await openTo()).toEqual([]);
  await dismissRunner(visit);
  // Its own job follows on it, and is let in.
  await admitRunner(cutover, client, target);
  expect(await openTo()).toEqual(['cluster', 'redis']);
  await dismissRunner(cutover);
});

test('a cutover that waits for its window is out meanwhile, keeps nobody out, and comes in again under its name', async () => {
  const one = job('17');
  const { pass, leave } = await admitRunner(one, client, target, 'cutover');
  expect(pass.holder).toMatch(/^17\.1\.[0-9a-f]{4}\.cutover$/);
  await expect(begun('18')).rejects.toThrow('A cutover is at work (run 17,');
  await leave();
  expect(await openTo()).toEqual([]);
  const catchUp = await begun('18');
  await dismissRunner(catchUp);
  const again = await admitRunner(one, client, target, 'cutover');
  expect(again.pass.holder).toBe(pass.holder);
  await dismissRunner(one);
  expect(await openTo()).toEqual([]);
});

test('what cannot be opened is told, and nobody goes on looking', async () => {
  const one = job('17');
  const looks: number[] = [];
  const lookAgain = (): Promise<void> => Promise.resolve(void looks.push(1));
  await expect(openAsAdmitted(one, lookAgain, () => Promise.reject(new Error('closed')))).rejects.toThrow(
    'closed',
  );
  const then = looks.length;
  await delay(1200);
  expect(looks.length).toBeLessThanOrEqual(then + 1);
});

test.each([
  ['Redis', 'firewall:update', ['cluster', 'redis']],
  ['the cluster', 'database:update', ['cluster']],
])('%s cannot be closed: the mark stays, and the next job closes both', async (_what, scope, left) => {
  world.tokens.add(
    `dop_v1_without_${scope}`,
    ['database:read', 'database:update', 'firewall:read', 'firewall:update'].filter((one) => one !== scope),
  );
  const one = await begun('17');
  await expect(dismissRunner(withToken(one, `dop_v1_without_${scope}`))).rejects.toThrow(scope);
  expect(await openTo()).toEqual(left);
  // Another attempt of the run says that the first one is over.
  const next = await begun('17', '2');
  expect(await openTo()).toEqual(['cluster', 'redis']);
  await dismissRunner(next);
  expect(await openTo()).toEqual([]);
});

test('a job that is just leaving is not taken for one that left its address; one that has left it is', async () => {
  const one = await begun('17');
  await world.api('PUT', `/databases/${target.clusterId}/firewall`, { rules: [networkRule(RANGE)] });
  expect(await openTo()).toEqual(['redis']);
  const seenWhen = (sleep: () => Promise<void>): Promise<Admitted> =>
    readAdmitted({ ...client, clock: { ...systemClock, sleep } }, target.clusterId, 'shop-test-redis');
  const addresses = ({ admitted }: Admitted): string[] => (admitted ?? []).map(({ from }) => from);

  let pauses = 0;
  const left = await seenWhen(() => Promise.resolve(void (pauses += 1)));
  expect([pauses, addresses(left)]).toEqual([4, [RANGE, ADDRESS]]);
  const leaving = await seenWhen(() => dismissRunner(one));
  expect(addresses(leaving)).toEqual([RANGE]);
});
