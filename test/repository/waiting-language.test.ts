import { expect, test } from '@jest/globals';
import { buildPlan } from '../../src/migration/plan.ts';
import { waitingLanguageOf, type LanguageName } from '../../src/repository/language.ts';
import { input, inventory } from '../migration/support/assessed-app.ts';

test.each<[LanguageName[], string | null]>([
  [['ruby'], 'ruby'],
  [['ruby', 'node'], 'ruby'],
  [['node', 'python'], 'python'],
  [['node'], 'node'],
  [['ruby', 'python'], null],
  [['node', 'go'], null],
  [['php'], null],
  [[], null],
])('workers of a checkout of %j wait in %s', (names, language) => {
  expect(waitingLanguageOf(names.map((name) => ({ name })))).toBe(language);
});

test('behind a buildpack that nobody knows the checkout tells the language; without one it blocks', () => {
  const unknown = { ...inventory, buildpacks: ['https://github.com/acme/buildpack'] };
  const told = buildPlan(input({ inventory: unknown, repositoryLanguage: 'ruby' }));
  expect(told.language).toBe('ruby');
  expect(told.items.map(({ id }) => id)).not.toContain('app/language');
  const blind = buildPlan(input({ inventory: unknown }));
  expect(blind.items.find(({ id }) => id === 'app/language')).toMatchObject({ verdict: 'blocked' });
  expect(buildPlan(input({ repositoryLanguage: 'node' })).language).toBe('ruby');
});
