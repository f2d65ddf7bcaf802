import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import type { Fault } from '../../rehearsal/faults.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { addSection, readRecord, writeRecord } from '../../src/migration/record.ts';
import { full, testInFull } from '../support/or-skipped.ts';
import { DIGITALOCEAN_TOKEN, IMAGE, startSides, type PhaseRun, type Sides } from './played-sides.ts';

// What goes wrong at each step, and that a re-run and a removal mend it. In the full run: each round makes a cluster.
const FAILING = `sha256:${'f'.repeat(64)}`;
let sides: Sides;

const infrastructure = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
  sides.runPhase('provision', { stage: 'infrastructure', ...inputs });
const application = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
  sides.runPhase('provision', { stage: 'application', image: IMAGE, ...inputs });
const destroy = (): Promise<PhaseRun> =>
  sides.runPhase('provision', { command: 'destroy', confirm: 'staging' });

async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${sides.digitalOcean.apiUrl}/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${DIGITALOCEAN_TOKEN}`, accept: 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
}

interface Item {
  name?: string;
  spec?: { name: string };
}

/** `vpcs shop-staging`, `droplets shop-staging-redis` … of everything in the account. */
async function everything(): Promise<string[]> {
  const lists = await Promise.all(
    ['vpcs', 'databases', 'droplets', 'firewalls', 'tags', 'apps'].map(async (kind) => {
      const answer = await api<Record<string, Item[]>>('GET', `/${kind}?per_page=200`);
      return (answer[kind] ?? []).map(({ name, spec }) => `${kind} ${name ?? spec?.name ?? ''}`);
    }),
  );
  return lists.flat().sort();
}

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

beforeAll(async () => {
  if (!full) return;
  const broken = temporaryDirectory('broken');
  writeFileSync(
    join(broken, 'web.mjs'),
    "console.log('\\u001b[31mcould not connect with ' + process.env.PAYMENT_KEY + '\\u001b[0m'); process.exit(1);",
  );
  writeFileSync(join(broken, 'release.mjs'), '');
  sides = await startSides({ images: (digest) => (digest === FAILING ? { code: broken } : undefined) });
  // Hours of a migration in a minute: the limits of a real minute would only make it wait.
  Object.assign(sides.digitalOcean.played, { requestsPerMinute: 5_000, requestsPerHour: 50_000 });
  await api('POST', '/vpcs', { name: 'default-fra1', region: 'fra1' });
  expect((await sides.runPhase('assess')).code).toBe(0);
});
afterAll(async () => {
  if (full) await sides.stop();
});

const ALL = [
  'apps shop-staging',
  'databases shop-staging',
  'droplets shop-staging-redis',
  'firewalls shop-staging-redis',
  'tags heroku-to-digitalocean:shop-staging',
  'vpcs default-fra1',
  'vpcs shop-staging',
];

const refused = (path: RegExp, status: number, message: string): Fault => ({
  method: 'POST',
  path,
  times: 1,
  kind: { status, id: 'refused', message },
});

testInFull.each([
  [
    'the network, in a region without one',
    refused(/\/vpcs$/, 422, 'region fra1 is not available'),
    '`region`',
  ],
  [
    'the cluster, for the account has ten',
    refused(/\/databases$/, 422, 'You have reached the limit of 10 clusters'),
    'higher limit',
  ],
  [
    'the cluster, as its edition is closed',
    refused(/\/databases$/, 422, 'num_nodes must be 1 for engine pg'),
    'num_nodes must be 1',
  ],
  ['a database', refused(/\/dbs$/, 403, 'forbidden'), '`database:create`'],
  ['the user', refused(/\/users$/, 422, 'user name is reserved'), 'reserved'],
  ['the firewall', refused(/\/firewalls$/, 403, 'You have reached the limit of firewalls'), 'higher limit'],
  [
    'the droplet, for the account has too many',
    refused(/\/droplets$/, 422, 'creating this/these droplet(s) will exceed your droplet limit'),
    'higher limit',
  ],
])(
  '%s is refused: it says why, and a removal then leaves nothing over',
  async (_what, fault, said) => {
    const before = await everything();
    sides.digitalOcean.faults.inject(fault);
    const run = await infrastructure();
    expect(run.code).toBe(1);
    expect(run.log).toContain(said);
    expect(run.log.match(/::error::/g)).toHaveLength(1);
    const removal = await destroy();
    expect(removal.log).not.toContain('::error');
    expect(await everything()).toEqual(before);
  },
  120_000,
);

testInFull(
  'one refusal after the other, each mended: every re-run goes on from there, and nothing is made twice',
  async () => {
    for (const path of [/\/databases$/, /\/users$/, /\/firewalls$/, /\/droplets$/]) {
      sides.digitalOcean.faults.inject(refused(path, 422, 'not today'));
      const run = await infrastructure();
      expect(run.code).toBe(1);
      expect(run.log).toContain('not today');
    }
    expect((await infrastructure()).outputs).toMatchObject({ outcome: 'done' });
    await recordCopy();
    sides.digitalOcean.faults.inject(refused(/\/apps$/, 403, 'You have reached the limit of apps'));
    const refusedApp = await application();
    expect(refusedApp.code).toBe(1);
    expect(refusedApp.log).toContain('higher limit');
    expect((await application()).outputs).toMatchObject({ outcome: 'done' });
    expect(await everything()).toEqual(ALL);
    expect((await destroy()).outputs).toMatchObject({ outcome: 'destroyed' });
    expect(await everything()).toEqual(['vpcs default-fra1']);
  },
  240_000,
);

testInFull(
  'creations whose answers are lost, 429s, 5xxs and dropped connections: one run, one of each',
  async () => {
    const { faults } = sides.digitalOcean;
    for (const path of [
      /\/vpcs$/,
      /\/databases$/,
      /\/dbs$/,
      /\/users$/,
      /\/tags$/,
      /\/firewalls$/,
      /\/droplets$/,
    ])
      faults.inject({ method: 'POST', path, times: 1, kind: 'truncate' });
    faults.inject({ method: 'GET', path: /\/databases\/[^/]+$/, times: 2, kind: 503 });
    faults.inject({ method: 'GET', path: /\/databases\/[^/]+$/, times: 1, kind: 'cut' });
    faults.inject({ method: 'GET', path: /\/droplets\/\d+$/, times: 1, kind: 429 });
    const run = await infrastructure();
    expect(run.log).not.toContain('::error');
    expect(run.outputs).toMatchObject({ outcome: 'done' });
    await recordCopy();
    faults.inject({ method: 'POST', path: /\/apps$/, times: 1, kind: 'truncate' });
    faults.inject({ method: 'GET', path: /\/deployments\//, times: 2, kind: 500 });
    const app = await application();
    expect(app.log).not.toContain('::error');
    expect(await everything()).toEqual(ALL);
    faults.clear();
    const again = await infrastructure();
    expect(again.outputs).toMatchObject({ outcome: 'unchanged', changed: 'false' });
    expect(again.log).not.toMatch(/: (create|change) \(/);
    expect((await application()).outputs).toMatchObject({ outcome: 'unchanged', changed: 'false' });
  },
  240_000,
);

testInFull.each([
  ['the network', /\/vpcs$/],
  ['the cluster', /\/databases$/],
  ['a database', /\/dbs$/],
  ['the user', /\/users$/],
  ['a tag', /\/tags$/],
  ['the firewall', /\/firewalls$/],
  ['the droplet', /\/droplets$/],
])(
  'the order for %s arrives twice: nothing is paid twice',
  async (_what, path) => {
    expect((await destroy()).log).not.toContain('::error');
    const met = sides.digitalOcean.faults.inject({ method: 'POST', path, times: 1, kind: 'twice' });
    const run = await infrastructure();
    expect(met()).toBe(1);
    expect(run.log).not.toContain('::error');
    expect(await everything()).toEqual(ALL.filter((one) => one !== 'apps shop-staging'));
  },
  120_000,
);

testInFull(
  'a hand that changed the app is told: what the plan names is put back, the rest is drift',
  async () => {
    const [app] = sides.digitalOcean.apps();
    const { app: live } = await api<{ app: { spec: { services: object[] } } }>(
      'GET',
      `/apps/${app?.id ?? ''}`,
    );
    const [web] = live.spec.services;
    const spec = {
      ...live.spec,
      services: [{ ...web, instance_size_slug: 'apps-s-1vcpu-2gb' }],
      workers: [
        { ...web, http_port: undefined, health_check: undefined, name: 'by-hand', run_command: 'sleep 1000' },
      ],
      egress: { type: 'DEDICATED_IP' },
    };
    await api('PUT', `/apps/${app?.id ?? ''}`, { spec });
    await app?.settled();
    const run = await application({ 'dry-run': 'true' });
    expect(run.log).not.toContain('::error');
    expect(run.log).toMatch(/Component \(service\) web: change \(.*instance_size_slug: apps-s-1vcpu-2gb → /);
    expect(run.log).toMatch(/Component \(worker\) worker: create/);
    expect(run.log).toMatch(/App spec workers\.by-hand: drift .*by hand.*USD a month/);
    expect(run.log).toMatch(/App spec egress: drift .*25\.00 USD a month/);
    expect(run.summary).toContain('Not as planned, and not changed by this');
    expect(run.log).not.toContain('sleep 1000');
  },
  120_000,
);

testInFull(
  'a deployment that fails tells the end of its log, without secrets or colours',
  async () => {
    const run = await application({ image: `registry.digitalocean.com/acme/shop@${FAILING}` });
    expect(run.code).toBe(1);
    expect(run.log).toContain('The deployment ended as ERROR');
    expect(run.log).toContain('The last lines of its log');
    expect(run.log).toContain('could not connect with ***');
    expect(run.log).not.toContain('\u001b[');
    expect((await application()).outputs.outcome).toBe('done');
  },
  120_000,
);

testInFull(
  'time that runs out says how to go on, and the next run goes on',
  async () => {
    expect((await destroy()).outputs).toMatchObject({ outcome: 'destroyed' });
    sides.digitalOcean.played.clusterMs = 8_000;
    const run = await infrastructure({ timeout: '3s' });
    expect(run.code).toBe(1);
    expect(run.log).toMatch(/Waited \d s for cluster shop-staging to be online; it is still "creating"/);
    expect(run.log).toContain('`timeout`');
    const again = await infrastructure();
    expect(again.log).not.toContain('::error');
    expect(again.outputs).toMatchObject({ outcome: 'done' });
    expect(sides.digitalOcean.clusters()).toHaveLength(1);
  },
  120_000,
);

testInFull('a price that rose since assess is told line by line', async () => {
  const path = join(sides.directory, 'dearer.json');
  const record = await readRecord(join(sides.directory, 'migration-record.json'));
  const assessed = record.sections.find(({ phase }) => phase === 'assess');
  const data = structuredClone(assessed?.data) as {
    plan: { redis: { usdPerMonth: number }; components: { kind: string; usdPerMonth: number }[] };
  };
  const promised = data.plan.redis.usdPerMonth * 1.2;
  data.plan.redis.usdPerMonth -= 2;
  const web = data.plan.components.find(({ kind }) => kind === 'service') ?? never();
  web.usdPerMonth -= 1;
  const { runId, runAttempt, actor, runUrl } = record.sections[0]?.run ?? never();
  await writeRecord(
    path,
    addSection({ ...record, sections: [] }, 'assess', {
      at: new Date(),
      run: { runId, runAttempt, actor, runUrl },
      data,
    }),
  );
  const run = await infrastructure({ 'dry-run': 'true', record: path });
  expect(run.log).not.toContain('::error');
  expect(run.log).toContain(
    `costs ${promised.toFixed(2)} USD a month, and assess promised ${(promised - 2.4).toFixed(2)}`,
  );
  expect(run.summary).toContain('Other prices than promised');
  // Of the app each component, and the whole by App Platform's own price of the spec.
  const app = await application({ 'dry-run': 'true', record: path });
  expect(app.summary).toMatch(
    new RegExp(`web: 1 × \\S+ costs \\S+ USD a month, and assess promised ${web.usdPerMonth.toFixed(2)}`),
  );
  expect(app.summary).toMatch(/App shop-staging costs \S+ USD a month, and assess promised/);
});

function never(): never {
  throw new Error('the record lacks what is looked for');
}
