import { expect, test } from '@jest/globals';
import { appVariables, plannedAddresses } from '../../src/migration/app-variables.ts';
import { readFromDyno } from '../../src/migration/buildpack-secrets.ts';
import {
  componentMetadata,
  EQUIVALENT,
  equivalentNote,
  equivalentsIn,
  equivalentsOf,
} from '../../src/migration/dyno-metadata.ts';

const NAMES = ['DYNO', 'HEROKU_APP_ID', 'HEROKU_APP_NAME', 'HEROKU_RELEASE_VERSION', 'HEROKU_SLUG_COMMIT'];
const COMMIT = 'e4f1a2b3'.repeat(5);

function variables(config: { drop?: string[]; set?: Record<string, string> } = {}, names = NAMES) {
  return appVariables({
    configVars: { HEROKU_APP_NAME: 'set-by-hand', SAME: 'set-by-hand', RAILS_ENV: 'production' },
    addOns: [],
    config: { config: { drop: config.drop ?? [], set: config.set ?? {} } },
    answers: {},
    appName: 'shop-staging',
    addresses: plannedAddresses(false),
    dynoMetadata: {
      names,
      herokuApp: 'shop-on-heroku',
      imageDigest: `sha256:0123456789abcdef${'0'.repeat(48)}`,
      commit: COMMIT,
    },
  });
}

const fatesOf = (found: ReturnType<typeof variables>): Record<string, string> =>
  Object.fromEntries(found.fates.map(({ name, fate }) => [name, fate]));
const valuesOf = (found: ReturnType<typeof variables>): Record<string, string> =>
  Object.fromEntries(found.variables.map(({ key, value }) => [key, value]));

test('what the code reads of a dyno has its equivalent, each with its reason, and nothing else is added', () => {
  const found = variables();
  expect(fatesOf(found)).toMatchObject({
    DYNO: 'added',
    HEROKU_APP_ID: 'added',
    HEROKU_APP_NAME: 'replaced',
    HEROKU_RELEASE_VERSION: 'added',
    SAME: 'kept',
  });
  expect(valuesOf(found)).toMatchObject({
    HEROKU_APP_ID: '${APP_ID}',
    HEROKU_APP_NAME: 'shop-on-heroku',
    HEROKU_RELEASE_VERSION: '0123456789ab',
    HEROKU_SLUG_COMMIT: COMMIT,
  });
  // Each component has its own.
  expect(valuesOf(found)).not.toHaveProperty('DYNO');
  expect(
    found.fates
      .filter(({ name }) => NAMES.includes(name))
      .every(({ reason }) => reason.includes('the code reads it')),
  ).toBe(true);
  expect(fatesOf(variables({}, []))).not.toHaveProperty('DYNO');
  expect(fatesOf(variables({}, [])).HEROKU_APP_NAME).toBe('dropped');
});

test('a commit that nobody knows is not made up', () => {
  const known = { herokuApp: 'shop-on-heroku', imageDigest: 'sha256:0123' };
  expect(equivalentsOf(['HEROKU_SLUG_COMMIT', 'DYNO'], { ...known, commit: undefined })).toEqual({
    DYNO: { value: undefined, reason: expect.any(String) },
  });
  expect(equivalentsOf(['HEROKU_SLUG_COMMIT'], { ...known, commit: COMMIT })).toMatchObject({
    HEROKU_SLUG_COMMIT: { value: COMMIT },
  });
});

test('migration.yml wins over an equivalent', () => {
  const found = variables({ drop: ['DYNO', 'HEROKU_APP_ID'], set: { HEROKU_APP_NAME: 'shop' } });
  expect(fatesOf(found)).toMatchObject({
    DYNO: 'dropped',
    HEROKU_APP_ID: 'dropped',
    HEROKU_APP_NAME: 'replaced',
  });
  expect(valuesOf(found)).toMatchObject({ HEROKU_APP_NAME: 'shop' });
  expect(valuesOf(found)).not.toHaveProperty('HEROKU_APP_ID');
});

test('only what the items ask about gets one, and an answer decides', () => {
  const item = (name: string, options = [EQUIVALENT, 'it-does-without']) => ({
    id: `repository/variable/${name}`,
    options,
    becomes: options[0] ?? '',
  });
  const items = [item('DYNO'), item('HEROKU_APP_NAME'), item('HEROKU_SLUG_COMMIT', ['it-does-without'])];
  expect(equivalentsIn(items)).toEqual(['DYNO', 'HEROKU_APP_NAME']);
  expect(equivalentsIn(items, { 'repository/variable/DYNO': 'it-does-without' })).toEqual([
    'HEROKU_APP_NAME',
  ]);
  expect(equivalentNote('HEROKU_RELEASE_CREATED_AT')).toBeUndefined();
});

test('DYNO is named after its component', () => {
  expect(componentMetadata(['DYNO'], 'high_priority')).toEqual([
    { key: 'DYNO', value: 'high-priority.1', secret: false },
  ]);
  expect(componentMetadata(['HEROKU_APP_ID'], 'web')).toEqual([]);
});

test('a dyno is asked for nothing but what the plan says', () => {
  const items = [
    { id: 'variable/SECRET_KEY_BASE', becomes: 'read-from-dyno' },
    { id: 'variable/DATABASE_URL', becomes: 'replaced' },
    { id: 'variable/CALLBACK_URL/host', becomes: 'read-from-dyno' },
    { id: 'variable/A;env', becomes: 'read-from-dyno' },
  ];
  expect(readFromDyno(items)).toEqual(['SECRET_KEY_BASE']);
  expect(readFromDyno([{ id: 'variable/SECRET_KEY_BASE', becomes: 'sessions-end' }])).toEqual([]);
});
