import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { beforeItBegins } from '../../actions/cutover/before-it-begins.ts';
import { frontDoorParty } from '../../actions/cutover/front-door-traffic.ts';
import { preFlight } from '../../actions/cutover/pre-flight.ts';
import { buildForwarder } from '../../actions/front-door.ts';
import { copyLive } from '../../actions/migrate-db/copy-live.ts';
import { copyForPractice } from '../../actions/migrate-db/copy-window.ts';
import type { Parties } from '../../actions/parties.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { readCurrentSlug } from '../../src/heroku/release.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { decide } from '../../src/migration/item.ts';
import { addSection } from '../../src/migration/record.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import { closeWrites, openWrites } from '../../src/postgres/rights.ts';
import { closeRedis, openRedis } from '../../src/redis/rights.ts';
import { movingSides, stopHeroku, type MovingSides } from './moving-sides.ts';
import { plannedRecord } from './planned-record.ts';

// Whatever a cutover looks at before it touches anything, with one thing at a time as it may not be.

const CONFIG = `application: shop
strategy: window
traffic: dns
environments:
  staging: { heroku-app: shop-staging, region: fra, domains: [shop.example.com] }
dns: { provider: digitalocean, zone: example.com, ttl: 30 }
schedule:
  - { name: nightly-report, command: report, cron: "0 3 * * *" }
checks:
  - { path: /health, status: 200, contains: ok }
`;
/** On the day of the test, when no job is due. */
const NOON = `${new Date().toISOString().slice(0, 10)}T12:00:00.000Z`;
const RUN = {
  runId: '1',
  runAttempt: 1,
  actor: 'ada',
  runUrl: 'https://github.com/acme/shop/actions/runs/1',
};
const HEROKU_REDIS = { name: 'REDIS', addon: { id: 'r1', name: 'redis-round-1' } };

/** All that can be wrong; each row of the tables changes one thing of it. */
interface Scene {
  config: string;
  production: boolean;
  strategy: Strategy;
  clock: Date;
  plan: Record<string, unknown>;
  copy: Record<string, unknown> | undefined;
  /** What App Platform and the databases' API answer. */
  domain: Record<string, unknown>;
  active: string;
  newest: string;
  /** Whether the token may change the app. */
  mayChange: { status: number };
  envs: { key: string }[];
  /** The commit of each component that was built at App Platform. */
  built: Record<string, string>;
  storageMib: number | null;
  health: { status: number; body: string };
  ingressHost: string;
  /** Answers of Heroku that differ from what is played, by the end of the path. */
  heroku: Record<string, unknown[]>;
  workspace: string;
  limits: Partial<Parties['subject']['config']>;
}

let moving: MovingSides;
let api: Server;
let site: Server;
let scene: Scene;
let copied: Record<string, unknown>;
let front: string;

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  const authority = await createAuthority('Test authority');
  tls.setDefaultCACertificates([...tls.getCACertificates(), authority.pem]);
  const { key, certificate } = await authority.issue(['localhost']);
  site = createTlsServer({ key, cert: certificate }, (_request, response) =>
    response.writeHead(scene.health.status).end(scene.health.body),
  ).listen(0, '127.0.0.1');
  api = createServer((request, response) => {
    if (request.url?.endsWith('/rollback/validate') === true) response.statusCode = scene.mayChange.status;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answered(request.url ?? '')));
  }).listen(0, '127.0.0.1');
  await Promise.all([once(site, 'listening'), once(api, 'listening')]);
  front = `localhost:${portOf(site)}`;
  moving = await movingSides({
    planned: true,
    sql: `CREATE TABLE orders (id bigserial PRIMARY KEY, note text); INSERT INTO orders (note) VALUES ('a');
          CREATE TABLE schema_migrations (version text PRIMARY KEY); INSERT INTO schema_migrations VALUES ('20260101')`,
  });
  copied = { ...(await copyForPractice(moving.parties)) };
}, 120_000);

afterAll(async () => {
  await moving.close();
  site.close();
  api.close();
  await stopHeroku();
  await stopAll();
});

