import { beforeAll, expect, test } from '@jest/globals';
import { appSpecSchema } from '../../../rehearsal/digitalocean/apps/spec.ts';
import { Contract, godoFields, hasContract } from './openapi.ts';
import { eventually, found, onlineCluster, testWorld, type Reply, type TestWorld } from './played-world.ts';

const suffix = hasContract ? '' : ' (skipped: ../shared/contracts does not lie beside the project)';
const contractTest = hasContract ? test : test.skip;

let world: TestWorld;
let contract: Contract;
let problems: string[];

beforeAll(async () => {
  if (!hasContract) return;
  world = await testWorld();
  contract = new Contract();
});

/** Asks, and checks the answer and (when it was accepted) the request. */
async function ask(method: string, path: string, body?: unknown): Promise<Reply> {
  const reply = await world.api(method, path, body);
  const full = `/v2${path}`;
  problems.push(
    ...contract.problemsOfAnswer(method, full, reply.status, reply.text === '' ? undefined : reply.body),
  );
  if (reply.status < 300 && body !== undefined)
    problems.push(...contract.problemsOfRequest(method, full, body));
  return reply;
}

function contractFor(what: string, body: () => Promise<void>): void {
  contractTest(
    `${what}: accepted requests and all answers are as DigitalOcean describes them${suffix}`,
    async () => {
      problems = [];
      await body();
      expect(problems).toEqual([]);
    },
  );
}

contractFor('container registries', async () => {
  await ask('GET', '/registries/options');
  await ask('GET', '/registries');
  await ask('POST', '/registries/validate-name', { name: 'acme' });
  await ask('POST', '/registries', { name: 'acme', subscription_tier_slug: 'basic', region: 'fra1' });
  await ask('POST', '/registries/validate-name', { name: 'acme' });
  await ask('POST', '/registries', { name: 'second', subscription_tier_slug: 'basic' });
  await ask('GET', '/registries/acme');
  await ask('GET', '/registries/other');
  await ask('GET', '/registries/subscription');
  for (const letter of ['a', 'b'])
    world.registries.push([`registry.digitalocean.com/acme/shop:v${letter}`], `sha256:${letter.repeat(64)}`);
  await ask('GET', '/registries/acme/repositoriesV2?per_page=1');
  await ask('GET', '/registries/acme/repositories/shop/digests?per_page=1');
  await ask('GET', '/registries/acme/repositories/other/digests');
  await ask('DELETE', `/registries/acme/repositories/shop/digests/sha256:${'a'.repeat(64)}`);
  await ask('DELETE', '/registries/acme/repositories/shop');
  await ask('DELETE', '/registries/acme');
  await ask('DELETE', '/registries/acme');
});

contractFor('account, sizes, regions, errors', async () => {
  for (const path of [
    '/account',
    '/customers/my/balance',
    '/sizes?per_page=2',
    '/regions?per_page=2&page=2',
    '/tags',
  ]) {
    await ask('GET', path);
  }
  await ask('GET', '/account/keys');
  world.tokens.add('powerless', []);
  const refused = await world.api('GET', '/account', undefined, 'powerless');
  expect(refused.status).toBe(403);
  const unknown = await world.api('GET', '/account', undefined, 'unknown');
  problems.push(...contract.problemsOfAnswer('GET', '/v2/account', 401, unknown.body));
});

