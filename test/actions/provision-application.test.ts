import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { readApp, updateApp } from '../../src/digitalocean/app.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { addSection, readRecord, writeRecord } from '../../src/migration/record.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { CONFIG, DIGITALOCEAN_TOKEN, IMAGE, startSides, type PhaseRun, type Sides } from './played-sides.ts';
import { testInFull } from '../support/or-skipped.ts';

/** What only dynos know, and what a log drain's address holds: to be seen nowhere. */
const DYNO_CANARY = 'canary-of-the-dyno-5d1f';
const DRAIN_CANARY = 'canary-of-the-drain-77ab';
const COMMIT = 'e4f1a2b3'.repeat(5);
const WRITER = 'HRKU-this-token-may-start-a-dyno';

let sides: Sides;
const runs: PhaseRun[] = [];

beforeAll(async () => {
  const code = railsLikeCode();
  sides = await startSides({
    config: `${CONFIG}language: node\n`,
    app: {
      code,
      buildpacks: ['heroku/ruby'],
      drains: [`https://http-intake.logs.datadoghq.eu/api/v2/logs?dd-api-key=${DRAIN_CANARY}`],
    },
    images: () => ({ code }),
    requestsPerMinute: 5000,
  });
  sides.heroku.tokens.add(WRITER, ['read', 'read-protected', 'write']);
  runs.push(await sides.runPhase('assess', { 'repository-path': checkout() }));
  runs.push(await sides.runPhase('provision', { stage: 'infrastructure' }));
  expect(runs.map(({ code: exit }) => exit)).toEqual([0, 0]);
  await recordCopy();
});
afterAll(() => sides.stop());