beforeEach(() => {
  scene = {
    ...{ config: CONFIG, production: false, strategy: 'window', clock: new Date(NOON) },
    plan: { strategy: 'window', items: [], components: [{ name: 'web', kind: 'service', count: 1 }] },
    ...{ copy: copied, domain: { phase: 'ACTIVE' }, active: 'ACTIVE', newest: 'd1', envs: [], built: {} },
    mayChange: { status: 200 },
    ...{ storageMib: 10_240, health: { status: 200, body: 'ok' }, ingressHost: front, heroku: {} },
    ...{ workspace: temporaryDirectory('workspace'), limits: {} },
  };
});

function answered(path: string): unknown {
  const components = Object.keys(scene.built).map((name) => ({ name }));
  const spec = { name: 'shop-staging', envs: scene.envs, services: components };
  const services = Object.entries(scene.built).map(([name, commit]) => ({
    name,
    source_commit_hash: commit,
  }));
  const [domain] = environmentOf(parseMigrationConfig(scene.config, 'migration.yml'), 'staging').domains;
  const app = {
    ...{ id: 'a1', spec, default_ingress: `https://${scene.ingressHost}` },
    active_deployment: scene.active === '' ? null : { id: 'd1', phase: scene.active, services },
    domains: domain === undefined ? [] : [{ spec: { domain }, ...scene.domain }],
  };
  if (path.startsWith('/v2/apps/a1/deployments'))
    return { deployments: [{ id: scene.newest, phase: scene.newest === 'd1' ? 'ACTIVE' : 'ERROR' }] };
  if (path.startsWith('/v2/databases/')) {
    const cluster = { id: 'c1', name: 'shop-staging', engine: 'pg', region: 'fra1', size: 'db-s-1vcpu-1gb' };
    return { database: { ...cluster, status: 'online', storage_size_mib: scene.storageMib } };
  }
  return { apps: [app], links: {}, meta: { total: 1 } };
}

function partiesOf({ parties, app }: MovingSides): Parties {
  const config = { ...parseMigrationConfig(scene.config, 'migration.yml'), ...scene.limits };
  const environment = {
    ...environmentOf(config, 'staging'),
    ...{ herokuApp: app.name, protected: scene.production },
  };
  const now = new Date(Math.floor(Date.now() / 1000) * 1000);
  const base = plannedRecord(app);
  const assessed = addSection(base, 'assess', {
    ...{ at: new Date(base.sections[0]?.at ?? now), run: RUN },
    data: { ...(base.sections[0]?.data as object), plan: scene.plan },
  });
  const record =
    scene.copy === undefined
      ? assessed
      : addSection(assessed, 'migrate-db', { at: now, run: RUN, data: scene.copy });
  const client = createDigitalOcean({
    ...{ token: 'dop_v1_of_a_pre_flight', apiUrl: `http://127.0.0.1:${portOf(api)}` },
    ...{ log: silentLog, clock: systemClock },
  });
  return {
    ...parties,
    subject: { ...parties.subject, config, environment, record },
    oldSide: { ...parties.oldSide, heroku: answering(parties.oldSide.heroku) },
    newSide: {
      ...parties.newSide,
      ...{ client, clusterId: 'c1', ingressHost: () => Promise.resolve(scene.ingressHost) },
    },
    clock: { ...systemClock, now: () => scene.clock },
  };
}

function answering(heroku: HerokuClient): HerokuClient {
  return {
    ...heroku,
    list: async (path, item, range) => {
      const known = Object.entries(scene.heroku).find(([end]) => path.endsWith(end))?.[1];
      return known === undefined ? heroku.list(path, item, range) : known.map((one) => item.parse(one));
    },
  };
}

