import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { waitUntilAlone } from '../../actions/cutover/alone.ts';
import type { Parties } from '../../actions/parties.ts';
import { underLease } from '../../actions/parties.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { ensureCluster } from '../../src/digitalocean/cluster.ts';
import type { Errand } from '../../src/digitalocean/runner-mark.ts';
import { admitRunner, dismissRunner, networkRule } from '../../src/digitalocean/trusted-source.ts';
import type { Log } from '../../src/log.ts';
import { silentLog } from '../../src/log.ts';
import { openJournal, type Journal } from '../../src/migration/journal.ts';
import { acquireLease, type Lease } from '../../src/migration/lease.ts';
import { journalDatabase } from '../migration/support/journal-database.ts';
import { testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';
import { edgeOf } from './edge-of.ts';

// A cutover (run 17) begins while others are let in, against the played control plane and a real journal.

const RANGE = '10.114.0.0/20';
const OWN = '17.1.aaaa.cutover';
const MIGRATION = 'shop-staging';

let world: TestWorld;
let client: DigitalOcean;
let clusterId: string;
let journal: Journal;
let expireLease: () => Promise<unknown>;

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
    tag: 'heroku-to-digitalocean:shop-test',
    storageMib: null,
    trusted: [networkRule(RANGE)],
  });
  clusterId = cluster.id;
});
beforeEach(async () => {
  await world.api('PUT', `/databases/${clusterId}/firewall`, { rules: [networkRule(RANGE)] });
  const { address, database } = await journalDatabase();
  journal = await openJournal(address, MIGRATION);
  expireLease = () => database.query('update journal.lease set expires_at = clock_timestamp()');
  await letIn(OWN, '203.0.113.17');
});
const leases: Lease[] = [];
afterEach(async () => {
  for (const lease of leases.splice(0)) await lease.release();
  await journal.close();
});

/** A run took the lease, and a minute has passed since its machine died. */
async function dieWithTheLease(runId: string, pass: string): Promise<void> {
  const options = { holder: run(runId), pass, log: silentLog, clock: systemClock };
  leases.push(await acquireLease(journal, options));
  await expireLease();
}

async function letIn(holder: string, address: string): Promise<void> {
  const until = new Date(Date.now() + 5 * 3_600_000);
  // As it came before the cutover did: a visit comes in no more.
  await admitRunner(client, clusterId, { address, holder, until }).catch(async () => {
    const { rules } = (await world.api('GET', `/databases/${clusterId}/firewall`)).body;
    const description = `heroku-to-digitalocean runner ${holder}@${until.toISOString().slice(0, 16)}Z`;
    const all = [...rules, { type: 'ip_addr', value: address, description }];
    await world.api('PUT', `/databases/${clusterId}/firewall`, { rules: all });
  });
}

async function letInNow(): Promise<string[]> {
  const { rules } = (await world.api('GET', `/databases/${clusterId}/firewall`)).body;
  return rules.map(({ value }) => value).filter((value) => value !== RANGE);
}

const said: string[] = [];
const log: Log = { ...silentLog, info: (line) => void said.push(line) };
beforeEach(() => void said.splice(0));

/** `whenItWaits` is done in the first pause. */
function alone(
  whenItWaits: () => Promise<unknown> = () => Promise.resolve(),
  options: { errands?: readonly Errand[]; limitMs?: number } = {},
): Promise<number> {
  let pauses = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: async () => {
      pauses += 1;
      if (pauses === 1) await whenItWaits();
    },
  };
  const edge = { ...edgeOf({}, { environment: { GITHUB_RUN_ID: '17' } }), log, clock };
  const newSide = { client, clusterId } as unknown as Parties['newSide'];
  const { signal } = new AbortController();
  return waitUntilAlone(edge, { newSide, pass: OWN, signal }, journal, options).then(() => pauses);
}

test('a catch-up that is let in already is waited for until it has left', async () => {
  const catchUp = { holder: '18.1.bbbb', address: '203.0.113.18' };
  await letIn(catchUp.holder, catchUp.address);
  expect(await alone(() => dismissRunner(client, clusterId, catchUp))).toBe(1);
  expect(said).toEqual(['Waiting until nobody else is let in to the new databases: run 18 (203.0.113.18).']);
});

