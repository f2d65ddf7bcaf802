import { expect, test } from '@jest/globals';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { inventoryItems } from '../../src/migration/inventory-items.ts';
import { itemSchema, type Item } from '../../src/migration/item.ts';
import { nearestRegions } from '../../src/migration/region-items.ts';

const NOW = new Date('2026-11-23T00:00:00Z');

/** An app with nothing that anybody must decide. */
const plain: HerokuInventory = {
  app: {
    id: '1',
    name: 'shop',
    stack: 'heroku-24',
    generation: 'cedar',
    region: 'eu',
    space: null,
    shield: false,
    internalRouting: false,
    team: null,
    maintenance: false,
    automaticCertificates: true,
    webUrl: null,
    language: 'Ruby',
  },
  formation: [{ type: 'web', quantity: 1, size: 'Basic', command: 'bin/web' }],
  processTypes: { web: 'bin/web' },
  slugCommit: null,
  releasePhase: null,
  buildpacks: ['heroku/ruby'],
  dynoSizes: [],
  addOns: [],
  attachments: [],
  sharedUses: [],
  dataServices: [],
  configVars: [],
  domains: [],
  certificates: [],
  drains: [],
  webhooks: [],
  features: [],
  pipeline: null,
  collaborators: 1,
  teamMembers: null,
  autoscalers: [],
  automaticDeploys: { state: 'not-connected', repository: null, branch: null, waitForCi: false, why: '' },
  hasScheduler: false,
  parked: false,
  unknown: [],
};

const redis = {
  id: 'r',
  name: 'redis-round-1',
  service: 'heroku-redis',
  plan: 'heroku-redis:premium-0',
  billedCentsPerMonth: 1500,
  billedTo: 'shop',
  configVars: ['REDIS_URL'],
  state: 'provisioned',
};

const database: HerokuInventory['dataServices'][number] = {
  addOn: 'postgresql-flat-1',
  service: 'heroku-postgresql',
  plan: 'heroku-postgresql:standard-0',
  info: {},
  followers: [],
  following: null,
  forks: [],
  credentials: ['default'],
  links: 0,
  backupSchedules: [],
  maintenance: null,
};

const domain: HerokuInventory['domains'][number] = {
  hostname: 'shop.example.com',
  kind: 'custom',
  cname: 'x.herokudns.com',
  acmStatus: 'cert issued',
  acmReason: null,
  wildcard: false,
  apex: false,
  certificate: { kind: 'managed', expiresAt: '2026-12-01T00:00:00Z' },
};

function itemsOf(changes: Partial<HerokuInventory>): Item[] {
  const items = inventoryItems({ ...plain, ...changes }, NOW);
  const ids = items.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const item of items) {
    expect(itemSchema.parse(item)).toEqual(item);
    expect(item.id).toMatch(/^[a-z]\S*\/\S+$/);
    expect(item.why).not.toBe('');
    if (item.verdict === 'decide') expect(item.options.length).toBeGreaterThan(0);
    if (item.verdict !== 'automatic') expect(item.remedy).not.toBeNull();
  }
  return items;
}

function verdicts(changes: Partial<HerokuInventory>): Record<string, string> {
  const before = new Set(itemsOf({}).map((item) => JSON.stringify(item)));
  return Object.fromEntries(
    itemsOf(changes)
      .filter((item) => !before.has(JSON.stringify(item)))
      .map(({ id, verdict, remedy }) => [id, verdict === 'automatic' && remedy !== null ? 'told' : verdict]),
  );
}

test('a plain app has nothing to decide', () => {
  expect(itemsOf({}).map(({ id, verdict }) => `${id} ${verdict}`)).toEqual([
    'app/stack automatic',
    'app/buildpacks automatic',
    'app/region automatic',
    'traffic/automatic-deploys automatic',
  ]);
});

test('where the app runs decides whether it can move at all', () => {
  const app = (changes: Partial<HerokuInventory['app']>) => ({ app: { ...plain.app, ...changes } });
  expect(verdicts(app({ generation: 'fir' }))).toEqual({ 'app/generation': 'blocked' });
  expect(verdicts(app({ space: 'quiet', shield: true }))).toEqual({ 'app/shield': 'blocked' });
  expect(verdicts(app({ internalRouting: true }))).toEqual({ 'app/internal-routing': 'decide' });
  expect(verdicts(app({ stack: 'heroku-22' }))).toEqual({
    'app/stack': 'automatic',
    'app/old-stack': 'told',
  });
  expect(verdicts(app({ region: 'atlantis' }))).toEqual({ 'app/region': 'decide' });
  expect(nearestRegions('us')[0]).toBe('nyc');
  expect(nearestRegions('eu')).toContain('fra');
});

