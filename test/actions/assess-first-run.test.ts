import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readRecord } from '../../src/migration/record.ts';
import { refusingProxy, type RefusingProxy } from '../heroku/support/refusing-proxy.ts';
import { DIGITALOCEAN_TOKEN, startSides, type PhaseRun, type Sides } from './played-sides.ts';

/** All that a first run is given beside the app. */
const NOTHING_ELSE = {
  config: 'not-there.yml',
  environment: '',
  'digitalocean-token': '',
  'migration-key': '',
};
const READ_ONLY = 'HRKU-reads-only-what-is-open';
const SECRETS = ['old-postgres', 'old-redis', 'sk_live_51H8xFortyTwo', 'passw0rd-of-nobody', READ_ONLY];

let sides: Sides;
let garbage: Server;
/** In front of Heroku's API. */
let proxy: RefusingProxy;

beforeAll(async () => {
  sides = await startSides({ app: { pipeline: { name: 'shop', stage: 'staging' } } });
  proxy = await refusingProxy(sides.heroku.apiUrl);
  sides.heroku.tokens.add(READ_ONLY, ['read']);
  // Takes every connection, agrees to TLS and then speaks neither TLS, Postgres nor Redis.
  garbage = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (asked) => socket.write(asked.length === 8 ? 'S' : '-WEIRD nobody knows this\r\n'));
  }).listen(0, '127.0.0.1');
  await once(garbage, 'listening');
});
afterAll(async () => {
  garbage.close();
  proxy.close();
  await sides.stop();
});

function firstRun(inputs: Record<string, string> = {}): Promise<PhaseRun> {
  const record = `first-${Math.random().toString(36).slice(2)}.json`;
  return sides.runPhase('assess', { ...NOTHING_ELSE, 'heroku-app': 'shop-staging', record, ...inputs });
}

function withoutMasks({ log, summary, outputs }: PhaseRun): string {
  const told = log.split('\n').filter((line) => !line.startsWith('::add-mask::'));
  return told.join('\n') + summary + JSON.stringify(outputs);
}

