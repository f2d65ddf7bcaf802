import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readAsked, type Asked } from '../../actions/assess/asked.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { inputsFrom } from '../../src/github/inputs.ts';
import type { Edge } from '../../src/github/run.ts';

const directory = temporaryDirectory('asked');
const ONE = join(directory, 'one.yml');
const TWO = join(directory, 'two.yml');
const staging = '  staging: { heroku-app: shop-staging, region: fra }\n';
writeFileSync(ONE, `application: shop\nenvironments:\n${staging}`);
writeFileSync(
  TWO,
  `application: shop\nenvironments:\n${staging}  production: { heroku-app: shop, region: fra }\n`,
);

function asked(inputs: Record<string, string>): Promise<Asked> {
  const edge = {
    inputs: inputsFrom(
      (name) => ({ 'all-environments': 'false', ...inputs })[name],
      () => undefined,
    ),
  };
  return readAsked(edge as Edge);
}

test('without a migration.yml the app is given by its name', async () => {
  const config = join(directory, 'none.yml');
  expect(await asked({ config, 'heroku-app': 'shop' })).toEqual({ kind: 'first-run', herokuApp: 'shop' });
  await expect(asked({ config })).rejects.toThrow(
    /There is no .*none\.yml in this checkout, and the input heroku-app is empty/,
  );
});

test('a migration.yml that cannot be read is not taken for one that is not there', async () => {
  const config = join(directory, 'a-directory.yml');
  mkdirSync(config);
  const refused = asked({ config, 'heroku-app': 'shop' });
  await expect(refused).rejects.toThrow('cannot be read (EISDIR)');
  await expect(refused).rejects.toBeInstanceOf(ConfigurationError);
});

test('the environment is the one that is named, the only one, or the one of the app', async () => {
  const all = [
    { config: TWO, environment: 'staging' },
    { config: TWO, environment: 'staging', 'heroku-app': 'shop-staging' },
    { config: TWO, 'heroku-app': 'shop-staging' },
    { config: ONE },
  ];
  for (const inputs of all) {
    expect(await asked(inputs)).toMatchObject({
      kind: 'declared',
      herokuApp: 'shop-staging',
      environment: { name: 'staging' },
    });
  }
});

test('of all environments it is the protected one, unless one is named', async () => {
  const ofAll = { config: TWO, 'all-environments': 'true' };
  expect(await asked(ofAll)).toMatchObject({ environment: { name: 'production' } });
  expect(await asked({ ...ofAll, environment: 'staging' })).toMatchObject({
    environment: { name: 'staging' },
  });
});

test.each([
  [{ config: TWO }, 'migration.yml names several: staging (shop-staging), production (shop)'],
  [{ config: TWO, environment: 'stagin' }, 'did you mean "staging"'],
  [
    { config: TWO, environment: 'production', 'heroku-app': 'shop-staging' },
    'migration.yml says that production is the app shop.',
  ],
  [{ config: ONE, 'heroku-app': 'shop' }, '"shop", which is the app of no environment in migration.yml'],
])('%j is told with what to correct', async (inputs, message) => {
  await expect(asked(inputs)).rejects.toThrow(message);
  await expect(asked(inputs)).rejects.toBeInstanceOf(ConfigurationError);
});