/** What refuses, by what was looked at, with what was found and what to do. */
async function look(at: MovingSides = moving): Promise<Record<string, string>> {
  const parties = partiesOf(at);
  parties.log = {
    ...silentLog,
    info: (line) => {
      const [, state = '', what = ''] = /^(ok|NOT OK) {2}([^:]*)/.exec(line) ?? [];
      looked.add(what);
      if (state === 'NOT OK') refusing.add(what);
    },
  };
  const begin = await beforeItBegins(scene.workspace, parties, scene.strategy);
  const lines = await preFlight(parties, scene.strategy, begin).then(
    () => [],
    (error: unknown) => (error as Error).message.split('\n').slice(1),
  );
  return Object.fromEntries(
    lines.map((line) => {
      const [, what = '', rest = ''] =
        /^ {2}(.*?): (.*)$/.exec(line.replace(/warm: https:\S+(?=: )/, 'warm site')) ?? [];
      return [what, rest];
    }),
  );
}

/** What was looked at in any scene, and what has refused in one. */
const looked = new Set<string>();
const refusing = new Set<string>();

/** Only these refuse, each with words that say what to do. */
async function expectRefused(expected: Record<string, RegExp>, at?: MovingSides): Promise<void> {
  const refused = await look(at);
  expect(Object.keys(refused).sort()).toEqual(Object.keys(expected).sort());
  for (const [what, words] of Object.entries(expected)) expect(refused[what]).toMatch(words);
}

interface Row {
  name: string;
  wrong: () => unknown;
  refused: Record<string, RegExp>;
  after?: () => unknown;
}

const PROVISION = /Run provision with `stage: application`/;
const redis = (): { admin: never; appUser: string } => moving.parties.newSide.redis as never;

