import { beforeAll, expect, test } from '@jest/globals';
import { routes } from '../../../rehearsal/heroku/api/routes.ts';
import type { HerokuWorld } from '../../../rehearsal/heroku/world.ts';
import { cliRequests, dataContract, hasContracts, platformContract } from './heroku-contract.ts';
import { ask, at, items, playedHeroku, present, shop, text } from './played-heroku.ts';

/** Where Heroku's schemas are not beside the checkout, these tests are reported as skipped. */
const contract = hasContracts ? test : test.skip;

let world: HerokuWorld;
let ids: Record<string, string>;

beforeAll(async () => {
  world = await playedHeroku({ requestsPerHour: 100_000 });
  const app = await shop(world, {
    processTypes: { web: 'node app.cjs', worker: 'sleep 1000', release: 'true' },
    postgres: {
      plan: 'standard-0',
      url: 'postgres://user:word@127.0.0.1:1/db',
      followers: ['postgresql-flat-1'],
      credentials: ['default', 'reports'],
      links: ['redis-curved-1'],
      backups: [{ hour: 2, timezone: 'UTC' }],
    },
    redis: { plan: 'premium-0', url: 'rediss://:word@127.0.0.1:1' },
    scheduler: [{ command: 'true', every: 1440, at: 0 }],
    pipeline: { name: 'shop-pipeline', stage: 'production', review: { automatic: true, open: 1 } },
    team: 'acme',
    space: { name: 'quiet', shield: true },
    addOns: [
      {
        plan: 'papertrail:fixa',
        config: { PAPERTRAIL_API_TOKEN: 'played' },
        drain: 'syslog+tls://logs.papertrailapp.com:12345',
      },
    ],
    collaborators: ['ada@example.com'],
  });
  await app.settled();
  ids = await thingsByParameter();
});

async function find(path: string, isIt: (one: unknown) => boolean = () => true): Promise<unknown> {
  return present(items((await ask(world, 'GET', path)).body).find(isIt));
}

/** One of everything that a path can name, so that no list is empty. */
async function thingsByParameter(): Promise<Record<string, string>> {
  const id = async (path: string, isIt?: (one: unknown) => boolean) => text(await find(path, isIt), 'id');
  const made = async (path: string, body: unknown) => text((await ask(world, 'POST', path, body)).body, 'id');
  return {
    ':app': 'shop',
    ':user': '~',
    ':addon': await id('/apps/shop/addons', (one) => text(one, 'plan.name').includes('postgres')),
    ':store': await id('/apps/shop/addons', (one) => text(one, 'plan.name').includes('redis')),
    ':attachment': await id('/apps/shop/addon-attachments', (one) => at(one, 'name') === 'DATABASE'),
    ':release': await id('/apps/shop/releases'),
    ':slug': text(await find('/apps/shop/releases', (one) => at(one, 'slug') !== null), 'slug.id'),
    ':build': await id('/apps/shop/builds'),
    ':domain': 'shop.example.com',
    ':endpoint': await id('/apps/shop/sni-endpoints'),
    ':drain': await made('/apps/shop/log-drains', { url: 'https://logs.example.com/in' }),
    ':webhook': await made('/apps/shop/webhooks', {
      include: ['api:release'],
      level: 'notify',
      url: 'https://hooks.example.com',
    }),
    ':collaborator': 'owner@example.com',
    ':coupling': await id('/pipeline-couplings'),
    ':pipeline': 'shop-pipeline',
    ':dyno': 'web.1',
    ':type': 'web',
    ':size': 'standard-1x',
    ':feature': 'preboot',
    ':region': 'eu',
    ':service': 'heroku-postgresql',
    ':plan': 'heroku-postgresql:standard-0',
    ':stack': 'heroku-24',
    ':team': 'acme',
    ':credential': 'default',
  };
}

const filled = (path: string) =>
  path
    .split('/')
    .map((part) => (path.startsWith('/redis/') && part === ':addon' ? ids[':store'] : (ids[part] ?? part)))
    .join('/');

