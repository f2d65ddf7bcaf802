import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { django } from '../../worlds/django.ts';
import { CANARY, DIGITALOCEAN_TOKEN, HEROKU_TOKEN, startGround, type Ground } from '../../worlds/ground.ts';
import { hobby } from '../../worlds/hobby.ts';
import { node } from '../../worlds/node.ts';
import { origin } from '../../worlds/origin.ts';
import { openWorld, tracesOf, type Assessed, type World, type WorldPlan } from '../../worlds/world.ts';
import { asked, censusOf, droppedFrom, inventedIn, plain, type Census } from './census.ts';
import { readAtOnce, TWO_MINUTES } from './read-at-once.ts';

let ground: Ground;

beforeAll(async () => {
  ground = await startGround();
});
afterAll(() => ground.stop());

interface Expected {
  environment: string;
  app: string;
  verdict: string;
  blocked: string[];
  decide: string[];
  strategy: string;
}

const worlds: [string, WorldPlan, Expected][] = [
  [
    'a tiny hobby app',
    hobby,
    {
      environment: 'production',
      app: 'guestbook',
      verdict: 'ready',
      blocked: [],
      decide: [],
      strategy: 'window',
    },
  ],
  [
    'a Node app without Redis',
    node,
    {
      environment: 'production',
      app: 'tickets',
      verdict: 'blocked',
      blocked: ['app/nothing-to-wait-at'],
      decide: [
        'repository/scheduler/node-cron',
        'add-on/sendgrid',
        'repository/callback/stripe',
        'repository/build-step/heroku-postbuild',
      ],
      strategy: 'window',
    },
  ],
  [
    'a Django app with Celery',
    django,
    {
      environment: 'production',
      app: 'library-live',
      verdict: 'decisions-needed',
      blocked: [],
      decide: [
        'repository/buildpack-variables/python',
        'repository/heroku-host/library-live.herokuapp.com',
        'repository/host-list/allowed_hosts',
        'repository/host-list/csrf_trusted_origins',
        'redis/jobs/celery',
      ],
      strategy: 'window',
    },
  ],
];

describe.each(worlds)('%s', (_name, plan, expected) => {
  let world: World;
  let census: Census;
  let before: unknown;
  let run: Assessed;

  beforeAll(async () => {
    world = await openWorld(ground, plan);
    census = await censusOf(world, expected.app);
    before = await tracesOf(world);
    run = await world.assess(expected.environment);
  });
  afterAll(() => world.stop());

  test('has a verdict for each thing', () => {
    expect(run.plan.verdict).toBe(expected.verdict);
    expect(asked(run.items, 'blocked').sort()).toEqual([...expected.blocked].sort());
    expect(asked(run.items, 'decide').sort()).toEqual([...expected.decide].sort());
  });

  test('is told whole, and nothing is told that it has not', () => {
    expect(droppedFrom(census, run)).toEqual([]);
    expect(inventedIn(census, run)).toEqual([]);
  });

  test('has a strategy, a forecast and a cost', () => {
    expect(run.outputs['strategy']).toBe(expected.strategy);
    expect(Number(run.outputs['downtime-expected-ms'])).toBeGreaterThan(1_000);
    expect(Number(run.outputs['downtime-at-most-ms'])).toBeGreaterThan(
      Number(run.outputs['downtime-expected-ms']),
    );
    expect(run.plan.strategyChoice.forecasts?.window.dominant.name).not.toBe('');
    expect(run.plan.costs.before).toMatchObject({ complete: true });
    expect(run.plan.costs.after).toMatchObject({ complete: true });
  });

  test('is read in two minutes', () => {
    expect(readAtOnce(run.summary).length).toBeLessThan(TWO_MINUTES);
  });

  test('is as it was', async () => {
    expect(await tracesOf(world)).toEqual(before);
  });

  test('shows no secret', () => {
    for (const word of [CANARY, HEROKU_TOKEN, DIGITALOCEAN_TOKEN]) expect(run.visible).not.toContain(word);
  });
});

