import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { callbackChecks, type CallbackOwner } from '../../src/checks/callbacks.ts';
import { costChecks } from '../../src/checks/cost.ts';
import { oldHostsInCode } from '../../src/checks/old-hosts-in-code.ts';
import { oldHostsInRows } from '../../src/checks/old-hosts-in-rows.ts';
import { attachedHosts, namedIn, oldHostsInConfig, oldHostsOf } from '../../src/checks/old-hosts.ts';
import { oldTraffic, type OldRequest } from '../../src/checks/old-traffic.ts';
import { wayBackChecks, type WayBack } from '../../src/checks/way-back.ts';
import type { AddOn } from '../../src/heroku/add-ons.ts';
import { decide } from '../../src/migration/item.ts';
import { addressOf } from '../postgres/draining.ts';
import { freshDatabase } from '../support/servers.ts';

// What is left of the old side elsewhere, and who must be told.

const hosts = oldHostsOf({
  app: 'shop',
  appHosts: ['shop-1a2b3c.herokuapp.com'],
  database: { host: 'ec2-1-2-3-4.compute-1.amazonaws.com' },
  redis: { host: '127.0.0.1' },
  attached: [],
  dnsTargets: [{ domain: 'www.example.com', host: 'Boiling-Elk-1.herokudns.com' }],
});

test('databases that are attached beside the first are hosts of the old side, too, and what others run is not', () => {
  const addOn = (service: string, ...configVars: string[]): AddOn => ({
    ...{ id: service, name: service, plan: `${service}:x`, billedTo: 'shop', state: 'provisioned' },
    ...{ service, configVars, billedCentsPerMonth: null },
  });
  const attached = attachedHosts(
    {
      DATABASE_URL: 'postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d',
      HEROKU_POSTGRESQL_RED_URL: 'postgres://u:p@ec2-9-9-9-9.compute-1.amazonaws.com:5432/d',
      REDIS_URL: 'rediss://:p@ec2-5-5-5-5.compute-1.amazonaws.com:6379',
      REDISCLOUD_URL: 'redis://:p@redis-1.c1.cloud.redislabs.com:1',
    },
    [
      addOn('heroku-postgresql', 'DATABASE_URL', 'HEROKU_POSTGRESQL_RED_URL', 'HEROKU_POSTGRESQL_GONE_URL'),
      addOn('heroku-redis', 'REDIS_URL'),
      addOn('rediscloud', 'REDISCLOUD_URL'),
    ],
  );
  const database = { host: 'ec2-1-2-3-4.compute-1.amazonaws.com' };
  const none = { appHosts: [], redis: undefined, dnsTargets: [] };
  expect(oldHostsOf({ ...none, app: 'shop', database, attached })).toEqual([
    { what: "the app's name at Heroku", host: 'shop.herokuapp.com' },
    { what: "Heroku's Postgres", host: 'ec2-1-2-3-4.compute-1.amazonaws.com' },
    {
      what: "the host of Heroku's HEROKU_POSTGRESQL_RED_URL",
      host: 'ec2-9-9-9-9.compute-1.amazonaws.com',
    },
    { what: "the host of Heroku's REDIS_URL", host: 'ec2-5-5-5-5.compute-1.amazonaws.com' },
  ]);
});

test('a host is found as a whole name, and an address of this machine is none', () => {
  expect(hosts.map(({ host }) => host)).toEqual([
    'shop.herokuapp.com',
    'shop-1a2b3c.herokuapp.com',
    'ec2-1-2-3-4.compute-1.amazonaws.com',
    'boiling-elk-1.herokudns.com',
  ]);
  expect(namedIn('CNAME boiling-elk-1.herokudns.com.', hosts)).toMatchObject([
    { what: "Heroku's DNS target of www.example.com" },
  ]);
  expect(namedIn('https://SHOP.herokuapp.com/x', hosts)).toHaveLength(1);
  expect(namedIn('https://myshop.herokuapp.com/x', hosts)).toHaveLength(0);
});