contract('every GET of the Platform API answers as Heroku’s schema says', async () => {
  const described = platformContract();
  const wrong: Record<string, string[]> = {};
  for (const { path } of routes.filter(({ method, dialect }) => method === 'GET' && dialect === 'platform')) {
    const { status, body } = await ask(world, 'GET', filled(path));
    expect(`${path} ${status}`).toBe(`${path} 200`);
    const problems = described('GET', path)?.(body) ?? ['not in the schema'];
    if (problems.length > 0) wrong[path] = problems;
  }
  expect(wrong).toEqual({});
});

contract('every change through the Platform API is answered as Heroku’s schema says', async () => {
  const described = platformContract();
  const endpoint = await find('/apps/shop/sni-endpoints');
  const slug = await ask(world, 'POST', '/apps/shop/slugs', {
    process_types: { web: 'node app.cjs', worker: 'true' },
  });
  await fetch(text(slug.body, 'blob.url'), { method: 'PUT', body: 'x' });
  const range = { range: 'version ..; order=desc,max=1' };
  const newest = at((await ask(world, 'GET', '/apps/shop/releases', undefined, range)).body, '0');
  const changes: [method: string, path: string, body?: unknown][] = [
    ['PATCH', '/apps/:app', { maintenance: true }],
    ['POST', '/apps/:app/acm'],
    ['DELETE', '/apps/:app/acm'],
    [
      'PATCH',
      '/apps/:app/formation',
      { updates: [{ type: 'web', quantity: 1, dyno_size: { name: 'standard-2x' } }] },
    ],
    ['PATCH', '/apps/:app/formation/:type', { quantity: 1, dyno_size: 'standard-1x' }],
    ['POST', '/apps/:app/dynos', { command: 'sleep 1000' }],
    ['POST', '/apps/:app/dynos/:dyno/actions/stop'],
    ['DELETE', '/apps/:app/dynos/:dyno'],
    ['DELETE', '/apps/:app/formations/:type'],
    ['DELETE', '/apps/:app/dynos'],
    ['PATCH', '/apps/:app/config-vars', { NEW: 'value' }],
    ['POST', '/apps/:app/slugs', { process_types: {} }],
    ['POST', '/apps/:app/releases', { slug: text(slug.body, 'id') }],
    ['POST', '/apps/:app/releases', { release: at(newest, 'id') }],
    ['POST', '/actions/addons/resolve', { addon: 'DATABASE_URL', app: 'shop' }],
    ['POST', '/actions/addon-attachments/resolve', { addon_attachment: 'DATABASE_URL', app: 'shop' }],
    ['POST', '/addon-attachments', { addon: ids[':addon'], app: 'shop', name: 'SECOND' }],
    ['DELETE', '/addon-attachments/SECOND'],
    ['PATCH', '/apps/:app/addons/:addon', { plan: 'heroku-postgresql:standard-2' }],
    ['POST', '/apps/:app/domains', { hostname: 'new.example.com', sni_endpoint: text(endpoint, 'name') }],
    ['PATCH', '/apps/:app/domains/new.example.com', { sni_endpoint: null }],
    ['DELETE', '/apps/:app/domains/new.example.com'],
    ['PUT', '/apps/:app/buildpack-installations', { updates: [{ buildpack: 'heroku/ruby' }] }],
    ['POST', '/apps/:app/log-sessions', { lines: 10 }],
    ['POST', '/apps/:app/log-drains', { url: 'syslog://logs.example.com:514' }],
    ['DELETE', '/apps/:app/log-drains/:drain'],
    ['PATCH', '/apps/:app/webhooks/:webhook', { level: 'sync' }],
    ['DELETE', '/apps/:app/webhooks/:webhook'],
    ['PATCH', '/apps/:app/features/:feature', { enabled: false }],
    ['PATCH', '/pipeline-couplings/:coupling', { stage: 'staging' }],
    ['POST', '/filters/apps', { in: { id: [] } }],
    ['POST', '/sources'],
    [
      'POST',
      '/apps/:app/builds',
      { source_blob: { url: 'https://sources.example.com/1.tgz', version: 'v1' } },
    ],
    ['POST', '/apps', { name: 'throw-away', region: 'eu', stack: 'heroku-24' }],
    ['DELETE', '/apps/throw-away'],
    ['POST', '/teams/apps', { name: 'throw-away', team: 'acme', region: 'eu', stack: 'heroku-24' }],
  ];
  const wrong: Record<string, string[]> = {};
  for (const [method, path, body] of changes) {
    const target = path.includes('SECOND') ? `/addon-attachments/${await idOfSecond()}` : filled(path);
    const answer = await ask(world, method, target, body);
    expect(`${method} ${path} ${answer.status}`).toMatch(/ 2\d\d$/);
    const route = path
      .replace('/new.example.com', '/:domain')
      .replace('/SECOND', '/:attachment')
      .replace('/throw-away', '/:app');
    const problems = described(method, route)?.(answer.body) ?? ['not in the schema'];
    if (problems.length > 0) wrong[`${method} ${path}`] = problems;
  }
  expect(wrong).toEqual({});
});