contractFor('networks, projects, domains', async () => {
  const { vpc } = (await ask('POST', '/vpcs', { name: 'contract', region: 'fra1', description: 'mark' }))
    .body;
  await ask('GET', '/vpcs?per_page=1');
  await ask('GET', `/vpcs/${vpc.id}`);
  await ask('GET', `/vpcs/${vpc.id}/members`);
  await ask('PATCH', `/vpcs/${vpc.id}`, { name: 'contract', description: 'other' });

  const project = (await ask('POST', '/projects', { name: 'p', purpose: 'Web Application' })).body.project;
  await ask('GET', '/projects');
  await ask('GET', '/projects/default');
  await ask('GET', '/projects/default/resources');
  await ask('POST', `/projects/${project.id}/resources`, { resources: ['do:domain:example.org'] });
  await ask('GET', `/projects/${project.id}/resources`);

  await ask('POST', '/domains', { name: 'example.org' });
  await ask('GET', '/domains');
  await ask('GET', '/domains/example.org');
  const record = { type: 'A', name: 'www', data: '192.0.2.1', ttl: 30 };
  const made = (await ask('POST', '/domains/example.org/records', record)).body.domain_record;
  await ask('GET', '/domains/example.org/records?name=www.example.org&type=A');
  await ask('PUT', `/domains/example.org/records/${made.id}`, { ...record, ttl: 60 });
  await ask('GET', `/domains/example.org/records/${made.id}`);
  await ask('DELETE', `/domains/example.org/records/${made.id}`);
  await ask('GET', '/domains/nowhere.example/records');
});

contractFor('databases', async () => {
  await ask('GET', '/databases/options');
  const { id } = await onlineCluster(world, 'contract');
  const at = `/databases/${id}`;
  await ask('GET', '/databases');
  await ask('GET', at);
  await ask('GET', `${at}/ca`);
  await ask('POST', `${at}/dbs`, { name: 'shop' });
  await ask('GET', `${at}/dbs`);
  await ask('GET', `${at}/dbs/shop`);
  await ask('POST', `${at}/users`, { name: 'shop' });
  await ask('GET', `${at}/users`);
  await ask('GET', `${at}/users/shop`);
  await ask('PUT', `${at}/firewall`, {
    rules: [{ type: 'ip_addr', value: '10.0.0.0/8', description: 'VPC' }],
  });
  await ask('GET', `${at}/firewall`);
  await ask('POST', `${at}/pools`, { name: 'pool', mode: 'transaction', size: 5, db: 'shop', user: 'shop' });
  await ask('GET', `${at}/pools`);
  await ask('DELETE', `${at}/pools/pool`);
  await ask('DELETE', `${at}/users/shop`);
  await ask('DELETE', `${at}/dbs/shop`);
  const wanted = {
    name: 'second',
    engine: 'pg',
    version: String((await world.api('GET', '/databases/options')).body.options.pg.versions[0]),
    region: 'fra1',
    size: 'db-s-1vcpu-1gb',
    num_nodes: 1,
    tags: ['heroku-to-digitalocean:shop'],
  };
  const second = (await ask('POST', '/databases', wanted)).body.database;
  await ask('DELETE', `/databases/${second.id}`);
  await ask('GET', '/databases/00000000-0000-4000-8000-000000000000');
});

contractFor('droplets and firewalls', async () => {
  const wanted = {
    name: 'contract',
    region: 'fra1',
    size: 's-1vcpu-1gb',
    image: 'ubuntu-24-04-x64',
    tags: ['contract'],
    user_data: '#cloud-config\n{}\n',
    backups: true,
    monitoring: true,
  };
  const { id } = (await ask('POST', '/droplets', wanted)).body.droplet;
  await eventually(() =>
    world.droplets().find((droplet) => droplet.id === id && droplet.status === 'active'),
  );
  await ask('GET', `/droplets/${id}`);
  await ask('GET', '/droplets?tag_name=contract');
  await ask('GET', `/droplets/${id}/actions`);
  const rule = { protocol: 'tcp', ports: '6379', sources: { addresses: ['10.0.0.0/8'] } };
  const all = { addresses: ['0.0.0.0/0', '::/0'] };
  const firewall = {
    name: 'contract',
    droplet_ids: [id],
    tags: ['contract'],
    inbound_rules: [rule],
    outbound_rules: [{ protocol: 'tcp', ports: 'all', destinations: all }],
  };
  const made = (await ask('POST', '/firewalls', firewall)).body.firewall;
  await ask('GET', '/firewalls');
  await ask('GET', `/firewalls/${made.id}`);
  await ask('PUT', `/firewalls/${made.id}`, firewall);
  const more = { inbound_rules: [{ ...rule, ports: '22' }] };
  await ask('POST', `/firewalls/${made.id}/rules`, more);
  await ask('DELETE', `/firewalls/${made.id}/rules`, more);
  await ask('GET', `/droplets/${id}/firewalls`);
  await ask('GET', '/tags/contract');
  await ask('DELETE', `/firewalls/${made.id}`);
  await ask('DELETE', `/droplets/${id}`);
});

