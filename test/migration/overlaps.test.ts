import { expect, test } from '@jest/globals';
import { autoscalersByTraces } from '../../src/heroku/autoscalers.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { appVariables, plannedAddresses } from '../../src/migration/app-variables.ts';
import { inventoryItems } from '../../src/migration/inventory-items.ts';
import { decide, mergeItems, told, undecidedIn, type Item } from '../../src/migration/item.ts';
import { buildPlan } from '../../src/migration/plan.ts';
import { documentedOffer, postgresItems } from '../../src/migration/postgres-items.ts';
import type { AssessFacts } from '../../src/postgres/assess-facts.ts';
import { readRepository } from '../../src/repository/read-repository.ts';
import { repositoryItems } from '../../src/repository/repository-items.ts';
import { app, checkout } from '../repository/support/checkout.ts';
import { addOn, config, database, input, inventory, live } from './support/assessed-app.ts';

function planItems(changes: Partial<HerokuInventory>, found: Item[] = []): Item[] {
  const changed = { ...inventory, ...changes };
  return buildPlan(input({ inventory: changed, found: [...inventoryItems(changed), ...found] })).items;
}

function asks(items: readonly Item[], word: string): string[] {
  return undecidedIn(items)
    .filter(({ id, what, why }) => `${id} ${what} ${why}`.toLowerCase().includes(word))
    .map(({ id }) => id);
}

async function repository(files: Record<string, string>, configVarNames: string[]): Promise<Item[]> {
  return repositoryItems(await readRepository(await checkout(files)), app({ configVarNames }));
}

test('an autoscaler is asked about once, though add-on, config var and library tell of it', async () => {
  const judoscale = addOn('judoscale', 'judoscale:white', 2_500, ['JUDOSCALE_URL']);
  const addOns = [...inventory.addOns, judoscale];
  const traces = { addOns, configVars: [{ name: 'JUDOSCALE_URL' }], webhooks: [], drains: [] };
  const items = planItems(
    { addOns, autoscalers: autoscalersByTraces(traces) },
    await repository({ Gemfile: 'gem "judoscale-rails"\n' }, []),
  );
  expect(asks(items, 'judoscale')).toEqual(['traffic/autoscaler/judoscale']);
  const asking = items.find(({ id }) => id === 'traffic/autoscaler/judoscale');
  expect(asking?.why).toMatch(
    /the add-on judoscale-1, the config var JUDOSCALE_URL; judoscale-rails in Gemfile:1/,
  );
  expect(items.find(({ id }) => id === 'add-on/judoscale')).toMatchObject({
    verdict: 'automatic',
    becomes: 'decided with traffic/autoscaler/judoscale',
  });
  // Its address must not come along: what has it goes on scaling the old dynos.
  const { fates } = appVariables({
    configVars: { JUDOSCALE_URL: 'https://x' },
    addOns,
    config,
    answers: {},
    appName: 'shop',
    addresses: plannedAddresses(false),
  });
  expect(fates).toContainEqual(expect.objectContaining({ name: 'JUDOSCALE_URL', fate: 'dropped' }));
});

test('SECRET_KEY_BASE is one question; RAILS_MASTER_KEY is no excuse, and a checkout knows better', async () => {
  const vars = (...names: string[]): HerokuInventory['configVars'] =>
    names.map((name) => ({ name, class: 'secret', leadsTo: null }));
  const id = 'variable/SECRET_KEY_BASE';
  const rails = { Gemfile: 'gem "rails"\n' };
  const plain = { Gemfile: 'gem "sinatra"\n' };
  expect(asks(planItems({ configVars: vars('RAILS_MASTER_KEY') }), 'secret_key_base')).toEqual([id]);
  const seen = await repository(rails, ['RAILS_MASTER_KEY']);
  expect(asks(planItems({ configVars: vars('RAILS_MASTER_KEY') }, seen), 'secret_key_base')).toEqual([id]);
  expect(planItems({ configVars: vars() }, seen).find((item) => item.id === id)?.remedy).toContain(
    'printenv SECRET_KEY_BASE',
  );
  // The buildpack makes one for Rails alone.
  expect(asks(planItems({ configVars: vars() }, await repository(plain, [])), 'secret_key_base')).toEqual([]);
  expect(asks(planItems({ configVars: vars('SECRET_KEY_BASE') }), 'secret_key_base')).toEqual([]);
});

const service: HerokuInventory['dataServices'][number] = {
  addOn: 'postgresql-flat-1',
  service: 'heroku-postgresql',
  plan: 'heroku-postgresql:standard-0',
  info: {},
  followers: ['postgresql-blue-2'],
  following: null,
  forks: [],
  credentials: ['default', 'metabase'],
  links: 0,
  backupSchedules: [],
  maintenance: null,
};

const assessed: AssessFacts = {
  database: { ...database, tables: [] },
  live,
  server: null,
  obstacles: null,
  sequences: null,
  extensionData: null,
  duplicateKeys: null,
  activity: null,
  sessions: {
    looks: 3,
    connections: { all: 2, owner: 1 },
    idleInTransaction: 0,
    longestTransaction: null,
    hiddenUsers: [],
    clients: [
      {
        ...{ user: 'metabase', application: 'Metabase v0', isOwner: false, kind: 'client backend' },
        ...{ sessions: 1, looks: 3, addresses: ['203.0.113.9'], addressCount: 1, hidden: false },
      },
    ],
  },
  credentials: {
    owner: 'u1',
    others: [{ name: 'metabase', owns: false, granted: true, memberOfOwner: false, writes: false }],
    receivers: [{ name: 'walreceiver', how: 'follower', active: true }],
    maySeeAll: true,
  },
  locked: [],
  unread: [],
};

