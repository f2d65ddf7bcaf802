import { expect, test } from '@jest/globals';
import { buildPlan, planDigest, type Plan } from '../../src/migration/plan.ts';
import { parseMigrationConfig, type MigrationConfig } from '../../src/migration/config.ts';
import { config, input } from './support/assessed-app.ts';

function planWith(
  postgres: Partial<MigrationConfig['postgres']>,
  changes: Parameters<typeof input>[0] = {},
): Plan {
  return buildPlan(
    input({ ...changes, config: { ...config, postgres: { ...config.postgres, ...postgres } } }),
  );
}

test('a pool is in the plan, and what transactions that share connections give up is told for the language', () => {
  const plan = planWith({ pool: { mode: 'transaction', size: 20 } });
  expect(plan.cluster?.pool).toEqual({ mode: 'transaction', size: 20 });
  const item = plan.items.find(({ id }) => id === 'postgres/pool');
  expect(item?.remedy).toContain('prepared_statements: false');
  expect(item?.remedy).toContain('DATABASE_DIRECT_URL');
});

test('a pool that the cluster has no connections for blocks, with the size that fits', () => {
  const plan = planWith({ pool: { mode: 'session', size: 97 } });
  const item = plan.items.find(({ id }) => id === 'postgres/pool-size');
  expect(item?.verdict).toBe('blocked');
  expect(item?.remedy).toContain('92 or less');
});

test('disk that is bought on its own is planned in steps of 10 GiB and priced by the GiB', () => {
  const plan = planWith({ storageBytes: 105e9 });
  // 105 GB are 97.8 GiB; db-s-2vcpu-4gb includes 60 GiB.
  expect(plan.cluster).toMatchObject({ size: 'db-s-2vcpu-4gb', storageMib: 102_400, usdPerMonth: 69.5 });
});

test('a pool and disk change the digest that an approval is for', () => {
  const digests = [
    planWith({}),
    planWith({ pool: { mode: 'session', size: 20 } }),
    planWith({ pool: { mode: 'transaction', size: 20 } }),
    planWith({ storageBytes: 105e9 }),
  ].map(planDigest);
  expect(new Set(digests).size).toBe(4);
});

test('migration.yml tells both, and a mode that nobody has is refused', () => {
  const file = (postgres: string): string => `application: shop
environments: { staging: { heroku-app: shop-staging, region: fra } }
postgres: ${postgres}
`;
  expect(
    parseMigrationConfig(file('{ storage: 100GB, pool: { mode: session, size: 10 } }'), 'm.yml').postgres,
  ).toEqual({ size: undefined, storageBytes: 100e9, pool: { mode: 'session', size: 10 } });
  expect(() => parseMigrationConfig(file('{ pool: { mode: statement, size: 10 } }'), 'm.yml')).toThrow(
    /mode/,
  );
});
