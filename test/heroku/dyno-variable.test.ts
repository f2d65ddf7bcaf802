import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { beforeAll, expect, test } from '@jest/globals';
import { startHeroku, type HerokuApp, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { systemClock } from '../../src/clock.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { readDynoVariable, type DynoVariableOptions } from '../../src/heroku/dyno-variable.ts';
import { silentLog, type Log } from '../../src/log.ts';
import {
  codeDirectory,
  playedHeroku,
  shop,
  testAuthority,
  until,
} from '../rehearsal/heroku/played-heroku.ts';

const CANARY = 'canary-3f9c1b7d';
/** Line ends, quotes and what a shell would touch. */
const VALUE = `${CANARY} "two"\n$HOME \`x\`\tü`;

beforeAll(async () => {
  tls.setDefaultCACertificates([...tls.getCACertificates(), (await testAuthority()).pem]);
});

/** An app whose buildpack has left these files in `.profile.d`. */
async function appWith(world: HerokuWorld, profile: Record<string, string>): Promise<HerokuApp> {
  const code = codeDirectory();
  mkdirSync(join(code, '.profile.d'));
  for (const [name, text] of Object.entries(profile)) writeFileSync(join(code, '.profile.d', name), text);
  const app = await shop(world, { code });
  await app.settled();
  return app;
}

const exported = { 'ruby.sh': `export SECRET_KEY_BASE='${VALUE}'\n` };

function clientOf(world: HerokuWorld, token = 'owner', log: Log = silentLog): HerokuClient {
  return createHeroku({ token, apiUrl: world.apiUrl, dataApiUrl: world.dataApiUrl, log, clock: systemClock });
}

function read(
  world: HerokuWorld,
  options: Partial<DynoVariableOptions> & { token?: string; name?: string } = {},
): Promise<string | undefined> {
  return readDynoVariable(clientOf(world, options.token), 'shop', options.name ?? 'SECRET_KEY_BASE', {
    mask: () => undefined,
    signal: undefined,
    ...options,
  });
}

const oneOffs = (app: HerokuApp): string[] =>
  app.dynos().flatMap(({ name }) => (name.startsWith('run.') ? [name] : []));

test("a buildpack's secret is read over the session alone: no log, no request and no command line holds it", async () => {
  const world = await playedHeroku();
  const app = await appWith(world, exported);
  const before = world.requests.length;
  const masked: string[] = [];
  expect(await read(world, { mask: (value) => masked.push(value) })).toBe(VALUE);

  expect(world.rendezvous.attached).toBe(1);
  await until(() => oneOffs(app).length === 0);
  const asked = world.requests.slice(before);
  expect(asked.map(({ method, path }) => `${method} ${path.replace(/run\.\d+/, 'run.N')}`)).toEqual([
    'POST /apps/shop/dynos',
    'POST /apps/shop/dynos/run.N/actions/stop',
  ]);
  expect(asked[0]?.body).toMatchObject({ attach: true, time_to_live: 180 });
  const seen = app.logs().join('\n') + JSON.stringify(asked);
  // The canary could be seen: the command that reads it is in the log.
  expect(seen).toContain('printenv SECRET_KEY_BASE');
  expect(seen).not.toContain(CANARY);
  expect(seen).not.toContain(Buffer.from(VALUE).toString('base64').slice(0, 12));
  expect(masked).toContain(VALUE);
});

test('what a profile script prints by the way is not taken for the value', async () => {
  const world = await playedHeroku();
  await appWith(world, { ...exported, 'noise.sh': 'echo Setting up; echo "[x]"; echo warning >&2\n' });
  expect(await read(world)).toBe(VALUE);
});

test('a variable that no dyno has is told apart from a session that failed', async () => {
  const world = await playedHeroku();
  await appWith(world, { 'other.sh': 'export SECRET_KEY_BASE=\n' });
  expect(await read(world)).toBeUndefined();
  expect(await read(world, { name: 'NOBODY_SET_IT' })).toBeUndefined();
  // A config var is seen by the same way, so an empty answer means something.
  expect(await read(world, { name: 'GREETING' })).toBe('hello');
});

test('a session that is turned away is an error, and the dyno does not stay', async () => {
  const world = await playedHeroku();
  const app = await appWith(world, exported);
  world.rendezvous.refuse();
  const refused = read(world);
  await expect(refused).rejects.toThrow(ConfigurationError);
  await expect(refused).rejects.toThrow(/could not be read from a one-off dyno of shop: the session ended/);
  await until(() => oneOffs(app).length === 0);
});

test('a session that hangs ends in time, and its dyno is stopped', async () => {
  const world = await playedHeroku({ shutdownSeconds: 1 });
  const app = await appWith(world, { 'hang.sh': 'case $DYNO in run.*) sleep 600;; esac\n' });
  await expect(read(world, { limitMs: 400 })).rejects.toThrow(/was not over after/);
  await until(() => oneOffs(app).length === 0);
});

test('a cancelled run stops the dyno, too', async () => {
  const world = await playedHeroku({ shutdownSeconds: 1 });
  const app = await appWith(world, { 'hang.sh': 'case $DYNO in run.*) sleep 600;; esac\n' });
  const cancelled = new AbortController();
  const reading = read(world, { signal: cancelled.signal });
  await until(() => oneOffs(app).length === 1);
  cancelled.abort(new ConfigurationError('This run was cancelled.'));
  await expect(reading).rejects.toThrow('This run was cancelled.');
  await until(() => oneOffs(app).length === 0);
});

test('a token that may not start a dyno is told so, and none is started', async () => {
  const world = await playedHeroku();
  const app = await appWith(world, exported);
  world.tokens.add('reader', ['read', 'read-protected']);
  await expect(read(world, { token: 'reader' })).rejects.toThrow(/lacks the scope `write`/);
  expect(app.logs().join()).not.toContain('printenv');
});

test('nobody is talked to whose certificate is not vouched for', async () => {
  const world = await startHeroku({ log: silentLog, authority: await createAuthority('somebody else') });
  try {
    world.tokens.add('owner', 'global');
    await appWith(world, exported);
    await expect(read(world)).rejects.toThrow(/connection to 127\.0\.0\.1:\d+ failed/);
    expect(world.rendezvous.attached).toBe(0);
  } finally {
    await world.stop();
  }
});

test('nothing but a name becomes part of the command', async () => {
  const world = await playedHeroku();
  await shop(world);
  await expect(read(world, { name: 'A; env' })).rejects.toThrow('is no name of a variable');
  expect(world.requests).toEqual([]);
});
