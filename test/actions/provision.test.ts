import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { imageMark } from '../../actions/provision/registry-mark.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { targetNames } from '../../src/migration/names.ts';
import { addSection, readRecord, writeRecord } from '../../src/migration/record.ts';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import { readTargetRedis, type TargetRedis } from '../../src/migration/target.ts';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { testInFull } from '../support/or-skipped.ts';
import {
  CONFIG,
  DIGITALOCEAN_TOKEN,
  HEROKU_TOKEN,
  IMAGE,
  MIGRATION_KEY,
  SECRET_VALUE,
  startSides,
  type PhaseRun,
  type Sides,
} from './played-sides.ts';

/** What the dry runs said that it would cost, in US dollars a month. */
const promised = { infrastructure: NaN, application: NaN };

// One world, in the order in which a migration goes.
let sides: Sides;
beforeAll(async () => {
  sides = await startSides();
  // Hours of a migration in a minute: the limits of a real minute would only make it wait.
  Object.assign(sides.digitalOcean.played, { requestsPerMinute: 5_000, requestsPerHour: 50_000 });
  expect((await sides.runPhase('assess')).code).toBe(0);
});
afterAll(() => sides.stop());

const infrastructure = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
  sides.runPhase('provision', { stage: 'infrastructure', ...inputs });
const application = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
  sides.runPhase('provision', { stage: 'application', image: IMAGE, ...inputs });
const changes = (): string[] =>
  sides.digitalOcean.requests
    .filter(({ method, path }) => method !== 'GET' && !path.endsWith('/apps/propose'))
    .map(({ method, path }) => `${method} ${path}`);

/** Who may reach the cluster's public address now. */
function trusted(): string[] {
  const last = sides.digitalOcean.requests.findLast(
    ({ method, path }) => method === 'PUT' && path.endsWith('/firewall'),
  );
  return (last?.body as { rules: { value: string }[] }).rules.map(({ value }) => value);
}

/** Of the summary's table, cell by cell. */
function rowsOf(summary: string): string[][] {
  return summary
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

function totalIn({ summary }: PhaseRun): number {
  return Number(rowsOf(summary).find(([, what]) => what === 'Total')?.[4]);
}

async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${sides.digitalOcean.apiUrl}/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${DIGITALOCEAN_TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** The droplet's Redis as `numbers` of the passwords lead to it, by its private address. */
async function redisWith(passwords: { app: number; admin: number }): Promise<TargetRedis> {
  const client = createDigitalOcean({
    token: DIGITALOCEAN_TOKEN,
    apiUrl: sides.digitalOcean.apiUrl,
    log: silentLog,
    clock: systemClock,
  });
  const redis = await readTargetRedis(client, {
    migrationId: 'shop-staging',
    names: targetNames('shop-staging', 'shop'),
    key: requireMigrationKey(MIGRATION_KEY),
    redisPort: 6379,
    redisPasswords: passwords,
    mask: () => undefined,
  });
  if (redis === undefined) throw new Error('There is no droplet.');
  const { privateHost: host } = redis;
  return { ...redis, app: { ...redis.app, host }, admin: { ...redis.admin, host } };
}

/** What migrate-db leaves: a section that says that the copy is done. */
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

test('a dry run says what would be made and makes nothing', async () => {
  const run = await infrastructure({ 'dry-run': 'true' });
  expect(run.code).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'planned', changed: 'false' });
  expect(run.log).toContain('Postgres cluster shop-staging: create');
  expect(changes()).toEqual([]);
  promised.infrastructure = totalIn(run);
});

test('its summary is the diff as a table, a price on each line that costs something and their total', async () => {
  const { summary } = await infrastructure({ 'dry-run': 'true' });
  expect(summary).toContain('| Change | What | Name | Detail | USD a month |');
  const prices = new Map(rowsOf(summary).map(([, what = '', , , price = '']) => [what, price]));
  expect(prices.get('VPC')).toBe('0.00');
  expect(prices.get('Total')).toBe(promised.infrastructure.toFixed(2));
  const dear = ['Postgres cluster', 'Redis droplet'].map((what) => Number(prices.get(what)));
  expect(Math.min(...dear)).toBeGreaterThan(0);
  expect(dear.reduce((sum, price) => sum + price)).toBeCloseTo(promised.infrastructure, 2);
  expect(summary).not.toContain('Other prices than promised');
});

