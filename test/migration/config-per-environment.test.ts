import { expect, test } from '@jest/globals';
import { configFor, environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { decisionsDigest } from '../../src/migration/decisions.ts';
import { buildPlan, type Plan } from '../../src/migration/plan.ts';
import { input } from './support/assessed-app.ts';

const file = (production: string, whole = 'postgres: { size: db-s-1vcpu-1gb }\nredis: { skip: [cache:*] }') =>
  parseMigrationConfig(
    `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra }
  production:
    heroku-app: shop-production
    region: fra
${production}
${whole}
`,
    'migration.yml',
  );
const LARGER = '    postgres: { size: db-s-2vcpu-4gb, storage: 100GB }\n    redis: { size: s-4vcpu-8gb }';

function planFor(name: string, config = file(LARGER)): Plan {
  return buildPlan(input({ config, environment: environmentOf(config, name) }));
}

test('production has sizes of its own, and staging keeps those of the whole file', () => {
  expect(planFor('production')).toMatchObject({
    cluster: { size: 'db-s-2vcpu-4gb', storageMib: 102_400 },
    redis: { size: 's-4vcpu-8gb' },
  });
  expect(planFor('staging')).toMatchObject({ cluster: { size: 'db-s-1vcpu-1gb', storageMib: null } });
  expect(planFor('staging').redis?.size).not.toBe('s-4vcpu-8gb');
});

test('what an environment leaves out is as the whole file says; twice laid over is the same', () => {
  const config = file(LARGER);
  const production = environmentOf(config, 'production');
  const merged = configFor(config, production);
  expect(merged.redis).toEqual({ ...config.redis, size: 's-4vcpu-8gb' });
  expect(merged.redis).toMatchObject({ port: 6379, skip: ['cache:*'] });
  expect(configFor(merged, production)).toEqual(merged);
  expect(configFor(config, environmentOf(config, 'staging'))).toEqual(config);
});

test('an approval of one environment outlives a change that is only another one’s', () => {
  const digest = (name: string, config: ReturnType<typeof file>): string =>
    decisionsDigest(config, environmentOf(config, name));
  const plain = file('');
  expect(digest('staging', file(LARGER))).toBe(digest('staging', plain));
  expect(digest('production', file(LARGER))).not.toBe(digest('production', plain));
  // The same decision in either place is the same decision.
  const whole = file('', 'postgres: { size: db-s-2vcpu-4gb, storage: 100GB }\nredis: { size: s-4vcpu-8gb }');
  const there = file(LARGER, '');
  expect(digest('production', there)).toBe(digest('production', whole));
});

const BUILD = 'image: { build: app-platform, repository: acme/shop, branch: main }';

test('what App Platform builds is decided: another branch is another decision, one of an environment is its own', () => {
  const digest = (name: string, config: ReturnType<typeof file>): string =>
    decisionsDigest(config, environmentOf(config, name));
  const plain = file('', '');
  const built = file('', BUILD);
  const own = file('    branch: production', BUILD);
  expect(digest('staging', built)).not.toBe(digest('staging', plain));
  expect(digest('staging', own)).toBe(digest('staging', built));
  expect(digest('production', own)).not.toBe(digest('production', built));
  expect(digest('production', file('    branch: main', BUILD))).toBe(digest('production', built));
  // Left out or written, the workflow's build is the same.
  expect(digest('staging', file('', 'image: { build: workflow }'))).toBe(digest('staging', plain));
  expect(configFor(own, environmentOf(own, 'production')).image).toEqual({
    ...{ repository: 'acme/shop', branch: 'production', dockerfile: 'Dockerfile' },
  });
});

test('the plan tells what App Platform builds and what it must be, and is blocked where Heroku names no commit', () => {
  const config = file('', BUILD);
  const commit = 'c'.repeat(40);
  const item = (slugCommit: string | null): Plan['items'][number] | undefined => {
    const given = input({ config, environment: environmentOf(config, 'staging') });
    const plan = buildPlan({ ...given, inventory: { ...given.inventory, slugCommit } });
    return plan.items.find(({ id }) => id === 'app/image');
  };
  expect(item(commit)).toMatchObject({
    verdict: 'automatic',
    becomes: expect.stringContaining(commit),
    remedy: expect.stringMatching(/Keep the branch.*not booted before the cluster exists.*no digest/),
  });
  expect(item(null)).toMatchObject({ verdict: 'blocked', why: expect.stringContaining('names no commit') });
  expect(item('v12-from-an-archive')).toMatchObject({ verdict: 'blocked' });
  expect(planFor('staging').items.some(({ id }) => id === 'app/image')).toBe(false);
});

test('a misspelt key of it is told with the one that was meant', () => {
  expect(() => file('    redis: { sise: s-4vcpu-8gb }')).toThrow(/line 7: .*sise.*did you mean "?size/s);
});
