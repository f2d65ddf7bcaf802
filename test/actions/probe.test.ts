import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

import type { Otherwise as OtherwiseNewSide } from '../../rehearsal/digitalocean/played.ts';
import { startDigitalOcean, type DigitalOceanWorld } from '../../rehearsal/digitalocean/world.ts';
import type { Otherwise as OtherwiseOldSide } from '../../rehearsal/heroku/played.ts';
import { startHeroku, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { startForwardProxy } from '../../rehearsal/servers/forward-proxy.ts';
import { freePort } from '../../rehearsal/servers/free-port.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { silentLog } from '../../src/log.ts';
import { readRecord } from '../../src/migration/record.ts';
import { newestAnswers } from '../../src/probe/probe-record.ts';
import { probeIds, type ProbeId } from '../../src/probe/probes.ts';
import { full, testInFull } from '../support/or-skipped.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { runEntry, type EntryOptions, type PhaseRun } from './run-entry.ts';

// Both played companies with nothing but an app on Heroku: whatever else there is, the probes have made. In the full run;
// what they conclude from what they see is in probe-verdicts.test.ts.
const HEROKU_TOKEN = 'HRKU-this-is-the-token-of-the-probes';
const DIGITALOCEAN_TOKEN = 'dop_v1_this-is-the-token-of-the-probes';
const TARGET = 'heroku-to-digitalocean:shop-staging-probe';

let heroku: HerokuWorld;
let digitalOcean: DigitalOceanWorld;
let directory: string;
let stop: () => Promise<void>;
let run: (inputs?: Record<string, string>, fate?: EntryOptions['fate']) => Promise<PhaseRun>;

beforeAll(async () => {
  if (!full) return;
  const authority = await createAuthority('the rehearsal');
  directory = temporaryDirectory('probes');
  const code = join(directory, 'code');
  mkdirSync(code);
  heroku = await startHeroku({
    ...{ log: silentLog, authority },
    played: { buildMs: 200, shutdownSeconds: 5, requestsPerHour: 100_000 },
  });
  heroku.tokens.add(HEROKU_TOKEN, ['global']);
  await heroku.createApp({
    ...{ name: 'shop-staging', code, onPaper: true, region: 'eu' },
    processTypes: { web: 'node web.mjs' },
    formation: { web: { quantity: 1, size: 'Standard-1X' } },
    ...{ config: {}, domains: [] },
  });
  digitalOcean = await startDigitalOcean({
    ...{ log: silentLog, authority, egressAddress: () => '203.0.113.10' },
    images: (reference) => (reference === 'library/node:24-alpine' ? { code } : undefined),
    played: {
      ...{ clusterMs: 300, dropletMs: 200, deploymentMs: 200, certificateMs: 200 },
      ...{ requestsPerMinute: 5_000, requestsPerHour: 50_000 },
    },
  });
  digitalOcean.tokens.add(DIGITALOCEAN_TOKEN, 'all');
  digitalOcean.dns.createZone('example.com');
  // The first network of a datacentre becomes its default; this account has had one for long.
  await fetch(`${digitalOcean.apiUrl}/v2/vpcs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${DIGITALOCEAN_TOKEN}`, accept: 'application/json' },
    body: JSON.stringify({ name: 'default-fra1', region: 'fra1' }),
  });
  const proxy = await startForwardProxy({
    resolve: (host) =>
      host.endsWith('.ondigitalocean.app')
        ? digitalOcean.ingress.https
        : host.endsWith('.herokuapp.com')
          ? heroku.router.https
          : undefined,
  });
  const egress = createServer((_request, response) => response.end('203.0.113.10\n')).listen(0, '127.0.0.1');
  await once(egress, 'listening');
  writeFileSync(join(directory, 'ca.pem'), authority.pem);
  writeFileSync(
    join(directory, 'migration.yml'),
    `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra }
redis: { kind: droplet, port: ${await freePort()} }
dns: { provider: digitalocean, zone: example.com, ttl: 30 }
`,
  );
  run = (inputs = {}, fate) =>
    runEntry('probe', {
      directory,
      ...(fate === undefined ? {} : { fate }),
      inputs: {
        environment: 'staging',
        'heroku-token': HEROKU_TOKEN,
        'heroku-api-url': heroku.apiUrl,
        'heroku-data-api-url': heroku.dataApiUrl,
        'scheduler-api-url': heroku.schedulerUrl,
        'digitalocean-token': DIGITALOCEAN_TOKEN,
        'digitalocean-api-url': digitalOcean.apiUrl,
        'egress-url': `http://127.0.0.1:${(egress.address() as AddressInfo).port}/`,
        record: `record-${Math.random().toString(36).slice(2)}.json`,
        ...inputs,
      },
      environment: {
        NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
        https_proxy: proxy.url,
        HTTPS_PROXY: proxy.url,
        no_proxy: '127.0.0.1,localhost',
      },
    });
  stop = async () => {
    egress.close();
    await proxy.close();
    await Promise.all([heroku.stop(), digitalOcean.stop()]);
    await stopAll();
  };
}, 120_000);

