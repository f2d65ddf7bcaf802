import { expect, test } from '@jest/globals';
import { appVariables, plannedAddresses } from '../../src/migration/app-variables.ts';
import { ofGroup } from '../../src/migration/cost.ts';
import { ownPostgresOf } from '../../src/migration/own-postgres.ts';
import { buildPlan, planDigest, planSchema, type Plan } from '../../src/migration/plan.ts';
import { addOn, input, inventory } from './support/assessed-app.ts';

const redisOnly = { ...inventory, addOns: [addOn('heroku-redis', 'heroku-redis:mini', 300)] };
const planOf = (app: typeof inventory): Plan =>
  buildPlan(input({ inventory: app, database: undefined, live: undefined }));
const ids = ({ items }: Plan): string[] => items.map(({ id }) => id);

test('an app without Postgres is blocked and says why; no cluster is planned, and none is in the price', () => {
  const plan = planOf(redisOnly);
  expect(plan.cluster).toBeNull();
  expect(plan.items.find(({ id }) => id === 'postgres/none')).toMatchObject({
    verdict: 'blocked',
    why: expect.stringMatching(/journal .* kept in the new cluster/),
  });
  expect(ids(plan)).not.toContain('postgres/not-read');
  expect(ofGroup(plan.costs.after, 'postgres').lines).toEqual([]);
  expect(plan.costs.after.complete).toBe(true);
  expect(JSON.stringify([plan.costs, plan.roadmap])).not.toMatch(/PostgreSQL|Postgres/);
  expect(planSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  expect(planDigest(plan)).not.toBe(planDigest(buildPlan(input())));
});

test('its variables are not said to gain a database', () => {
  const { fates } = appVariables({
    configVars: { RAILS_ENV: 'production' },
    addOns: [],
    config: { config: { drop: [], set: {} } },
    answers: {},
    appName: 'shop-staging',
    addresses: plannedAddresses(false, false, false),
  });
  expect(fates.map(({ name }) => name).sort()).toEqual(['DIGITALOCEAN_APP', 'RAILS_ENV']);
});

test('where what would tell cannot be read it is not known, and the price is no whole one', () => {
  const plan = planOf({ ...redisOnly, configVars: null });
  expect(plan.cluster).toBeNull();
  expect(ids(plan)).toContain('postgres/not-read');
  expect(ids(plan)).not.toContain('postgres/none');
  expect(plan.costs.after.complete).toBe(false);
  expect(plan.costs.notKnown.join()).toMatch(/PostgreSQL: unknown: whether the app has a database/);
});

test.each([
  ['an add-on', { ...redisOnly, addOns: [addOn('heroku-postgresql', 'heroku-postgresql:mini', 500)] }],
  [
    'DATABASE_URL alone',
    { ...redisOnly, configVars: [{ name: 'DATABASE_URL', class: 'secret' as const, leadsTo: null }] },
  ],
])('%s is a database, though it could not be read', (_name, app) => {
  expect(ownPostgresOf(app, undefined)).toBe('there');
  const plan = planOf(app);
  expect(ids(plan)).toContain('postgres/not-read');
  expect(plan.cluster).not.toBeNull();
});
