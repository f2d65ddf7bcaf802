import { expect, test } from '@jest/globals';
import { assessmentOf } from '../../actions/assess/assessment.ts';
import type { AppFound } from '../../actions/assess/read-app.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { addressItems } from '../../src/migration/address-items.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import type { Item } from '../../src/migration/item.ts';
import { buildPlan, type PlanInput } from '../../src/migration/plan.ts';
import { sourceOf } from '../../src/migration/source.ts';
import { readRepository } from '../../src/repository/read-repository.ts';
import { checkout } from '../repository/support/checkout.ts';
import { catalogue, database, input, inventory, live } from './support/assessed-app.ts';

// What is said of a database that is there and was not read: which it is, and why.

const names = (...list: string[]): HerokuInventory['configVars'] =>
  list.map((name) => ({ name, class: 'add-on', leadsTo: null }));
const withUrls = { ...inventory, configVars: names('DATABASE_URL', 'REDIS_URL') };

function itemOf(id: string, change: Partial<PlanInput>): Item | undefined {
  const unread = { database: undefined, live: undefined, redis: undefined };
  return buildPlan(input({ ...unread, ...change })).items.find((item) => item.id === id);
}

test('the reason is that of the database alone, whatever else could not be read', () => {
  const unknown = [
    "DigitalOcean's offers: HTTP 503",
    'the database: the server does not answer',
    'Redis: WRONGPASS',
  ];
  const read = { inventory: withUrls, unknown };
  expect(itemOf('postgres/not-read', read)?.why).toBe('the server does not answer');
  expect(itemOf('redis/not-read', read)?.why).toBe('WRONGPASS');
});

test('config vars that could not be read are the reason, and no URL is blamed', () => {
  const gap = { what: 'config vars', why: 'the scope read does not do', permission: '', essential: true };
  const blind = { inventory: { ...inventory, configVars: null, unknown: [gap] } };
  for (const id of ['postgres/not-read', 'redis/not-read']) {
    const item = itemOf(id, blind);
    expect(item?.why).toBe('the config vars could not be read: the scope read does not do');
    expect(item?.remedy).toContain('read-protected');
  }
});

test('an add-on whose config var has another name is to be attached', () => {
  const read = { inventory: { ...inventory, configVars: names('HEROKU_POSTGRESQL_BLUE_URL') } };
  expect(itemOf('postgres/not-read', read)?.remedy).toContain(
    'heroku addons:attach heroku-postgresql-1 --as',
  );
  expect(itemOf('redis/not-read', read)?.remedy).toContain('heroku addons:attach heroku-redis-1 --as REDIS');
});

test.each([
  ['mysql2://app:s3cret-pw@db.example.com/shop', 'MySQL', 'mysql2'],
  ['jdbc:mysql://db.example.com/shop?password=s3cret-pw', 'MySQL', 'jdbc:mysql'],
  ['mongodb+srv://app:s3cret-pw@db.example.com/shop', 'MongoDB', 'mongodb+srv'],
])(
  '%s: the config vars are read all the same, and the database is told as one that stays',
  (url, engine, scheme) => {
    const source = sourceOf({ DATABASE_URL: url, REDIS_URL: 'redis://localhost:6379', OTHER: 'x' });
    expect(source).toMatchObject({ postgres: undefined, redis: { host: 'localhost' } });
    expect(source.configVars['OTHER']).toBe('x');
    const found = addressItems(source.unmoved);
    expect(found).toEqual([
      expect.objectContaining({
        id: 'postgres/address',
        verdict: 'blocked',
        what: expect.stringContaining(engine),
      }),
    ]);
    expect(found[0]?.why).toContain(scheme);
    expect(JSON.stringify(source.unmoved) + JSON.stringify(found)).not.toContain('s3cret-pw');
    expect(itemOf('postgres/address', { inventory: withUrls, found })?.remedy).toContain(engine);
    expect(itemOf('postgres/not-read', { inventory: withUrls, found })).toBeUndefined();
  },
);

test('an address of another kind at REDIS_URL is told, too', () => {
  const found = addressItems(sourceOf({ REDIS_URL: 'memcached://cache.example.com' }).unmoved);
  const item = itemOf('redis/address', { inventory: { ...withUrls, addOns: [] }, found, hasRedis: false });
  expect(item).toMatchObject({ verdict: 'blocked', why: expect.stringContaining('memcached') });
});

test('behind a pool the processes are not held against what the cluster takes', async () => {
  const root = await checkout({
    Procfile: 'web: bundle exec puma -C config/puma.rb\n',
    Gemfile: "source 'https://rubygems.org'\ngem 'puma'\n",
    'config/puma.rb': 'workers 2\nthreads 5, 5\n',
  });
  const web = { type: 'web', quantity: 90, size: 'Standard-1X', command: 'puma' };
  const found: AppFound = {
    depth: 'full',
    inventory: { ...withUrls, formation: [web] },
    source: undefined,
    database: { database, live },
    redis: undefined,
    checkout: { facts: await readRepository(root) },
    scheduler: { jobs: [] },
    unknown: [],
  };
  const verdictWith = (text: string): string | undefined => {
    const file = parseMigrationConfig(
      `application: shop\nenvironments: { staging: { heroku-app: shop-staging, region: fra } }\n${text}`,
      'migration.yml',
    );
    const environment = environmentOf(file, 'staging');
    const { plan } = assessmentOf(found, {
      ...{ config: file, environment, catalogue, unknown: [] },
      proposed: false,
      now: new Date('2026-11-23T12:00:00Z'),
    });
    return plan.items.find(({ id }) => id === 'repository/connections')?.verdict;
  };
  expect(verdictWith('')).toBe('decide');
  expect(verdictWith('postgres: { pool: { mode: session, size: 10 } }')).toBe('automatic');
});
