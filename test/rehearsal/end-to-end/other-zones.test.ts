import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { hostNameOf, type TrafficName, type ZoneServer } from '../../../rehearsal/world.ts';
import {
  cutOver,
  errorsOf,
  expectConclusion,
  full,
  herokuServesAsBefore,
  isWhere,
  logOf,
  openShop,
  prepare,
  rollBack,
  serves,
  stateOfHeroku,
  type Shop,
} from './shop-under-migration.ts';

// A shop whose zone somebody else than DigitalOcean serves goes there and back, with the shipped workflows and bundles.
const whenFull = full ? describe : describe.skip;
const SECRETS = /cloudflare_rehearsal_token|rehearsal-secret-of-acme/;
let shop: Shop | undefined;

afterEach(async () => {
  await shop?.close();
  shop = undefined;
});

/** The records of the name as the one who serves it keeps them. */
function recordsOf({ world, environment }: Shop): unknown {
  const name = hostNameOf(environment);
  const cloudflare = world.cloudflare?.zones.flatMap(({ records }) => records);
  const route53 = world.route53?.zones.flatMap(({ sets }) => sets);
  return (
    cloudflare
      ?.filter((record) => record.name === name)
      .map(({ type, content, ttl, proxied }) => ({ type, content, ttl, proxied })) ??
    route53?.filter((set) => set.name === `${name}.`)
  );
}

whenFull('a zone that is served elsewhere', () => {
  test.each<[ZoneServer, TrafficName]>([
    ['cloudflare', 'dns'],
    ['cloudflare', 'cdn'],
    ['route53', 'dns'],
  ])(
    '%s, traffic: %s',
    async (server, traffic) => {
      shop = await openShop({ environments: ['production'], schedules: false, serves: server, traffic });
      const { world } = shop;
      world.github.configureEnvironment('production', {});
      const before = await stateOfHeroku(shop);
      const records = recordsOf(shop);
      const rules = structuredClone(world.cloudflare?.zones[0]?.originRules?.rules ?? []);
      await serves(shop, 'heroku');

      const prepared = await prepare(shop);
      expectConclusion(prepared, 'success');
      const moved = await cutOver(shop, prepared);
      expectConclusion(moved, 'success');
      if (traffic === 'dns') expect(logOf(moved, 'cutover')).toMatch(/follows after \d/);
      await delay(world.ttl.playedMs);
      await isWhere(shop, 'digitalocean');
      await serves(shop, 'digitalocean');
      expect(recordsOf(shop)).not.toEqual(records);

      const back = await rollBack(shop);
      expectConclusion(back, 'success');
      await delay(world.ttl.playedMs);
      expect(recordsOf(shop)).toEqual(records);
      expect(world.cloudflare?.zones[0]?.originRules?.rules ?? []).toEqual(rules);
      await herokuServesAsBefore(shop, before);
      for (const run of shop.runs) expect(logOf(run)).not.toMatch(SECRETS);
    },
    900_000,
  );

  test('names that Cloudflare proxies are not moved by their records, and nothing is touched', async () => {
    shop = await openShop({ environments: ['production'], schedules: false, serves: 'cloudflare' });
    shop.world.github.configureEnvironment('production', {});
    const prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    const record = shop.world.cloudflare?.zones[0]?.records.find(({ type }) => type === 'CNAME');
    if (record !== undefined) Object.assign(record, { proxied: true, ttl: 1 });
    const refused = await cutOver(shop, prepared);
    expectConclusion(refused, 'failure');
    expect(errorsOf(refused)).toMatch(/Cloudflare proxies it/);
    expect(shop.world.cloudflare?.zones[0]?.records).toContainEqual(record);
  }, 600_000);
});
