import { afterEach, describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
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

/** A command as docs/dns.md asks for, before somebody's API: here that of the played zone. */
const commandFor = ({ world }: Shop): string => `
import { readFileSync } from 'node:fs';
const { verb, zone, name, records, value, ttl } = JSON.parse(readFileSync(0, 'utf8'));
const api = async (method, path, body) => {
  const response = await fetch(\`${world.digitalOcean.apiUrl}/v2/domains/\${zone}/records\${path}\`, {
    method,
    headers: { authorization: \`Bearer \${process.env.DNS_COMMAND_SECRET}\`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) {
    console.error(\`\${method} \${path}: HTTP \${response.status}\`);
    process.exit(response.status >= 500 ? 75 : 2);
  }
  return response.status === 204 ? undefined : response.json();
};
const short = name === zone ? '@' : name.slice(0, -zone.length - 1);
const { domain_records: all } = await api('GET', '?per_page=200');
const own = all.filter((one) => one.name === short);
const leading = own.filter(({ type }) => ['A', 'AAAA', 'CNAME'].includes(type));
const plain = leading.map(({ type, data, ttl }) => ({ type, data: data.replace(/\\.$/, ''), ttl }));
const texts = own.filter(({ type }) => type === 'TXT');
const known = texts.filter(({ data }) => data === value);
const add = (type, data, lifetime) => api('POST', '', { name: short, type, data, ttl: lifetime });
const remove = (ones) => Promise.all(ones.map(({ id }) => api('DELETE', \`/\${id}\`)));
let answer;
if (verb === 'read') answer = { records: plain, texts: texts.map(({ data }) => data) };
if (verb === 'write') {
  answer = { changed: JSON.stringify(plain) !== JSON.stringify(records) };
  if (answer.changed) {
    await remove(leading);
    for (const one of records) await add(one.type, one.type === 'CNAME' ? \`\${one.data}.\` : one.data, one.ttl);
  }
}
if (verb === 'ensure-text') {
  answer = { changed: known.length === 0 };
  if (answer.changed) await add('TXT', value, ttl);
}
if (verb === 'remove-text') {
  answer = { changed: known.length > 0 };
  await remove(known);
}
console.log(JSON.stringify(answer));
`;

/** Has the zone written by that command, which gets its token as its secret; what every run is started with from then on. */
function byCommand(played: Shop): { secrets: Record<string, string> } {
  const file = join(played.world.workspace, 'migration.yml');
  const config = parse(readFileSync(file, 'utf8')) as { dns: Record<string, unknown> };
  config.dns = { ...config.dns, provider: 'command', command: 'node dns.mjs' };
  writeFileSync(file, stringify(config));
  writeFileSync(join(played.world.workspace, 'dns.mjs'), commandFor(played));
  return { secrets: { DNS_COMMAND_SECRET: played.world.tokens.digitalOcean } };
}

/** The records of the name as the one who serves it keeps them. */
function recordsOf({ world, environment }: Shop): unknown {
  const name = hostNameOf(environment);
  const cloudflare = world.cloudflare?.zones.flatMap(({ records }) => records);
  const route53 = world.route53?.zones.flatMap(({ sets }) => sets);
  if (cloudflare === undefined && route53 === undefined)
    return world.digitalOcean.zones.answers(name, 'CNAME');
  return (
    cloudflare
      ?.filter((record) => record.name === name)
      .map(({ type, content, ttl, proxied }) => ({ type, content, ttl, proxied })) ??
    route53?.filter((set) => set.name === `${name}.`)
  );
}

whenFull('a zone that is served elsewhere', () => {
  test.each<[ZoneServer | 'command', TrafficName]>([
    ['cloudflare', 'dns'],
    ['cloudflare', 'cdn'],
    ['route53', 'dns'],
    ['command', 'dns'],
  ])(
    '%s, traffic: %s',
    async (server, traffic) => {
      const servedBy = server === 'command' ? {} : { serves: server };
      shop = await openShop({ environments: ['production'], schedules: false, traffic, ...servedBy });
      const { world } = shop;
      const options = server === 'command' ? byCommand(shop) : {};
      world.github.configureEnvironment('production', {});
      const before = await stateOfHeroku(shop);
      const records = recordsOf(shop);
      const rules = structuredClone(world.cloudflare?.zones[0]?.originRules?.rules ?? []);
      await serves(shop, 'heroku');

      const prepared = await prepare(shop, options);
      expectConclusion(prepared, 'success');
      const moved = await cutOver(shop, prepared, options);
      expectConclusion(moved, 'success');
      if (traffic === 'dns') expect(logOf(moved, 'cutover')).toMatch(/follows after \d/);
      await delay(world.ttl.playedMs);
      await isWhere(shop, 'digitalocean');
      await serves(shop, 'digitalocean');
      expect(recordsOf(shop)).not.toEqual(records);

      const back = await rollBack(shop, options);
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
