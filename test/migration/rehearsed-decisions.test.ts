import { expect, test } from '@jest/globals';

import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { rehearsalItems, waivedRehearsals } from '../../src/migration/rehearsal-items.ts';
import { rehearsedDecisions, type RehearsedDecisions } from '../../src/migration/rehearsed-decisions.ts';
import { configOfThrowAway, thrownAway } from '../../src/migration/throw-away.ts';

const FILE = `
application: shop
rehearsal-max-age: 7d
environments:
  staging: { heroku-app: shop-staging, region: fra }
  production: { heroku-app: shop-production, region: fra, domains: [a.example.com, b.example.com] }
dns: { provider: digitalocean, zone: example.com }
redis: { skip: [a:*, b:*] }
`;

function decided(text: string, name = 'production'): RehearsedDecisions {
  const config = parseMigrationConfig(text, 'migration.yml');
  return rehearsedDecisions(config, environmentOf(config, name));
}

test('what the file says for all is the same decision in every environment, what it says for one is its own', () => {
  const [staging, production] = [decided(FILE, 'staging'), decided(FILE)];
  expect(staging.shared).toBe(production.shared);
  expect(staging.own).not.toBe(production.own);
});

test.each([
  ['another strategy', 'strategy: live', ['shared', 'own']],
  ['another pattern of keys', 'live: { on-schema-change: recopy }', ['shared', 'own']],
  ['an answer', 'decisions: { add-on/papertrail: replace }', ['shared', 'own']],
  ['another budget', 'downtime-budget: 9m', []],
  ['a waiver', 'decisions: { rehearsal/full: waived }', []],
])('%s makes an earlier rehearsal one of other decisions, or not', (_what, line, changed) => {
  const [before, after] = [decided(FILE), decided(`${FILE}${line}\n`)];
  const differing = (['shared', 'own'] as const).filter((key) => before[key] !== after[key]);
  expect(differing).toEqual(changed);
});

test('what only production decides is no other decision for staging; when it may begin is none at all', () => {
  const of = (from: string, to: string): boolean[] => {
    const [before, after] = [decided(FILE), decided(FILE.replace(from, to))];
    return [before.shared === after.shared, before.own === after.own];
  };
  const production = 'heroku-app: shop-production';
  expect(of(production, `redis: { size: s-1vcpu-2gb }, ${production}`)).toEqual([true, false]);
  expect(of(production, `window: { not-before: '02:00', not-after: '04:00' }, ${production}`)).toEqual([
    true,
    true,
  ]);
  expect(of('rehearsal-max-age: 7d', 'rehearsal-max-age: 30d')).toEqual([true, true]);
  expect(of('[a:*, b:*]', '[b:*, a:*]')).toEqual([true, true]);
  expect(of('[a.example.com, b.example.com]', '[b.example.com, a.example.com]')).toEqual([true, true]);
});

test('a waiver stands in the plan of a protected environment, where its reviewer sees it', () => {
  const config = parseMigrationConfig(`${FILE}decisions: { rehearsal/shadow: waived }\n`, 'migration.yml');
  const itemsOf = (name: string) => {
    const environment = environmentOf(config, name);
    return rehearsalItems({ environment, answers: answersOf(config, environment) });
  };
  expect(itemsOf('production')).toMatchObject([
    { id: 'rehearsal/shadow', verdict: 'decide', options: ['required', 'waived'] },
  ]);
  expect(itemsOf('staging')).toEqual([]);
  const answers = answersOf(config, environmentOf(config, 'production'));
  expect(waivedRehearsals(answers)).toEqual({ full: false, shadow: true });
  expect(waivedRehearsals({ 'rehearsal/full': 'required' })).toEqual({ full: false, shadow: false });
});

test('a throw-away target has an id of its own, and its capture ends within hours by itself', () => {
  const config = parseMigrationConfig(FILE, 'migration.yml');
  const production = environmentOf(config, 'production');
  expect(thrownAway(config, production, 'shadow')).toMatchObject({
    migrationId: 'shop-production-shadow',
    herokuApp: 'shop-production',
    throwAway: { label: 'shadow', of: 'shop-production' },
  });
  expect(config.live.leaseMs).toBe(48 * 3_600_000);
  expect(configOfThrowAway(config).live.leaseMs).toBe(7 * 3_600_000);
  expect(() => thrownAway(config, production, 'Shadow!')).toThrow(/must be 1 to 8 lower-case letters/);
  const taken = parseMigrationConfig(
    FILE.replace('staging:', 'production-x:').replace('shop-production', 'shop-prod'),
    'migration.yml',
  );
  expect(() => thrownAway(taken, environmentOf(taken, 'production'), 'x')).toThrow(
    /has an environment that is called production-x/,
  );
});
