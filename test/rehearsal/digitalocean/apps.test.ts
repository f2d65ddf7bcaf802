import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { AppView } from '../../../rehearsal/digitalocean/world.ts';
import { temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { digest, eventually, found, onlineCluster, testWorld, type TestWorld } from './played-world.ts';

let world: TestWorld;
beforeAll(async () => {
  world = await testWorld();
});

/** Answers every request with its version, its process id and some of its environment. */
const web = `
import { createServer } from 'node:http';
const { PORT, VERSION, SHOWN } = process.env;
const server = createServer((request, response) => {
  if (request.url === '/health' && VERSION === 'sick') { response.writeHead(500).end(); return; }
  response.end(JSON.stringify({ version: VERSION, pid: process.pid, shown: SHOWN, url: request.url, headers: request.headers }));
});
server.listen(Number(PORT), '127.0.0.1');
process.on('SIGTERM', () => { server.close(() => process.exit(0)); });
`;

interface SpecChanges {
  version?: string;
  envs?: object[];
  jobs?: object[];
  workers?: object[];
  databases?: object[];
  domains?: object[];
  instances?: number;
}

let image = '';
function spec(name: string, changes: SpecChanges = {}): Record<string, unknown> {
  image ||= world.image({ 'web.mjs': web });
  const source = { registry_type: 'GHCR', registry: 'acme', repository: 'shop', digest: image };
  const component = { image: source, instance_size_slug: 'apps-s-1vcpu-1gb' };
  const full = (list: object[] | undefined) => list?.map((one) => ({ ...component, ...one }));
  return {
    name,
    region: 'fra',
    envs: [{ key: 'VERSION', value: changes.version ?? 'one' }, ...(changes.envs ?? [])],
    services: full([
      {
        name: 'web',
        run_command: 'node web.mjs',
        http_port: 8080,
        instance_count: changes.instances ?? 1,
        health_check: {
          http_path: '/health',
          period_seconds: 10,
          // In played seconds: half a real one for who is never well, and long enough for everybody else.
          failure_threshold: changes.version === 'sick' ? 1 : 50,
        },
      },
    ]),
    ...(changes.workers ? { workers: full(changes.workers) } : {}),
    ...(changes.jobs ? { jobs: full(changes.jobs) } : {}),
    ...(changes.databases ? { databases: changes.databases } : {}),
    ...(changes.domains ? { domains: changes.domains } : {}),
  };
}

function view(name: string): AppView {
  return found(world.apps().find((app) => app.name === name));
}

async function deployed(
  wanted: Record<string, unknown>,
): Promise<{ id: string; host: string; view: AppView }> {
  const made = await world.dots.app.createApp({ spec: wanted });
  const { id } = made.data.app;
  await view(String(wanted['name'])).settled();
  const app = view(String(wanted['name']));
  return { id, host: new URL(app.defaultIngress).host, view: app };
}

async function visit(host: string, path = '/') {
  const { status, body } = await world.visit(host, path);
  return { status, ...(status === 200 ? (JSON.parse(body) as Seen) : {}) };
}

interface Seen {
  version: string;
  pid: number;
  shown: string;
  url: string;
  headers: Record<string, string>;
}

test('a deployed spec runs as processes behind its public name, requests shared between instances', async () => {
  const { id, host, view: app } = await deployed(spec('shared-load', { instances: 2 }));
  expect(app.phase).toBe('ACTIVE');
  const seen = await Promise.all([1, 2, 3, 4].map(() => visit(host)));
  expect(new Set(seen.map(({ pid }) => pid)).size).toBe(2);
  expect(seen[0]?.headers).toMatchObject({ 'x-forwarded-proto': 'https', host });

  const { app: shown } = (await world.api('GET', `/apps/${id}`)).body;
  expect(shown.active_deployment.phase).toBe('ACTIVE');
  expect(shown.active_deployment.progress.success_steps).toBe(shown.active_deployment.progress.total_steps);
  expect(shown.default_ingress).toBe(`https://${host}`);
});

test('a deployment goes through its phases', async () => {
  await world.api('POST', '/apps', { spec: spec('phases') });
  const seen = new Set<string>();
  // The world is played in this process: no phase passes between two looks of its event loop.
  while (!seen.has('ACTIVE')) {
    seen.add(view('phases').phase);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([...seen].slice(-2)).toEqual(['DEPLOYING', 'ACTIVE']);
  expect([...seen][0]).toMatch(/PENDING_BUILD|BUILDING/);
});

test('bindable variables are resolved: the app, a database, a secret; unknown ones stay', async () => {
  const cluster = await onlineCluster(world, 'bound');
  await world.api('POST', `/databases/${cluster.id}/users`, { name: 'shop' });
  const shown = '${APP_DOMAIN} ${db.USERNAME} ${db.DATABASE} ${db.CA_CERT} ${nobody.KNOWS} ${HIDDEN}';
  const { host } = await deployed(
    spec('bindings', {
      databases: [
        {
          name: 'db',
          engine: 'PG',
          production: true,
          cluster_name: 'bound',
          db_user: 'shop',
          db_name: 'defaultdb',
        },
      ],
      envs: [
        { key: 'SHOWN', value: shown, scope: 'RUN_TIME' },
        { key: 'HIDDEN', value: 's3cret', scope: 'RUN_TIME', type: 'SECRET' },
      ],
    }),
  );
  const answer = await visit(host);
  expect(answer.shown).toBe(`${host} shop defaultdb ${cluster.public.ssl.ca} \${nobody.KNOWS} s3cret`);
});

test('a secret comes back sealed, is kept when sealed is submitted, and lost when left out', async () => {
  const secret = { key: 'SHOWN', value: 's3cret', scope: 'RUN_TIME', type: 'SECRET' };
  const { id, host } = await deployed(spec('secrets', { envs: [secret] }));
  const read = (await world.api('GET', `/apps/${id}`)).body.app.spec;
  const sealed = found(read.envs.find(({ key }) => key === 'SHOWN'));
  expect(sealed.value).toMatch(/^EV\[1:/);

  await world.api('PUT', `/apps/${id}`, { spec: spec('secrets', { envs: [sealed], version: 'two' }) });
  await view('secrets').settled();
  expect(await visit(host)).toMatchObject({ version: 'two', shown: 's3cret' });

  const foreign = { ...secret, value: 'EV[1:other:other]' };
  expect((await world.api('PUT', `/apps/${id}`, { spec: spec('secrets', { envs: [foreign] }) })).status).toBe(
    400,
  );
  await world.api('PUT', `/apps/${id}`, { spec: spec('secrets', { version: 'three' }) });
  await view('secrets').settled();
  expect((await visit(host)).shown).toBeUndefined();
});

test('a failed health check leaves the old deployment serving', async () => {
  const { id, host } = await deployed(spec('sick'));
  await world.api('PUT', `/apps/${id}`, { spec: spec('sick', { version: 'sick' }) });
  await view('sick').settled();
  expect(await visit(host)).toMatchObject({ version: 'one' });
  const { app } = (await world.api('GET', `/apps/${id}`)).body;
  const [newest] = (await world.api('GET', `/apps/${id}/deployments`)).body.deployments;
  expect(newest?.phase).toBe('ERROR');
  expect(JSON.stringify(newest?.progress)).toContain('DeployContainerHealthChecksFailed');
  expect(app.active_deployment.spec.envs[0]?.value).toBe('one');
  expect(app.spec.envs[0]?.value).toBe('sick');
});

test('no request is refused while one release replaces another, and the old one then ends', async () => {
  const { id, host, view: before } = await deployed(spec('smooth'));
  const oldPid = pidOf(before, 'web');
  const answers: number[] = [];
  const load = { done: false };
  const visitors = (async () => {
    while (!load.done) answers.push((await visit(host)).status);
  })();
  await world.api('PUT', `/apps/${id}`, { spec: spec('smooth', { version: 'two' }) });
  await view('smooth').settled();
  expect((await visit(host)).version).toBe('two');
  const ended = await eventually(() => !isAlive(oldPid) || undefined);
  load.done = true;
  await visitors;
  expect(ended).toBe(true);
  expect(new Set(answers)).toEqual(new Set([200]));
});

test('PRE_DEPLOY runs before the components, and its failure fails the deployment', async () => {
  const directory = temporaryDirectory('order');
  const job = (command: string) => ({ name: 'release', kind: 'PRE_DEPLOY', run_command: command });
  const worker = { name: 'worker', run_command: `echo worker >> ${directory}/order; exec sleep 600` };
  const good = spec('ordered', {
    jobs: [job(`sleep 0.2; echo job >> ${directory}/order`)],
    workers: [worker],
  });
  const { id } = await deployed(good);
  expect(readFileSync(join(directory, 'order'), 'utf8')).toBe('job\nworker\n');

  await world.api('PUT', `/apps/${id}`, {
    spec: spec('ordered', { jobs: [job('exit 3')], workers: [worker] }),
  });
  await view('ordered').settled();
  expect(view('ordered').phase).toBe('ERROR');
  expect(view('ordered').components).toHaveLength(2);
});

test('a worker that keeps exiting fails the deployment; one that dies later is started again', async () => {
  const failing = spec('crashing', { workers: [{ name: 'worker', run_command: 'exit 1' }] });
  expect((await deployed(failing)).view.phase).toBe('ERROR');

  const { view: app } = await deployed(
    spec('reborn', { workers: [{ name: 'worker', run_command: 'exec sleep 600' }] }),
  );
  const pid = pidOf(app, 'worker');
  process.kill(pid, 'SIGKILL');
  const next = await eventually(() => {
    const now = pidOf(view('reborn'), 'worker');
    return now !== pid && isAlive(now) ? now : undefined;
  });
  expect(next).toBeDefined();
});

test('SCHEDULED jobs fire by the played minute and are listed as invocations', async () => {
  const schedule = { cron: '*/2 * * * *', time_zone: 'UTC' };
  const jobs = [
    { name: 'often', kind: 'SCHEDULED', schedule, run_command: 'echo fired' },
    { name: 'never', kind: 'SCHEDULED', schedule: { cron: '0 0 1 1 *' }, run_command: 'echo fired' },
  ];
  const { id } = await deployed(spec('scheduled', { jobs }));
  const succeeded = found(
    await eventually(async () => {
      const { job_invocations: all } = (await world.api('GET', `/apps/${id}/job-invocations`)).body;
      const done = all.filter(({ phase }) => phase === 'SUCCEEDED');
      return done.length >= 2 ? all : undefined;
    }),
  );
  expect(new Set(succeeded.map(({ job_name: job }) => job))).toEqual(new Set(['often']));
  expect(view('scheduled').logs('often').join('\n')).toContain('fired');
});

test('a domain turns ACTIVE by its TXT record, and is served over TLS only from then on', async () => {
  await world.api('POST', '/domains', { name: 'example.com' });
  const domains = [{ domain: 'shop.example.com', type: 'PRIMARY' }];
  const { id } = await deployed(spec('domains', { domains }));
  const pending = found((await world.api('GET', `/apps/${id}`)).body.app.domains[0]);
  expect(pending.phase).toBe('CONFIGURING');
  await expect(world.visit('shop.example.com')).rejects.toThrow();

  const { txt_name: name, txt_value: data } = found(pending.validations[0]);
  expect(name).toBe('_acme-challenge.shop.example.com');
  await world.api('POST', '/domains/example.com/records', {
    type: 'TXT',
    name: '_acme-challenge.shop',
    data,
    ttl: 30,
  });
  const active = await eventually(
    () => view('domains').domains.some(({ phase }) => phase === 'ACTIVE') || undefined,
  );
  expect(active).toBe(true);
  expect(await visit('shop.example.com')).toMatchObject({ version: 'one' });

  const other = await world.api('POST', '/apps', { spec: spec('thief', { domains }) });
  expect(other.status).toBe(409);
});

test('a domain also turns ACTIVE because its record leads to the app', async () => {
  const { view: app, host } = await deployed(spec('by-cname', { domains: [{ domain: 'www.example.com' }] }));
  expect(app.domains[0]?.phase).not.toBe('ACTIVE');
  world.dns.setRecord({ name: 'www.example.com', type: 'CNAME', data: host, ttl: 30 });
  expect(await eventually(() => view('by-cname').domains[0]?.phase === 'ACTIVE' || undefined)).toBe(true);
});

test('editing trusted sources that name an app deploys that app', async () => {
  const cluster = await onlineCluster(world, 'trusting');
  const { id } = await deployed(spec('trusted'));
  await world.api('PUT', `/databases/${cluster.id}/firewall`, { rules: [{ type: 'app', value: id }] });
  const { deployments } = (await world.api('GET', `/apps/${id}/deployments`)).body;
  expect(deployments[0]?.cause_details.type).toBe('UPDATE_DATABASE_TRUSTED_SOURCES');
  await view('trusted').settled();
});

test('a rollback brings back an earlier deployment and pins the app until it is committed', async () => {
  const { id, host } = await deployed(spec('back'));
  const first = (await world.api('GET', `/apps/${id}/deployments`)).body.deployments[0]?.id;
  await world.api('PUT', `/apps/${id}`, { spec: spec('back', { version: 'two' }) });
  await view('back').settled();
  const body = { deployment_id: first };
  expect((await world.api('POST', `/apps/${id}/rollback/validate`, body)).body.valid).toBe(true);
  await world.api('POST', `/apps/${id}/rollback`, body);
  await view('back').settled();
  expect((await visit(host)).version).toBe('one');
  expect((await world.api('PUT', `/apps/${id}`, { spec: spec('back') })).status).toBe(409);
  expect((await world.api('POST', `/apps/${id}/rollback/commit`)).status).toBe(200);
  expect((await world.api('GET', `/apps/${id}`)).body.app.pinned_deployment).toBeUndefined();
});

test('in maintenance the site answers 503 and the components run on; archived, they end', async () => {
  const { id, host } = await deployed(spec('resting'));
  await world.api('PUT', `/apps/${id}`, { spec: { ...spec('resting'), maintenance: { enabled: true } } });
  await view('resting').settled();
  expect((await visit(host)).status).toBe(503);
  expect(view('resting').components).toHaveLength(1);
  await world.api('PUT', `/apps/${id}`, { spec: { ...spec('resting'), maintenance: { archive: true } } });
  await view('resting').settled();
  expect(view('resting').components).toHaveLength(0);
});

test('a database that does not trust the app cannot be reached by its bindable address', async () => {
  const cluster = await onlineCluster(world, 'closed');
  const rules = (list: object[]) => world.api('PUT', `/databases/${cluster.id}/firewall`, { rules: list });
  await rules([{ type: 'ip_addr', value: '192.0.2.1' }]);
  const databases = [{ name: 'db', engine: 'PG', production: true, cluster_name: 'closed' }];
  const envs = [{ key: 'SHOWN', value: '${db.HOSTNAME}:${db.PORT}', scope: 'RUN_TIME' }];
  const { id, host } = await deployed(spec('untrusted', { databases, envs }));
  const [address = '', port] = (await visit(host)).shown?.split(':') ?? [];
  const login = { ...cluster.public, host: address, port: Number(port) };
  const client = (): pg.Client => new pg.Client(login).on('error', () => undefined);
  await expect(client().connect()).rejects.toThrow();
  await rules([{ type: 'app', value: id }]);
  const admitted = client();
  await admitted.connect();
  await admitted.end();
  await view('untrusted').settled();
});

test('a deleted app ends its processes and its name is free again', async () => {
  const { id, host, view: app } = await deployed(spec('gone'));
  expect((await world.api('POST', '/apps', { spec: spec('gone') })).status).toBe(409);
  await world.dots.app.deleteApp({ app_id: id });
  expect(app.components.flatMap(({ pids }) => pids).some(isAlive)).toBe(false);
  await expect(world.visit(host)).rejects.toThrow();
  const proposed = await world.api('POST', '/apps/propose', { spec: spec('gone') });
  expect(proposed.body).toMatchObject({ app_name_available: true, app_cost: 12 });
});

interface Draft {
  region: string;
  services: (Record<string, unknown> & { image: Record<string, unknown> })[];
  [field: string]: unknown;
}

test.each<[string, (wanted: Draft, service: Draft['services'][number]) => void]>([
  ['a misspelt field', (wanted) => (wanted['sevices'] = [])],
  ['no instance', (_wanted, service) => (service['instance_count'] = 0)],
  ['an unknown size', (_wanted, service) => (service['instance_size_slug'] = 'apps-x')],
  [
    'two containers of a single-instance size',
    (_wanted, service) =>
      Object.assign(service, { instance_size_slug: 'apps-s-1vcpu-0.5gb', instance_count: 2 }),
  ],
  ['a datacentre as region', (wanted) => (wanted.region = 'fra1')],
  ['both tag and digest', (_wanted, service) => (service.image['tag'] = 'latest')],
  ['a VPC that does not exist', (wanted) => (wanted['vpc'] = { id: digest })],
  [
    'a schedule that is not cron',
    (wanted, { image: source }) => {
      wanted['jobs'] = [{ name: 'job', image: source, kind: 'SCHEDULED', schedule: { cron: '61 * * * *' } }];
    },
  ],
])('a spec with %s is refused, also when proposed', async (_what, change) => {
  const wanted = structuredClone(spec('refused')) as Draft;
  change(wanted, found(wanted.services[0]));
  for (const path of ['/apps', '/apps/propose']) {
    const reply = await world.api('POST', path, { spec: wanted });
    expect(reply.status).toBe(400);
    expect(reply.body.message).toMatch(/^error validating app spec field/);
  }
});

test('an image that does not exist fails the deployment, not the request', async () => {
  const wanted = spec('no-image') as unknown as { services: { image: { digest: string } }[] };
  found(wanted.services[0]).image.digest = digest;
  const { view: app } = await deployed(wanted);
  expect(app.phase).toBe('ERROR');
});

function pidOf(app: AppView, component: string): number {
  return found(app.components.find(({ name }) => name === component)?.pids[0]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
