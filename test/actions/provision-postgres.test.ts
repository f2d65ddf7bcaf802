import { join } from 'node:path';
import { z } from 'zod';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { JOURNAL_DATABASE } from '../../src/migration/journal.ts';
import { targetNames } from '../../src/migration/names.ts';
import type { PlannedCluster } from '../../src/migration/own-postgres.ts';
import { planSchema } from '../../src/migration/plan.ts';
import { addSection, latestSection, readRecord, writeRecord } from '../../src/migration/record.ts';
import { offersIn } from '../../src/migration/recorded-offer.ts';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import { readTarget, type Target } from '../../src/migration/target.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { onlyReads } from '../support/only-reads.ts';
import { full, testInFull } from '../support/or-skipped.ts';
import {
  CONFIG,
  DIGITALOCEAN_TOKEN,
  MIGRATION_KEY,
  startSides,
  type PhaseRun,
  type Sides,
} from './played-sides.ts';

const JWT = 'jwt-key-that-nobody-may-see';
const RANGE = '10.114.0.0/20';

// Half a minute of a whole world, so only in the full run; what it is made of is tested in the quick one.

// One world, in the order in which a migration goes. No Redis: what is tested here is the database.
let sides: Sides;
beforeAll(async () => {
  if (!full) return;
  sides = await startSides({
    withoutRedis: true,
    // Workers would need a Redis to wait at.
    app: {
      processTypes: { web: 'node web.mjs' },
      formation: { web: { quantity: 1, size: 'Standard-1X' } },
      scheduler: [],
    },
    config: `${CONFIG.replace(/schedule:\n.*\n/, '')}postgres: { storage: 20GB, pool: { mode: transaction, size: 8 } }\n`,
  });
  await sides.source.query(
    'd8r82722r2kuvn',
    `ALTER DATABASE d8r82722r2kuvn SET search_path = "$user", public, heroku_ext;
     ALTER ROLE jgyrcngmdqfmnl SET statement_timeout = 30000; ALTER DATABASE d8r82722r2kuvn SET work_mem = '24MB';
     ALTER DATABASE d8r82722r2kuvn SET log_min_duration_statement = '2s';
     ALTER DATABASE d8r82722r2kuvn SET app.jwt_secret = '${JWT}'`,
  );
  const assessed = await sides.runPhase('assess');
  expect(assessed.log).not.toContain('::error');
});
afterAll(async () => {
  if (full) await sides.stop();
});

const provision = (inputs: Record<string, string> = {}): Promise<PhaseRun> =>
  sides.runPhase('provision', { stage: 'infrastructure', ...inputs });
const changes = (): string[] =>
  sides.digitalOcean.requests
    .filter((request) => !onlyReads(request))
    .map(({ method, path }) => `${method} ${path}`);

/** The record with a newer plan than the one that assess made. */
async function recordWith(name: string, change: (cluster: PlannedCluster) => void): Promise<string> {
  const record = await readRecord(join(sides.directory, 'migration-record.json'));
  const data = latestSection(record, 'assess', z.looseObject({ plan: planSchema }));
  if (!data?.plan.cluster) throw new Error('assess left no plan with a cluster.');
  change(data.plan.cluster);
  const run = {
    runId: '1',
    runAttempt: 1,
    actor: 'ada',
    runUrl: 'https://github.com/acme/shop/actions/runs/1',
  };
  const facts = { ...data, outcome: 'planned', changed: false };
  await writeRecord(
    join(sides.directory, name),
    addSection(record, 'assess', { at: new Date(), run, data: facts }),
  );
  return name;
}

async function target(): Promise<Target> {
  const client = createDigitalOcean({
    token: DIGITALOCEAN_TOKEN,
    apiUrl: sides.digitalOcean.apiUrl,
    log: silentLog,
    clock: systemClock,
  });
  return readTarget(client, {
    migrationId: 'shop-staging',
    names: targetNames('shop-staging', 'shop'),
    key: requireMigrationKey(MIGRATION_KEY),
    redisPort: 6379,
    mask: () => undefined,
  });
}

