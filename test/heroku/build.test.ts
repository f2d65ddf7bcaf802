import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { startHeroku, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { sourceArchive } from '../../src/front-door/source-archive.ts';
import { buildSlug, findBuiltSlug, sourceVersion } from '../../src/heroku/build.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { scale } from '../../src/heroku/formation.ts';
import { releaseFrontDoor } from '../../src/heroku/release.ts';
import {
  createThrowAwayApp,
  deleteThrowAwayApp,
  hasThrowAwayApp,
  throwAwayApp,
  type ThrowAwayApp,
} from '../../src/heroku/throw-away-app.ts';
import { silentLog } from '../../src/log.ts';

let world: HerokuWorld;
let client: HerokuClient;
let builder: ThrowAwayApp;

const MARK = 'heroku-to-digitalocean:shop-production';
const archive = sourceArchive({
  'package.json': '{ "scripts": { "start": "node server.js" } }',
  'server.js': `require('node:http').createServer((q, r) => r.end('built')).listen(process.env.PORT); process.on('SIGTERM', () => process.exit(0));`,
  Procfile: 'web: node server.js\nworker: sleep infinity\n',
});

beforeAll(async () => {
  world = await startHeroku({
    log: silentLog,
    authority: await createAuthority('test'),
    played: { shutdownSeconds: 1, schedulerMinuteMs: 60_000, buildMs: 200 },
  });
  world.tokens.add('token', ['read', 'write', 'read-protected', 'write-protected']);
  client = createHeroku({
    ...{ token: 'token', apiUrl: world.apiUrl, dataApiUrl: world.dataApiUrl },
    ...{ log: silentLog, clock: systemClock },
  });
  await world.createApp({
    name: 'shop',
    code: temporaryDirectory('code'),
    processTypes: { web: 'sleep 1000', worker: 'sleep 1000' },
    formation: { worker: { quantity: 1, size: 'Standard-1X' } },
    config: {},
    domains: [],
    region: 'eu',
    team: 'acme',
  });
  builder = await throwAwayApp(client, { app: 'shop', migrationId: 'shop-production', mark: MARK });
});
afterAll(async () => {
  await world.stop();
  await stopAll();
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(5);
}

const posts = (path: RegExp): number =>
  world.requests.filter((one) => one.method === 'POST' && path.test(one.path)).length;

test('a throw-away app has a name of its own within Heroku’s limit, and lies where the app lies', async () => {
  expect(builder.name).toMatch(/^h2d-shop-production-[0-9a-f]{8}$/);
  const long = { app: 'shop', migrationId: 'a-very-long-name-of-a-shop-production', mark: MARK };
  expect((await throwAwayApp(client, long)).name).toMatch(/^[a-z][a-z0-9-]{1,28}[a-z0-9]$/);
  expect(await hasThrowAwayApp(client, builder)).toBe(false);
  await createThrowAwayApp(client, 'shop', builder);
  await createThrowAwayApp(client, 'shop', builder);
  expect(posts(/^\/teams\/apps$/)).toBe(1);
  expect(await hasThrowAwayApp(client, builder)).toBe(true);
  const answer = await fetch(`${world.apiUrl}/apps/${builder.name}`, {
    headers: { accept: 'application/vnd.heroku+json; version=3', authorization: 'Bearer token' },
  });
  expect(await answer.json()).toMatchObject({ region: { name: 'eu' }, team: { name: 'acme' } });
});

test('what was built once is found again; a build that is under way is waited for; the app has no dyno after it', async () => {
  const version = sourceVersion(archive);
  expect(await findBuiltSlug(client, builder.name, version)).toBeUndefined();
  const [one, other] = await Promise.all([
    buildSlug(client, builder.name, archive),
    // As the re-run of a job that was cancelled meanwhile.
    until(() => posts(/\/builds$/) === 1).then(() => buildSlug(client, builder.name, archive)),
  ]);
  expect(other).toBe(one);
  expect(await buildSlug(client, builder.name, archive)).toBe(one);
  expect(await findBuiltSlug(client, builder.name, version)).toBe(one);
  expect(posts(/\/builds$/)).toBe(1);
  await world.app(builder.name).settled();
  expect(world.app(builder.name).formation()).toMatchObject({ web: { quantity: 0 } });
});

test('a build that fails says where its output is, and the next run builds anew', async () => {
  const wrong = sourceArchive({ 'package.json': '{ "dependencies": { "left-pad": "1.0.0" } }' });
  await expect(buildSlug(client, builder.name, wrong)).rejects.toThrow(
    /The build on h2d-shop-production-\w+ failed.*dashboard\.heroku\.com/,
  );
  await expect(buildSlug(client, builder.name, wrong)).rejects.toThrow(/failed/);
  expect(posts(/\/builds$/)).toBe(3);
});

test('the slug takes the place of another app’s code by its id, its formation stays, and it outlives the app that built it', async () => {
  const slug = (await findBuiltSlug(client, builder.name, sourceVersion(archive))) ?? '';
  const app = world.app('shop');
  await app.settled();
  const before = app.releases().at(-1)?.version ?? 0;
  const released = await releaseFrontDoor(client, 'shop', slug);
  expect(released.version).toBe(before + 1);
  expect(await releaseFrontDoor(client, 'shop', slug)).toEqual(released);
  expect(app.formation()).toMatchObject({ worker: { quantity: 1 } });
  expect(await deleteThrowAwayApp(client, builder)).toBe(true);
  expect(await deleteThrowAwayApp(client, builder)).toBe(false);
  await scale(client, 'shop', [{ type: 'web', quantity: 1 }]);
  await app.settled();
  expect(
    app
      .dynos()
      .map(({ type, state }) => `${type} ${state}`)
      .sort(),
  ).toEqual(['web up', 'worker up']);
});

test('somebody else’s app of that name is neither used nor deleted', async () => {
  const theirs = await throwAwayApp(client, { app: 'shop', migrationId: 'other', mark: MARK });
  await world.createApp({
    ...{ name: theirs.name, code: temporaryDirectory('code'), onPaper: true, processTypes: { web: 'web' } },
    ...{ formation: {}, config: { THEIRS: 'yes' }, domains: [] },
  });
  await expect(createThrowAwayApp(client, 'shop', theirs)).rejects.toThrow(/does not carry the mark/);
  await expect(deleteThrowAwayApp(client, theirs)).rejects.toThrow(/left alone/);
  expect(world.appNames()).toContain(theirs.name);
});
