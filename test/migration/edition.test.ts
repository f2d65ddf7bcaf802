import { expect, test } from '@jest/globals';
import type { Catalogue, PostgresOptions } from '../../src/digitalocean/prices.ts';
import type { Item } from '../../src/migration/item.ts';
import { buildPlan, planDigest, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import {
  addOn,
  catalogue,
  config,
  database,
  GIB,
  input,
  inventory,
  withAdvanced,
} from './support/assessed-app.ts';

/** What `GET /v2/databases/options` answers, changed. */
function offered(changes: Partial<Record<'pg' | 'advanced_pg', Partial<PostgresOptions>>>): Catalogue {
  const { pg, advanced_pg: advanced } = withAdvanced.postgres;
  if (pg === undefined || advanced === undefined) throw new Error('Both editions are expected.');
  return {
    ...withAdvanced,
    postgres: {
      pg: { ...pg, ...changes.pg },
      advanced_pg: { ...advanced, ...changes.advanced_pg },
    },
  };
}

function planOf(
  plan: string,
  changes: Partial<PlanInput> = {},
  decisions: Record<string, string> = {},
): Plan {
  return buildPlan(
    input({
      inventory: {
        ...inventory,
        addOns: [
          addOn('heroku-postgresql', `heroku-postgresql:${plan}`, 5_000),
          ...inventory.addOns.slice(1),
        ],
      },
      config: { ...config, decisions },
      catalogue: withAdvanced,
      ...changes,
    }),
  );
}

function edition({ items }: Plan): Item | undefined {
  return items.find(({ id }) => id === 'postgres/edition');
}

const small = { database: { ...database, sizeBytes: GIB, connectionLimit: 20 } };

test('a database that has room to grow in the Standard Edition gets it, and nobody is asked', () => {
  const plan = planOf('essential-0', small);
  expect(plan.cluster).toMatchObject({ engine: 'pg', size: 'db-s-1vcpu-1gb' });
  expect(edition(plan)).toMatchObject({
    verdict: 'automatic',
    becomes: 'engine pg',
    why: expect.stringContaining('the Advanced Edition: gd-2vcpu-8gb, from $130 a node'),
  });
});

test('at the end of the Standard Edition both can be: a question, and the answer decides engine, price and digest', () => {
  const open = planOf('standard-0');
  expect(open.cluster).toMatchObject({ engine: 'pg', size: 'db-s-2vcpu-4gb' });
  expect(edition(open)).toMatchObject({ verdict: 'decide', options: ['standard', 'advanced'] });
  const advanced = planOf('standard-0', {}, { 'postgres/edition': 'advanced' });
  expect(advanced.cluster).toMatchObject({ engine: 'advanced_pg', size: 'gd-2vcpu-8gb', usdPerMonth: 130 });
  expect(edition(advanced)).toMatchObject({ verdict: 'automatic', becomes: 'advanced' });
  const standard = planOf('standard-0', {}, { 'postgres/edition': 'standard' });
  expect(standard.cluster).toEqual(open.cluster);
  expect(standard.verdict).toBe('ready');
  expect(new Set([open, advanced, standard].map(planDigest)).size).toBe(3);
});

test('what only the Advanced Edition has is asked about with its price and what is not known of it', () => {
  const plan = planOf('standard-4', {
    catalogue: offered({ advanced_pg: { layouts: [{ nodes: 1, sizes: ['gd-8vcpu-32gb'] }] } }),
  });
  expect(plan.cluster).toMatchObject({ engine: 'advanced_pg', size: 'gd-8vcpu-32gb' });
  expect(edition(plan)).toMatchObject({
    verdict: 'decide',
    options: ['advanced'],
    why: expect.stringMatching(
      /the Standard Edition: nothing of it has what is needed; how much disk.*price is only known/,
    ),
  });
});

test.each<[string, Catalogue, Partial<PlanInput>, RegExp]>([
  [
    'not in this region',
    offered({ pg: { regions: ['nyc1'] } }),
    {},
    /Standard Edition: it is not offered in fra1/,
  ],
  [
    'with no version that is new enough',
    offered({ pg: { versions: ['14', '15'] } }),
    {},
    /Standard Edition: it offers PostgreSQL 14, 15, and the source is 16/,
  ],
])('an edition that is %s is passed over, and the plan says so', (_name, options, changes, why) => {
  const plan = planOf('essential-0', { ...small, catalogue: options, ...changes });
  expect(plan.cluster).toMatchObject({ engine: 'advanced_pg', size: 'gd-2vcpu-8gb', version: '16' });
  expect(edition(plan)).toMatchObject({ verdict: 'decide', options: ['advanced'] });
  expect(edition(plan)?.why).toMatch(why);
});

test('an edition that is answered and cannot be had blocks, and says why', () => {
  const answer = { 'postgres/edition': 'advanced' };
  const none = planOf('standard-0', { catalogue }, answer);
  expect(edition(none)).toMatchObject({ verdict: 'blocked', why: 'DigitalOcean offers no size of it' });
  const elsewhere = planOf(
    'standard-0',
    { catalogue: offered({ advanced_pg: { regions: ['nyc1'] } }) },
    answer,
  );
  expect(edition(elsewhere)).toMatchObject({ verdict: 'blocked', why: 'it is not offered in fra1' });
  const tooSmall = planOf('standard-4', { catalogue: withAdvanced }, { 'postgres/edition': 'standard' });
  expect(edition(tooSmall)?.verdict ?? tooSmall.verdict).toBe('blocked');
});

test('a standby that only the Advanced Edition has: single-node settles the edition as well', () => {
  const both = planOf('premium-0');
  expect(both.cluster).toMatchObject({ engine: 'advanced_pg', nodes: 2 });
  const standard = planOf('premium-0', {}, { 'postgres/edition': 'standard' });
  expect(standard.cluster).toMatchObject({ engine: 'pg', nodes: 1 });
  expect(standard.items.find(({ id }) => id === 'postgres/standby')).toMatchObject({
    verdict: 'decide',
    options: ['single-node'],
    why: expect.stringContaining('the Standard Edition, which migration.yml answers'),
  });
  expect(planOf('premium-0', {}, { 'postgres/standby': 'single-node' }).verdict).toBe('ready');
});

test('a size that migration.yml names has the edition that offers it', () => {
  const plan = planOf('standard-0', {
    config: { ...config, postgres: { ...config.postgres, size: 'gd-2vcpu-8gb' } },
  });
  expect(plan.cluster).toMatchObject({ engine: 'advanced_pg', size: 'gd-2vcpu-8gb' });
  expect(edition(plan)).toMatchObject({ verdict: 'automatic' });
  expect(plan.items.find(({ id }) => id === 'postgres/disk')).toMatchObject({ verdict: 'decide' });
});

test('where no edition can be had beside the app, nothing is planned elsewhere', () => {
  const options = offered({ pg: { regions: ['nyc1'] }, advanced_pg: { regions: ['nyc1', 'nyc3'] } });
  const plan = planOf('standard-0', { catalogue: options });
  expect(plan.verdict).toBe('blocked');
  expect(plan.items.find(({ id }) => id === 'postgres/datacentre')).toMatchObject({
    verdict: 'blocked',
    what: 'DigitalOcean offers no such database in fra1',
    remedy: 'Choose another `region` in migration.yml.',
  });
  expect(planOf('standard-0').items.map(({ id }) => id)).not.toContain('postgres/datacentre');
});
