import { expect, test } from '@jest/globals';

import { connectionCheck, type ConnectionFacts } from '../../src/migration/connection-sum.ts';

const puma = {
  process: 'web',
  processes: 2,
  threads: 5,
  variables: ['WEB_CONCURRENCY', 'RAILS_MAX_THREADS'],
  from: 'config/puma.rb',
};
const sidekiq = {
  process: 'worker',
  processes: 1,
  threads: 10,
  variables: ['SIDEKIQ_CONCURRENCY'],
  from: 'config/sidekiq.yml',
};
const facts: ConnectionFacts = {
  processes: [
    { name: 'web', instances: 4 },
    { name: 'worker', instances: 2 },
  ],
  pools: [puma, sidekiq],
  ...{ values: {}, limit: 97, pool: undefined, open: 12 },
};

test('all pools together, each with its instances, are held against what the cluster takes', () => {
  expect(connectionCheck(facts)).toMatchObject({
    ...{ id: 'capacity/connections', area: 'capacity', state: 'passed' },
    found: expect.stringContaining('60 of 97 (web: 4 × 10; worker: 2 × 10)'),
  });
  expect(connectionCheck({ ...facts, limit: 59 })).toMatchObject({
    state: 'failed',
    remedy: expect.stringContaining('WEB_CONCURRENCY'),
  });
});

test('a config var wins over what the repository says holds without it', () => {
  const values = { WEB_CONCURRENCY: 8, SIDEKIQ_CONCURRENCY: 25 };
  expect(connectionCheck({ ...facts, values })).toMatchObject({
    state: 'failed',
    found: expect.stringContaining('210 of 97 (web: 4 × 40; worker: 2 × 25)'),
  });
});

test('a pool that nothing tells of counts with what was open, and half as many again', () => {
  const unknown = { ...facts, pools: [puma], open: 80 };
  expect(connectionCheck(unknown)).toMatchObject({
    state: 'failed',
    found: expect.stringContaining('120 of 97'),
  });
  expect(connectionCheck({ ...unknown, open: 20 })).toMatchObject({
    state: 'passed',
    found: expect.stringContaining('nothing tells the pool of worker'),
  });
});

test('of nothing that is known nothing is said to fit', () => {
  expect(connectionCheck({ ...facts, processes: [], pools: [], open: 0 })).toMatchObject({ state: 'failed' });
});

test('with PgBouncer the pool must fit the cluster, and in session mode the clients the pool', () => {
  const pool = { mode: 'transaction' as const, size: 20 };
  expect(connectionCheck({ ...facts, limit: 25, pool })).toMatchObject({ state: 'passed' });
  expect(connectionCheck({ ...facts, limit: 24, pool })).toMatchObject({
    state: 'failed',
    remedy: 'Set `postgres.pool.size` to 19 or less.',
  });
  expect(connectionCheck({ ...facts, pool: { mode: 'session', size: 20 } })).toMatchObject({
    state: 'failed',
  });
});