const ROWS: Row[] = [
  {
    name: 'a window that is shut',
    wrong: () => {
      scene.config = CONFIG.replace('domains:', 'window: { not-before: 01:00, not-after: 02:00 }, domains:');
    },
    refused: { 'window of the cutover': /^closed .*It opens at/ },
  },
  {
    name: 'a daily job that is due',
    wrong: () => {
      scene.clock = new Date(NOON.replace('T12', 'T03'));
    },
    refused: { 'scheduled jobs that are due meanwhile': /nightly-report .*Begin after/ },
  },
  {
    name: 'dynos that were added since the plan',
    wrong: () => {
      const formation = { id: '1', command: 'x', size: { name: 'Standard-1X' }, app: { name: 'x' } };
      scene.heroku['/formation'] = ['web', 'worker'].map((type) => ({
        ...{ ...formation, type, quantity: 3, size: 'Standard-1X' },
      }));
    },
    refused: { 'formation since the plan': /Scale it back/ },
  },
  {
    name: 'a migration that ran on Heroku since the copy',
    wrong: () => moving.postgres.onSource(`INSERT INTO schema_migrations VALUES ('20261123')`),
    refused: {
      'no migration of the schema is pending':
        /Heroku has run what the new side has not: 20261123 \(public\.schema_migrations\)\. Run migrate-db with `command: copy` again/,
    },
    after: () => moving.postgres.onSource(`DELETE FROM schema_migrations WHERE version = '20261123'`),
  },
  {
    name: 'a migration that ran on the new side only',
    wrong: () => moving.postgres.onTarget(`INSERT INTO schema_migrations VALUES ('20261124')`),
    refused: { 'no migration of the schema is pending': /Run these migrations on Heroku first/ },
    after: () => moving.postgres.onTarget(`DELETE FROM schema_migrations WHERE version = '20261124'`),
  },
  {
    name: 'a column that was added since the copy',
    wrong: () => moving.postgres.onSource('ALTER TABLE orders ADD COLUMN paid boolean'),
    refused: { 'schema since the copy': /run migrate\.yml again/ },
    after: () => moving.postgres.onSource('ALTER TABLE orders DROP COLUMN paid'),
  },
  {
    name: 'a copy that noted no schema',
    wrong: () => {
      scene.copy = { ...copied, schema: undefined };
    },
    refused: { 'schema since the copy': /^not known.*`command: copy` again/ },
  },
  {
    name: 'connections of which nothing tells',
    wrong: () => {
      scene.plan = { ...scene.plan, components: [] };
    },
    refused: { 'connection pools fit the new cluster': /Run assess/ },
  },
  {
    name: 'a pool larger than the cluster takes',
    wrong: () => {
      const { postgres } = parseMigrationConfig(CONFIG, 'migration.yml');
      scene.limits = { postgres: { ...postgres, pool: { mode: 'transaction', size: 100_000 } } };
    },
    refused: { 'connection pools fit the new cluster': /Set `postgres\.pool\.size` to \d+ or less/ },
  },
  {
    name: 'a disk that would be full',
    wrong: () => {
      scene.storageMib = 2048;
    },
    refused: {
      'disk of the new Postgres': /of 2.*control panel.*`live\.log-limit`/,
    },
  },
  {
    name: 'a disk of unknown size',
    wrong: () => {
      scene.storageMib = null;
    },
    refused: { 'disk of the new Postgres': /does not say how large it is.*Look at the storage/ },
  },
  {
    name: 'an image of the container stack',
    wrong: () => {
      const release = {
        id: 'r',
        status: 'succeeded',
        description: 'Deploy',
        created_at: '2020-01-01T00:00:00Z',
      };
      scene.heroku['/releases'] = [
        { ...release, version: 3, current: true, slug: null },
        { ...release, version: 2, current: false, slug: { id: 's' } },
      ];
    },
    refused: { 'Heroku app runs a slug': /no slug.*Not supported yet/ },
  },
  {
    name: 'a token that may only read',
    wrong: () => {
      moving.allow(['read', 'read-protected']);
    },
    refused: { 'Heroku token may change the app': /write-protected|scope/ },
    after: () => {
      moving.allow();
    },
  },
  {
    name: 'a DigitalOcean token that may not change the new app',
    wrong: () => {
      scene.mayChange = { status: 403 };
    },
    refused: {
      'DigitalOcean token may change the new app': /^no\. .*lacks the scope `app:update`.*edit it at/,
    },
  },
  {
    name: 'a DigitalOcean that does not say what its token may',
    wrong: () => {
      scene.mayChange = { status: 404 };
    },
    refused: {
      'DigitalOcean token may change the new app': /^not known\. .*404.*run this again/,
    },
  },
  {
    name: 'a Redis that another app uses, too',
    wrong: () => {
      scene.heroku[`/apps/${moving.app.name}/addon-attachments`] = [
        { ...HEROKU_REDIS, app: { name: moving.app.name } },
      ];
      scene.heroku['/addons/r1/addon-attachments'] = [{ ...HEROKU_REDIS, app: { name: 'shop-reports' } }];
    },
    refused: { 'nobody else writes to the old Redis': /shop-reports, too\. .*addons:detach/ },
  },
  {
    name: 'a new Postgres that is open',
    wrong: () => openWrites(moving.parties.newSide.owner),
    refused: { 'new Postgres is closed by rights': /^open\. Run migrate-db again/ },
    after: () => closeWrites(moving.parties.newSide.owner),
  },
  {
    name: 'a new Redis that is open',
    wrong: () => openRedis(redis().admin, redis().appUser),
    refused: { 'new Redis is closed by rights': /^open\. Run migrate-db again/ },
    after: () => closeRedis(redis().admin, redis().appUser),
  },
  {
    name: 'an app that was never deployed',
    wrong: () => {
      scene.active = '';
      scene.newest = 'd1';
    },
    refused: {
      'new app is deployed': /^never deployed\. Run provision/,
      'no deployment of the new app is pending or failed': /Wait until it has ended/,
    },
  },
  {
    name: 'a later deployment that failed',
    wrong: () => {
      scene.newest = 'd2';
    },
    refused: {
      'no deployment of the new app is pending or failed': /the newest is ERROR.*run it on Heroku first/,
    },
  },
  {
    name: 'a health check that fails',
    wrong: () => {
      scene.health = { status: 500, body: '' };
    },
    refused: { 'warm site': /HTTP 500 instead of 200\. Run provision/ },
  },
  {
    name: 'a health check that says something else',
    wrong: () => {
      scene.health = { status: 200, body: 'starting' };
    },
    refused: { 'warm site': PROVISION },
  },
  {
    name: 'a certificate that is not there yet',
    wrong: () => {
      const done = { name: 'ensure-zone', status: 'SUCCESS' };
      const open = { name: 'ensure-certificate', status: 'ERROR', reason: { message: 'rate limited' } };
      scene.domain = { phase: 'PENDING', progress: { steps: [done, open] } };
    },
    refused: {
      'certificate of shop.example.com':
        /^PENDING \(ensure-certificate: rate limited\)\. Without it visitors see TLS errors/,
    },
  },
  {
    name: 'a certificate that has expired',
    wrong: () => {
      scene.domain = { phase: 'ACTIVE', certificate_expires_at: '2026-01-01T00:00:00Z' };
    },
    refused: { 'certificate of shop.example.com': /Without it visitors see TLS errors/ },
  },
  {
    name: 'another strategy than the plan has',
    wrong: () => {
      scene.plan = { ...scene.plan, strategy: 'live' };
    },
    refused: { strategy: /^window\. The plan says live.*`command: copy` again/ },
  },
  {
    name: 'a forecast beyond the budget',
    wrong: () => {
      scene.limits = { downtimeBudgetMs: 1000 };
    },
    refused: { 'forecast of the downtime': /Raise `downtime-budget`.*`strategy: live`/ },
  },
  {
    name: 'no copy in the record',
    wrong: () => {
      scene.copy = undefined;
    },
    refused: { 'forecast of the downtime': /^no copy in the record\. Run migrate-db first/ },
  },
  {
    name: 'another commit that App Platform built',
    wrong: () => {
      scene.limits = { image: { repository: 'acme/shop', branch: 'main', dockerfile: 'Dockerfile' } };
      scene.built = { web: 'd'.repeat(40) };
    },
    refused: {
      'App Platform built what Heroku runs':
        /^web is built from d{40}, and Heroku runs [0-9a-f]{40}\. Point the branch main of acme\/shop/,
    },
  },
  {
    name: 'a build of which App Platform tells no commit',
    wrong: () => {
      scene.limits = { image: { repository: 'acme/shop', branch: 'main', dockerfile: 'Dockerfile' } };
      scene.built = { web: '' };
    },
    refused: { 'App Platform built what Heroku runs': /^App Platform does not say what it built web from/ },
  },
  {
    name: 'a question of the plan that nobody has answered',
    wrong: () => {
      scene.production = true;
      const item = { id: 'add-on/papertrail', area: 'add-on', what: 'Papertrail' } as const;
      const question = { question: 'Where to?', options: ['drop', 'keep'], why: 'logs', remedy: null };
      scene.plan = { ...scene.plan, items: [decide({ ...item, ...question })] };
    },
    refused: { 'decisions of the plan': /1 open \(add-on\/papertrail\)\. Answer them under `decisions`/ },
  },
  {
    name: 'an autoscaler that nobody has paused',
    wrong: () => {
      scene.production = true;
      scene.heroku['/log-drains'] = [{ url: 'https://logdrain.hirefire.io/x' }];
    },
    refused: { 'autoscalers stand still': /HireFire .*Then answer/ },
  },
];

