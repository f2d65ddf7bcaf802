import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { openRedis } from '../../../rehearsal/shop/redis.ts';
import { HOSTILE } from '../../security/hostile-words.ts';
import { structureOf } from '../../support/markdown-structure.ts';
import { faultsOf } from '../../report/evidence/well-formed.ts';
import { argumentsAreShown, watchArguments } from '../../support/process-arguments.ts';
import { keepReceived } from '../../support/received.ts';
import { formsOf, secretsIn } from '../../../rehearsal/secret-forms.ts';
import { keepSeen, plantCanaries, writtenBy, type Canaries } from './canaries.ts';
import {
  cutOver,
  errorsOf,
  expectConclusion,
  full,
  logOf,
  openShop,
  prepare,
  rollBack,
  type Shop,
} from './shop-under-migration.ts';

// No secret stands where it must not. A whole run that is refused, interrupted, killed and completed is looked at in
// whole-run.test.ts; here are those that eyes are needed for, and those that fail with a secret on their lips.

const SECRET = String.raw`s3cr3t/+ "q' & <o> \ 50% ü-and-some-more`;

test('the eyes see a secret in each form, in each place where somebody might leave it', () => {
  const forms = formsOf(SECRET);
  // As it is, in URLs, forms, JSON, HTML, hexadecimal, and base64 at each place, in both alphabets.
  expect(forms.length).toBeGreaterThan(14);
  const written = [
    SECRET,
    encodeURIComponent(SECRET),
    new URLSearchParams({ SECRET }).toString(),
    JSON.stringify(JSON.stringify({ SECRET })),
    ...['', 'u', 'us'].map((before) => Buffer.from(`${before}${SECRET}`).toString('base64')),
    Buffer.from(`u:${SECRET}`).toString('base64url'),
    Buffer.from(SECRET).toString('hex'),
  ];
  for (const text of written) {
    const folder = temporaryDirectory('canaries');
    const { watch, ...seen } = withPlaces(keepSeen());
    watch.onRawLine?.('job', 'step', `::debug::${text}`);
    mkdirSync(join(folder, 'machine/temp/.hidden'), { recursive: true });
    writeFileSync(join(folder, 'machine/temp/.hidden/file'), text);
    watch.onMachineGone?.('job', join(folder, 'machine'), false);
    expect(seen.places()).toEqual(['machine of job, temp/.hidden/file', 'output of job, step']);

    for (const what of ['logs', 'summaries', 'artifacts']) {
      mkdirSync(join(folder, what, 'below'), { recursive: true });
      writeFileSync(join(folder, what, 'below', 'one'), text);
    }
    const run = {
      ...{ runId: 1, runAttempt: 1, jobs: [], outputs: { a: text } },
      ...{
        logs: join(folder, 'logs'),
        summaries: join(folder, 'summaries'),
        artifacts: join(folder, 'artifacts'),
      },
    };
    expect(holding(writtenBy(run))).toEqual([
      'artifacts of run 1.1, below/one',
      'logs of run 1.1, below/one',
      'outputs of run 1.1',
      'summaries of run 1.1, below/one',
    ]);
  }
  // What tells the runner to hide it is no leak; what is like that and is none, is.
  const { watch, ...seen } = withPlaces(keepSeen());
  watch.onRawLine?.('job', 'mask', `::add-mask::${SECRET}`);
  watch.onRawLine?.('job', 'shown', ` ::add-mask::${SECRET}`);
  expect(seen.places()).toEqual(['output of job, shown']);
});

function withPlaces(seen: ReturnType<typeof keepSeen>) {
  return { watch: seen.watch, places: () => holding(seen.places) };
}

function holding(places: readonly { place: string; text: string }[]): string[] {
  return places
    .filter(({ text }) => secretsIn(text, { SECRET }).length > 0)
    .map(({ place }) => place)
    .sort();
}