test('a buildpack beside those of languages brought something: a question', () => {
  expect(
    verdicts({
      buildpacks: [
        'heroku/ruby',
        'https://github.com/heroku/heroku-buildpack-nodejs#v250',
        'https://github.com/acme/heroku-buildpack-ffmpeg.git#v2',
        'heroku-community/apt',
      ],
    }),
  ).toEqual({
    'app/buildpacks': 'automatic',
    'app/buildpack/acme-heroku-buildpack-ffmpeg': 'decide',
    'app/buildpack/heroku-community-apt': 'decide',
  });
});

test('what another app uses of this one blocks where it would be cut off, and is a question elsewhere', () => {
  const papertrail = { ...redis, name: 'papertrail-1', service: 'papertrail' };
  expect(
    verdicts({
      addOns: [redis, papertrail],
      sharedUses: [
        { addOn: 'redis-round-1', app: 'reports', name: 'QUEUES' },
        { addOn: 'papertrail-1', app: 'reports', name: 'LOGS' },
      ],
    }),
  ).toEqual({ 'add-on/shared/reports/queues': 'blocked', 'add-on/shared/reports/logs': 'decide' });
});

test('what ends with the database is told one by one: followers, credentials, links, backups', () => {
  expect(
    verdicts({
      dataServices: [
        {
          ...database,
          followers: ['postgresql-blue-2'],
          forks: ['HEROKU_POSTGRESQL_PINK'],
          credentials: ['default', 'metabase'],
          links: 1,
          maintenance: {
            status: 'pending',
            window: 'Tuesdays 18:00 to 22:00 UTC',
            scheduledFor: '2026-12-01T18:00:00Z',
            requiredBy: null,
            reason: null,
          },
        },
      ],
    }),
  ).toEqual({
    'consumer/follower/postgresql-blue-2': 'decide',
    'consumer/fork/heroku_postgresql_pink': 'told',
    'consumer/credential/metabase': 'decide',
    'consumer/dataclips': 'told',
    'postgres/data-links': 'decide',
    'postgres/backups': 'told',
    'postgres/maintenance/postgresql-flat-1': 'decide',
  });
});

test('a database that follows another one cannot be moved', () => {
  const items = itemsOf({ dataServices: [{ ...database, following: 'postgresql-flat-9' }] });
  expect(items.find(({ id }) => id === 'postgres/follower')).toMatchObject({
    verdict: 'blocked',
    what: 'postgresql-flat-1 follows postgresql-flat-9',
  });
});

test('an announced maintenance is a question with its time; a window without one is only told', () => {
  const maintenance = {
    status: 'none',
    window: 'Tuesdays',
    scheduledFor: null,
    requiredBy: null,
    reason: null,
  };
  expect(verdicts({ dataServices: [{ ...database, maintenance }] })).toMatchObject({
    'postgres/maintenance-window/postgresql-flat-1': 'told',
  });
  const announced = { ...maintenance, status: 'ready', scheduledFor: '2026-12-01T18:00:00Z' };
  const items = itemsOf({ dataServices: [{ ...database, maintenance: announced }] });
  expect(items.find(({ id }) => id.startsWith('postgres/maintenance/'))?.why).toBe(
    'planned for 2026-12-01T18:00:00Z, window Tuesdays',
  );
});

test('of two databases each is told with its own backups and Dataclips', () => {
  const other = { ...database, addOn: 'postgresql-tall-2', plan: 'heroku-postgresql:premium-4', links: 1 };
  const items = itemsOf({ dataServices: [{ ...database, links: 1 }, other] });
  for (const name of ['postgresql-flat-1', 'postgresql-tall-2'])
    for (const kind of ['postgres/backups', 'consumer/dataclips', 'postgres/data-links'])
      expect(items.find(({ id }) => id === `${kind}/${name}`)?.what).toContain(name);
  expect(items.find(({ id }) => id === 'postgres/backups/postgresql-tall-2')?.why).toMatch(
    /^plan heroku-postgresql:premium-4; /,
  );
});

test('a window of Redis does not become one of the cluster', () => {
  const maintenance = {
    status: 'none',
    window: 'Tuesdays',
    scheduledFor: null,
    requiredBy: null,
    reason: null,
  };
  const store = { ...database, addOn: 'redis-round-1', service: 'heroku-redis' as const, maintenance };
  const item = itemsOf({ dataServices: [store] }).find(({ id }) => id.startsWith('redis/'));
  expect(item).toMatchObject({
    id: 'redis/maintenance-window/redis-round-1',
    becomes: expect.stringContaining('a droplet'),
  });
});