async function ask(address: PostgresAddress, sql: string): Promise<Record<string, unknown>[]> {
  return withConnection(
    address,
    { applicationName: 'h2d test' },
    async (client) => (await client.query<Record<string, unknown>>(sql)).rows,
  );
}

/** The application's own way in: the private network. */
async function asTheApp(sql: string): Promise<Record<string, unknown>[]> {
  const { owner, privatePostgres } = await target();
  return ask({ ...owner, ...privatePostgres }, sql);
}

testInFull(
  'a plan with an older Postgres than Heroku has by now is refused before anything is made',
  async () => {
    const run = await provision({
      record: await recordWith('older.json', (cluster) => (cluster.version = '14')),
    });
    expect(run.code).toBe(1);
    expect(run.log).toContain("Heroku's Postgres is 15 and the plan has 14");
    expect(changes()).toEqual([]);
  },
);

testInFull(
  'an edition that DigitalOcean does not sell any more is refused with what to do before anything is made',
  async () => {
    const run = await provision({
      record: await recordWith('larger.json', (cluster) => (cluster.size = 'db-s-4vcpu-8gb')),
    });
    expect(run.code).toBe(1);
    expect(run.log).toContain('Set `postgres.size` in migration.yml, run assess again');
    expect(changes()).toEqual([]);
  },
);

testInFull('a failure half-way leaves the runner out, and the next run goes on from there', async () => {
  sides.digitalOcean.faults.inject({ path: /\/pools$/, times: 10, kind: 500 });
  const broken = await provision();
  expect(broken.code).toBe(1);
  expect(broken.log).toContain('stopped at "connection-pool"');
  expect(lastTrusted()).toEqual([RANGE]);
  sides.digitalOcean.faults.clear();

  const run = await provision();
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
  expect(changes().filter((change) => /^POST .*\/databases$/.test(change))).toHaveLength(1);
  expect(lastTrusted()).toEqual([RANGE]);
  const recorded = await readRecord(join(sides.directory, 'migration-record.json'));
  expect(offersIn([recorded])).toEqual([
    expect.objectContaining({
      engine: 'pg',
      major: 15,
      extensions: expect.objectContaining({ citext: expect.stringMatching(/^1\./) }),
    }),
  ]);
  expect(run.summary).toMatch(/jwt.*cannot be set/);
  expect(broken.log + run.log + run.summary).not.toContain(JWT);
});

function lastTrusted(): string[] {
  const last = sides.digitalOcean.requests.findLast(
    ({ method, path }) => method === 'PUT' && path.endsWith('/firewall'),
  );
  return (last?.body as { rules: { value: string }[] }).rules.map(({ value }) => value);
}

testInFull(
  'the empty database is as the application expects it: extensions, search path, settings, rights',
  async () => {
    expect(
      await asTheApp(
        `SELECT extname AS name, extnamespace::regnamespace::text AS schema FROM pg_extension
        WHERE extname IN ('citext', 'pg_trgm') ORDER BY 1`,
      ),
    ).toEqual([
      { name: 'citext', schema: 'heroku_ext' },
      { name: 'pg_trgm', schema: 'heroku_ext' },
    ]);
    const settings = await asTheApp(
      `SELECT name, reset_val AS value FROM pg_settings
      WHERE name IN ('search_path', 'statement_timeout', 'work_mem', 'log_min_duration_statement') ORDER BY 1`,
    );
    expect(Object.fromEntries(settings.map(({ name, value }) => [name, value]))).toEqual({
      search_path: '"$user", public, heroku_ext',
      statement_timeout: '30000',
      work_mem: '24576',
      log_min_duration_statement: '2000',
    });
    await asTheApp('CREATE TABLE public.mine (name heroku_ext.citext); DROP TABLE public.mine');
  },
);