test('without a plan nothing is made', async () => {
  const run = await infrastructure({ record: 'empty.json' });
  expect(run.code).toBe(1);
  expect(run.log).toContain('run assess first');
  expect(changes()).toEqual([]);
});

test('a short migration key is refused with the command that makes one', async () => {
  const run = await infrastructure({ 'migration-key': 'short' });
  expect(run.code).toBe(1);
  expect(run.log).toContain('openssl rand -hex 32');
  expect(changes()).toEqual([]);
});

test('a token without a scope is told which one; the runner is taken out again although the job failed', async () => {
  const scopes = ['vpc', 'database', 'tag', 'firewall'].flatMap((resource) =>
    ['read', 'create', 'update', 'view_credentials'].map((verb) => `${resource}:${verb}`),
  );
  sides.digitalOcean.tokens.add('dop_v1_too_few_scopes_for_it', [
    ...scopes,
    'droplet:read',
    'monitoring:read',
    'monitoring:create',
    'account:read',
  ]);
  const run = await infrastructure({ 'digitalocean-token': 'dop_v1_too_few_scopes_for_it' });
  expect(run.code).toBe(1);
  expect(run.log).toContain('`droplet:create`');
  expect(trusted()).toEqual(['10.114.0.0/20']);
});

test('a re-run goes on from there, and closes everything to all but the private network at its end', async () => {
  sides.digitalOcean.faults.inject({ path: /\/databases/, times: 2, kind: 429 });
  const run = await infrastructure();
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
  expect(sides.digitalOcean.clusters().map(({ status }) => status)).toEqual(['online']);
  expect(sides.digitalOcean.droplets()[0]?.redis).toBeDefined();
  expect(sides.digitalOcean.pricePerMonth()).toBeCloseTo(promised.infrastructure, 2);
  expect(run.summary).not.toContain('Other prices than promised');
  expect(trusted()).toEqual(['10.114.0.0/20']);
  expect(run.log).toContain('closed to this runner');
});

test('a second run changes nothing and says so', async () => {
  const created = changes().filter((change) => change.startsWith('POST') && !change.endsWith('/rules'));
  const run = await infrastructure();
  expect(run.outputs).toMatchObject({ outcome: 'unchanged', changed: 'false' });
  expect(changes().filter((change) => change.startsWith('POST') && !change.endsWith('/rules'))).toEqual(
    created,
  );
});

test('the application is refused before the copy is complete', async () => {
  const run = await application();
  expect(run.code).toBe(1);
  expect(run.log).toContain('run migrate-db');
  expect(sides.digitalOcean.apps()).toEqual([]);
});

test('an image without a digest is refused before anything is made', async () => {
  await recordCopy();
  const run = await application({ image: 'registry.digitalocean.com/acme/shop:latest' });
  expect(run.code).toBe(1);
  expect(run.log).toContain('must name a digest');
  expect(sides.digitalOcean.apps()).toEqual([]);
});

test("an app of our name that is not this migration's is refused and left as it is", async () => {
  const image = { registry_type: 'DOCR', repository: 'shop', digest: `sha256:${'a'.repeat(64)}` };
  const web = { name: 'web', image, http_port: 8080, instance_size_slug: 'apps-s-1vcpu-1gb' };
  const spec = { name: 'shop-staging', region: 'fra', services: [{ ...web, run_command: 'node web.mjs' }] };
  const { app: theirs } = await api<{ app: { id: string } }>('POST', '/apps', { spec });
  const before = changes();
  const run = await application();
  const after = changes();
  await api('DELETE', `/apps/${theirs.id}`);
  expect(run.code).toBe(1);
  expect(run.log).toContain('an app named "shop-staging" that does not belong to this migration');
  expect(after).toEqual(before);
});