test('what scales or deploys by itself must stand still in the window', () => {
  expect(
    verdicts({
      autoscalers: [
        { name: 'Heroku', evidence: ['its monitor'], limits: { process: 'web', min: 2, max: 8 } },
        { name: 'HireFire', evidence: ['the config var HIREFIRE_TOKEN'], limits: null },
      ],
      automaticDeploys: { state: 'on', repository: 'acme/shop', branch: 'main', waitForCi: false, why: '' },
    }),
  ).toEqual({
    'traffic/autoscaler/heroku': 'decide',
    'traffic/autoscaler/hirefire': 'decide',
    'traffic/automatic-deploys': 'decide',
  });
});

test('whether GitHub deploys by itself is a question while it is not known, never taken for no', () => {
  const [item] = itemsOf({
    automaticDeploys: { state: 'unknown', repository: null, branch: null, waitForCi: false, why: 'HTTP 503' },
  }).filter(({ id }) => id === 'traffic/automatic-deploys');
  expect(item).toMatchObject({ verdict: 'decide', why: 'HTTP 503' });
});

test('pipeline, review apps and people are left behind, and said to be', () => {
  expect(
    verdicts({
      app: { ...plain.app, team: 'acme' },
      teamMembers: 9,
      pipeline: {
        id: 'p',
        name: 'shop',
        stage: 'production',
        apps: [
          { id: '1', name: 'shop', stage: 'production' },
          { id: '2', name: 'shop-staging', stage: 'staging' },
        ],
        reviewApps: { automatic: true, waitForCi: false, destroyStale: false, open: 3 },
        connectedToGithub: true,
      },
    }),
  ).toEqual({ 'app/pipeline': 'told', 'app/review-apps': 'decide', 'app/people': 'told' });
});

test('each kind of domain and certificate has its own answer', () => {
  expect(verdicts({ domains: [domain] })).toEqual({ 'domain/certificate/shop.example.com': 'automatic' });
  expect(
    verdicts({
      domains: [{ ...domain, certificate: { kind: 'uploaded', expiresAt: '2026-12-01T00:00:00Z' } }],
    }),
  ).toEqual({ 'domain/certificate/shop.example.com': 'decide', 'domain/expiry/shop.example.com': 'told' });
  expect(verdicts({ domains: [{ ...domain, certificate: { kind: 'none', expiresAt: null } }] })).toEqual({
    'domain/certificate/shop.example.com': 'told',
  });
  expect(verdicts({ domains: [{ ...domain, acmStatus: 'failing' }] })).toEqual({
    'domain/certificate/shop.example.com': 'told',
  });
  expect(verdicts({ domains: [{ ...domain, hostname: 'example.com', apex: true }] })).toMatchObject({
    'domain/apex/example.com': 'told',
  });
  expect(verdicts({ domains: [{ ...domain, hostname: '*.example.com', wildcard: true }] })).toMatchObject({
    'domain/wildcard/*.example.com': 'blocked',
  });
  // Heroku's own name is nobody's certificate to settle.
  expect(verdicts({ domains: [{ ...domain, kind: 'heroku' }] })).toEqual({});
});

test('a certificate that no domain uses is left behind by name', () => {
  const certificate = { expiresAt: null, issuer: null, selfSigned: false };
  expect(
    verdicts({
      certificates: [
        { ...certificate, name: 'used', domains: ['*.example.com'] },
        { ...certificate, name: 'unused', domains: ['old.example.org'] },
      ],
      domains: [domain],
    }),
  ).toEqual({
    'domain/certificate/shop.example.com': 'automatic',
    'domain/endpoint/unused': 'automatic',
  });
});

test('config vars that lead to a name at Heroku are asked about; what an add-on sets is not', () => {
  expect(
    verdicts({
      configVars: [
        { name: 'CALLBACK', class: 'secret', leadsTo: 'own-heroku-host' },
        { name: 'REPORTS', class: 'host', leadsTo: 'other-heroku-host' },
        { name: 'HEROKU_APP_DEFAULT_DOMAIN_NAME', class: 'platform', leadsTo: 'own-heroku-host' },
        { name: 'PARTNER', class: 'host', leadsTo: 'elsewhere' },
      ],
    }),
  ).toEqual({ 'variable/CALLBACK/host': 'decide', 'variable/REPORTS/host': 'told' });
});

test('the release phase and sleeping dynos are told', () => {
  expect(
    verdicts({
      releasePhase: 'rake db:migrate',
      formation: [{ type: 'web', quantity: 1, size: 'Eco', command: 'bin/web' }],
    }),
  ).toEqual({ 'process/release-phase': 'told', 'process/eco': 'told' });
});
