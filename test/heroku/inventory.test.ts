import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { startHeroku, type HerokuApp, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { readAllInPipeline } from '../../src/heroku/all-in-pipeline.ts';
import { isApex } from '../../src/heroku/domains.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { hostReferenceOf } from '../../src/heroku/host-reference.ts';
import { readInventory, type HerokuInventory } from '../../src/heroku/inventory.ts';
import { readPipeline } from '../../src/heroku/pipeline.ts';
import { silentLog } from '../../src/log.ts';
import { refusingProxy, type RefusingProxy } from './support/refusing-proxy.ts';

const APPS = 40;
let world: HerokuWorld;
let proxy: RefusingProxy;
let shop: HerokuApp;

/** Waiting takes no time. */
const impatient: Clock = { now: () => new Date(), sleep: () => Promise.resolve() };

function clientOf(url: string, token = 'token', clock: Clock = systemClock): HerokuClient {
  return createHeroku({ token, apiUrl: url, dataApiUrl: url, log: silentLog, clock });
}

const unofficial = () => ({ token: 'token', metricsUrl: world.metricsUrl, githubUrl: world.githubUrl });

function inventoryOf(client: HerokuClient, name = 'shop'): Promise<HerokuInventory> {
  return readInventory(client, name, world.app(name).config(), { unofficial: unofficial() });
}

beforeAll(async () => {
  world = await startHeroku({
    log: silentLog,
    authority: await createAuthority('test'),
    played: { requestsPerHour: 1_000_000 },
  });
  world.tokens.add('token', ['global']);
  world.tokens.add('reader', ['read']);
  const bare = { processTypes: {}, formation: {}, config: {}, domains: [] };
  shop = await world.createApp({
    name: 'shop',
    code: temporaryDirectory('code'),
    processTypes: { web: 'sleep 1000', worker: 'sleep 1000', release: 'true' },
    formation: { web: { quantity: 0, size: 'Performance-M' } },
    config: {
      CALLBACK: 'https://shop.herokuapp.com/callback?key=seen-nowhere',
      OTHER: 'https://reports.herokuapp.com',
      HIREFIRE_TOKEN: 'seen-nowhere',
      HEROKU_APP_ID: '01234567-89ab-cdef-0123-456789abcdef',
      RAILS_ENV: 'production',
    },
    domains: ['shop.example.com', '*.shop.example.com', 'example.com'],
    buildpacks: ['https://me:seen-nowhere@github.com/acme/heroku-buildpack-x', 'heroku/nodejs'],
    postgres: {
      plan: 'standard-0',
      url: 'postgres://user:seen-nowhere@127.0.0.1:1/db',
      followers: ['postgresql-flat-1'],
      forks: ['HEROKU_POSTGRESQL_BLUE'],
      credentials: ['default', 'reports'],
      maintenance: {
        status: 'pending',
        scheduledFor: '2026-12-01T18:00:00Z',
        requiredBy: '2026-12-08T18:00:00Z',
        reason: 'an operating system update',
      },
    },
    redis: { plan: 'premium-0', url: 'rediss://:seen-nowhere@127.0.0.1:1' },
    scheduler: [],
    addOns: [{ plan: 'judoscale:team', config: { JUDOSCALE_URL: 'https://seen-nowhere.example' } }],
    pipeline: { name: 'shop', stage: 'production', review: { automatic: true, open: 3 } },
    team: 'acme',
    space: { name: 'quiet', shield: true },
    features: ['http-session-affinity'],
    github: { repo: 'acme/shop', branch: 'main', autoDeploy: true, waitForCi: true },
    autoscaling: { min: 2, max: 8, active: true },
  });
  for (let number = 1; number < APPS; number += 1) {
    await world.createApp({
      ...bare,
      name: `client-${String(number).padStart(2, '0')}`,
      code: temporaryDirectory('code'),
      addOns: [{ plan: 'papertrail:fixa', config: { PAPERTRAIL_API_TOKEN: 'seen-nowhere' } }],
      pipeline: { name: 'shop', stage: number % 2 === 0 ? 'staging' : 'development' },
      team: 'acme',
    });
  }
  await world.createApp({
    ...bare,
    name: 'lake',
    code: temporaryDirectory('code'),
    addOns: [{ plan: 'heroku-postgresql:advanced', config: { DATABASE_URL: 'seen-nowhere' } }],
  });
  const attachments = await clientOf(world.apiUrl).list(
    '/apps/shop/addon-attachments',
    z.object({ name: z.string(), addon: z.object({ name: z.string() }) }),
  );
  const redis = attachments.find(({ name }) => name === 'REDIS')?.addon.name;
  await clientOf(world.apiUrl).post(
    '/addon-attachments',
    { addon: redis, app: 'client-01', name: 'QUEUES' },
    z.unknown(),
  );
  proxy = await refusingProxy(world.apiUrl);
}, 120_000);
afterAll(async () => {
  proxy.close();
  await world.stop();
  await stopAll();
});

test('everything about the app is read, and no config value, address or password is kept', async () => {
  const inventory = await inventoryOf(clientOf(world.apiUrl));
  expect(inventory.unknown).toEqual([]);
  expect(inventory.app).toMatchObject({ space: 'quiet', shield: true, team: 'acme', generation: 'cedar' });
  expect(inventory).toMatchObject({ releasePhase: 'true', collaborators: 1, teamMembers: 1 });
  // In the order in which they run.
  expect(inventory.buildpacks).toEqual(['https://github.com/acme/heroku-buildpack-x', 'heroku/nodejs']);
  expect(inventory.dataServices).toEqual([
    {
      addOn: expect.stringMatching(/^postgresql-/) as unknown,
      service: 'heroku-postgresql',
      plan: 'heroku-postgresql:standard-0',
      info: expect.objectContaining({ Plan: 'Standard 0', Credentials: '2' }) as unknown,
      followers: ['postgresql-flat-1'],
      following: null,
      forks: ['HEROKU_POSTGRESQL_BLUE'],
      credentials: ['default', 'reports'],
      links: 0,
      backupSchedules: [],
      maintenance: {
        status: 'pending',
        window: 'Tuesdays 18:00 to 22:00 UTC',
        scheduledFor: '2026-12-01T18:00:00Z',
        requiredBy: '2026-12-08T18:00:00Z',
        reason: 'an operating system update',
      },
    },
    expect.objectContaining({ service: 'heroku-redis', plan: 'heroku-redis:premium-0', credentials: null }),
  ]);
  expect(inventory.sharedUses).toEqual([
    { addOn: expect.stringMatching(/^redis-/) as unknown, app: 'client-01', name: 'QUEUES' },
  ]);
  expect(inventory.domains.filter(({ kind }) => kind === 'custom')).toMatchObject([
    { hostname: '*.shop.example.com', wildcard: true, apex: false },
    { hostname: 'example.com', wildcard: false, apex: true },
    { hostname: 'shop.example.com', wildcard: false, apex: false, certificate: { kind: 'managed' } },
  ]);
  expect(inventory.autoscalers).toEqual([
    {
      name: 'Heroku',
      evidence: ['its monitor of the web dynos is active'],
      limits: { process: 'web', min: 2, max: 8 },
    },
    { name: 'HireFire', evidence: ['the config var HIREFIRE_TOKEN'], limits: null },
    {
      name: 'Judoscale',
      evidence: [expect.stringMatching(/^the add-on judoscale-/), 'the config var JUDOSCALE_URL'] as unknown,
      limits: null,
    },
  ]);
  expect(inventory.automaticDeploys).toEqual({
    state: 'on',
    repository: 'acme/shop',
    branch: 'main',
    waitForCi: true,
    why: '',
  });
  expect(inventory.pipeline).toMatchObject({
    name: 'shop',
    stage: 'production',
    reviewApps: { automatic: true, waitForCi: true, open: 3 },
    connectedToGithub: true,
  });
  expect(inventory.pipeline?.apps).toHaveLength(APPS);
  expect(inventory.configVars).toContainEqual({
    name: 'CALLBACK',
    class: 'secret',
    leadsTo: 'own-heroku-host',
  });
  expect(inventory.configVars).toContainEqual({ name: 'OTHER', class: 'host', leadsTo: 'other-heroku-host' });
  const classes = new Map(inventory.configVars?.map(({ name, class: its }) => [name, its]));
  expect(classes.get('DATABASE_URL')).toBe('add-on');
  expect(classes.get('HEROKU_APP_ID')).toBe('platform');
  expect(classes.get('RAILS_ENV')).toBe('plain');
  expect(classes.get('HIREFIRE_TOKEN')).toBe('secret');
  expect(JSON.stringify(inventory)).not.toMatch(/seen-nowhere|not-for-anybody|callback/);
});

test.each([403, 404] as const)(
  'any single endpoint that answers %d gives a partial report that names what would tell',
  async (status) => {
    const client = clientOf(proxy.url, 'token', impatient);
    proxy.refuse(undefined);
    proxy.asked.length = 0;
    await inventoryOf(client);
    const paths = [...new Set(proxy.asked)].filter((path) => path !== '/apps/shop');
    expect(paths.length).toBeGreaterThan(25);
    const silent: string[] = [];
    for (const path of paths) {
      proxy.refuse(path, status);
      const { unknown, processTypes } = await inventoryOf(client);
      proxy.refuse(undefined);
      if (unknown.length === 0) silent.push(path.replace(/[0-9a-f-]{36}/, ':id'));
      for (const { what, why, permission } of unknown) {
        expect(what).not.toBe('');
        expect(why).not.toMatch(/undefined|\[object/);
        expect(permission).toMatch(/the scope `read(-protected)?`|a token of a collaborator/);
      }
      if (path.includes('/slugs/') && status === 404) expect(processTypes).toBeNull();
    }
    // There 404 is Heroku's word for "there is none".
    expect(silent.sort()).toEqual(
      status === 403
        ? []
        : ['/apps/shop/pipeline-couplings', '/apps/shop/slugs/:id', '/pipelines/:id/review-app-config'],
    );
  },
);

test('a token with the scope `read` alone gives an inventory without what is protected', async () => {
  const inventory = await readInventory(clientOf(world.apiUrl, 'reader'), 'shop', undefined);
  expect(inventory.configVars).toBeNull();
  expect(inventory.addOns.length).toBeGreaterThan(3);
  expect(inventory.dataServices[0]?.credentials).toBeNull();
  expect(inventory.unknown.map(({ what }) => what.replace(/-[a-z]+-\d+/, ''))).toEqual([
    'automatic deploys from GitHub',
    'config vars',
    'credentials of postgresql',
    "Heroku's own autoscaling of web dynos",
    'the state of postgresql',
    'the state of redis',
  ]);
  expect(inventory.unknown.find(({ what }) => what.startsWith('credentials'))?.permission).toContain(
    '`read-protected`',
  );
});

test('of a database of the Advanced tier it is asked whether to go on without its followers and credentials', async () => {
  const { unknown, dataServices } = await inventoryOf(clientOf(world.apiUrl), 'lake');
  expect(dataServices).toMatchObject([{ plan: 'heroku-postgresql:advanced', credentials: null }]);
  expect(unknown).toContainEqual(
    expect.objectContaining({
      what: expect.stringMatching(/^followers, credentials and settings of heroku-postgresql-/) as unknown,
      permission: expect.stringContaining('heroku data:pg:info') as unknown,
      essential: true,
    }),
  );
});

test('a token that Heroku does not know ends the inventory at once', async () => {
  await expect(readInventory(clientOf(world.apiUrl, 'wrong'), 'shop', undefined)).rejects.toThrow(
    'does not know the token',
  );
});

test('what the dashboard knows stays unknown when its addresses are silent, and is no error', async () => {
  const silent = 'http://127.0.0.1:9';
  const inventory = await readInventory(clientOf(world.apiUrl), 'shop', shop.config(), {
    unofficial: { token: 'token', metricsUrl: silent, githubUrl: silent },
  });
  expect(inventory.automaticDeploys).toMatchObject({ state: 'unknown', repository: null });
  expect(inventory.unknown.map(({ what }) => what)).toEqual([
    'automatic deploys from GitHub',
    "Heroku's own autoscaling of web dynos",
  ]);
});

test('a pipeline of 40 apps is read side by side within seconds, in its own order', async () => {
  const masked: string[] = [];
  const before = world.requests.length;
  const begun = performance.now();
  const { apps, gaps, pipeline } = await readAllInPipeline(clientOf(world.apiUrl), 'client-05', {
    unofficial: unofficial(),
    mask: (configVars) => masked.push(...Object.values(configVars)),
  });
  const seconds = (performance.now() - begun) / 1000;
  expect(gaps).toEqual([]);
  expect(pipeline.name).toBe('shop');
  expect(apps).toHaveLength(APPS);
  expect(apps[0]).toMatchObject({
    inventory: { app: { name: 'shop' }, pipeline: { stage: 'production' }, unknown: [] },
  });
  expect(new Set(apps.map(({ inventory }) => inventory.app.name)).size).toBe(APPS);
  const stages = new Map(pipeline.apps.map(({ name, stage }) => [name, stage]));
  expect(apps.every(({ inventory }) => inventory.pipeline?.stage === stages.get(inventory.app.name))).toBe(
    true,
  );
  expect(masked).toContain('seen-nowhere');
  expect(seconds).toBeLessThan(45);
  const members = world.requests.slice(before).filter(({ path }) => /^\/teams\/[^/]+\/members/.test(path));
  expect(members.length).toBeGreaterThan(0);
  // Each team once, however many of its apps there are.
  expect(members).toHaveLength(new Set(members.map(({ path }) => path)).size);
  // Well within an hour's 4,500, which the account's other tokens share.
  expect(world.requests.length - before).toBeLessThan(1000);
});

test('requests that Heroku refuses for its limit are made again: nothing is lost of a pipeline', async () => {
  world.faults.inject({ times: 40, after: 100, kind: 429 });
  const { apps, gaps } = await readAllInPipeline(clientOf(world.apiUrl, 'token', impatient), 'shop', {
    unofficial: unofficial(),
    mask: () => undefined,
  });
  world.faults.clear();
  expect(gaps).toEqual([]);
  expect(apps).toHaveLength(APPS);
  expect(apps.flatMap(({ inventory }) => inventory.unknown)).toEqual([]);
});

test('an app of the pipeline that the token may not see is named', async () => {
  world.tokens.add('narrow', ['global'], ['shop', 'client-01']);
  const { pipeline, gaps } = await readPipeline(clientOf(world.apiUrl, 'narrow'), 'shop');
  expect(pipeline?.apps.filter(({ name }) => name !== null)).toHaveLength(2);
  expect(gaps).toHaveLength(APPS - 2);
  expect(gaps[0]).toMatchObject({ permission: 'a token of a collaborator of that app', essential: false });
});

test('a list of 2,300 items is read to its end, and none is lost or doubled', async () => {
  const client = clientOf(world.apiUrl);
  const ids = await Promise.all(
    Array.from({ length: 2300 }, (_, number) =>
      client.post(
        '/apps/client-02/log-drains',
        { url: `syslog://logs-${number}.example.com:514` },
        z.object({ id: z.string() }),
      ),
    ),
  );
  const { drains } = await inventoryOf(client, 'client-02');
  expect(drains).toHaveLength(2300);
  expect(new Set(drains.map(({ host }) => host)).size).toBe(2300);
  expect(ids).toHaveLength(2300);
});

test('what a value leads to is told without the value', () => {
  const own = {
    herokuHosts: ['shop.herokuapp.com', 'shop-1a2b.herokuapp.com'],
    domains: ['shop.example.com'],
  };
  expect(hostReferenceOf('shop-1a2b.herokuapp.com', own)).toBe('own-heroku-host');
  expect(hostReferenceOf('a.example.com,https://shop.herokuapp.com/x', own)).toBe('own-heroku-host');
  expect(hostReferenceOf('https://user:word@reports.herokuapp.com', own)).toBe('other-heroku-host');
  expect(hostReferenceOf('https://shop.example.com:443/a?b', own)).toBe('own-domain');
  expect(hostReferenceOf('redis://:word@cache.internal.example:6379/0', own)).toBe('elsewhere');
  expect(hostReferenceOf('production', own)).toBeNull();
  expect(hostReferenceOf('1.22.3', own)).toBeNull();
});

test('a zone’s own name is told from a name within it', () => {
  expect(['example.com', 'example.co.uk', 'example.com.au'].every(isApex)).toBe(true);
  expect(['www.example.com', 'www.example.co.uk', '*.example.com', 'a.b.io'].some(isApex)).toBe(false);
});