test('who does not leave is named with what to do, and nothing was touched', async () => {
  await letIn('18.1.bbbb', '203.0.113.18');
  await expect(alone(undefined, { limitMs: 200 })).rejects.toMatchObject({
    name: 'ConfigurationError',
    message: expect.stringMatching(
      /run 18 \(203\.0\.113\.18\).*Nothing was touched.*by hand.*run this again/s,
    ),
  });
});

test.each<[string, string, string, readonly Errand[] | undefined]>([
  ['its own guard', '17.1.cccc.guard', '203.0.113.19', undefined],
  ['an earlier step of its job', '17.1.dddd', '203.0.113.17', undefined],
  ['another move, whom only the lease keeps off', '18.1.eeee.roll-back', '203.0.113.18', ['visit']],
])('%s is not waited for', async (_who, holder, address, errands) => {
  await letIn(holder, address);
  expect(await alone(undefined, errands === undefined ? {} : { errands })).toBe(0);
});

test('another move is waited for under the lease: it has ended, and is about to leave', async () => {
  const back = { holder: '18.1.eeee.roll-back', address: '203.0.113.18' };
  await letIn(back.holder, back.address);
  expect(await alone(() => dismissRunner(client, clusterId, back))).toBe(1);
});

test('a cutover that has begun waits for nobody', async () => {
  await letIn('18.1.bbbb', '203.0.113.18');
  const lease = await acquireLease(journal, { holder: run('17'), log: silentLog, clock: systemClock });
  const begin = (name: string) =>
    journal.begin(lease, { phase: 'cutover', name, prior: null, pointOfNoReturn: false });
  await begin('gate');
  await expect(alone(undefined, { limitMs: 200 })).rejects.toThrow('Others are still let in');
  await begin('stand-still');
  expect(await alone()).toBe(0);
  await lease.release();
});

test('a job that died with the lease is not waited for; exactly what it left is out when the next holder has ended, and not before', async () => {
  await letIn('18.1.bbbb', '203.0.113.18');
  await letIn('18.1.cccc.guard', '203.0.113.20');
  await dieWithTheLease('18', '18.1.bbbb');
  expect(await alone(undefined, { errands: ['visit'] })).toBe(0);

  const edge = edgeOf({}, { environment: { GITHUB_RUN_ID: '17' } });
  const newSide = { client, clusterId };
  const parties = { newSide, pass: OWN, signal: edge.signal } as unknown as Parties;
  const during = await underLease(edge, parties, journal, () => letInNow());
  expect(during.sort()).toEqual(['203.0.113.17', '203.0.113.18', '203.0.113.20']);
  expect((await letInNow()).sort()).toEqual(['203.0.113.17', '203.0.113.20']);
  expect(await journal.passesOfDead()).toEqual([]);
});

test('the guard takes out what the cutover of its own run left, and a phase that fails does so, too', async () => {
  await dieWithTheLease('17', OWN);
  const guard = '17.1.cccc.guard';
  await letIn(guard, '203.0.113.19');
  const edge = edgeOf({}, { environment: { GITHUB_RUN_ID: '17' } });
  const parties = { newSide: { client, clusterId }, pass: guard, signal: edge.signal } as unknown as Parties;
  const failing = (): Promise<never> => Promise.reject(new Error('as tests do'));
  await expect(underLease(edge, parties, journal, failing)).rejects.toThrow('as tests do');
  expect(await letInNow()).toEqual(['203.0.113.19']);
  // Nobody is kept out any more.
  const until = new Date(Date.now() + 60_000);
  const visit = { address: '203.0.113.18', holder: '18.1.bbbb', until };
  expect(await admitRunner(client, clusterId, visit)).toMatchObject({ added: true });
});

function run(runId: string) {
  return { runId, runAttempt: 1, actor: 'ada', runUrl: `https://github.com/acme/shop/actions/runs/${runId}` };
}