contractFor('apps', async () => {
  await ask('GET', '/apps/tiers/instance_sizes');
  await ask('GET', '/apps/regions');
  const digest = world.image({});
  const spec = (version: string): object => ({
    name: 'contract',
    region: 'fra',
    services: [
      {
        name: 'web',
        image: { registry_type: 'GHCR', registry: 'acme', repository: 'shop', digest },
        run_command: `node -e "require('http').createServer((q, s) => s.end()).listen(process.env.PORT)"`,
        instance_size_slug: 'apps-s-1vcpu-1gb',
        instance_count: 1,
        http_port: 8080,
        envs: [{ key: 'VERSION', value: version, scope: 'RUN_TIME', type: 'SECRET' }],
      },
    ],
    domains: [{ domain: 'contract.example.org', type: 'PRIMARY' }],
  });
  await ask('POST', '/apps/propose', { spec: spec('one') });
  await ask('POST', '/apps', { spec: spec('one') });
  const view = found(world.apps().find(({ name }) => name === 'contract'));
  const at = `/apps/${view.id}`;
  await ask('GET', at);
  await view.settled();
  const [first] = (await ask('GET', `${at}/deployments`)).body.deployments;
  await ask('GET', '/apps');
  await ask('GET', `${at}/deployments/${first?.id ?? ''}`);
  await ask('GET', `${at}/deployments/${first?.id ?? ''}/logs?type=RUN`);
  await ask('GET', `${at}/health`);
  await ask('GET', `${at}/instances`);
  await ask('GET', `${at}/job-invocations`);
  await ask('PUT', at, { spec: spec('two') });
  await view.settled();
  await ask('POST', `${at}/rollback/validate`, { deployment_id: first?.id });
  await ask('POST', `${at}/rollback`, { deployment_id: first?.id });
  await view.settled();
  await ask('POST', `${at}/rollback/revert`);
  await view.settled();
  await ask('POST', `${at}/deployments`, { force_build: false });
  await view.settled();
  await ask('POST', '/apps', { spec: spec('one') });
  await ask('DELETE', at);
  await ask('GET', at);
});

contractTest(`the check itself refuses an answer that lacks a field or has a wrong one${suffix}`, () => {
  const path = '/v2/databases/options';
  expect(contract.problemsOfAnswer('GET', path, 200, { options: { pg: { versions: 15 } } })).not.toEqual([]);
  expect(contract.problemsOfAnswer('GET', '/v2/sizes', 200, { sizes: [{}], meta: {} })).not.toEqual([]);
});

contractTest(`the played app spec has the fields of DigitalOcean's own client and no others${suffix}`, () => {
  const { shape } = appSpecSchema;
  const keys = (of: object): string[] => Object.keys(of).sort();
  const known = (type: string, more: string[] = []): string[] =>
    [...new Set([...godoFields(type), ...more])].sort();
  expect(keys(shape)).toEqual(known('AppSpec'));
  expect(keys(shape.services.unwrap().element.shape)).toEqual(known('AppServiceSpec'));
  expect(keys(shape.workers.unwrap().element.shape)).toEqual(known('AppWorkerSpec'));
  expect(keys(shape.jobs.unwrap().element.shape)).toEqual(known('AppJobSpec'));
  expect(keys(shape.databases.unwrap().element.shape)).toEqual(known('AppDatabaseSpec'));
  expect(keys(shape.domains.unwrap().element.shape)).toEqual(known('AppDomainSpec'));
  expect(keys(shape.maintenance.unwrap().shape)).toEqual(known('AppMaintenanceSpec'));
  // One field that the OpenAPI description has beyond godo's.
  expect(keys(shape.ingress.unwrap().shape)).toEqual(known('AppIngressSpec', ['custom_error_page_url']));
});
