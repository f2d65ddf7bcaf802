import { expect, test } from '@jest/globals';
import {
  comparePrices,
  differingPrices,
  tellDifference,
  type LivePrices,
} from '../../actions/provision/prices.ts';
import { provisionSummary } from '../../actions/provision/summary.ts';
import type { PlanWithCluster } from '../../src/migration/own-postgres.ts';

const plan = {
  components: [
    { name: 'web', kind: 'service', instanceSize: 'apps-s-1vcpu-1gb', count: 2, usdPerMonth: 24 },
    { name: 'worker', kind: 'worker', instanceSize: 'apps-s-1vcpu-2gb', count: 1, usdPerMonth: null },
    { name: 'nightly', kind: 'scheduled', instanceSize: 'apps-s-1vcpu-2gb', count: 1, usdPerMonth: null },
  ],
  cluster: { engine: 'pg', size: 'db-s-1vcpu-2gb', nodes: 2, storageMib: 61_440, usdPerMonth: 60 },
  redis: { size: 's-1vcpu-2gb', usdPerMonth: 12 },
} as unknown as PlanWithCluster;

/** What each costs today. */
const today = (prices: Partial<Record<'instance' | 'droplet' | 'cluster', number | null>>): LivePrices => ({
  instances: (_size, count) => (prices.instance == null ? null : prices.instance * count),
  droplet: (_size, withBackups) => (prices.droplet == null ? null : prices.droplet * (withBackups ? 1.2 : 1)),
  cluster: (_engine, _size, nodes) => (prices.cluster == null ? null : prices.cluster * nodes),
});

const differing = (stage: 'infrastructure' | 'application', prices: LivePrices): string[] =>
  differingPrices(comparePrices(plan, stage, prices)).map(tellDifference);

test('what costs as promised is no difference, the droplet with its backups', () => {
  expect(differing('infrastructure', today({ cluster: 30, droplet: 12 }))).toEqual([]);
});

test('a cluster and a droplet that became dearer are told with both prices', () => {
  const told = differing('infrastructure', today({ cluster: 31.5, droplet: 14 }));
  expect(told).toEqual([
    expect.stringContaining(
      'PostgreSQL: 2 × db-s-1vcpu-2gb costs 63.00 USD a month, and assess promised 60.00',
    ),
    expect.stringContaining('s-1vcpu-2gb costs 16.80 USD a month, and assess promised 14.40'),
  ]);
});

test('a component at another price, and one whose price assess did not know, are told; a job costs nothing while it rests', () => {
  expect(differing('application', today({ instance: 12.5 }))).toEqual([
    expect.stringContaining('web: 2 × apps-s-1vcpu-1gb costs 25.00 USD a month, and assess promised 24.00'),
    expect.stringContaining('costs 12.50 USD a month, and assess promised an unknown price'),
  ]);
});

test('a price that nobody says today is a difference, and none when assess did not know it either', () => {
  expect(differing('application', today({}))).toEqual([expect.stringContaining('costs an unknown price')]);
});

test('half a cent is no difference', () => {
  const line = (now: number) => ({ what: 'web', promised: 12, now });
  expect(differingPrices([line(12.004), line(11.996)])).toEqual([]);
  expect(differingPrices([line(12.006)])).toHaveLength(1);
});

test('the summary has the differences under a heading of their own, and none without one', () => {
  const summary = (priceDifferences: Parameters<typeof differingPrices>[0]): string =>
    provisionSummary('application', 'done', {
      ...{ changed: true, resources: [], notes: [] },
      priceDifferences: [...priceDifferences],
    });
  expect(summary([])).not.toContain('Other prices than promised');
  expect(summary([{ what: 'App shop', promised: 24, now: 29 }])).toMatch(
    /Other prices than promised[^]*App shop costs 29\\?\.00 USD/u,
  );
});