test('a credential and who uses it, a follower and its connection, are one question each', () => {
  const items = planItems({ dataServices: [service] }, postgresItems(assessed, documentedOffer(16)));
  expect(asks(items, 'metabase')).toEqual(['consumer/credential/metabase']);
  const credential = items.find(({ id }) => id === 'consumer/credential/metabase');
  expect(credential?.why).toMatch(
    /Heroku Postgres lists it beside the default one; it was granted rights here; in use by Metabase v0.*203\.0\.113\.9/,
  );
  expect(credential?.options).toEqual(['not-needed', 'create-anew']);
  expect(asks(items, 'follow')).toEqual(['consumer/follower/postgresql-blue-2']);
  expect(items.find(({ id }) => id === 'consumer/followers')?.becomes).toBe(
    'decided with consumer/follower/postgresql-blue-2',
  );
  // Where Heroku names no follower, what Postgres sees is told.
  const unnamed = planItems({}, postgresItems(assessed, documentedOffer(16)));
  expect(unnamed.find(({ id }) => id === 'consumer/followers')?.remedy).not.toBeNull();
});

test('a database that follows another one blocks once, whoever noticed it', () => {
  const following = { ...service, following: 'postgresql-flat-9' };
  const replica = { ...assessed, live: { ...live, inRecovery: true }, server: ofServer() };
  const items = planItems({ dataServices: [following] }, postgresItems(replica, documentedOffer(16)));
  const blockers = items.filter(({ verdict, id }) => verdict === 'blocked' && id.includes('follow'));
  expect(blockers.map(({ id }) => id)).toEqual(['postgres/follower']);
});

function ofServer(): NonNullable<AssessFacts['server']> {
  return {
    characterType: 'en_US.UTF-8',
    localeProvider: 'libc',
    icuLocale: null,
    collationVersion: { made: null, now: null },
    largeObjects: { count: 0, bytes: 0, unreadable: 0 },
    transactionAge: 0,
    freezeMax: 200_000_000,
  } as NonNullable<AssessFacts['server']>;
}

test('a static address and a broker are asked about with the add-on that brings them', async () => {
  const addOns = [
    ...inventory.addOns,
    addOn('fixie', 'fixie:tricycle', 500, ['FIXIE_URL']),
    addOn('cloudamqp', 'cloudamqp:lemur', 0, ['CLOUDAMQP_URL']),
  ];
  const files = { Gemfile: 'gem "sneakers"\n', 'lib/a.rb': 'PROXY = ENV["FIXIE_URL"]\n' };
  const seen = await repository(files, ['FIXIE_URL', 'CLOUDAMQP_URL']);
  const items = planItems({ addOns }, seen);
  expect(asks(items, 'fixie')).toEqual(['add-on/fixie']);
  expect(asks(items, 'cloudamqp')).toEqual(['add-on/cloudamqp']);
  // Without the add-on the code is asked about.
  expect(asks(planItems({}, seen), 'fixie')).toEqual(['repository/egress-proxy/FIXIE_URL']);
});

test('metadata of dynos is asked about by the variables that the code reads', async () => {
  const features = ['runtime-dyno-metadata'];
  expect(asks(planItems({ features }), 'dyno-metadata')).toEqual(['traffic/feature/runtime-dyno-metadata']);
  const seen = await repository({ 'lib/a.rb': 'V = ENV["HEROKU_SLUG_COMMIT"]\n' }, []);
  expect(asks(planItems({ features }, seen), 'dyno-metadata')).toEqual([]);
});

test('connections that are too many are asked about once, by use and by pools', async () => {
  const files = {
    Procfile: 'web: puma\n',
    Gemfile: 'gem "pg"\n',
    'config/puma.rb': 'workers 9\nthreads 9, 9\n',
  };
  const facts = await readRepository(await checkout(files));
  const formation = [{ type: 'web', quantity: 2 }];
  const found = repositoryItems(facts, app({ formation, connectionLimit: 97 }));
  const ids = (freeConnections: number): string[] =>
    undecidedIn(buildPlan(input({ found, live: { ...live, freeConnections } })).items)
      .map(({ id }) => id)
      .filter((id) => id.endsWith('/connections'));
  expect(ids(10)).toEqual(['postgres/connections']);
  // Few are open at this moment: what the pools may open is asked about all the same.
  expect(ids(110)).toEqual(['repository/connections']);
});

test('two readers of one thing give the graver item with the evidence of both', () => {
  const about = { id: 'x/y', area: 'app', what: 'x' } as const;
  const one = told({ ...about, becomes: 'b', why: 'seen here', remedy: 'r' });
  const other = decide({ ...about, question: '?', options: ['o'], why: 'seen there', remedy: 'r' });
  for (const lists of [
    [[one], [other]],
    [[other], [one]],
  ])
    expect(mergeItems(lists)).toMatchObject([{ verdict: 'decide', why: 'seen there; seen here' }]);
});