test('a spec that DigitalOcean refuses, or a name that another team has, is told before any app is made', async () => {
  const proposals = { method: 'POST', path: /\/apps\/propose$/, times: 1 };
  const kind = { status: 422, id: 'unprocessable_entity', message: 'instance size is not offered in fra' };
  sides.digitalOcean.faults.inject({ ...proposals, kind });
  const refused = await application();
  expect([refused.code, refused.log]).toEqual([1, expect.stringContaining(kind.message)]);
  sides.digitalOcean.played.appNamesOfOthers = ['shop-staging'];
  for (const inputs of [{}, { 'dry-run': 'true' }]) {
    const taken = await application(inputs);
    expect([taken.code, taken.log]).toEqual([1, expect.stringContaining("it is another team's")]);
  }
  sides.digitalOcean.played.appNamesOfOthers = [];
  expect(changes().filter((change) => change.endsWith('POST /v2/apps')).length).toBe(1);
  expect(sides.digitalOcean.apps()).toEqual([]);
});

test('the application is deployed and healthy, its certificate there before DNS points to it, its workers waiting', async () => {
  const planned = await application({ 'dry-run': 'true' });
  promised.application = totalIn(planned);
  // The account's, so that it is in no total of ours.
  expect(planned.log).toContain(
    'Container registry acme: keep (basic, 5.00 USD a month for the whole account, with 5 repositories and 5.0 GiB)',
  );
  const before = sides.digitalOcean.requests.length;
  const run = await application();
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
  // Checked before it is made, and made as it was checked.
  const asked = sides.digitalOcean.requests.slice(before).filter(({ method }) => method === 'POST');
  const [checked, made] = asked.filter(({ path }) => /\/apps(\/propose)?$/.test(path));
  expect([checked?.path, made?.path]).toEqual(['/v2/apps/propose', '/v2/apps']);
  expect((checked?.body as { spec: unknown }).spec).toEqual((made?.body as { spec: unknown }).spec);
  expect(run.summary).not.toContain('Other prices than promised');
  const total = promised.infrastructure + promised.application;
  expect(sides.digitalOcean.pricePerMonth()).toBeCloseTo(total, 2);
  const [app] = sides.digitalOcean.apps();
  expect(app?.phase).toBe('ACTIVE');
  expect(app?.domains).toEqual([{ name: 'staging.shop.example.com', phase: 'ACTIVE' }]);
  expect(app?.logs('worker').join('\n')).toContain('waiting until this side is open');
  expect(app?.logs('worker').join('\n')).not.toContain('worker at work');
  const record = sides.digitalOcean.dns.resolve('staging.shop.example.com', 'CNAME');
  expect(record?.value).toContain('herokudns.com');
  expect(record?.ttl).toBe(30);
});

