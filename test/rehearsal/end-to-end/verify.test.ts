import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { MIGRATION_KEY } from '../../../rehearsal/pipeline.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { newSideOf } from '../../../rehearsal/end-state.ts';
import { openRedis } from '../../../rehearsal/shop/redis.ts';
import type { Check } from '../../../src/checks/result.ts';
import { runEntry, type PhaseRun } from '../../actions/run-entry.ts';
import {
  changesAmong,
  cutOver,
  expectConclusion,
  full,
  openShop,
  prepare,
  type Shop,
} from './shop-under-migration.ts';

// verify against the whole world: what is in order passes, and each thing that is broken is found for its own reason.
// Only in the full run: a world, its preparation and a cutover.
const inFull = full ? describe : describe.skip;

inFull('verify', () => {
  let shop: Shop;
  let prepared: WorkflowResult;
  let runs = 0;

  beforeAll(async () => {
    shop = await openShop({ environments: ['production'], schedules: false });
    shop.world.github.configureEnvironment('production', {});
    prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
  }, 240_000);
  afterAll(() => shop.close());

  /** The name that App Platform gave the app. */
  const ingress = (): string => new URL(shop.world.digitalOcean.apps()[0]?.defaultIngress ?? '').host;

  interface Seen extends PhaseRun {
    checks: Check[];
    /** Ids of what failed. */
    failed: string[];
  }

  /** The action itself, from its source, with the record as the newest run left it. */
  async function verify({
    from = prepared,
    inputs = {},
    config = {},
    alter = (text) => text,
    fresh = false,
    files = {},
  }: {
    from?: WorkflowResult;
    inputs?: Record<string, string>;
    config?: Record<string, unknown>;
    alter?: (record: string) => string;
    /** Without the record of the phases before. */
    fresh?: boolean;
    /** Of the checkout, beside what is there. */
    files?: Record<string, string>;
  } = {}): Promise<Seen> {
    const { world } = shop;
    const directory = join(shop.directory, `verify-${(runs += 1)}`);
    mkdirSync(directory, { recursive: true });
    cpSync(world.workspace, directory, { recursive: true });
    const file = join(directory, 'migration.yml');
    writeFileSync(file, stringify({ ...(parse(readFileSync(file, 'utf8')) as object), ...config }));
    mkdirSync(join(directory, '.git'), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const record = join(from.artifacts, 'migration-record-production', 'migration-record.json');
    if (!fresh) writeFileSync(join(directory, 'migration-record.json'), alter(readFileSync(record, 'utf8')));
    const proxy = world.proxyUrl('runner');
    const run = await runEntry('verify', {
      directory,
      inputs: {
        environment: 'production',
        'heroku-token': world.tokens.heroku,
        'heroku-api-url': world.heroku.apiUrl,
        'heroku-data-api-url': world.heroku.dataApiUrl,
        'digitalocean-token': world.tokens.digitalOcean,
        'digitalocean-api-url': world.digitalOcean.apiUrl,
        'migration-key': MIGRATION_KEY,
        'egress-url': world.egressUrl,
        ...inputs,
      },
      environment: {
        ...world.postgres.environment,
        PATH: [world.postgres.bin, dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
        NODE_EXTRA_CA_CERTS: world.authorityFile,
        HTTPS_PROXY: proxy,
        HTTP_PROXY: proxy,
        NO_PROXY: '127.0.0.1,localhost',
        GITHUB_WORKSPACE: directory,
        GITHUB_RUN_ID: '4711',
      },
    });
    const { sections } = JSON.parse(readFileSync(join(directory, 'migration-record.json'), 'utf8')) as {
      sections: { phase: string; data: { checks?: Check[] } }[];
    };
    const section = sections.at(-1);
    const checks = (section?.phase === 'verify' ? section.data.checks : undefined) ?? [];
    return {
      ...run,
      checks,
      failed: checks.filter(({ state }) => state === 'failed').map(({ id }) => id),
    };
  }

  async function digitalOcean<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { world } = shop;
    const answer = await fetch(`${world.digitalOcean.apiUrl}/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${world.tokens.digitalOcean}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(answer.ok ? '' : await answer.text()).toBe('');
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }

  interface Spec {
    envs: { key: string; value: string; type: string }[];
  }
  /** With the app's spec changed, and put back as it was. */
  async function withSpec(change: (spec: Spec) => Spec, body: () => Promise<void>): Promise<void> {
    const { apps } = await digitalOcean<{ apps: { id: string; spec: Spec }[] }>('GET', '/apps');
    const app = apps[0];
    if (app === undefined) throw new Error('There is no app.');
    await digitalOcean('PUT', `/apps/${app.id}`, { spec: change(structuredClone(app.spec)) });
    await deployed(app.id);
    try {
      await body();
    } finally {
      await digitalOcean('PUT', `/apps/${app.id}`, { spec: app.spec });
      await deployed(app.id);
    }
  }
  async function deployed(id: string): Promise<void> {
    for (;;) {
      const { app } = await digitalOcean<{
        app: { pending_deployment?: object; in_progress_deployment?: object };
      }>('GET', `/apps/${id}`);
      if (app.pending_deployment == null && app.in_progress_deployment == null) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** With other trusted sources of the cluster, and put back as they were. */
  async function withRules(change: (rules: object[]) => object[], body: () => Promise<void>): Promise<void> {
    const id = shop.world.digitalOcean.clusters()[0]?.id ?? '';
    const { rules } = await digitalOcean<{ rules: object[] }>('GET', `/databases/${id}/firewall`);
    await digitalOcean('PUT', `/databases/${id}/firewall`, { rules: change(rules) });
    try {
      await body();
    } finally {
      await digitalOcean('PUT', `/databases/${id}/firewall`, { rules });
    }
  }

  test('what is prepared and in order passes, with both sides compared', async () => {
    const seen = await verify();
    expect({
      failed: seen.checks.filter(({ state }) => state === 'failed'),
      code: seen.code,
      log: seen.code === 0 ? '' : seen.log.slice(-3000),
    }).toEqual({ failed: [], code: 0, log: '' });
    for (const id of [
      'function//health',
      'compare//health',
      'data/objects',
      'configuration/kept',
      'configuration/replaced',
      'configuration/added',
      'security/spec-secrets',
      'security/public-postgres',
      'security/public-redis',
      'security/trusted-sources',
      'security/leftover-runner',
      'security/redis-firewall',
      'third-parties/config',
      'jobs/sync-stock',
      'third-parties/rows',
      `function/certificate/${ingress()}`,
      `security/tls-only/${ingress()}`,
    ])
      expect([id, seen.checks.find((check) => check.id === id)?.state]).toEqual([id, 'passed']);
    for (const id of ['third-parties/code', 'cost/both-sides'])
      expect([id, seen.checks.find((check) => check.id === id)?.state]).toEqual([id, 'told']);
  }, 240_000);

  test('without any check declared the front page is asked of the new side, and of both', async () => {
    const { checks } = await verify({ inputs: { command: 'compare' }, config: { checks: [] } });
    const ids = checks.map(({ id }) => id);
    expect(ids.filter((id) => /^(function|compare)\/(?!certificate)/.test(id))).toEqual([
      ...['function//', 'compare//'],
    ]);
  }, 240_000);

  test('an object that only one side has is found', async () => {
    const cluster = shop.world.digitalOcean.clusters()[0];
    await cluster?.query('shop', 'create index surprise on orders (side)');
    try {
      const { failed, checks } = await verify();
      expect(failed).toEqual(['data/objects']);
      expect(checks.find(({ id }) => id === 'data/objects')?.found).toContain('surprise');
    } finally {
      await cluster?.query('shop', 'drop index surprise');
    }
  }, 240_000);

  test('the look before the cutover compares both sides without the data, and needs the plan', async () => {
    const seen = await verify({ inputs: { command: 'compare' } });
    expect({ code: seen.code, failed: seen.failed }).toEqual({ code: 0, failed: [] });
    const areas = new Set(seen.checks.map(({ area }) => area));
    expect([...areas].sort()).toEqual(['compare', 'configuration', 'function', 'jobs', 'security']);
    const fresh = await verify({ inputs: { command: 'compare' }, fresh: true });
    expect({ code: fresh.code, failed: fresh.failed }).toEqual({ code: 1, failed: ['configuration/kept'] });
  }, 240_000);

  test('code that names a place of the old side is told, also where it is only what DNS pointed at', async () => {
    const [target = 'none'] = Object.values(shop.side.app.dnsTargets());
    const files = { 'zone.tf': `# the shop\nvalue = "${target}."\n` };
    const { checks, failed } = await verify({ files });
    expect(failed).toEqual([]);
    expect(checks.find(({ id }) => id === 'third-parties/code')).toMatchObject({
      ...{ state: 'told', found: expect.stringContaining('zone.tf:2') },
    });
  }, 240_000);

  test('a broken page is found', async () => {
    const { failed, code } = await verify({
      config: { checks: [{ path: '/health', contains: 'no such text' }] },
    });
    expect({ failed, code }).toEqual({ failed: ['function//health'], code: 1 });
  }, 240_000);

  test('a secret in the clear and another value are found in the spec', async () => {
    const { app } = shop.side;
    const value = app.config().SECRET_KEY_BASE ?? '';
    await withSpec(
      (spec) => ({
        ...spec,
        envs: spec.envs.map((one) =>
          one.key === 'SECRET_KEY_BASE' ? { ...one, value, type: 'GENERAL' } : one,
        ),
      }),
      async () => {
        const { failed, log, summary } = await verify();
        expect(failed).toEqual(['security/spec-secrets']);
        // What masks it is the runner's to read, and shown to nobody.
        expect(`${log.replaceAll(/^::add-mask::.*$/gm, '')}${summary}`).not.toContain(value);
      },
    );
  }, 240_000);

  test('a config var that is missing on the new side is found by its name', async () => {
    await withSpec(
      (spec) => ({ ...spec, envs: spec.envs.filter(({ key }) => key !== 'WEB_CONCURRENCY') }),
      async () => {
        const { failed, checks } = await verify();
        expect(failed).toEqual(['configuration/kept']);
        expect(checks.find(({ id }) => id === 'configuration/kept')?.found).toContain(
          'WEB_CONCURRENCY is missing',
        );
      },
    );
  }, 240_000);

  test('a cluster that is open to everybody is found by connecting to it', async () => {
    await withRules(
      () => [],
      async () => {
        const { failed } = await verify();
        expect(failed).toEqual(
          expect.arrayContaining(['security/public-postgres', 'security/trusted-sources']),
        );
      },
    );
  }, 240_000);

  test('the address of a runner that was left over is found', async () => {
    await withRules(
      (rules) => [
        ...rules,
        {
          type: 'ip_addr',
          value: '198.51.100.9',
          description: `heroku-to-digitalocean runner 999.1.abcd@${new Date(Date.now() + 3_600_000).toISOString().slice(0, 16)}Z`,
        },
      ],
      async () => {
        const { failed, checks } = await verify();
        expect(failed).toEqual(['security/leftover-runner']);
        expect(checks.find(({ id }) => id === failed[0])?.found).toContain('198.51.100.9 of run 999');
      },
    );
  }, 240_000);

  test('a record that was altered is refused before anything is looked at', async () => {
    const asked = shop.world.digitalOcean.requests.length;
    const { code, log } = await verify({
      alter: (text) => text.replace('"strategy": "window"', '"strategy": "live"'),
    });
    expect(code).toBe(1);
    expect(log).toContain('was altered');
    expect(shop.world.digitalOcean.requests.length).toBe(asked);
  }, 240_000);

  describe('after the cutover', () => {
    let moved: WorkflowResult;
    beforeAll(async () => {
      moved = await cutOver(shop, prepared);
      expectConclusion(moved, 'success');
    }, 240_000);

    /** As nobody may: past the foreign keys, and so that no capture sees it. */
    const secretly = async (sql: string): Promise<void> => {
      const cluster = shop.world.digitalOcean.clusters()[0];
      await cluster?.query(
        'shop',
        `set session_replication_role = replica; set heroku_to_digitalocean.applying = 'shop-production'; ${sql};
         reset session_replication_role; reset heroku_to_digitalocean.applying`,
      );
    };

    test('what serves and is in order passes', async () => {
      const seen = await verify({ from: moved });
      expect({
        failed: seen.checks.filter(({ state }) => state === 'failed'),
        code: seen.code,
        log: seen.code === 0 ? '' : seen.log.slice(-3000),
      }).toEqual({ failed: [], code: 0, log: '' });
      for (const id of [
        'data/explained',
        'data/lost-rows',
        'jobs/sync-stock',
        'third-parties/rows',
        ...[ingress(), shop.side.hostName].flatMap((host) => [
          `function/certificate/${host}`,
          `security/tls-only/${host}`,
        ]),
      ])
        expect([id, seen.checks.find((check) => check.id === id)?.state]).toEqual([id, 'passed']);
      expect(seen.checks.map(({ id }) => id)).toEqual(
        expect.arrayContaining(['third-parties/old-traffic', 'third-parties/code', 'cost/both-sides']),
      );
      expect(seen.checks.find(({ id }) => id === 'cost/still-paid')).toMatchObject({
        ...{ state: 'told', found: expect.stringContaining('heroku-postgresql') },
        remedy: expect.stringContaining('heroku addons:destroy'),
      });
    }, 240_000);

    test('there is nothing to compare any more, and nothing is said to have been', async () => {
      const asked = shop.world.heroku.requests.length;
      const seen = await verify({ from: moved, inputs: { command: 'compare' } });
      expect({ code: seen.code, outcome: seen.outputs.outcome, checks: seen.checks }).toEqual({
        ...{ code: 0, outcome: 'nothing-to-do', checks: [] },
      });
      expect(changesAmong(shop.world.heroku.requests.slice(asked))).toEqual([]);
    }, 240_000);

    test('what the application has deleted since is not lost', async () => {
      await shop.world.digitalOcean
        .clusters()[0]
        ?.query('shop', 'delete from order_lines where order_id = (select min(order_id) from order_lines)');
      const { code, failed, checks } = await verify({ from: moved });
      expect({ code, failed }).toEqual({ code: 0, failed: [] });
      expect(checks.find(({ id }) => id === 'data/lost-rows')).toMatchObject({ state: 'passed' });
    }, 240_000);

    test('a certificate that expired is found under the name that has it', async () => {
      const { hostName } = shop.side;
      const { certify } = shop.world.digitalOcean.ingress;
      certify(hostName, new Date(Date.now() - 3_600_000));
      try {
        const { failed, checks } = await verify({ from: moved });
        expect(failed).toEqual(['function//health', `function/certificate/${hostName}`]);
        expect(checks.find(({ id }) => id === `function/certificate/${hostName}`)?.found).toContain(
          'has expired',
        );
      } finally {
        certify(hostName, new Date(Date.now() + 90 * 86_400_000));
      }
    }, 240_000);

    test('schedules that were due since the switch and have not fired are found, on App Platform as in sidekiq-cron', async () => {
      const cluster = shop.world.digitalOcean.clusters()[0];
      const shift = (sign: '+' | '-'): Promise<unknown> | undefined =>
        cluster?.query(
          'migration_journal',
          `update journal.step set finished_at = finished_at ${sign} interval '3 hours'
            where phase = 'cutover' and name = 'open-new-side'`,
        );
      const redis = openRedis(newSideOf(shop.world, 'production') ?? {});
      await redis.sadd('cron_jobs:default', 'cron_job:default:stale');
      await redis.hset('cron_job:default:stale', {
        ...{ name: 'stale', cron: '0 * * * *', status: 'enabled' },
        last_enqueue_time: '2026-01-01 00:00:00 UTC',
      });
      await shift('-');
      try {
        const { failed, checks } = await verify({ from: moved });
        // In this world nothing fires.
        expect([...failed].sort()).toEqual(['jobs/nightly-report', 'jobs/stale', 'jobs/sync-stock']);
        const found = (name: string) => checks.find(({ id }) => id === `jobs/${name}`)?.found;
        expect(found('stale')).toMatch(/was due at .* and fired last at 2026-01-01T00:00:00.000Z/);
        expect(found('sync-stock')).toMatch(/was due at .* and has never fired/);
      } finally {
        await shift('+');
        await redis.del('cron_jobs:default', 'cron_job:default:stale');
        redis.disconnect();
      }
    }, 240_000);

    test('a record that begins anew tells what it cannot account for', async () => {
      const seen = await verify({ fresh: true });
      expect({ code: seen.code, failed: seen.failed }).toEqual({ code: 0, failed: [] });
      expect(seen.checks.find(({ id }) => id === 'configuration/kept')).toMatchObject({ state: 'told' });
    }, 240_000);

    test('the way back is watched, and a change of the schema there fails', async () => {
      const open = await verify({ from: moved, inputs: { command: 'watch' } });
      expect({ code: open.code, failed: open.failed }).toEqual({ code: 0, failed: [] });
      expect(open.checks.map(({ id }) => id)).toContain('way-back/lag');

      await shop.world.digitalOcean
        .clusters()[0]
        ?.query('shop', 'alter table orders add column surprise text');
      const closing = await verify({ from: moved, inputs: { command: 'watch' } });
      expect({ code: closing.code, failed: closing.failed }).toEqual({
        code: 1,
        failed: ['way-back/schema'],
      });
      await shop.world.digitalOcean.clusters()[0]?.query('shop', 'alter table orders drop column surprise');
    }, 240_000);

    test.each<[name: string, sql: string, id: string, says?: string]>([
      [
        'a missing row',
        'delete from categories where id = (select max(id) from categories)',
        'data/lost-rows',
      ],
      [
        'a changed byte',
        "update categories set name = name || '.' where id = (select min(id) from categories)",
        'data/explained',
      ],
      ['a row too many', "insert into categories (id, name) values (900000, 'of nobody')", 'data/explained'],
      [
        'a doubled row of a table without a key',
        'insert into ledger_entries select * from ledger_entries limit 1',
        'data/explained',
        'table public.ledger_entries differs, and nothing was written to it since the switch',
      ],
    ])(
      '%s that nobody has written is found',
      async (_name, sql, id, says = '') => {
        await secretly(sql);
        const { failed, checks } = await verify({ from: moved });
        expect(failed).toContain(id);
        expect(checks.find((check) => check.id === id)?.found).toContain(says);
      },
      240_000,
    );
  });
});