afterAll(async () => {
  if (full) await stop();
});

/** Nothing that the probes make is there, on either side. */
function expectNothingLeft(): void {
  expect(heroku.appNames()).toEqual(['shop-staging']);
  expect(digitalOcean.pricePerMonth()).toBe(0);
  expect({
    clusters: digitalOcean.clusters(),
    droplets: digitalOcean.droplets(),
    apps: digitalOcean.apps(),
  }).toEqual({ clusters: [], droplets: [], apps: [] });
  expect(digitalOcean.dns.resolve('_acme-challenge.h2d-probe-staging.example.com', 'TXT')).toBeUndefined();
}

const record = async (phase: PhaseRun) => {
  const { sections } = await readRecord(join(directory, phase.outputs['record'] ?? ''));
  return sections.at(-1)?.data as { outcome: string; probes: { id: string; result: string; seen: string }[] };
};

testInFull('a dry run makes nothing, and says what a run would make and cost', async () => {
  const from = { heroku: heroku.requests.length, digitalOcean: digitalOcean.requests.length };
  const planned = await run({ 'dry-run': 'true' });
  expect(planned.log).not.toContain('::error');
  expect(planned.outputs).toMatchObject({ outcome: 'planned', changed: 'false' });
  expect(planned.log).toMatch(
    /Would make: Heroku add-on heroku-postgresql:essential-0 \(default-credential\)/,
  );
  expect(planned.log).toMatch(/A run of an hour costs 0\.\d\d USD at most\./);
  const changes = [
    ...heroku.requests.slice(from.heroku),
    ...digitalOcean.requests.slice(from.digitalOcean),
  ].filter(({ method }) => method !== 'GET');
  expect(changes).toEqual([]);
});

testInFull(
  'every probe passes on platforms that do what is believed of them, and nothing is left',
  async () => {
    const passed = await run();
    expect(passed.log).not.toContain('::error');
    expect((await record(passed)).probes.map(({ id, result, seen }) => [id, result, seen])).toEqual(
      probeIds.map((id) => [id, 'passed', expect.any(String)]),
    );
    expect(passed.outputs).toMatchObject({ outcome: 'passed', changed: 'true' });
    expect(passed.summary).toContain('Probes for shop (staging): passed');
    expectNothingLeft();
  },
  300_000,
);

const HEROKU_OTHERWISE: [ProbeId, OtherwiseOldSide, RegExp][] = [
  ['default-credential', 'no-schemas', /may not make a schema.*42501/],
  ['key-value-store', 'no-tracking', /refuses CLIENT TRACKING/],
  ['foreign-slug', 'own-slugs-only', /was not released: .*404/],
  ['slug-outlives-app', 'slugs-die-with-their-app', /whose app is deleted has not answered/],
  ['empty-slug', 'empty-slugs-keep-the-code', /still found the application code/],
];

const fails = async (id: ProbeId, why: RegExp, inputs: Record<string, string> = {}): Promise<void> => {
  const failed = await run({ probes: id, ...inputs });
  expect(failed.code).toBe(1);
  expect((await record(failed)).probes.find((one) => one.id === id)).toMatchObject({
    result: 'failed',
    seen: expect.stringMatching(why),
  });
  expect(failed.outputs['outcome']).toBe('failed');
  expect(failed.log).toContain('A platform does otherwise than is believed');
  expectNothingLeft();
};

for (const [id, otherwise, why] of HEROKU_OTHERWISE) {
  testInFull(
    `${id} fails where Heroku is so: ${otherwise}`,
    async () => {
      heroku.played.otherwise = [otherwise];
      try {
        await fails(id, why, id === 'slug-outlives-app' ? { timeout: '40s' } : {});
      } finally {
        heroku.played.otherwise = [];
      }
    },
    120_000,
  );
}

testInFull(
  'router-hold fails where the router does not wait for a dyno that starts',
  async () => {
    heroku.played.holdSeconds = 1;
    try {
      await fails('router-hold', /requests were refused .* with HTTP 503/);
    } finally {
      heroku.played.holdSeconds = 75;
    }
  },
  120_000,
);

