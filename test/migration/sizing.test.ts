import { expect, test } from '@jest/globals';
import type { Item } from '../../src/migration/item.ts';
import { buildPlan, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import {
  addOn,
  catalogue,
  config,
  database,
  GIB,
  input,
  inventory,
  live,
  MIB,
  redis,
} from './support/assessed-app.ts';

// Nothing is smaller than what it replaces, unless the plan says so.

function planWith(changes: Partial<PlanInput>): Plan {
  return buildPlan(input(changes));
}

function itemOf({ items }: Plan, id: string): Item | undefined {
  return items.find((item) => item.id === id);
}

function withAddOns(postgres: string, redisPlan = 'mini'): Partial<PlanInput> {
  return {
    inventory: {
      ...inventory,
      addOns: [
        addOn('heroku-postgresql', `heroku-postgresql:${postgres}`, 5_000),
        addOn('heroku-redis', `heroku-redis:${redisPlan}`, 300),
        addOn('scheduler', 'scheduler:standard', 0),
      ],
    },
  };
}

test('every component has the memory of its dyno, for every dyno size, and names both', () => {
  for (const { name, memoryMib, dedicated } of inventory.dynoSizes) {
    const formation = [{ type: 'web', quantity: 1, size: name, command: 'x' }];
    const plan = planWith({ inventory: { ...inventory, formation } });
    const web = plan.components.find(({ kind }) => kind === 'service');
    if (web === undefined) {
      expect(itemOf(plan, 'process/web')).toMatchObject({ verdict: 'blocked' });
      continue;
    }
    const size = catalogue.instanceSizes.find(({ slug }) => slug === web.instanceSize);
    expect(size?.memoryMib).toBeGreaterThanOrEqual(memoryMib);
    if (dedicated) expect(size?.dedicated).toBe(true);
    expect(web.why).toContain(`${memoryMib} MiB`);
  }
});

test('a scheduled job and the release phase are as large as their dynos', () => {
  const formation = [
    ...inventory.formation,
    { type: 'release', quantity: 0, size: 'Performance-M', command: 'rake db:migrate' },
  ];
  const job = { command: 'rake nightly', every: 1440, at: 180 };
  const size = (dynoSize: string): string[] => {
    const plan = planWith({
      inventory: { ...inventory, formation },
      scheduler: { jobs: [{ ...job, dynoSize }] },
    });
    return plan.components
      .filter(({ kind }) => kind === 'scheduled' || kind === 'release')
      .map(({ instanceSize }) => instanceSize);
  };
  expect(size('Performance-L')).toEqual(['apps-d-1vcpu-4gb', 'apps-d-4vcpu-16gb']);
  expect(size('Standard-1X')).toEqual(['apps-d-1vcpu-4gb', 'apps-s-1vcpu-0.5gb']);
  const unknown = planWith({ scheduler: { jobs: [{ ...job, dynoSize: 'Hobby' }] } });
  expect(itemOf(unknown, 'schedule/nightly')?.why).toMatch(/does not say how large a Hobby dyno is/);
  const huge = planWith({ scheduler: { jobs: [{ ...job, dynoSize: 'Performance-XL' }] } });
  expect(itemOf(huge, 'schedule/nightly')).toMatchObject({ verdict: 'blocked' });
});

test('an autoscaled process gets as many as it may have today, at whatever hour assess runs', () => {
  const scaled = (quantity: number): Plan =>
    planWith({
      inventory: {
        ...inventory,
        formation: [{ type: 'web', quantity, size: 'Performance-M', command: 'x' }],
        autoscalers: [{ name: 'Heroku', evidence: ['x'], limits: { process: 'web', min: 2, max: 8 } }],
      },
    });
  expect([2, 7].map((quantity) => scaled(quantity).components[0]?.count)).toEqual([8, 8]);
  expect(scaled(2).components[0]).toMatchObject({ from: '2 to 8 × Performance-M' });
  expect(scaled(2).components[0]?.why).toMatch(/as many as its autoscaler may start today \(8\)/);
});

test('what is off for a moment is a question where something may start it, or where nothing would serve', () => {
  const off = (changes: Partial<PlanInput['inventory']>): Plan =>
    planWith({
      inventory: {
        ...inventory,
        formation: [
          { type: 'web', quantity: 1, size: 'Standard-1X', command: 'bin/web' },
          { type: 'worker', quantity: 0, size: 'Standard-1X', command: 'sidekiq' },
          { type: 'console', quantity: 0, size: 'Standard-1X', command: 'irb' },
        ],
        ...changes,
      },
    });
  expect(itemOf(off({}), 'process/worker')).toMatchObject({ verdict: 'automatic' });
  const hirefire = off({ autoscalers: [{ name: 'HireFire', evidence: ['x'], limits: null }] });
  expect(itemOf(hirefire, 'process/worker')).toMatchObject({
    verdict: 'decide',
    question: expect.stringContaining('HireFire start it'),
  });
  expect(itemOf(hirefire, 'process/console')).toMatchObject({ verdict: 'automatic' });
  const asleep = off({ formation: [{ type: 'web', quantity: 0, size: 'Standard-1X', command: 'bin/web' }] });
  expect(itemOf(asleep, 'process/web')).toMatchObject({ verdict: 'decide', options: ['leave-out'] });
});

test('a plan whose memory nobody names is a question, never an invented figure', () => {
  for (const plan of ['advanced', 'advanced-private', 'standard-99']) {
    const planned = planWith(withAddOns(plan));
    expect(itemOf(planned, 'postgres/memory')).toMatchObject({ verdict: 'decide' });
    expect(planned.cluster?.why).toMatch(/is not known, and 4 GiB are assumed/);
  }
  expect(itemOf(planWith(withAddOns('standard-0')), 'postgres/memory')).toBeUndefined();
});

test('disk that is not known, or has little room, is said', () => {
  const four = {
    ...catalogue,
    postgres: { pg: { ...catalogue.postgres.pg, layouts: [{ nodes: 1, sizes: ['db-s-4vcpu-8gb'] }] } },
  };
  const unknown = planWith({ catalogue: four as typeof catalogue });
  expect(itemOf(unknown, 'postgres/disk')).toMatchObject({
    verdict: 'decide',
    question: expect.stringContaining('7.5 GiB'),
  });
  const wanted = { ...config, postgres: { ...config.postgres, size: 'db-s-1vcpu-1gb' } };
  const tight = planWith({ config: wanted, database: { ...database, sizeBytes: 8 * GIB } });
  expect(itemOf(tight, 'postgres/disk')).toMatchObject({ becomes: '2.0 GiB to grow into' });
  const full = planWith({ config: wanted, database: { ...database, sizeBytes: 12 * GIB } });
  expect(itemOf(full, 'postgres/disk')).toMatchObject({ verdict: 'blocked' });
  // Disk that is ordered apart from the size counts.
  const ordered = { ...config, postgres: { ...config.postgres, storageBytes: 100 * GIB } };
  const large = { database: { ...database, sizeBytes: 50 * GIB } };
  expect(planWith({ ...large, config: ordered }).cluster?.size).toBe('db-s-2vcpu-4gb');
  expect(itemOf(planWith({ ...large, config: ordered }), 'postgres/disk')).toBeUndefined();
  expect(itemOf(planWith(large), 'postgres/size')).toMatchObject({ verdict: 'blocked' });
});

test('Redis has what its plan may hold today; less room, fewer connections and another droplet are said', () => {
  const busy = { redis: { ...redis, maxmemoryBytes: null, usedMemoryBytes: 240 * MIB } };
  const plan = planWith({ ...withAddOns('standard-0', 'premium-2'), ...busy });
  expect(plan.redis?.why).toMatch(/today it may use 250 MiB/);
  expect(itemOf(plan, 'redis/limit')).toBeUndefined();

  const big = { ...withAddOns('standard-0', 'premium-9'), redis: { ...redis, maxmemoryBytes: null } };
  const less = planWith({ ...big, config: { ...config, redis: { ...config.redis, size: 's-1vcpu-1gb' } } });
  expect(itemOf(less, 'redis/limit')).toMatchObject({ becomes: 'less room than today' });
  expect(itemOf(less, 'redis/connections')?.what).toMatch(/takes 10,000 connections, the old one 25,000/);
  const nowhere = planWith({ config: { ...config, redis: { ...config.redis, size: 's-9vcpu-9gb' } } });
  expect(itemOf(nowhere, 'redis/droplet')).toMatchObject({ verdict: 'blocked' });
  const unknown = planWith({ ...withAddOns('standard-0', 'mini'), hasRedis: true });
  expect(itemOf(unknown, 'redis/connections')).toBeUndefined();
});

test('a pool of connections on Heroku’s server is a question: the new side has none', () => {
  const attachment = {
    name: 'DATABASE_CONNECTION_POOL',
    namespace: 'connection-pooling:default',
    addOn: 'postgresql-flat-1',
    shared: false,
    owner: 'shop-staging',
  };
  const pooled = { ...inventory, attachments: [attachment] };
  const pool = { mode: 'transaction', size: 20 } as const;
  const made = { ...config, postgres: { ...config.postgres, pool } };
  expect(itemOf(planWith({ inventory: pooled, config: made }), 'postgres/pooling')?.verdict).toBe(
    'automatic',
  );
  const busy = { live: { ...live, freeConnections: 10 } };
  expect(itemOf(planWith(busy), 'postgres/connections')).toMatchObject({ verdict: 'decide' });
  expect(itemOf(planWith({ ...busy, config: made }), 'postgres/connections')).toMatchObject({
    verdict: 'automatic',
    becomes: expect.stringContaining('share the 20'),
  });
  const plan = planWith({ inventory: pooled });
  expect(itemOf(plan, 'postgres/pooling')).toMatchObject({
    verdict: 'decide',
    remedy: expect.stringContaining('postgres.pool'),
  });
});

test('every mapping shows its evidence', () => {
  const plan = planWith(withAddOns('premium-0', 'premium-1'));
  for (const { why } of [...plan.components, ...plan.leftOut]) expect(why).not.toBe('');
  expect(plan.cluster?.why).toBeTruthy();
  for (const item of plan.items) {
    expect(item.why).not.toBe('');
    if (item.verdict !== 'automatic') expect(item.remedy).not.toBeNull();
  }
});