test('with everything as it must be the cutover may begin', async () => {
  expect(await look()).toEqual({});
});

test.each(ROWS)('refused, with what to do: $name', async ({ wrong, refused, after }) => {
  await wrong();
  try {
    await expectRefused(refused);
  } finally {
    await after?.();
  }
});

test('the commit that App Platform built and Heroku runs is told as right', async () => {
  const { heroku, app } = moving.parties.oldSide;
  const commit = (await readCurrentSlug(heroku, app))?.commit ?? 'none';
  scene.limits = { image: { repository: 'acme/shop', branch: 'main', dockerfile: 'Dockerfile' } };
  scene.built = { web: commit };
  expect(await look()).toEqual({});
});

test('all that is wrong is said at once', async () => {
  Object.assign(scene, { storageMib: 1, newest: 'd2', health: { status: 404, body: '' } });
  expect(Object.keys(await look()).sort()).toEqual([
    ...['disk of the new Postgres', 'no deployment of the new app is pending or failed', 'warm site'],
  ]);
});

test('outside a protected environment an open question and an autoscaler are told', async () => {
  for (const row of ROWS.slice(-2)) {
    await row.wrong();
    scene.production = false;
    expect(await look()).toEqual({});
  }
});

describe('with the front door', () => {
  beforeEach(() => {
    scene.config = CONFIG.replace('traffic: dns', 'traffic: front-door');
    scene.envs = [{ key: 'FRONT_DOOR_SECRET' }];
  });

  test('all that it needs is said at once, and names may wait for their certificates', async () => {
    scene.envs = [];
    scene.domain = { phase: 'PENDING' };
    await expectRefused({
      'forwarder of the front door': PROVISION,
      'FRONT_DOOR_SECRET on the new app': PROVISION,
    });
    await buildForwarder(await frontDoorParty(partiesOf(moving)));
    scene.envs = [{ key: 'FRONT_DOOR_SECRET' }];
    expect(await look()).toEqual({});
    scene.heroku['/formation'] = [{ type: 'worker', quantity: 1, size: 'Standard-1X', command: 'x' }];
    const refused = await look();
    expect(refused['web dynos for the forwarder']).toMatch(
      /^web is scaled to zero\. .*heroku ps:scale web=1/,
    );
    delete scene.heroku['/formation'];
    scene.ingressHost = 'localhost:1';
    expect((await look())['new app trusts the forwarder']).toMatch(/^not known\. .*could not be asked/);
  }, 120_000);
});