test('a variable that leads to the old side fails by its name, unless it stays by decision', () => {
  const values = { APP_HOST: 'https://shop.herokuapp.com', OTHER: 'x' };
  expect(oldHostsInConfig(values, hosts, [])).toMatchObject([
    { state: 'failed', found: "APP_HOST names the app's name at Heroku" },
  ]);
  expect(oldHostsInConfig(values, hosts, ['APP_HOST'])).toMatchObject([
    { state: 'passed', found: expect.stringContaining('by decision: APP_HOST') },
  ]);
  expect(oldHostsInConfig({ OTHER: 'x' }, hosts, [])).toMatchObject([{ state: 'passed' }]);
  expect(oldHostsInConfig({}, hosts, [])).toMatchObject([{ state: 'told' }]);
});

test('code that names it is told by its place, and prose is left out', async () => {
  const directory = temporaryDirectory('code');
  mkdirSync(join(directory, 'app'), { recursive: true });
  writeFileSync(join(directory, 'README.md'), 'https://shop.herokuapp.com');
  writeFileSync(join(directory, 'app', 'mailer.rb'), 'class Mailer\n  HOST = "shop.herokuapp.com"\nend\n');
  expect(await oldHostsInCode(directory, hosts)).toMatchObject({
    state: 'told',
    found: expect.stringContaining('app/mailer.rb:2; '),
  });
  expect(await oldHostsInCode(directory, hosts.slice(2))).toMatchObject({ state: 'passed' });
  expect(await oldHostsInCode(undefined, hosts)).toMatchObject({
    state: 'told',
    found: expect.stringContaining('not looked at'),
  });
});

test('rows that name it are counted by column, without writing and without a value', async () => {
  const database = await freshDatabase({
    sql: `CREATE TABLE mails (id bigserial PRIMARY KEY, body text, meta jsonb, size int);
          INSERT INTO mails (body, meta) VALUES ('see https://shop.herokuapp.com/orders/1', '{}'), ('nothing', '{"u": "https://shop-1a2b3c.herokuapp.com"}');
          CREATE TABLE plain (id int, note text)`,
  });
  const { signal } = new AbortController();
  const found = await oldHostsInRows(addressOf(database), hosts, signal);
  expect(found).toMatchObject({
    state: 'told',
    found: 'public.mails.body (1 rows of those looked at), public.mails.meta (1 rows of those looked at)',
  });
  await database.query('TRUNCATE mails');
  expect(await oldHostsInRows(addressOf(database), hosts, signal)).toMatchObject({
    state: 'passed',
    found: 'none in 2 tables with text',
  });
});

const stripe = (becomes?: string) => ({
  ...decide({
    id: 'repository/callback/stripe',
    area: 'consumer',
    what: 'Stripe may call the application at a registered address',
    question: 'Which host?',
    options: ['a-domain-that-moves', 'changed-at-the-cutover', 'calls-nothing'],
    why: 'config var STRIPE_WEBHOOK_SECRET',
    remedy:
      'Look at https://dashboard.stripe.com/webhooks. A domain of yours moves with the cutover; an address …',
  }),
  ...(becomes === undefined ? {} : { verdict: 'automatic' as const, becomes }),
});

const SWITCH = new Date('2026-11-23T12:00:00Z');
const ada = { owner: '@ada', done: false, subscriptionsSeen: undefined };

test.each<[string, string | undefined, CallbackOwner | undefined, boolean, string]>([
  ['a domain that moves', 'a-domain-that-moves', undefined, true, 'passed'],
  ['to be changed, and nobody has', 'changed-at-the-cutover', ada, true, 'failed'],
  ['to be changed, and done', 'changed-at-the-cutover', { ...ada, done: true }, true, 'passed'],
  ['to be changed, before the switch', 'changed-at-the-cutover', undefined, false, 'told'],
  ['nobody has said', undefined, undefined, true, 'told'],
])('a callback: %s', (_name, answer, owner, moved, state) => {
  const owners = owner === undefined ? {} : { stripe: owner };
  const checks = callbackChecks([stripe(answer)], [], owners, moved ? SWITCH : undefined);
  expect(checks[0]).toMatchObject({ id: 'third-parties/callback/stripe', state });
  if (owner !== undefined) expect(checks[0]?.found).toContain('@ada');
  expect(checks.some(({ id }) => id === 'third-parties/dropped/stripe')).toBe(moved);
});