test('an image in a registry that this account has not is told', async () => {
  sides.digitalOcean.registries.replace(['other'], 'starter');
  const run = await application({ 'dry-run': 'true' });
  sides.digitalOcean.registries.replace(['acme'], 'basic');
  expect(run.log).toMatch(/Container registry acme: drift \(.*\(it has other\)/);
});

test('a second run deploys nothing', async () => {
  const before = changes().filter((change) => change.includes('/apps'));
  const run = await application();
  expect(run.outputs).toMatchObject({ outcome: 'unchanged', changed: 'false' });
  expect(changes().filter((change) => change.includes('/apps'))).toEqual(before);
});

testInFull(
  'an app that is deployed and does not pass its checks fails the run, which says what it saw',
  async () => {
    writeFileSync(join(sides.directory, 'unwell.yml'), CONFIG.replace('contains: ok', 'contains: never'));
    const run = await application({ config: 'unwell.yml', timeout: '10s' });
    expect(run.code).toBe(1);
    expect(run.log).toContain('The app is deployed and does not pass its checks: https://');
    expect(run.log).toContain('without the text "never"');
    expect(run.log).toContain('The old side is untouched');
  },
);

test('a config var that changed on Heroku is carried over by the next run, every other secret stays encrypted', async () => {
  writeFileSync(join(sides.directory, 'other.yml'), CONFIG.replace('GREETING: hello', 'GREETING: welcome'));
  const run = await application({ config: 'other.yml' });
  expect(run.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
  const put = sides.digitalOcean.requests.findLast(
    ({ method, path }) => method === 'PUT' && /\/apps\/[^/]+$/.test(path),
  );
  const { spec } = put?.body as { spec: { envs: { key: string; value: string }[] } };
  const value = (name: string): string => spec.envs.find(({ key }) => key === name)?.value ?? '';
  expect(value('GREETING')).toBe('welcome');
  expect(value('PAYMENT_KEY')).toMatch(/^EV\[/);
});

test('no secret is in a log, a summary or the record', async () => {
  copyFileSync(join(sides.directory, 'migration-record.json'), join(sides.directory, 'seen.json'));
  const run = await application({ 'dry-run': 'true' });
  const redis = await redisWith({ app: 1, admin: 1 });
  const visible =
    run.log
      .split('\n')
      .filter((line) => !line.startsWith('::add-mask::'))
      .join('\n') +
    run.summary +
    JSON.stringify(await readRecord(join(sides.directory, 'seen.json')));
  const secrets = [
    HEROKU_TOKEN,
    DIGITALOCEAN_TOKEN,
    MIGRATION_KEY,
    SECRET_VALUE,
    redis.app.password ?? '',
    redis.admin.password ?? '',
  ];
  for (const secret of secrets) {
    expect(secret).not.toBe('');
    expect(visible).not.toContain(secret);
  }
});

testInFull(
  'App Platform builds instead: only the commit that Heroku runs is taken, and the image comes back as it was',
  async () => {
    const build = 'image: { build: app-platform, repository: acme/shop, branch: main }';
    writeFileSync(join(sides.directory, 'built.yml'), `${CONFIG}${build}\n`);
    const running = 'c'.repeat(40);
    const code = join(sides.directory, 'code');
    const built = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
      application({ config: 'built.yml', image: '', commit: running, ...inputs });
    const puts = (): number => changes().filter((change) => /^PUT .*\/apps\/[^/]+$/u.test(change)).length;
    const before = puts();

    const unknown = await built({ commit: '' });
    expect([unknown.code, unknown.log]).toEqual([
      1,
      expect.stringContaining('nobody can tell whether the same was built'),
    ]);
    const unread = await built();
    expect([unread.code, unread.log]).toEqual([
      1,
      expect.stringMatching(/GitHub user not authenticated.*apps\/github\/install/u),
    ]);
    expect(puts()).toBe(before);

    sides.branches.set('acme/shop main', { commit: 'd'.repeat(40), code });
    const other = await built();
    expect([other.code, other.log]).toEqual([
      1,
      expect.stringMatching(/web is built from d{40}.*It stays closed, and Heroku serves/u),
    ]);
    sides.branches.set('acme/shop main', { commit: running, code });
    const again = await built();
    expect(again.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
    expect(again.log).toContain(`App Platform built ${running}, which Heroku runs`);
    expect((await built()).outputs).toMatchObject({ outcome: 'unchanged', changed: 'false' });
    const [worker] = sides.digitalOcean.apps();
    expect(worker?.logs('worker').at(-1)).toContain('waiting until this side is open');

    const back = await application();
    expect(back.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
    const put = sides.digitalOcean.requests.findLast(
      ({ method, path }) => method === 'PUT' && /\/apps\/[^/]+$/.test(path),
    );
    const { spec } = put?.body as { spec: { services: Record<string, unknown>[] } };
    expect(spec.services[0]).toMatchObject({ image: { digest: expect.anything() } });
    expect(Object.keys(spec.services[0] ?? {})).not.toContain('github');
  },
  240_000,
);

testInFull(
  'new passwords of Redis: infrastructure lets them in, application deploys with its own, and only then the old ones go',
  async () => {
    const config = CONFIG.replace('GREETING: hello', 'GREETING: welcome');
    writeFileSync(
      join(sides.directory, 'migration.yml'),
      `${config}redis: { passwords: { app: 2, admin: 2 } }\n`,
    );
    const [old, fresh] = await Promise.all([1, 2].map((number) => redisWith({ app: number, admin: number })));
    const accepted = async (address: RedisAddress | undefined): Promise<string> => {
      if (address === undefined) return 'no address';
      const answer = withRedis(address, {}, (redis) => redis.ping());
      return answer.catch((error: unknown) =>
        /password was refused/.test(String(error)) ? 'refused' : String(error),
      );
    };
    const accepts = async (): Promise<string[]> =>
      Promise.all([old?.app, old?.admin, fresh?.app, fresh?.admin].map(accepted));
    expect(await accepts()).toEqual(['PONG', 'PONG', 'refused', 'refused']);

    const deployments = (): number => changes().filter((change) => change.includes('/apps')).length;
    const before = deployments();
    const early = await application();
    expect([early.code, early.log]).toEqual([
      1,
      expect.stringContaining('run provision with `stage: infrastructure` first'),
    ]);
    expect(deployments()).toBe(before);

    expect((await infrastructure()).outputs).toMatchObject({ outcome: 'done', changed: 'true' });
    expect(await accepts()).toEqual(['PONG', 'refused', 'PONG', 'PONG']);
    const run = await application();
    expect(run.log).not.toContain('::error');
    expect(run.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
    expect(deployments()).toBe(before + 1);
    expect(await accepts()).toEqual(['refused', 'refused', 'PONG', 'PONG']);

    expect((await infrastructure()).outputs).toMatchObject({ outcome: 'unchanged' });
    expect((await application()).outputs).toMatchObject({ outcome: 'unchanged' });
  },
  120_000,
);

const contractTest = hasContract ? test : test.skip;
const suffix = hasContract ? '' : ' (skipped: ../shared/contracts does not lie beside the project)';

contractTest(`every change asked for is as DigitalOcean's API description wants it${suffix}`, () => {
  const contract = new Contract();
  const sent = sides.digitalOcean.requests.filter(({ method, status }) => method !== 'GET' && status < 300);
  const problems = sent.flatMap(({ method, path, body }) =>
    contract.problemsOfRequest(method, path.startsWith('/v2') ? path : `/v2${path}`, body),
  );
  expect(sent.length).toBeGreaterThan(10);
  expect(problems).toEqual([]);
});

test('in the end everything that carries the mark is taken away, once the environment is named', async () => {
  const image = 'registry.digitalocean.com/acme/shop';
  const pushed = [`${image}:${'c'.repeat(40)}`, `${image}:${imageMark('shop', new Date())}`];
  sides.digitalOcean.registries.push(pushed, `sha256:${'a'.repeat(64)}`);
  const planned = await sides.runPhase('provision', { command: 'destroy', 'dry-run': 'true' });
  expect(planned.log).toContain('Would remove: Postgres cluster shop-staging');
  const unnamed = await sides.runPhase('provision', { command: 'destroy' });
  expect(unnamed.code).toBe(1);
  expect(sides.digitalOcean.clusters()).toHaveLength(1);
  const run = await sides.runPhase('provision', { command: 'destroy', confirm: 'staging' });
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'destroyed', changed: 'true' });
  // What was pushed goes; the registry was the account's before.
  expect(planned.log).toContain('Would remove: Image acme/shop');
  for (const told of [planned.summary, run.summary])
    expect(told).toContain('the registry acme: it was there before, or somebody else made it');
  expect(sides.digitalOcean.registries.view()).toEqual([{ name: 'acme', repositories: {} }]);
  const { digitalOcean } = sides;
  expect([...digitalOcean.apps(), ...digitalOcean.clusters(), ...digitalOcean.droplets()]).toEqual([]);
  expect(digitalOcean.pricePerMonth()).toBe(0);
});
