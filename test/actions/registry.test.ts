import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { livePrices } from '../../actions/provision/prices.ts';
import { ensureRegistry } from '../../actions/provision/registry.ts';
import { ownedRegistry } from '../../actions/provision/owned-registry.ts';
import { imageMark } from '../../actions/provision/registry-mark.ts';
import type { Owned } from '../../actions/provision/resource.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { registryRegion } from '../../src/digitalocean/registry.ts';
import { silentLog } from '../../src/log.ts';
import { targetNames } from '../../src/migration/names.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';

const TAG = 'heroku-to-digitalocean:shop-staging';
const PRODUCTION = 'heroku-to-digitalocean:shop-production';
const COMMIT = 'c'.repeat(40);
const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

// One account for all, emptied before each test.
let world: TestWorld;
let from: number;

beforeAll(async () => {
  world = await testWorld();
});

beforeEach(async () => {
  world.faults.clear();
  world.registries.replace([], 'basic');
  Object.assign(world.played.registries, { namesOfOthers: ['taken'] });
  const { tags } = (await world.api('GET', '/tags?per_page=200')).body as unknown as {
    tags: { name: string }[];
  };
  for (const { name } of tags) await world.api('DELETE', `/tags/${encodeURIComponent(name)}`);
  from = world.requests.length;
});

/** The transport waits a moment before it asks again, which no test needs to. */
const atOnce: Clock = { ...systemClock, sleep: () => Promise.resolve() };

function clientOf(bearer = token): DigitalOcean {
  return createDigitalOcean({ token: bearer, apiUrl: world.apiUrl, log: silentLog, clock: atOnce });
}

function ensure(
  place: { registry?: string; repository?: string } = {},
  { dryRun = false, bearer = token, datacentre = 'fra1' } = {},
): ReturnType<typeof ensureRegistry> {
  const edge = { log: silentLog, clock: systemClock, signal: new AbortController().signal };
  return ensureRegistry(
    {
      ...{ edge, client: clientOf(bearer), application: 'shop', datacentre, tag: TAG },
      ...{ registry: 'acme', repository: 'shop', ...place },
    },
    dryRun,
  );
}

const changes = (): string[] =>
  world.requests
    .slice(from)
    .filter(({ method, path }) => method !== 'GET' && !path.endsWith('/validate-name'))
    .map(({ method, path }) => `${method} ${path.replace(/\d{10}$/u, '<time>')}`);

const bodies = (): unknown[] =>
  world.requests.slice(from).flatMap(({ method, body }) => (method === 'POST' ? [body] : []));

async function tagNames(): Promise<string[]> {
  const { tags } = (await world.api('GET', '/tags?per_page=200')).body as unknown as {
    tags: { name: string }[];
  };
  return tags.map(({ name }) => name.replace(/\d{10}$/u, '<time>')).sort();
}

/** As prepare.yml pushes: under the commit, and under a mark of its own. */
function push(letter: string, { repository = 'shop', at = '2026-12-02T20:30:00.123Z' } = {}): void {
  const base = `registry.digitalocean.com/acme/${repository}`;
  const mark = imageMark('shop', new Date(at));
  world.registries.push([`${base}:${COMMIT}`, `${base}:${mark}`], digestOf(letter));
}

const others = { production: PRODUCTION };
const owned = (bearer = token): ReturnType<typeof ownedRegistry> =>
  ownedRegistry(
    {
      client: clientOf(bearer),
      names: targetNames('shop-staging', 'shop'),
      prices: livePrices({ instanceSizes: [], dropletSizes: [], databaseSizes: [] } as never),
    },
    { application: 'shop', others },
  );
const inWords = (list: readonly Owned[]): string[] =>
  list.map(({ kind, name }) => `${kind} ${name.replace(/\d{10}$/u, '<time>')}`);