testInFull('the journal is none of the application’s business', async () => {
  const { owner, privatePostgres } = await target();
  await expect(ask({ ...owner, ...privatePostgres, database: JOURNAL_DATABASE }, 'SELECT 1')).rejects.toThrow(
    /migration_journal|CONNECT|refuse/i,
  );
});

testInFull('the application reaches its database through the pool, under the pool’s name', async () => {
  const { owner, privatePool } = await target();
  if (privatePool === undefined) throw new Error('There is no pool.');
  expect(await ask({ ...owner, ...privatePool }, 'SELECT current_database() AS database')).toEqual([
    { database: 'shop' },
  ]);
  await expect(ask({ ...owner, ...privatePool, database: 'shop' }, 'SELECT 1')).rejects.toThrow();
});

testInFull('a second run changes nothing and says so; maintenance set by hand stays', async () => {
  const [cluster] = await clusters();
  expect(cluster).toMatchObject({
    storage_size_mib: 20_480,
    maintenance_window: { day: 'sunday', hour: '00:00' },
  });
  await api('PUT', `/databases/${cluster?.id ?? ''}/maintenance`, { day: 'friday', hour: '23:00' });
  const before = changes().filter((change) => !change.endsWith('/firewall'));
  const run = await provision();
  expect(run.outputs).toMatchObject({ outcome: 'unchanged', changed: 'false' });
  expect(changes().filter((change) => !change.endsWith('/firewall'))).toEqual(before);
  expect((await clusters())[0]?.maintenance_window).toMatchObject({ day: 'friday' });
});

testInFull('another size of the pool is a change, another size of the cluster is drift', async () => {
  const record = await recordWith('other-pool.json', (cluster) => {
    cluster.pool = { mode: 'session', size: 6 };
    cluster.size = 'db-s-1vcpu-2gb';
  });
  const dry = await provision({ record, 'dry-run': 'true' });
  expect(dry.log).toContain(
    'Connection pool shop-pool: change (8 connections, transaction mode → 6, session',
  );
  expect(dry.log).toMatch(/Postgres cluster shop-staging: drift .*resize it in the control panel/);
  const run = await provision({ record });
  expect(run.outputs).toMatchObject({ outcome: 'done', changed: 'true' });
  const pool = sides.digitalOcean.requests.findLast(
    ({ method, path }) => method === 'PUT' && path.endsWith('/pools/shop-pool'),
  );
  expect(pool?.body).toMatchObject({ mode: 'session', size: 6, db: 'shop', user: 'shop' });
});

const contractTest = hasContract ? testInFull : test.skip;
const suffix = hasContract ? '' : ' (skipped: ../shared/contracts does not lie beside the project)';

contractTest(`every change asked for is as DigitalOcean's API description wants it${suffix}`, () => {
  const contract = new Contract();
  const sent = sides.digitalOcean.requests.filter(({ method, status }) => method !== 'GET' && status < 300);
  const problems = sent.flatMap(({ method, path, body }) =>
    contract.problemsOfRequest(method, path.startsWith('/v2') ? path : `/v2${path}`, body),
  );
  expect(new Set(sent.map(({ path }) => path.split('/').at(-1)))).toEqual(
    new Set([
      ...['vpcs', 'databases', 'firewall', 'dbs', 'users', 'config', 'pools', 'shop-pool', 'maintenance'],
      ...['alerts', 'propose'],
    ]),
  );
  expect(problems).toEqual([]);
});

interface ShownCluster {
  id: string;
  storage_size_mib: number;
  maintenance_window: object;
}

async function clusters(): Promise<ShownCluster[]> {
  return ((await api('GET', '/databases')) as { databases: ShownCluster[] }).databases;
}

async function api(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${sides.digitalOcean.apiUrl}/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${DIGITALOCEAN_TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return text === '' ? {} : JSON.parse(text);
}
