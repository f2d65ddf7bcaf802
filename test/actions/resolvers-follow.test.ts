import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { untilResolversFollow } from '../../actions/roll-back/front-door-traffic.ts';
import { pastOf } from '../../actions/roll-back/past.ts';
import type { Parties } from '../../actions/parties.ts';
import { startCloudflare, type CloudflareWorld } from '../../rehearsal/cloudflare/world.ts';
import { startResolver, type PlayedResolver } from '../../rehearsal/public-dns/resolver.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { systemClock } from '../../src/clock.ts';
import { askAll, parseResolvers, type Resolver } from '../../src/dns/resolvers.ts';
import { silentLog } from '../../src/log.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import { keepingLog } from '../dns/impatient-clock.ts';

// Behind the front door a name leads back to Heroku while the new side still serves; who is led there afterwards is held.

const SHOP = 'shop.example.com';
const TTL_SECONDS = 60;
const FASTER = 50;
let world: CloudflareWorld;
let played: PlayedResolver[];
let resolvers: Resolver[];

beforeAll(async () => {
  const authority = await createAuthority('Test authority');
  world = await startCloudflare({ log: silentLog, authority, originOf: () => undefined });
  world.createZone('example.com');
  world.addRecord({ type: 'CNAME', name: SHOP, content: 'app.ondigitalocean.app', ttl: TTL_SECONDS });
  played = await Promise.all(
    [1, 2].map(() => startResolver({ served: [world], ttlSecondMs: 1000 / FASTER })),
  );
  resolvers = parseResolvers(played.map(({ address }) => address).join(', '));
});

afterAll(async () => {
  await Promise.all([world.stop(), ...played.map((one) => one.stop())]);
});

beforeEach(() => {
  for (const one of played) one.flush();
});

/** By which a second of the way back lasts as long as one of a played resolver. */
const begun = Date.now();
const clock = {
  now: () => new Date(begun + (Date.now() - begun) * FASTER),
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / FASTER, signal),
};

function follow(log = silentLog, ledTo = 'old.herokudns.com'): Promise<unknown> {
  const records = [{ type: 'CNAME', data: ledTo, ttl: TTL_SECONDS }];
  const moved = { name: `dns ${SHOP}`, status: 'done', prior: { records }, result: null };
  const parties = { subject: { config: { dns: { ttl: TTL_SECONDS } } }, resolvers, log, clock };
  const step = untilResolversFollow(parties as unknown as Parties, pastOf([moved as unknown as StepRow]));
  return step.act(null, { signal: new AbortController().signal });
}

function leadTo(content: string): void {
  const record = world.zones[0]?.records.find(({ name }) => name === SHOP);
  if (record === undefined) throw new Error('The record is not there.');
  record.content = content;
}

test('resolvers that keep the old record are waited for, and a whole lifetime passes though all follow at once', async () => {
  await askAll(resolvers, SHOP, 'A');
  leadTo('old.herokudns.com');
  const kept = (await follow()) as { names: { domain: string; resolvers: { followedMs: number }[] }[] };
  expect(kept).toMatchObject({ waitedMs: 61_000, names: [{ domain: SHOP }] });
  const followed = kept.names.flatMap(({ resolvers: seen }) => seen.map(({ followedMs }) => followedMs));
  expect(followed).toHaveLength(2);
  for (const followedMs of followed) expect(followedMs).toBeGreaterThan(30_000);

  const started = Date.now();
  await follow();
  expect(Date.now() - started).toBeGreaterThan(1_000);
});

test('a resolver that goes on leading elsewhere is told after its time, and does not stop the way back', async () => {
  leadTo('somewhere.example.net');
  const log = keepingLog();
  expect(await follow(log, 'other.herokudns.com')).toMatchObject({
    names: [{ resolvers: [{ followedMs: null }, { followedMs: null }] }],
  });
  expect(log.lines.filter((line) => /still says somewhere\.example\.net after 75 s/.test(line))).toHaveLength(
    2,
  );
});