describe('before the push', () => {
  test('the registry is made where there is none, near the database, and a second run changes nothing', async () => {
    const planned = await ensure();
    expect(planned.resources).toEqual([
      {
        ...{ kind: 'Container registry', name: 'acme', change: 'create', usdPerMonth: 5 },
        detail: 'basic, 5.00 USD a month for the whole account, with 5 repositories and 5.0 GiB, in fra1',
      },
      expect.objectContaining({ kind: 'Tag', name: TAG, change: 'create', usdPerMonth: 0 }),
    ]);
    expect(planned.priceDifferences).toEqual([]);
    expect(bodies()).toContainEqual({
      ...{ name: 'acme', subscription_tier_slug: 'basic', region: 'fra1' },
    });
    expect(world.registries.view()).toEqual([{ name: 'acme', repositories: {} }]);
    expect(await tagNames()).toEqual(['heroku-to-digitalocean:shop:registry:acme:<time>', TAG].sort());

    const before = changes();
    const again = await ensure();
    expect(again.resources.map(({ change }) => change)).toEqual(['keep', 'keep']);
    expect(again.resources[0]?.detail).toMatch(/^made by this: basic, 5\.00 USD/u);
    expect(changes()).toEqual(before);
  });

  test('a dry run tells the line with its price and makes nothing', async () => {
    const planned = await ensure({}, { dryRun: true });
    expect(planned.resources[0]).toMatchObject({ change: 'create', usdPerMonth: 5 });
    expect(changes()).toEqual([]);
    expect(world.registries.view()).toEqual([]);
  });

  test("the account's own registry is kept, and not taken for one that this made", async () => {
    world.registries.replace(['acme'], 'professional');
    const planned = await ensure();
    expect(planned.resources[0]).toMatchObject({ change: 'keep', usdPerMonth: null });
    expect(planned.resources[0]?.detail).toMatch(
      /^the account's own, and it stays: professional, 20\.00 USD/u,
    );
    expect(changes()).toEqual(['POST /v2/tags']);
    expect(await tagNames()).toEqual([TAG]);
  });

  test('a registry of another name is refused with the address to take, also where more could be made', async () => {
    world.registries.replace(['other'], 'professional');
    await expect(ensure()).rejects.toThrow(
      /has "other" and not that\. Set the variable IMAGE_REPOSITORY to registry\.digitalocean\.com\/other\/shop:/u,
    );
    expect(changes()).toEqual([]);
  });

  test('a name that another customer has is refused before anything is made, in a dry run too', async () => {
    for (const dryRun of [true, false]) {
      await expect(ensure({ registry: 'taken' }, { dryRun })).rejects.toThrow(
        /Somebody else has a registry named "taken".*registry\.digitalocean\.com\/taken-shop\/shop/u,
      );
    }
    await expect(ensure({ registry: 'Acme_1' })).rejects.toThrow(
      'DigitalOcean has no registries named "Acme_1"',
    );
    expect(changes()).toEqual([]);
  });

  test('a tier without room is refused before an image is built for it, and a small one is told', async () => {
    world.registries.replace(['acme'], 'starter');
    const planned = await ensure();
    expect(planned.resources[0]).toMatchObject({
      change: 'drift',
      detail: expect.stringContaining(
        'a second image hardly fits. Choose basic under https://cloud.digitalocean.com/registry',
      ),
    });
    push('a', { repository: 'blog' });
    await expect(ensure()).rejects.toThrow(
      /holds 1 repository \(blog\), and its tier starter has room for 1: shop would be refused/u,
    );
    expect((await ensure({ repository: 'blog' })).resources[0]?.change).toBe('drift');
  });

  test('an answer that is lost: what was made is found, and is known as made by this', async () => {
    world.faults.inject({ method: 'POST', path: /\/registries$/u, times: 1, kind: 'truncate' });
    await ensure();
    expect(changes().filter((change) => change === 'POST /v2/registries')).toHaveLength(1);
    expect((await ensure()).resources[0]?.detail).toMatch(/^made by this/u);
  });

  test('killed before the registry was made, the next run makes it, and every note of it goes with it', async () => {
    await world.api('POST', '/tags', { name: 'heroku-to-digitalocean:shop:registry:acme:1700000000' });
    await ensure();
    expect(world.registries.view()).toHaveLength(1);
    for (const one of (await owned()).owned) await one.destroy();
    expect([world.registries.view(), await tagNames()]).toEqual([[], [TAG]]);
  });

  test('a registry that somebody made later is not ours, whatever a note of a killed run says', async () => {
    await world.api('POST', '/tags', { name: 'heroku-to-digitalocean:shop:registry:acme:1700000000' });
    world.registries.replace(['acme'], 'basic');
    expect((await ensure()).resources[0]?.detail).toMatch(/^the account's own/u);
    const { owned: found } = await owned();
    // The note itself goes.
    expect(inWords(found)).toEqual(['Tag heroku-to-digitalocean:shop:registry:acme:<time>']);
  });

  test.each([
    [
      'a bill that is not paid',
      422,
      'unprocessable_entity',
      'You need to settle your billing first',
      /settle the bill/u,
    ],
    [
      'a token that may not',
      403,
      'forbidden',
      'You are not authorized to perform this operation',
      /lacks the scope `registry:create`/u,
    ],
    [
      'a request that is wrong',
      422,
      'unprocessable_entity',
      'invalid request',
      /422 unprocessable_entity: invalid request/u,
    ],
  ])('%s: refused with what to do, and nothing is noted of it', async (_what, status, id, message, told) => {
    world.faults.inject({ method: 'POST', path: /\/registries$/u, times: 1, kind: { status, id, message } });
    await expect(ensure()).rejects.toThrow(told);
    expect(world.registries.view()).toEqual([]);
    expect(await tagNames()).toEqual([TAG]);
  });

  test('images lie where the database does, or nearest to it', () => {
    const regions = ['nyc3', 'sfo3', 'sfo2', 'ams3', 'sgp1', 'fra1', 'blr1', 'syd1'];
    const places = ['fra1', 'nyc1', 'sfo3', 'lon1', 'tor1', 'xyz1'].map((place) =>
      registryRegion(place, regions),
    );
    expect(places).toEqual(['fra1', 'nyc3', 'sfo3', 'ams3', 'nyc3', undefined]);
  });
});

describe('taken away again', () => {
  test('the images, the repository, the registry that this made and the note of it', async () => {
    await ensure();
    push('a');
    push('b', { at: '2026-12-03T08:00:00Z' });
    const { owned: found, left } = await owned();
    expect(inWords(found)).toEqual([
      ...['Image acme/shop', 'Image acme/shop', 'Image repository acme/shop', 'Container registry acme'],
      'Tag heroku-to-digitalocean:shop:registry:acme:<time>',
    ]);
    expect(left).toEqual([]);
    expect(found.find(({ kind }) => kind === 'Container registry')?.usdPerMonth).toBe(5);
    for (const one of found) await one.destroy();
    expect(world.registries.view()).toEqual([]);
    expect(await tagNames()).toEqual([TAG]);
    expect(await owned()).toEqual({ owned: [], left: [] });
  });

  test("only our images go from the account's own registry, and what stays is told", async () => {
    world.registries.replace(['acme'], 'basic');
    push('a');
    const theirs = [
      'registry.digitalocean.com/acme/shop:v1',
      `registry.digitalocean.com/acme/shop:${'d'.repeat(40)}`,
    ];
    world.registries.push(theirs, digestOf('c'));
    push('a', { repository: 'blog/web' });
    world.registries.push(['registry.digitalocean.com/acme/blog/web:latest'], digestOf('a'));
    const { owned: found, left } = await owned();
    expect(inWords(found)).toEqual(['Image acme/shop']);
    expect(left).toEqual([
      expect.stringMatching(
        /the image registry\.digitalocean\.com\/acme\/blog\/web@sha256:a+…: somebody gave it tags of their own \(.*latest/u,
      ),
      'the registry acme: it was there before, or somebody else made it',
    ]);
    for (const one of found) await one.destroy();
    expect(world.registries.view()[0]?.repositories.shop?.map(({ digest }) => digest)).toEqual([
      digestOf('c'),
    ]);
    expect(world.registries.view()[0]?.repositories['blog/web']).toHaveLength(1);
  });

  test('a registry that this made stays for the images of others in it', async () => {
    await ensure();
    push('a');
    world.registries.push(['registry.digitalocean.com/acme/blog:v1'], digestOf('b'));
    const { owned: found, left } = await owned();
    expect(inWords(found)).toEqual(['Image acme/shop', 'Image repository acme/shop']);
    expect(left).toEqual(['the registry acme, which this made: 1 image of others in it']);
  });

  test('while another environment is there nothing of it goes; then its last one takes all', async () => {
    await ensure();
    push('a');
    await world.api('POST', '/tags', { name: PRODUCTION });
    expect(await owned()).toEqual({
      owned: [],
      left: [
        'the registry acme and 1 image in it: production may deploy from it: they go with the last environment',
      ],
    });
    await world.api('DELETE', `/tags/${encodeURIComponent(PRODUCTION)}`);
    expect((await owned()).owned).toHaveLength(4);
  });

  test.each([
    ['by digest', { digest: digestOf('a') }],
    ['by tag', { tag: COMMIT }],
  ])("an image that somebody else's app runs stays, named %s", async (_how, source) => {
    await ensure();
    push('a');
    const image = { registry_type: 'DOCR', registry: '', repository: 'shop', ...source };
    const spec = {
      name: 'neighbour',
      region: 'fra',
      services: [{ name: 'web', image, instance_size_slug: 'apps-s-1vcpu-1gb' }],
    };
    const { body } = await world.api('POST', '/apps', { spec });
    const { owned: found, left } = await owned();
    await world.api('DELETE', `/apps/${(body.app as unknown as { id: string }).id}`);
    expect(found).toEqual([]);
    expect(left).toEqual([
      expect.stringContaining('the app neighbour runs it'),
      'the registry acme, which this made: 1 image of others in it',
    ]);
  });

  test('what is pushed meanwhile stops the removal', async () => {
    await ensure();
    push('a');
    const { owned: found } = await owned();
    push('b', { at: '2026-12-03T08:00:00Z' });
    world.registries.push(['registry.digitalocean.com/acme/blog:v1'], digestOf('c'));
    const go = (kind: string): Promise<void> | undefined => found.find((one) => one.kind === kind)?.destroy();
    await go('Image');
    await expect(go('Image repository')).rejects.toThrow('1 image came into acme/shop meanwhile');
    await expect(go('Container registry')).rejects.toThrow('came into acme meanwhile');
    expect(Object.keys(world.registries.view()[0]?.repositories ?? {})).toEqual(['shop', 'blog']);
  });

  test('a token that may not look there is no hindrance, and it is said', async () => {
    world.tokens.add('without-registries', ['tag:read', 'app:read']);
    const { owned: found, left } = await owned('without-registries');
    expect(found).toEqual([]);
    expect(left[0]).toMatch(/registries of DigitalOcean was not looked at: .*registry:read/u);
  });
});

(hasContract ? test : test.skip)('every request is as the API describes it', () => {
  const contract = new Contract();
  const sent = world.requests.filter(
    ({ method, path, body }) => method !== 'GET' && path.includes('/registries') && body !== undefined,
  );
  expect(sent.length).toBeGreaterThan(5);
  expect(
    sent
      .filter(({ body }) => (body as { name?: string }).name !== 'Acme_1')
      .flatMap(({ method, path, body }) => contract.problemsOfRequest(method, path, body)),
  ).toEqual([]);
});