describe('the origin case', () => {
  let world: World;
  let census: Census;
  let staging: Assessed;
  let production: Assessed;
  let before: unknown;

  beforeAll(async () => {
    world = await openWorld(ground, origin);
    census = await censusOf(world, 'stores-production');
    before = await tracesOf(world);
    [staging, production] = await Promise.all([world.assess('staging'), world.assess('production')]);
  });
  afterAll(() => world.stop());

  test('saves half of staging and five sixths of production, and every line of it is named', () => {
    expect(staging.outputs).toMatchObject({ 'cost-before': '227', 'saving-percent': '53' });
    expect(production.outputs).toMatchObject({ 'cost-before': '3558', 'saving-percent': '84' });
    const { costs } = production.plan;
    expect(costs.before.lines.map(({ what, usd }) => `${plain(what)} ${usd ?? '?'}`)).toEqual([
      'web: 6 × Performance-M 1500',
      'worker: 2 × Performance-M 500',
      'fixie:tricycle (fixie) 5',
      'heroku-postgresql:premium-0 (postgresql) 200',
      'heroku-redis:premium-7 (redis) 750',
      'judoscale:velocity (judoscale) 100',
      'librato:nickel (librato) 139',
      'papertrail:forsta (papertrail) 65',
      'scheduler:standard (scheduler) 0',
      'scout:squash (scout) 299',
    ]);
    expect(production.summary).toMatch(/Heroku \$3558\.00, DigitalOcean \$\d+\.\d+: .*84 %/);
    expect(production.summary).toContain('xychart-beta');
  });

  test('saves less while nobody has decided: the standby and the add-ons are in the price', async () => {
    world.write({ 'undecided.yml': origin.config.slice(0, origin.config.indexOf('decisions:')) });
    const undecided = await world.assess('production', { config: 'undecided.yml' });
    expect(asked(undecided.items, 'decide')).toEqual(
      expect.arrayContaining(['add-on/librato', 'add-on/papertrail', 'add-on/scout', 'postgres/standby']),
    );
    expect(Number(undecided.outputs['cost-after'])).toBeGreaterThan(
      Number(production.outputs['cost-after']) + 500,
    );
    expect(undecided.outputs['plan-digest']).not.toBe(production.outputs['plan-digest']);
  });

  test('has a verdict for each thing', () => {
    expect(production.plan.verdict).toBe('decisions-needed');
    expect(asked(production.items, 'blocked')).toEqual([]);
    expect(asked(production.items, 'decide').sort()).toEqual([
      'add-on/fixie',
      'redis/caches',
      'repository/buildpack-variables/ruby',
      'repository/callback/shopify',
      'repository/deploys-to-heroku',
      'repository/heroku-host/shop-1a2b3c.herokuapp.com',
      'repository/host-list/config.hosts',
      'repository/local-disk/active-storage',
      'repository/local-disk/storage-:file',
      'repository/system-packages',
      'repository/variable/DYNO',
      'repository/variable/HEROKU_SLUG_COMMIT',
      'traffic/automatic-deploys',
      'traffic/autoscaler/judoscale',
      'traffic/drain/in.logs.example.net',
      'variable/SECRET_KEY_BASE',
    ]);
    expect(asked(staging.items, 'blocked')).toEqual([]);
  });

  test('knows its jobs: those of Sidekiq, those of Scheduler, and the schedule that sidekiq-cron loads itself', () => {
    const becomes = (id: string): string => production.items.find((item) => item.id === id)?.becomes ?? '';
    expect(becomes('schedule/sync-inventory')).toContain('*/10 * * * * UTC');
    expect(becomes('schedule/nightly-report')).toContain('0 3 * * * UTC');
    expect(becomes('redis/jobs/sidekiq')).toContain('counted on both sides');
    expect(becomes('repository/schedule-file/sidekiq-cron')).toContain('after the switch');
    expect(becomes('process/worker')).toContain('waits for the switch');
  });

  test('is told whole, and nothing is told that it has not', () => {
    expect(droppedFrom(census, production)).toEqual([]);
    expect(inventedIn(census, production)).toEqual([]);
  });

  test('of which an item is taken out is no more told whole, and that of another app is noticed', () => {
    const items = production.items.filter(({ id }) => !/fixie|worker$|APP_HOST|nightly/i.test(id));
    expect(droppedFrom(census, { ...production, items }).map((line) => line.replace(/-\w+-\d+/, ''))).toEqual(
      [
        'add-on fixie',
        'attachment FIXIE',
        'process type worker',
        'config var APP_HOST',
        'config var FIXIE_URL',
        'job bundle exec rake report:nightly',
      ],
    );
    const less = { ...census, configVars: [], webhooks: [], domains: [] };
    expect(inventedIn(less, production).length).toBeGreaterThan(5);
  });

  test('has a strategy, a forecast and a way on', () => {
    expect(production.outputs['strategy']).toBe('window');
    expect(Number(production.outputs['downtime-expected-ms'])).toBeGreaterThan(1_000);
    expect(production.plan.strategyChoice.arithmetic.join(' ')).toMatch(
      /Live, final drain: .* rows written a second (when assess looked|on average since)/,
    );
    expect(production.plan.roadmap.steps.length).toBeGreaterThan(1);
    for (const text of [
      'The way on: next steps, and what each costs',
      'Next: the same containers on droplets',
      'What in this plan keeps the way on open:',
    ])
      expect(production.summary).toContain(text);
  });

  test('is read in two minutes, and each of its many questions stands below with options and reason', () => {
    const words = readAtOnce(production.summary);
    expect(words.length).toBeLessThan(TWO_MINUTES);
    expect(words.join(' ')).toContain('(storage :file) it-may-be-lost');
    const folded = /<summary>The questions, with options and reasons \(16\)[^]*?<\/details>/.exec(
      production.summary,
    );
    const rows = (folded?.[0] ?? '')
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(2);
    expect(rows).toHaveLength(16);
    // What, question, options, why.
    for (const row of rows) expect(row).toMatch(/^\| [^|]+ \| [^|]+\? [^|]*\| [^|]+ \| [^|]+ \| /);
  });

  test('looked at again has the same digest', async () => {
    const again = await world.assess('production');
    expect(again.outputs['plan-digest']).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(again.outputs['plan-digest']).toBe(production.outputs['plan-digest']);
    expect(again.outputs['plan-digest']).not.toBe(staging.outputs['plan-digest']);
  });

  test('is as it was, and shows no secret', async () => {
    expect(await tracesOf(world)).toEqual(before);
    for (const { visible } of [staging, production])
      for (const word of [CANARY, HEROKU_TOKEN, DIGITALOCEAN_TOKEN]) expect(visible).not.toContain(word);
  });
});