async function idOfSecond(): Promise<string> {
  return text(await find('/apps/shop/addon-attachments', (one) => at(one, 'name') === 'SECOND'), 'id');
}

contract('every GET of the data API answers as the schema read off Heroku says', async () => {
  const described = dataContract();
  const wrong: Record<string, string[]> = {};
  for (const { path } of routes.filter(({ method, dialect }) => method === 'GET' && dialect === 'data')) {
    const { status, body } = await ask(world, 'GET', filled(path));
    expect(`${path} ${status}`).toBe(`${path} 200`);
    const problems = described('GET', path)?.(body) ?? ['not in the schema'];
    if (problems.length > 0) wrong[path] = problems;
  }
  expect(wrong).toEqual({});
});

/** The commands, as the CLI's requests were recorded. */
const commands = [
  'apps:info -a demo --json',
  'ps -a demo',
  'ps:scale web=1 -a demo',
  'ps:scale web=0 worker=0 -a demo',
  'addons -a demo',
  'config -a demo -j',
  'maintenance:on -a demo',
  'maintenance:off -a demo',
  'domains -a demo',
  'pg:info -a demo',
  'redis:info -a demo',
  'pg:credentials -a demo',
  'data:maintenances -a demo',
  'pipelines:info demo-pipe',
];

contract.each(commands)('what `heroku %s` asks is answered', async (command) => {
  const requests = cliRequests(command);
  expect(requests.length).toBeGreaterThan(0);
  const pipeline = text(await find('/pipelines'), 'id');
  const app = text((await ask(world, 'GET', '/apps/shop')).body, 'id');
  const here = (recorded: string) =>
    recorded
      .replaceAll('/demo', '/shop')
      .replaceAll('"demo"', '"shop"')
      .replace('demo-pipe', 'shop-pipeline')
      .replace('/pl1/', `/${pipeline}/`)
      .replaceAll('01234567-89ab-cdef-0123-456789abcdef', app)
      .replaceAll('aaaaaaaa-89ab-cdef-0123-456789abcdef', present(ids[':addon']))
      .replaceAll('redis-round-1', present(ids[':store']));
  for (const request of requests) {
    const headers: Record<string, string> = { accept: request.accept };
    for (const name of ['range', 'accept-expansion', 'accept-inclusion'] as const) {
      if (request[name] !== undefined) headers[name] = request[name];
    }
    const body: unknown = request.body === undefined ? undefined : JSON.parse(here(request.body));
    const answer = await ask(world, request.method, here(request.path), body, headers);
    expect(`${request.method} ${request.path} ${answer.status}`).toMatch(/ 2\d\d$/);
  }
});