test.each([
  ['nobody has looked', undefined, 'told', 'stands with Stripe only; it retries for 3 days'],
  ['somebody looked before the switch', '2026-11-22', 'told', 'stands with Stripe only'],
  ['somebody looked on its day', '2026-11-23', 'passed', 'looked at on 2026-11-23 by @ada'],
  ['somebody looked since', '2026-11-25', 'passed', 'looked at on 2026-11-25 by @ada'],
])('subscriptions that a sender may have dropped: %s', (_name, subscriptionsSeen, state, found) => {
  const owners = { stripe: { ...ada, subscriptionsSeen } };
  expect(callbackChecks([stripe('a-domain-that-moves')], [], owners, SWITCH)[1]).toMatchObject({
    id: 'third-parties/dropped/stripe',
    state,
    found: expect.stringContaining(found),
  });
});

test('a service is known by the names of config vars when no plan is at hand', () => {
  expect(
    callbackChecks([], ['SHOPIFY_API_SECRET', 'TWILIO_AUTH_TOKEN'], {}, SWITCH).map(({ id }) => id),
  ).toEqual([
    'third-parties/callback/shopify',
    'third-parties/dropped/shopify',
    'third-parties/callback/twilio',
    'third-parties/dropped/twilio',
  ]);
});

const request = (minutes: number): OldRequest => ({
  at: new Date(SWITCH.getTime() + minutes * 60_000),
  host: 'shop.herokuapp.com',
  status: 503,
  from: '198.51.100.x',
});

test.each<[string, OldRequest[] | undefined, boolean, string]>([
  ['nobody', [request(-5)], false, 'passed'],
  ['stragglers', [request(5)], false, 'told'],
  ['somebody who comes hours later', [request(5), request(180)], false, 'failed'],
  ['the old side forwards', [request(180)], true, 'told'],
  ['the log cannot be read', undefined, false, 'told'],
])('traffic on the old side: %s', (_name, requests, forwarded, state) => {
  expect(oldTraffic(requests, SWITCH, forwarded)).toMatchObject([{ state }]);
});

test('what is still paid for is told with what ends it', () => {
  const paid = [
    {
      what: 'heroku-postgresql:standard-0 (postgresql-x-1)',
      usd: 50,
      remove: 'heroku addons:destroy postgresql-x-1 -a shop',
    },
  ];
  expect(costChecks(undefined, paid, true)).toMatchObject([
    {
      state: 'told',
      found: expect.stringContaining('$50.00 a month'),
      remedy: expect.stringContaining('addons:destroy'),
    },
  ]);
  expect(costChecks(undefined, [], true)).toMatchObject([{ state: 'passed' }]);
});

test('what both sides cost is told from the plan, and a sum that lacks something says so', () => {
  const planned = {
    before: { usdPerMonth: 650, complete: true, lines: [] },
    after: { usdPerMonth: 97.1, complete: false, lines: [] },
  };
  expect(costChecks(planned, [], false)).toEqual([
    {
      ...{ id: 'cost/both-sides', area: 'cost', what: 'What both sides cost a month', state: 'told' },
      found: '$650.00 on Heroku before, at least $97.10 with DigitalOcean by the plan',
    },
  ]);
});

const HOUR = 3_600_000;
const wayBack = (more: Partial<WayBack> = {}): WayBack => ({
  lag: { rows: 3, bytes: 1e6, seconds: 30, whole: [] },
  limits: { logBytes: 2e9, leaseMs: 48 * HOUR },
  schemaChanges: [],
  damaged: [],
  leaseLeftMs: 47 * HOUR,
  ...more,
});

test.each<[string, Partial<WayBack>, string[]]>([
  ['all is well', {}, []],
  ['Heroku lags', { lag: { rows: 3, bytes: 1e6, seconds: 25 * 3600, whole: [] } }, ['way-back/lag']],
  ['the logs grow', { lag: { rows: 3, bytes: 1.2e9, seconds: 30, whole: [] } }, ['way-back/log']],
  ['its time runs out', { leaseLeftMs: 5 * HOUR }, ['way-back/lease']],
  ['the schema changed', { schemaChanges: ['added: column surprise'] }, ['way-back/schema']],
  ['a trigger was touched', { damaged: ['the capture of orders was touched'] }, ['way-back/capture']],
])('the way back: %s', (_name, more, failed) => {
  expect(
    wayBackChecks(wayBack(more))
      .filter(({ state }) => state === 'failed')
      .map(({ id }) => id),
  ).toEqual(failed);
});