testInFull('scheduler-address fails where the dashboard reads its jobs elsewhere', () =>
  fails('scheduler-address', /answered with HTTP 4/, { 'scheduler-api-url': `${heroku.apiUrl}/nowhere` }),
);

testInFull(
  'attached-dyno fails where the rendezvous is not to be had',
  async () => {
    heroku.rendezvous.refuse();
    await fails('attached-dyno', /the connection to .* failed|ended before it began/);
  },
  120_000,
);

const NEW_SIDE_OTHERWISE: [ProbeId, OtherwiseNewSide, RegExp][] = [
  ['doadmin', 'doadmin-owns-nothing', /may not make a schema.*42501/],
  ['open-sessions', 'users-are-superusers', /when the right was taken is not refused/],
  ['private-network', 'private-network-closed', /of the cluster ".+", of Redis on the droplet ".+"/],
  ['plain-domain', 'no-early-certificates', /has its TXT record and no certificate/],
];

for (const [id, otherwise, why] of NEW_SIDE_OTHERWISE) {
  testInFull(
    `${id} fails where DigitalOcean is so: ${otherwise}`,
    async () => {
      digitalOcean.played.otherwise = [otherwise];
      try {
        await fails(id, why, { timeout: '25s' });
      } finally {
        digitalOcean.played.otherwise = [];
      }
    },
    120_000,
  );
}

testInFull('what a token may not do is not asked, and is no verdict of the platform', async () => {
  const limited = 'dop_v1_this-is-a-token-that-may-only-read';
  digitalOcean.tokens.add(limited, [
    ...['app:read', 'database:read', 'droplet:read', 'firewall:read', 'vpc:read', 'tag:read'],
    ...['sizes:read', 'monitoring:read', 'domain:read'],
  ]);
  const unasked = await run({ probes: 'doadmin', 'digitalocean-token': limited });
  expect(unasked.code).toBe(1);
  expect((await record(unasked)).probes).toMatchObject([
    { id: 'doadmin', result: 'not-asked', seen: expect.stringContaining('`vpc:create`') },
  ]);
  expect(unasked.outputs['outcome']).toBe('incomplete');
  expectNothingLeft();
});

testInFull(
  'a run that is killed leaves its things under its mark, and a sweep takes them away',
  async () => {
    await run({ probes: 'doadmin, scheduler-address' }, { at: /doadmin: passed/, signal: 'SIGKILL' });
    expect(digitalOcean.clusters().map(({ name }) => name)).toEqual(['shop-staging-probe']);
    const swept = await run({ command: 'sweep' });
    expect(swept.log).not.toContain('::error');
    expect(swept.outputs).toMatchObject({ outcome: 'swept', changed: 'true' });
    expect(swept.log).toContain(TARGET);
    expectNothingLeft();
    expect((await run({ command: 'sweep' })).outputs).toMatchObject({
      outcome: 'unchanged',
      changed: 'false',
    });
  },
  120_000,
);

testInFull(
  'what the records of several runs say is each probe’s newest answer',
  async () => {
    heroku.played.otherwise = ['no-tracking'];
    const failed = await run({ probes: 'key-value-store' });
    heroku.played.otherwise = [];
    const passed = await run({ probes: 'scheduler-address' });
    const records = await Promise.all(
      [failed, passed].map(({ outputs }) => readRecord(join(directory, outputs['record'] ?? ''))),
    );
    const answers = newestAnswers(records);
    expect([...answers].map(([id, { result }]) => [id, result]).sort()).toEqual([
      ['key-value-store', 'failed'],
      ['scheduler-address', 'passed'],
    ]);
    expect(readFileSync(join(directory, failed.outputs['record'] ?? ''), 'utf8')).not.toMatch(/rediss:\/\/:/);
  },
  120_000,
);

const contractTest = full && hasContract ? test : test.skip;
contractTest('every change that the probes ask of DigitalOcean is as its API description wants it', () => {
  const contract = new Contract();
  const sent = digitalOcean.requests.filter(
    ({ method, path, status }) => method !== 'GET' && status < 300 && !path.endsWith('/rules'),
  );
  expect(sent.length).toBeGreaterThan(10);
  const problems = sent.flatMap(({ method, path, body }) =>
    contract.problemsOfRequest(method, path.startsWith('/v2') ? path : `/v2${path}`, body),
  );
  expect([...new Set(problems)]).toEqual([]);
});

test('the probes make real servers: they belong to the full run', () => undefined);
