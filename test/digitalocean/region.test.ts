import { expect, test } from '@jest/globals';
import { datacentreOf } from '../../src/digitalocean/region.ts';

// App Platform "Enable VPC" (docs.digitalocean.com, 2025-09-24): an app joins a private network in these alone.
test.each([
  ['ams', 'ams3'],
  ['blr', 'blr1'],
  ['fra', 'fra1'],
  ['lon', 'lon1'],
  // Not nyc3, where most of the account's things usually are.
  ['nyc', 'nyc1'],
  ['sfo', 'sfo3'],
  ['sgp', 'sgp1'],
  ['syd', 'syd1'],
  ['tor', 'tor1'],
])('an app in %s reaches a private network in %s', (region, datacentre) => {
  expect(datacentreOf(region)).toBe(datacentre);
});

test('a region without such a datacentre is refused with those that there are', () => {
  expect(() => datacentreOf('atl')).toThrow(/`region: atl` .* Choose one of: ams, blr, .*, tor\./);
});