test('a Heroku token and the name of the app are enough for a report, with the next step and no red cross', async () => {
  const before = sides.digitalOcean.requests.length;
  const run = await firstRun({ record: 'first.json' });
  expect(run.log).not.toContain('::error');
  expect(run.code).toBe(0);
  expect(run.outputs).toMatchObject({ verdict: 'decisions-needed', changed: 'false', moved: 'false' });
  expect(Number(run.outputs['cost-before'])).toBeGreaterThan(0);
  expect(run.summary).toContain('A first look');
  expect(run.summary).toContain('no input digitalocean-token was given');
  expect(run.summary).toContain('`init: true`');
  expect(run.summary).toContain('PostgreSQL');
  // Answers have no file to stand in yet.
  expect(run.summary).not.toContain('To copy into migration.yml');
  expect(sides.digitalOcean.requests.length).toBe(before);
  expect(sides.heroku.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  for (const secret of SECRETS) expect(withoutMasks(run)).not.toContain(secret);

  const record = await readRecord(join(sides.directory, 'first.json'));
  expect(record.environment).toBe('staging');
  expect(record.sections[0]?.data).toMatchObject({
    proposed: true,
    redis: { server: { flavour: expect.any(String) }, memory: {}, sample: { keys: 0 } },
  });
});

test('a token that may not read config vars gives processes, add-ons and their cost, and says what it did not see', async () => {
  const run = await firstRun({ 'heroku-token': READ_ONLY });
  expect(run.code).toBe(0);
  expect(run.outputs.verdict).toBe('blocked');
  expect(run.summary).toContain('What this run could not see');
  expect(run.summary).toContain('heroku authorizations:create --scope read,read-protected');
  for (const part of ['web: 1 × Standard-1X', 'worker: 1 × Standard-1X', 'heroku-postgresql:essential-0']) {
    expect(run.summary).toContain(part);
  }
  // Both processes have a place, so that the comparison is not one of apples and nothing.
  expect(run.summary).toMatch(/web: 1 × apps-/);
});

test('single endpoints that are refused are named, and the rest is told', async () => {
  proxy.refuse('/apps/shop-staging/domains');
  const run = await firstRun({ 'heroku-api-url': proxy.url });
  proxy.refuse(undefined);
  expect(run.code).toBe(0);
  expect(run.outputs.verdict).toBe('decisions-needed');
  expect(run.summary).toMatch(/not read: domains \|.*played.*\| a token with the scope `read`/);
});

test.each([
  ['Redis and Postgres that speak no language', () => `127.0.0.1:${portOf(garbage)}`],
  ['servers that are not there', () => '127.0.0.1:1'],
])('%s are told as not read, without an address with its password', async (_, at) => {
  const name = `broken-${Math.random().toString(36).slice(2, 8)}`;
  await sides.heroku.createApp({
    name,
    code: sides.directory,
    processTypes: {},
    formation: {},
    config: {},
    domains: [],
    postgres: { plan: 'standard-0', url: `postgres://user:passw0rd-of-nobody@${at()}/data` },
    redis: { plan: 'premium-0', url: `rediss://:passw0rd-of-nobody@${at()}` },
  });
  const run = await firstRun({ 'heroku-app': name });
  expect(run.code).toBe(0);
  expect(run.outputs.verdict).toBe('blocked');
  expect(run.summary).toContain('not read: the database');
  expect(run.summary).toContain('not read: Redis');
  expect(run.log).not.toContain('    at ');
  for (const secret of SECRETS) expect(withoutMasks(run)).not.toContain(secret);
});

test('a database whose connections are all in use is told, and nothing is ready', async () => {
  await sides.source.query('postgres', 'ALTER ROLE jgyrcngmdqfmnl CONNECTION LIMIT 0');
  const run = await firstRun();
  await sides.source.query('postgres', 'ALTER ROLE jgyrcngmdqfmnl CONNECTION LIMIT 20');
  expect(run.code).toBe(0);
  expect(run.outputs.verdict).toBe('blocked');
  expect(run.summary).toContain('all of its connections are in use');
});

test('all apps of the pipeline are told in a table, briefly, with the cost of all and one line each in the record', async () => {
  const { heroku, directory } = sides;
  const { DATABASE_URL: database = '' } = sides.app.config();
  const paper = {
    code: directory,
    onPaper: true,
    processTypes: { web: 'node web.mjs' },
    formation: { web: { quantity: 2, size: 'Standard-2X' } },
    domains: [],
    buildpacks: ['heroku/nodejs'],
  };
  await heroku.createApp({
    ...paper,
    name: 'shop-live',
    config: { KEY: 'seen-by-nobody-1' },
    pipeline: { name: 'shop', stage: 'production' },
    postgres: { plan: 'standard-0', url: database },
  });
  await heroku.createApp({
    ...paper,
    name: 'shop-dark',
    config: {},
    pipeline: { name: 'shop', stage: 'development' },
    postgres: { plan: 'standard-0', url: 'postgres://user:passw0rd-of-nobody@127.0.0.1:1/data' },
  });
  heroku.requests.splice(0);
  const [alone, run] = await Promise.all([
    firstRun({ record: 'alone.json' }),
    firstRun({ 'all-in-pipeline': 'true', record: 'all.json', 'digitalocean-token': DIGITALOCEAN_TOKEN }),
  ]);
  expect(alone.summary).toContain("`all-in-pipeline: true` also looks at the pipeline's 2 other apps");
  expect(run.code).toBe(0);
  expect(run.summary).toContain('Pipeline shop: 3 apps');
  expect(run.summary).toMatch(/shop-live \| production \| decisions needed/);
  expect(run.summary).toMatch(/shop-dark \| development \| blocked/);
  expect(run.summary).toContain('were looked at briefly');
  expect(run.log).toContain('::notice title=Blocked elsewhere::shop-dark');
  // Of the app that was asked for; the costs are those of all.
  expect(run.outputs.verdict).toBe('decisions-needed');
  expect(Number(run.outputs['cost-before'])).toBeCloseTo(
    Number(alone.outputs['cost-before']) + 2 * (100 + 50),
  );
  for (const secret of [...SECRETS, 'seen-by-nobody-1']) expect(withoutMasks(run)).not.toContain(secret);

  const { sections, environment } = await readRecord(join(directory, 'all.json'));
  expect(environment).toBe('staging');
  const { pipeline } = sections[0]?.data as { pipeline: { apps: unknown[] } };
  expect(pipeline).toMatchObject({
    name: 'shop',
    apps: [
      { app: 'shop-live', stage: 'production', verdict: 'decisions-needed', blockers: 0 },
      { app: 'shop-dark', stage: 'development', verdict: 'blocked', savingPercent: null },
    ],
  });
});

test('without a pipeline the app is assessed all the same, and what was wanted is told', async () => {
  await sides.heroku.createApp({
    name: 'alone',
    code: sides.directory,
    onPaper: true,
    processTypes: {},
    formation: {},
    config: {},
    domains: [],
  });
  const run = await firstRun({ 'heroku-app': 'alone', 'all-in-pipeline': 'true' });
  expect(run.code).toBe(0);
  expect(run.summary).toContain('belongs to no pipeline');
  // Whatever else there may be is not in the sum.
  expect(run.summary).toContain('at least $');
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