describe('live', () => {
  let live: MovingSides;
  beforeAll(async () => {
    live = await movingSides({
      ...{ planned: true, withoutRedis: true },
      sql: 'CREATE TABLE orders (id bigserial PRIMARY KEY, note text)',
    });
  }, 120_000);
  afterAll(() => live.close());
  beforeEach(() => {
    scene.strategy = 'live';
    scene.plan = { ...scene.plan, strategy: 'live' };
    scene.copy = { strategy: 'live', measured: [{ name: 'last drain', milliseconds: 10 }] };
  });

  test('nothing that follows, a lag near its limit, a column that was added, a capture that is broken', async () => {
    await expectRefused(
      { 'lag of the new side': /^not known/, 'schema since the copy': /^not known.*`command: copy`/ },
      live,
    );
    scene.copy = { ...(await copyLive(live.parties)) };
    expect(await look(live)).toEqual({});

    const { live: limits } = parseMigrationConfig(CONFIG, 'migration.yml');
    await live.postgres.onSource(`INSERT INTO orders (note) VALUES ('not drained yet')`);
    scene.limits = { live: { ...limits, logLimitBytes: 1 } };
    await expectRefused({ 'lag of the new side': /Run migrate-db with `command: catch-up`/ }, live);
    scene.limits = {};

    await live.postgres.onSource('ALTER TABLE orders ADD COLUMN paid boolean');
    await expectRefused({ 'schema since the copy': /added: column .*paid.* run migrate\.yml again/ }, live);
    scene.limits = { live: { ...limits, onSchemaChange: 'recopy' } };
    await expectRefused({ 'schema since the copy': /`command: catch-up`/ }, live);
    scene.limits = {};
    await live.postgres.onSource('ALTER TABLE orders DROP COLUMN paid');
    expect(await look(live)).toEqual({});

    await live.postgres.onSource('DROP TABLE heroku_to_digitalocean.broken');
    const refused = await look(live);
    expect(refused['lag of the new side']).toMatch(/^the capture is broken\. .*`command: uninstall`/);
  }, 120_000);
});

test('nothing is looked at that was not seen refusing, but for what is only told', () => {
  const told = ['every dyno of the old app is listed', 'room for visitors who wait'];
  // Seen in drift.test.ts.
  const elsewhere = ['code since the plan', 'config vars since the plan'];
  expect([...looked].filter((what) => !refusing.has(what)).sort()).toEqual([...elsewhere, ...told].sort());
});
