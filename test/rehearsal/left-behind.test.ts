import { expect, test } from '@jest/globals';
import { orphansAmong } from '../../rehearsal/left-behind.ts';

const before = ['projects first-project', 'domains example.com'];
const made = [
  ...['vpcs shop-staging', 'databases shop-staging', 'droplets shop-staging-redis', 'apps shop-staging'],
  ...['firewalls shop-staging-redis', 'tags heroku-to-digitalocean:shop-staging'],
  'alert shop-staging-redis: disk above 70 %',
  ...['database defaultdb of shop-staging', 'database shop of shop-staging', 'user shop of shop-staging'],
];

test('what was there before, and what a migration makes, is no orphan', () => {
  expect(orphansAmong([...before, ...made], before)).toEqual([]);
});

test.each([
  ['droplets shop-staging-redis', 'is there 2 times'],
  ['databases shop-staging', 'is there 2 times'],
  ['apps shop-staging-trial', 'belongs to nobody'],
  ['database trial_1 of shop-staging', 'belongs to nobody'],
  ['alert shop-staging-redis: disk above 70 %', 'is there 2 times'],
  ['projects another', 'belongs to nobody'],
])('%s too many is one', (one, said) => {
  expect(orphansAmong([...before, ...made, one], before)).toEqual([`${one} ${said}`]);
});
