import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { ConfigurationError } from '../../src/errors.ts';
import { inputsFrom, SECRET_INPUTS } from '../../src/github/inputs.ts';

const masked: string[] = [];
const inputs = (given: Record<string, string>) =>
  inputsFrom(
    (name) => given[name],
    (value) => masked.push(value),
  );

test('an input is read trimmed, and an empty one counts as none', () => {
  expect(inputs({ config: ' migration.yml \n' }).required('config')).toBe('migration.yml');
  expect(inputs({ image: '  ' }).optional('image')).toBeUndefined();
  expect(inputs({}).optionalSecret('digitalocean-token')).toBeUndefined();
});

test('a secret is masked as it is read', () => {
  expect(inputs({ 'migration-key': 'abc123' }).secret('migration-key')).toBe('abc123');
  expect(masked).toContain('abc123');
});

test('what is not one of the choices is told with all of them', () => {
  const given = inputs({ gate: 'maybe', 'dry-run': 'yes' });
  expect(() => given.choice('gate', ['environment', 'none'])).toThrow('must be one of environment, none.');
  expect(() => given.boolean('dry-run')).toThrow('The input dry-run is "yes" and must be true or false.');
  expect(inputs({ 'dry-run': 'TRUE' }).boolean('dry-run')).toBe(true);
});

test('an address has no slash at its end, and none that would carry a secret or a file is taken', () => {
  expect(inputs({ u: 'https://api.example.com/' }).url('u')).toBe('https://api.example.com');
  expect(inputs({ u: 'http://127.0.0.1:8080' }).url('u')).toBe('http://127.0.0.1:8080');
  for (const bad of [
    'api.example.com',
    'file:///etc/passwd',
    'https://u:p@api.example.com',
    'https://a.example.com?k=v',
  ]) {
    expect(() => inputs({ u: bad }).url('u')).toThrow(ConfigurationError);
  }
});

test('whatever the workflows fill from a secret is masked before anything else', () => {
  const workflows = globSync(join(import.meta.dirname, '../../.github/workflows/*.yml'));
  const filled = workflows.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^ +([a-z-]+): \$\{\{.*\b(?:secrets\.|github\.token)/gm)].map(
      ([, name = '']) => name,
    ),
  );
  // Those two are the inputs of docker/login-action.
  const ours = [...new Set(filled)].filter((name) => !['username', 'password'].includes(name));
  expect(ours.length).toBeGreaterThan(10);
  expect(ours.filter((name) => !SECRET_INPUTS.some((known) => known === name))).toEqual([]);
});
