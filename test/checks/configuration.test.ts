import { expect, test } from '@jest/globals';
import { configurationChecks, type ConfigurationInput } from '../../src/checks/configuration.ts';
import { variablesOf } from '../../src/checks/spec-variables.ts';
import { keyedDigest, requireMigrationKey } from '../../src/migration/secrets.ts';

// Every config var is accounted for by its name and a keyed digest; whatever is not fails by its name.

const key = requireMigrationKey('0123456789abcdef'.repeat(4));
const digest = (value: string): string => keyedDigest(key, value);

const good = (): ConfigurationInput => ({
  fates: [
    { name: 'RAILS_ENV', fate: 'kept', reason: 'as it is' },
    { name: 'SECRET_KEY_BASE', fate: 'kept', reason: 'as it is' },
    { name: 'DATABASE_URL', fate: 'replaced', reason: 'the new cluster' },
    { name: 'OLD_FLAG', fate: 'dropped', reason: 'migration.yml drops it' },
    { name: 'DATABASE_CA_CERT', fate: 'added', reason: 'the CA' },
  ],
  expected: [
    { key: 'RAILS_ENV', value: 'production', secret: false },
    { key: 'SECRET_KEY_BASE', value: 'the-old-secret', secret: true },
    { key: 'DATABASE_URL', value: 'postgres://new', secret: true },
    { key: 'DATABASE_CA_CERT', value: 'PEM', secret: false },
  ],
  live: variablesOf({
    envs: [
      { key: 'RAILS_ENV', value: 'production', type: 'GENERAL' },
      { key: 'SECRET_KEY_BASE', value: 'EV[1:a:b]', type: 'SECRET' },
      { key: 'DATABASE_URL', value: 'EV[1:c:d]', type: 'SECRET' },
      { key: 'DATABASE_CA_CERT', value: 'PEM', type: 'GENERAL' },
      { key: 'H2D_MIGRATION', value: 'shop', type: 'GENERAL' },
    ],
  }),
  sent: { SECRET_KEY_BASE: digest('the-old-secret'), DATABASE_URL: digest('postgres://new') },
  digest,
  ours: (name) => name.startsWith('H2D_'),
});

test('what is kept, replaced, dropped and added is accounted for, and no value is in the account', () => {
  const { checks, variables } = configurationChecks(good());
  expect(checks.map(({ id, state }) => [id, state])).toEqual([
    ['configuration/kept', 'passed'],
    ['configuration/replaced', 'passed'],
    ['configuration/dropped', 'passed'],
    ['configuration/added', 'passed'],
  ]);
  expect(variables.map(({ name, digest: found }) => [name, found?.slice(0, 12) ?? null])).toEqual([
    ['RAILS_ENV', 'hmac-sha256:'],
    ['SECRET_KEY_BASE', 'hmac-sha256:'],
    ['DATABASE_URL', 'hmac-sha256:'],
    ['OLD_FLAG', null],
    ['DATABASE_CA_CERT', 'hmac-sha256:'],
  ]);
  expect(JSON.stringify([checks, variables])).not.toMatch(/the-old-secret|postgres:\/\/new/);
});

test.each<[string, (input: ConfigurationInput) => ConfigurationInput, string, string]>([
  [
    'missing',
    (i) => ({ ...i, live: i.live.filter(({ name }) => name !== 'RAILS_ENV') }),
    'configuration/kept',
    'RAILS_ENV is missing',
  ],
  [
    'another value',
    (i) => ({
      ...i,
      live: i.live.map((one) => (one.name === 'RAILS_ENV' ? { ...one, value: 'staging' } : one)),
    }),
    'configuration/kept',
    'RAILS_ENV has another value',
  ],
  [
    'a secret that changed on Heroku since',
    (i) => ({
      ...i,
      expected: i.expected.map((one) => (one.key === 'SECRET_KEY_BASE' ? { ...one, value: 'rotated' } : one)),
    }),
    'configuration/kept',
    'SECRET_KEY_BASE has another value',
  ],
  [
    'a secret nobody knows of',
    (i) => ({ ...i, sent: { DATABASE_URL: digest('postgres://new') } }),
    'configuration/kept',
    'the record holds no digest',
  ],
  [
    'an old address',
    (i) => ({ ...i, sent: { ...i.sent, DATABASE_URL: digest('postgres://old') } }),
    'configuration/replaced',
    'DATABASE_URL has another value',
  ],
  [
    'not dropped',
    (i) => ({
      ...i,
      live: [...i.live, { name: 'OLD_FLAG', value: 'yes', secret: false, component: undefined }],
    }),
    'configuration/dropped',
    'OLD_FLAG is still there',
  ],
  [
    'not added',
    (i) => ({ ...i, live: i.live.filter(({ name }) => name !== 'DATABASE_CA_CERT') }),
    'configuration/added',
    'DATABASE_CA_CERT is missing',
  ],
  [
    'shadowed',
    (i) => ({
      ...i,
      live: [...i.live, { name: 'RAILS_ENV', value: 'test', secret: false, component: 'web' }],
    }),
    'configuration/kept',
    'RAILS_ENV has another value in web',
  ],
])('%s fails', (_name, change, id, told) => {
  const failed = configurationChecks(change(good())).checks.filter(({ state }) => state === 'failed');
  expect(failed).toMatchObject([{ id, found: expect.stringContaining(told) }]);
});

test('what nobody planned is told', () => {
  const input = good();
  const live = [...input.live, { name: 'BY_HAND', value: '1', secret: false, component: undefined }];
  expect(configurationChecks({ ...input, live }).checks.at(-1)).toMatchObject({
    state: 'told',
    found: 'BY_HAND',
  });
});
