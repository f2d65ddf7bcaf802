import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parsePostgresUrl } from '../../src/postgres/connect.ts';
import { holdFence, passPointOfNoReturn } from '../../src/postgres/fence.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { addSection, readRecord, writeRecord } from '../../src/migration/record.ts';
import { silentLog } from '../../src/log.ts';
import { systemClock } from '../../src/clock.ts';
import { full, testInFull } from '../support/or-skipped.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { DIGITALOCEAN_TOKEN, IMAGE, startSides, type PhaseRun, type Sides } from './played-sides.ts';

// One world: a migration that was provisioned, between neighbours that only look like it. In the full run; the quick one
// ends provision.test.ts with a removal.
const TAG = 'heroku-to-digitalocean:shop-staging';
let sides: Sides;

const infrastructure = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
  sides.runPhase('provision', { stage: 'infrastructure', ...inputs });
const destroy = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
  sides.runPhase('provision', { command: 'destroy', confirm: 'staging', ...inputs });

async function api<T = Record<string, never>>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${sides.digitalOcean.apiUrl}/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${DIGITALOCEAN_TOKEN}`, accept: 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
}

interface Named {
  name: string;
  description?: string;
  tags?: string[];
}

/** Everything that is there, by kind. */
async function everything(): Promise<Record<string, string[]>> {
  const names = (list: Named[]): string[] => list.map(({ name }) => name).sort();
  const [vpcs, databases, droplets, firewalls, tags, apps, alerts, records] = await Promise.all([
    api<{ vpcs: Named[] }>('GET', '/vpcs?per_page=200'),
    api<{ databases: Named[] }>('GET', '/databases?per_page=200'),
    api<{ droplets: Named[] }>('GET', '/droplets?per_page=200'),
    api<{ firewalls: Named[] }>('GET', '/firewalls?per_page=200'),
    api<{ tags: Named[] }>('GET', '/tags?per_page=200'),
    api<{ apps: { spec: Named }[] }>('GET', '/apps?per_page=200'),
    api<{ policies: { description: string }[] }>('GET', '/monitoring/alerts?per_page=200'),
    api<{ domain_records: { type: string; name: string; data: string; ttl: number }[] }>(
      'GET',
      '/domains/example.com/records?per_page=200',
    ),
  ]);
  return {
    vpcs: names(vpcs.vpcs),
    databases: names(databases.databases),
    droplets: names(droplets.droplets),
    firewalls: names(firewalls.firewalls),
    tags: names(tags.tags),
    alerts: alerts.policies.map(({ description }) => description).sort(),
    apps: apps.apps.map(({ spec }) => spec.name).sort(),
    records: records.domain_records
      .map(({ type, name, data, ttl }) => [type, name, data, ttl].join(' '))
      .sort(),
  };
}

const changes = (from = 0): string[] =>
  sides.digitalOcean.requests
    .slice(from)
    .filter(({ method, path }) => method !== 'GET' && !path.endsWith('/apps/propose'))
    .map(({ method, path }) => `${method} ${path}`);

async function recordCopy(): Promise<void> {
  const path = join(sides.directory, 'migration-record.json');
  const run = {
    runId: '1',
    runAttempt: 1,
    actor: 'ada',
    runUrl: 'https://github.com/acme/shop/actions/runs/1',
  };
  const data = { command: 'copy', outcome: 'copied', changed: true };
  await writeRecord(path, addSection(await readRecord(path), 'migrate-db', { at: new Date(), run, data }));
}

async function provisionAll(): Promise<void> {
  expect((await sides.runPhase('assess')).code).toBe(0);
  expect((await infrastructure()).outputs.outcome).toBe('done');
  await recordCopy();
  const application = await sides.runPhase('provision', { stage: 'application', image: IMAGE });
  expect(application.log).not.toContain('::error');
  expect(application.outputs.outcome).toBe('done');
}

let before: Record<string, string[]>;

beforeAll(async () => {
  if (!full) return;
  sides = await startSides();
  // Hours of a migration in a minute: the limits of a real minute would only make it wait.
  Object.assign(sides.digitalOcean.played, { requestsPerMinute: 5_000, requestsPerHour: 50_000 });
  // The first network of a datacentre becomes its default; this account has had one for long.
  await api('POST', '/vpcs', { name: 'default-fra1', region: 'fra1' });
  // Neighbours: names like ours, marks like ours, and none.
  const { vpc } = await api<{ vpc: { id: string } }>('POST', '/vpcs', {
    name: 'shop-staging-2',
    region: 'fra1',
    description: `${TAG}-2`,
  });
  await api('POST', '/vpcs', { name: 'shop-staging-old', region: 'fra1', description: `was ${TAG}` });
  const size = { region: 'fra1', size: 's-1vcpu-1gb', image: 'ubuntu-24-04-x64', vpc_uuid: vpc.id };
  await api('POST', '/droplets', { ...size, name: 'shop-staging-redis', tags: [`${TAG}-2`] });
  await api('POST', '/droplets', { ...size, name: 'shop-staging-redis-b' });
  await api('POST', '/firewalls', {
    name: 'shop-staging-redis-2',
    tags: [`${TAG}-2`],
    inbound_rules: [{ protocol: 'tcp', ports: '22', sources: { addresses: ['10.0.0.0/8'] } }],
  });
  const { account } = await api<{ account: { email: string } }>('GET', '/account');
  await api('POST', '/monitoring/alerts', {
    type: 'v1/insights/droplet/cpu',
    description: 'shop-staging-redis: CPU, of somebody else',
    compare: 'GreaterThan',
    value: 70,
    window: '5m',
    entities: [],
    tags: [`${TAG}-2`],
    alerts: { email: [account.email], slack: [] },
    enabled: true,
  });
  await api('POST', '/tags', { name: 'heroku-to-digitalocean:shop' });
  const proof = '_acme-challenge.staging.shop.example.com';
  sides.digitalOcean.dns.setRecord({ name: proof, type: 'TXT', data: 'of another certificate', ttl: 300 });
  const version = await api<{ options: { pg: { versions: string[] } } }>('GET', '/databases/options');
  await api('POST', '/databases', {
    name: 'shop-staging-2',
    engine: 'pg',
    version: version.options.pg.versions[0],
    size: 'db-s-1vcpu-1gb',
    num_nodes: 1,
    region: 'fra1',
    private_network_uuid: vpc.id,
    tags: [`${TAG}-2`],
  });
  before = await everything();
  await provisionAll();
}, 240_000);
afterAll(async () => {
  if (full) await sides.stop();
});

testInFull('a dry run lists what carries the mark and what stops costing, and only reads', async () => {
  const from = sides.digitalOcean.requests.length;
  const run = await destroy({ 'dry-run': 'true', confirm: '' });
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'planned', changed: 'false' });
  for (const line of [
    'App shop-staging (',
    'Droplet shop-staging-redis (',
    'Firewall shop-staging-redis (',
    'Postgres cluster shop-staging (',
    'VPC shop-staging (',
    `Tag ${TAG} (`,
  ]) {
    expect(run.log).toContain(`Would remove: ${line}`);
  }
  expect(run.log.match(/Would remove/g)).toHaveLength(14);
  // Four on the droplet, three on the cluster.
  expect(run.log.match(/Would remove: Alert policy/g)).toHaveLength(7);
  expect(run.log).toContain('Would remove: TXT record _acme-challenge.staging.shop.example.com');
  expect(changes(from)).toEqual([]);
  // What it says stops costing is what DigitalOcean asks for the migration's things.
  const neighbours = 2 * 6 + 15.15;
  const told = Number(/Total.*\| (\d+\.\d\d) \|/.exec(run.summary)?.[1]);
  expect(told).toBeCloseTo(sides.digitalOcean.pricePerMonth() - neighbours, 2);
});

testInFull('without the name of the environment, or with another, nothing is removed', async () => {
  const from = sides.digitalOcean.requests.length;
  for (const confirm of ['', 'production', 'Staging']) {
    const run = await destroy({ confirm });
    expect(run.code).toBe(1);
    expect(run.log).toContain('Nothing was removed');
  }
  expect(changes(from)).toEqual([]);
});

testInFull("it refuses while Heroku's database is closed, and while nobody can tell", async () => {
  const from = sides.digitalOcean.requests.length;
  const url = sides.app.config()['DATABASE_URL'] ?? '';
  const source = parsePostgresUrl(url, { mode: 'unverified' });
  const options = { migrationId: 'shop-staging', epoch: 1, log: silentLog, clock: systemClock };
  const fence = await holdFence(source, { ...options, signal: AbortSignal.timeout(30_000) });
  await passPointOfNoReturn(fence);
  await fence.release();
  const closed = await destroy();
  expect(closed.code).toBe(1);
  expect(closed.log).toContain('Nothing was removed: the database of shop-staging on Heroku is closed');
  const seen = await destroy({ 'dry-run': 'true' });
  expect(seen.code).toBe(0);
  expect(seen.log).toContain('It would be refused');
  await liftFence(source, 'shop-staging');

  const unknown = await destroy({ 'heroku-token': 'HRKU-nobody-knows-this-token' });
  expect(unknown.code).toBe(1);
  expect(unknown.log).toContain('could not be found out');
  expect(changes(from)).toEqual([]);
});

testInFull('it refuses while a domain leads to the new app', async () => {
  const from = sides.digitalOcean.requests.length;
  const { dns } = sides.digitalOcean;
  const name = 'staging.shop.example.com';
  const old = dns.resolve(name, 'CNAME');
  const host = new URL(sides.digitalOcean.apps()[0]?.defaultIngress ?? '').host;
  dns.setRecord({ name, type: 'CNAME', data: host, ttl: 30 });
  const run = await destroy();
  expect(run.code).toBe(1);
  expect(run.log).toContain(`${name} leads to the new app`);
  dns.setRecord({ name, type: 'CNAME', data: old?.value ?? '', ttl: 30 });
  expect(changes(from)).toEqual([]);
});

testInFull('it refuses while the journal knows of a cutover that was not undone', async () => {
  const cluster = sides.digitalOcean.clusters().find(({ name }) => name === 'shop-staging');
  await cluster?.query(
    'migration_journal',
    `insert into journal.step (id, migration_id, phase, name, attempt, status, prior, point_of_no_return, epoch, run_id)
     values (gen_random_uuid(), 'shop-staging', 'cutover', 'maintenance-mode', 1, 'done', 'null', false, 1, '1')`,
  );
  const run = await destroy();
  expect(run.code).toBe(1);
  expect(run.log).toContain('a cutover has begun (maintenance-mode)');
  expect(sides.digitalOcean.apps()).toHaveLength(1);
  await cluster?.query('migration_journal', `delete from journal.step where phase = 'cutover'`);
});

testInFull(
  'a removal that fails half-way says what is gone and what is left; the next one removes the rest and nothing else',
  async () => {
    sides.digitalOcean.faults.inject({
      method: 'DELETE',
      path: /\/firewalls\/[^/]+$/,
      times: 1,
      kind: { status: 422, id: 'unprocessable_entity', message: 'try later' },
    });
    const failed = await destroy();
    expect(failed.code).toBe(1);
    expect(failed.log).toMatch(/Removed so far: .*App shop-staging.*Droplet shop-staging-redis/);
    expect(failed.log).toMatch(/Still there: Firewall shop-staging-redis.*Postgres cluster.*VPC.*Tag/);
    expect(sides.digitalOcean.apps()).toEqual([]);
    expect(
      sides.digitalOcean
        .clusters()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['shop-staging', 'shop-staging-2']);

    // The answer to the cluster's removal is lost, so that it is asked twice and is gone the second time.
    sides.digitalOcean.faults.inject({ method: 'DELETE', path: /\/databases\//, times: 1, kind: 'truncate' });
    const run = await destroy();
    expect(run.log).not.toContain('::error');
    expect(run.outputs).toMatchObject({ outcome: 'destroyed', changed: 'true' });
    expect(run.log).toContain('Nothing on DigitalOcean carries');
    expect(await everything()).toEqual(before);
    expect(sides.digitalOcean.dns.resolve('staging.shop.example.com', 'CNAME')?.ttl).toBe(3600);
  },
  120_000,
);

testInFull('the journal gone with its cluster, it goes on; with nothing left it says so', async () => {
  const run = await destroy();
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'unchanged', changed: 'false' });
  expect(run.log).toContain('there is nothing to remove');
});

testInFull('what was copied before is no copy any more', async () => {
  const run = await sides.runPhase('provision', { stage: 'application', image: IMAGE });
  expect(run.code).toBe(1);
  expect(run.log).toContain('run migrate-db');
});

const contractTest = full && hasContract ? test : test.skip;
contractTest('every removal asked for is as the API description wants it', () => {
  const contract = new Contract();
  const sent = sides.digitalOcean.requests.filter(
    ({ method, path, status }) =>
      ['DELETE', 'PATCH'].includes(method) && status < 300 && !path.endsWith('/rules'),
  );
  expect(sent.length).toBeGreaterThan(5);
  const problems = sent.flatMap(({ method, path, body }) =>
    contract.problemsOfRequest(method, path.startsWith('/v2') ? path : `/v2${path}`, body),
  );
  expect(problems).toEqual([]);
});