/** It says what it sees of the variables in question, the secret as a hash only. */
function railsLikeCode(): string {
  const directory = join(temporaryDirectory('rails'), 'code');
  mkdirSync(join(directory, '.profile.d'), { recursive: true });
  const told = `import { createHash } from 'node:crypto';
const { DYNO, HEROKU_APP_NAME, HEROKU_APP_ID, SECRET_KEY_BASE = '' } = process.env;
console.log(JSON.stringify({ DYNO, HEROKU_APP_NAME, HEROKU_APP_ID, key: createHash('sha256').update(SECRET_KEY_BASE).digest('hex') }));
process.on('SIGTERM', () => process.exit(0));
`;
  const files = {
    '.profile.d/ruby.sh': `export SECRET_KEY_BASE=${DYNO_CANARY}\n`,
    'web.mjs': `${told}import { createServer } from 'node:http';
createServer((request, response) => response.end('ok')).listen(process.env.PORT, '0.0.0.0');\n`,
    'worker.mjs': `${told}setInterval(() => {}, 1000);\n`,
    'release.mjs': told,
    'job.mjs': told,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

function checkout(): string {
  const directory = temporaryDirectory('checkout');
  const files = {
    Gemfile: "source 'https://rubygems.org'\ngem 'rails'\n",
    'release.rb':
      'A = [ENV["DYNO"], ENV["HEROKU_APP_NAME"], ENV["HEROKU_APP_ID"], ENV["HEROKU_SLUG_COMMIT"]]\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
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

async function application(inputs: Record<string, string> = {}): Promise<PhaseRun> {
  const run = await sides.runPhase('provision', {
    stage: 'application',
    image: IMAGE,
    'heroku-token': WRITER,
    ...inputs,
  });
  runs.push(run);
  return run;
}

function client(): DigitalOcean {
  const { apiUrl } = sides.digitalOcean;
  return createDigitalOcean({ token: DIGITALOCEAN_TOKEN, apiUrl, log: silentLog, clock: systemClock });
}

async function liveSpec(): Promise<{ id: string; spec: Record<string, unknown> }> {
  const app = await readApp(client(), 'shop-staging');
  if (app === undefined) throw new Error('there is no app');
  return { id: app.id, spec: app.spec };
}

/** Somebody changes the spec in the control panel, and it is deployed. */
async function byHand(id: string, spec: object): Promise<void> {
  await updateApp(client(), id, spec);
  for (;;) {
    const app = await readApp(client(), 'shop-staging');
    if (app?.pending_deployment == null && app?.in_progress_deployment == null) return;
    await delay(50);
  }
}

/** Each of these runs a phase or two more. */

interface Told {
  DYNO?: string;
  HEROKU_APP_NAME?: string;
  HEROKU_APP_ID?: string;
  key: string;
}

/** What a component said of itself last. */
function toldBy(component: string): Told {
  const logs = sides.digitalOcean.apps()[0]?.logs(component) ?? [];
  const line = logs.findLast((text) => text.includes('"key"')) ?? '';
  return JSON.parse(line.slice(line.indexOf('{'))) as Told;
}

testInFull('a dry run says that a dyno will be asked, and asks none', async () => {
  const run = await application({ 'dry-run': 'true' });
  expect(run.log).toContain('SECRET_KEY_BASE: added (will be read once from a one-off dyno)');
  expect(sides.heroku.rendezvous.attached).toBe(0);
  expect(sides.heroku.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
});

test('a token that may not start a dyno is refused with what to do, before anything is made', async () => {
  const run = await application({ 'heroku-token': 'HRKU-this-is-the-token-of-the-old-side' });
  expect(run.code).toBe(1);
  expect(run.log).toContain('the scope `write`');
  expect(run.log).toContain('heroku config:set -a shop-staging SECRET_KEY_BASE=');
  expect(run.log).toContain('variable/SECRET_KEY_BASE: sessions-end');
  expect(sides.digitalOcean.apps()).toEqual([]);
});

test("the dyno's secret is the new side's, each component has its own DYNO, and the commit is the one that is given", async () => {
  const unlike = await application({ commit: 'main' });
  expect([unlike.code, unlike.log]).toEqual([1, expect.stringContaining('The input commit is "main"')]);
  const run = await application({ commit: COMMIT });
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'done' });
  const key = createHash('sha256').update(DYNO_CANARY).digest('hex');
  const { id, spec } = await liveSpec();
  expect(toldBy('web')).toEqual({ DYNO: 'web.1', HEROKU_APP_NAME: 'shop-staging', HEROKU_APP_ID: id, key });
  expect(toldBy('release')).toMatchObject({ DYNO: 'release.1', key });
  expect(spec.envs).toContainEqual(expect.objectContaining({ key: 'HEROKU_SLUG_COMMIT', value: COMMIT }));
  const secret = (spec.envs as { key: string }[]).find((one) => one.key === 'SECRET_KEY_BASE');
  expect(secret).toMatchObject({ type: 'SECRET', scope: 'RUN_TIME', value: expect.stringMatching(/^EV\[/) });
  expect(sides.heroku.rendezvous.attached).toBe(1);
});

test('nothing else is changed on Heroku, and the dyno is gone', () => {
  const changes = sides.heroku.requests
    .filter(({ method, status }) => method !== 'GET' && status !== 403)
    .map(({ method, path }) => `${method} ${path.replace(/run\.\d+/, 'run.N')}`);
  expect(changes).toEqual([
    'POST /apps/shop-staging/dynos',
    'POST /apps/shop-staging/dynos/run.N/actions/stop',
  ]);
  expect(sides.app.dynos().map(({ name }) => name)).not.toContainEqual(expect.stringMatching(/^run\./));
});

test('the log drain has become a log destination of every component', async () => {
  const { spec } = await liveSpec();
  const components = [spec.services, spec.workers, spec.jobs].flat() as { log_destinations: unknown }[];
  expect(components.length).toBe(4);
  for (const { log_destinations: destinations } of components) {
    expect(destinations).toMatchObject([
      { name: 'Datadog', datadog: { endpoint: 'https://http-intake.logs.datadoghq.eu' } },
    ]);
  }
});

test('a second run changes nothing and asks no dyno', async () => {
  const run = await application();
  expect(run.outputs).toMatchObject({ outcome: 'unchanged' });
  expect(sides.heroku.rendezvous.attached).toBe(1);
});

testInFull(
  'another secret that changes leaves it as it is, and what a person tuned or added stays',
  async () => {
    const { id, spec } = await liveSpec();
    const services = (spec.services as Record<string, unknown>[]).map((one) => ({
      ...one,
      termination: { drain_seconds: 90, grace_period_seconds: 40 },
    }));
    await byHand(id, { ...spec, services, egress: { type: 'DEDICATED_IP' } });
    writeFileSync(
      join(sides.directory, 'other.yml'),
      `${CONFIG.replace('GREETING: hello', 'GREETING: welcome')}language: node\n`,
    );
    const run = await application({ config: 'other.yml' });
    expect(run.outputs).toMatchObject({ outcome: 'done' });
    const after = (await liveSpec()).spec;
    expect(after).toMatchObject({
      egress: { type: 'DEDICATED_IP' },
      vpc: spec.vpc,
      services: [{ termination: { drain_seconds: 90, grace_period_seconds: 40 } }],
    });
    expect(toldBy('web').key).toBe(createHash('sha256').update(DYNO_CANARY).digest('hex'));
    expect(sides.heroku.rendezvous.attached).toBe(1);
  },
);

testInFull('what is missing on the new side is read again', async () => {
  const { id, spec } = await liveSpec();
  const envs = (spec.envs as { key: string }[]).filter(({ key }) => key !== 'SECRET_KEY_BASE');
  await byHand(id, { ...spec, envs });
  const run = await application();
  expect(run.log).not.toContain('::error');
  expect(sides.heroku.rendezvous.attached).toBe(2);
  expect(toldBy('web').key).toBe(createHash('sha256').update(DYNO_CANARY).digest('hex'));
});

test('neither canary is in a log, a summary, an output or the record; the record has the name and a keyed digest', async () => {
  const record = await readRecord(join(sides.directory, 'migration-record.json'));
  const read = record.sections.flatMap(({ data }) => (data as { secretsRead?: unknown[] }).secretsRead ?? []);
  expect(read).toContainEqual({
    name: 'SECRET_KEY_BASE',
    digest: expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/),
  });
  const masked = runs.flatMap(({ log }) => log.split('\n').filter((line) => line.startsWith('::add-mask::')));
  expect(masked.join()).toContain(DYNO_CANARY);
  expect(masked.join()).toContain(DRAIN_CANARY);
  const visible =
    JSON.stringify(record) +
    runs
      .map(({ log, summary, outputs }) => summary + JSON.stringify(outputs) + withoutMasks(log))
      .join('\n') +
    sides.app.logs().join('\n') +
    JSON.stringify(sides.heroku.requests);
  for (const canary of [DYNO_CANARY, DRAIN_CANARY, Buffer.from(DYNO_CANARY).toString('base64').slice(0, 16)])
    expect(visible).not.toContain(canary);
});

function withoutMasks(log: string): string {
  return log
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');
}

const contractTest = hasContract ? test : test.skip;

contractTest("every spec that was sent is as DigitalOcean's API description wants it", () => {
  const contract = new Contract();
  const sent = sides.digitalOcean.requests.filter(
    ({ method, path, status }) => method !== 'GET' && path.includes('/apps') && status < 300,
  );
  const problems = sent.flatMap(({ method, path, body }) =>
    contract.problemsOfRequest(method, path.startsWith('/v2') ? path : `/v2${path}`, body),
  );
  expect(sent.length).toBeGreaterThan(1);
  expect(problems).toEqual([]);
});