test('the eyes see what a server is sent, in its address, in a header and in a body of several parts', async () => {
  const server = createServer((request, response) => request.resume().once('end', () => response.end()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { received, stop } = keepReceived();
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
  const big = 'x'.repeat(300_000);
  await ask(`/?key=${encodeURIComponent(SECRET)}`);
  await ask('/', { headers: { authorization: `Basic ${Buffer.from(`:${SECRET}`).toString('base64')}` } });
  await ask('/', { method: 'POST', body: `${big}${JSON.stringify({ SECRET })}` });
  stop();
  await ask(`/?key=${encodeURIComponent(SECRET)}`);
  server.close();
  server.closeAllConnections();
  expect(received.map((one) => [one.port, secretsIn(one.text, { SECRET })])).toEqual([
    [port, ['SECRET']],
    [port, ['SECRET']],
    [port, ['SECRET']],
  ]);
});

const shown = argumentsAreShown ? test : test.skip;

shown('the eyes see what a process is started with', async () => {
  const watching = watchArguments(join(temporaryDirectory('canaries'), 'arguments'));
  const started = spawn('sleep', ['30'], { argv0: `psql postgres://u:${encodeURIComponent(SECRET)}@h/d` });
  try {
    for (let glance = 0; glance < 100 && secretsIn(watching.seen(), { SECRET }).length === 0; glance += 1)
      await delay(50);
    expect(secretsIn(watching.seen(), { SECRET })).toEqual(['SECRET']);
  } finally {
    started.kill('SIGKILL');
    await watching.stop();
  }
});

const inFull = full ? describe : describe.skip;

inFull('in runs whose failures quote secrets, and in one that succeeds and is rolled back', () => {
  let shop: Shop;
  let canaries: Canaries;
  let prepared: WorkflowResult;
  let configVars: string;

  beforeAll(async () => {
    shop = await openShop({ environments: ['production'], schedules: false });
    shop.world.github.configureEnvironment('production', {});
    // It prints whatever it was given, and says no.
    change(shop.world.workspace, (config) => {
      config.checks = [
        ...(config.checks as object[]),
        { name: 'tells all', command: `sh -c 'env; cat; echo; exit 3'`, secrets: ['SHOP_PASSWORD'] },
      ];
    });
    // Names of tables and keys that would be obeyed somewhere; pg_dump of the newest versions takes no line breaks.
    const names = HOSTILE.filter((name) => !/[\r\n\u2028]/.test(name)).map((name, at) => `t${at}${name}`);
    for (const name of names) {
      const table = `"${name.replaceAll('"', '""').slice(0, 40)}"`;
      await shop.side.postgres.query(
        'dproduction',
        `set role uproduction; create table ${table} (id int primary key, ${table} text);
         insert into ${table} values (1, 'x'); create index on ${table} (${table})`,
      );
    }
    const redis = openRedis({ REDIS_URL: shop.side.redisUrl });
    for (const name of HOSTILE) await redis.set(`k${name}`, name);
    redis.disconnect();
    canaries = await plantCanaries(shop);
    // What is a word like any other cannot be taken out of a text: that nobody quotes it is all that keeps it.
    configVars = Object.entries(shop.side.app.config())
      .filter(([name]) => name !== 'LOG_LEVEL')
      .map(([name, value]) => `${name}=${value}`)
      .join('\n')
      .concat('\n', HOSTILE.join('\n'));
  }, 240_000);

  afterAll(async () => {
    await canaries.close();
    await shop.close();
  });

  function change(folder: string, how: (config: Record<string, unknown>) => void): void {
    const file = join(folder, 'migration.yml');
    const config = parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    how(config);
    writeFileSync(file, stringify(config));
  }

  async function fails(says: RegExp, options: Parameters<typeof prepare>[1] = {}): Promise<void> {
    const result = await prepare(shop, { ...canaries.options, ...options });
    expectConclusion(result, 'failure');
    expect(errorsOf(result)).toMatch(says);
    expect(await canaries.leaks()).toEqual([]);
  }

  /** As an API does that shows what it was sent. */
  const echoOf = (token: string): string =>
    [
      `Authorization: Bearer ${token}`,
      `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
      JSON.stringify({ headers: JSON.stringify({ token }) }),
      `?token=${encodeURIComponent(token)}`,
      `<td>${token.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</td>`,
    ].join('\n');

  test('Heroku answers with what it was sent', async () => {
    shop.world.heroku.faults.inject({
      path: /\/config-vars$/,
      times: 1,
      kind: {
        status: 422,
        id: 'unprocessable',
        message: echoOf(canaries.options.secrets.HEROKU_TOKEN ?? ''),
      },
    });
    await fails(/422 unprocessable: Authorization: Bearer \*\*\*/);
  }, 240_000);

  test('DigitalOcean answers with what it was sent, in a log of many lines', async () => {
    shop.world.digitalOcean.faults.inject({
      ...{ method: 'POST', path: /^\/v2\/databases$/, times: 1 },
      kind: {
        status: 400,
        id: 'bad_request',
        message: `${echoOf(canaries.options.secrets.DIGITALOCEAN_TOKEN ?? '')}\n${configVars}`,
      },
    });
    await fails(/bad_request: Authorization: Bearer \*\*\*/);
    shop.world.digitalOcean.faults.clear();
  }, 240_000);

  test('the source refuses the connection, and then the password', async () => {
    const { knobs } = shop.side.proxies.postgres;
    knobs.refuse = true;
    await fails(/127\.0\.0\.1/).finally(() => (knobs.refuse = false));
    const alter = (password: string) =>
      shop.side.postgres.query('postgres', `alter role uproduction password '${password}'`);
    const right = decodeURIComponent(new URL(shop.side.databaseUrl).password);
    await alter('rotated-a-minute-ago');
    await fails(/password/).finally(() => alter(right));
  }, 240_000);

  test('an index that cannot be built quotes what is in the row', async () => {
    const { postgres, databaseUrl } = shop.side;
    const query = (sql: string, values?: unknown[]) => postgres.query('dproduction', sql, values);
    const value = `${configVars}\n${databaseUrl}`;
    await query(`set role uproduction;
      create table canary_notes (id int primary key, note text);
      create function public.telling(note text) returns int language plpgsql immutable as $$ begin
        if current_setting('application_name') like 'h2d%' then
          raise exception 'cannot index %', note using detail = note, hint = note;
        end if;
        return 1;
      end $$`);
    await query('insert into canary_notes values (1, $1)', [value]);
    await query('create index telling on canary_notes (public.telling(note))');
    await fails(/cannot index/).finally(() =>
      query('drop table canary_notes; drop function public.telling(text)'),
    );
  }, 240_000);

  test('App Platform refuses the spec and quotes it', async () => {
    const { digitalOcean } = shop.world;
    digitalOcean.faults.inject({
      ...{ method: 'POST', path: /^\/v2\/apps(\/propose)?$/, times: 1 },
      kind: {
        status: 400,
        id: 'bad_request',
        message: `invalid spec: ${JSON.stringify({ configVars })}\n${configVars}`,
      },
    });
    await fails(/invalid spec/);
    digitalOcean.faults.clear();
  }, 240_000);

  test("the user's own command for DNS prints its environment and says no", async () => {
    const workspace = join(shop.directory, 'with-a-command');
    cpSync(shop.world.workspace, workspace, { recursive: true });
    const program = join(workspace, 'dns.sh');
    writeFileSync(program, '#!/bin/sh\necho "no: $DNS_COMMAND_SECRET $(env)" >&2\nexit 2\n');
    chmodSync(program, 0o755);
    change(workspace, (config) => {
      config['dns'] = { provider: 'command', zone: 'example.com', command: './dns.sh', ttl: 30 };
    });
    await fails(/The DNS command refuses .*no: \*\*\*/, { workspace });
  }, 240_000);

  test('a run from the preparation to the way back, whose check prints all that it knows and fails', async () => {
    prepared = await prepare(shop, canaries.options);
    expectConclusion(prepared, 'success');
    const moved = await cutOver(shop, prepared, canaries.options);
    const ended = Object.fromEntries(moved.jobs.map(({ id, conclusion }) => [id, conclusion]));
    expect({ ended, told: ended['cutover'] === 'success' ? '' : errorsOf(moved) }).toMatchObject({
      ended: { cutover: 'success', verify: 'failure' },
      told: '',
    });
    expect(logOf(moved, 'verify')).toMatch(/it ended with 3: .*\*\*\*/);
    const back = await rollBack(shop, canaries.options);
    expectConclusion(back, 'success');
    expect(await canaries.leaks()).toEqual([]);
    for (const { summaries, artifacts } of shop.runs) {
      for (const file of globSync(join(summaries, '**/*.md')))
        expect(structureOf(readFileSync(file, 'utf8')).faults).toEqual([]);
      for (const file of globSync(join(artifacts, '**/*.html')))
        expect(faultsOf(readFileSync(file, 'utf8'))).toEqual([]);
    }
    expect(shop.runs.map((run) => logOf(run)).join('')).toContain('##[debug]');
    const looked = canaries.lookedAt();
    // Everybody was asked something, and every kind of place held something.
    for (const place of [
      'output',
      'machine',
      'logs',
      'summaries',
      'artifacts',
      'outputs',
      'process',
      'journal',
    ])
      expect({ place, looked: looked[place] ?? 0 }).not.toEqual({ place, looked: 0 });
    for (const party of ['heroku', 'digitalocean', 'github', 'old site', 'new site', 'webhooks'])
      expect({ party, looked: looked[party] ?? 0 }).not.toEqual({ party, looked: 0 });
  }, 400_000);

  test('what is planted among all of that is found', async () => {
    const { HEROKU_TOKEN = '', DIGITALOCEAN_TOKEN = '' } = canaries.options.secrets;
    writeFileSync(join(prepared.logs, 'planted.log'), Buffer.from(`u:${HEROKU_TOKEN}`).toString('base64'));
    await fetch(`${shop.world.github.apiUrl}/planted`, { headers: { 'x-planted': DIGITALOCEAN_TOKEN } });
    const found = await canaries.leaks();
    expect(found.filter((one) => one.startsWith('HEROKU_TOKEN in logs of run'))).toHaveLength(1);
    expect(found).toContain('DIGITALOCEAN_TOKEN told to github (GET /planted)');
  });
});
