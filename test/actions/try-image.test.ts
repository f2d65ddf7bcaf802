import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startDocker, type DockerWorld } from '../../rehearsal/docker/world.ts';
import { freePort } from '../../rehearsal/servers/free-port.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { processTypes } from '../../rehearsal/shop/procfile.ts';
import { readRecord } from '../../src/migration/record.ts';
import {
  CONFIG,
  DIGITALOCEAN_TOKEN,
  IMAGE,
  SECRET_VALUE,
  startSides,
  type PhaseRun,
  type Sides,
} from './played-sides.ts';
import type { EntryOptions } from './run-entry.ts';
import { testInFull } from '../support/or-skipped.ts';

const SHOP = join(import.meta.dirname, '../../rehearsal/shop');
/** A config var of several lines, as private keys are. */
const PRIVATE_KEY = '-----BEGIN KEY-----\nq9Xw4f0aPrivateKeyOfTheShop\n-----END KEY-----\n';

let sides: Sides;
let docker: DockerWorld;

beforeAll(async () => {
  sides = await startSides({
    // Whatever else listens on this machine.
    config: `${CONFIG}language: node\nredis: { port: ${await freePort()} }\n`,
    app: {
      code: SHOP,
      processTypes: { ...processTypes },
      config: {
        RAILS_ENV: 'production',
        PAYMENT_KEY: SECRET_VALUE,
        OLD_FLAG: 'yes',
        GREETING: 'goodbye',
        SIGNING_KEY: PRIVATE_KEY,
      },
    },
    schema: readFileSync(join(SHOP, 'schema.sql'), 'utf8'),
    requestsPerMinute: 5000,
  });
  docker = await startDocker({
    images: (reference) => {
      const login = { user: DIGITALOCEAN_TOKEN, password: DIGITALOCEAN_TOKEN };
      if (reference === IMAGE) return { code: SHOP, login };
      const code = BROKEN[reference];
      return code === undefined ? undefined : { code: writeImage(code), login };
    },
  });
  expect((await sides.runPhase('assess')).code).toBe(0);
});
afterAll(async () => {
  await docker.stop();
  await sides.stop();
});

afterEach(() => {
  expect([docker.containers().map(({ settings }) => settings.name), docker.networks()]).toEqual([[], []]);
  expect(
    readdirSync(sides.directory, { recursive: true }).filter((name) => String(name).includes('h2d-trial')),
  ).toEqual([]);
});

const listens = `require('node:http').createServer((request, response) => { response.statusCode = STATUS; response.end(); })
  .listen(process.env.PORT, '0.0.0.0'); process.on('SIGTERM', () => process.exit(0));`;
const image = (letter: string): string => `registry.digitalocean.com/acme/shop@sha256:${letter.repeat(64)}`;
const BROKEN: Record<string, Record<string, string>> = {
  [image('b')]: { 'release.ts': '', 'web.ts': `console.log('about to go'); process.exit(3);` },
  [image('c')]: { 'release.ts': '', 'web.ts': `console.log('I am up'); ${listens.replace('STATUS', '500')}` },
  [image('d')]: {
    'release.ts': '',
    'web.ts': `if (!process.env.LICENCE) throw new Error('LICENCE is not set, and PAYMENT_KEY is ' + process.env.PAYMENT_KEY);`,
  },
  [image('e')]: {
    'release.ts': `console.error('PG::InsufficientPrivilege'); process.exit(1);`,
    'web.ts': '',
  },
  [image('f')]: {
    'release.ts': '',
    'web.ts': `require('node:dns').lookup('api.payments.example', (error) => {
      if (error) { console.error('cannot reach api.payments.example: ' + error.code); process.exit(1); }
      ${listens.replace('STATUS', '200')} });`,
  },
};

function writeImage(files: Record<string, string>): string {
  const directory = temporaryDirectory('image');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

function tryImage(
  inputs: Record<string, string> = {},
  {
    path = `${docker.bin}${delimiter}${process.env.PATH ?? ''}`,
    fate = undefined as EntryOptions['fate'],
  } = {},
): Promise<PhaseRun> {
  return sides.runPhase(
    'provision',
    { command: 'try-image', image: IMAGE, timeout: '2m', ...inputs },
    { PATH: path },
    fate,
  );
}

test('the shop boots with the variables of the new side against servers that are gone afterwards', async () => {
  const run = await tryImage();
  expect(run.log).not.toContain('::error');
  expect(run.outputs).toMatchObject({ outcome: 'boots', changed: 'false' });
  expect(run.log).toContain('web: healthy after');
  expect(run.log).toContain('release: ended well');
  expect(sides.digitalOcean.apps()).toEqual([]);
  expect(sides.digitalOcean.clusters()).toEqual([]);
  const record = await readRecord(join(sides.directory, 'migration-record.json'));
  expect(record.sections.at(-1)).toMatchObject({
    phase: 'provision',
    data: { command: 'try-image', outcome: 'boots', image: IMAGE, network: 'closed' },
  });
}, 120_000);

test('it had its real config vars, none of them in an argument, a log or a file that stays', () => {
  const web = docker.history.find(({ settings }) => settings.name.endsWith('-app-web'));
  expect(web?.settings.network?.internal).toBe(true);
  expect(web?.settings.variables).toMatchObject({
    PAYMENT_KEY: SECRET_VALUE,
    SIGNING_KEY: PRIVATE_KEY,
    GREETING: 'hello',
    PORT: '8080',
    DATABASE_URL: expect.stringMatching(/^postgresql:\/\/[^:]+:[0-9a-f]{48}@h2d-postgres:5432\//),
    DATABASE_CA_CERT: expect.stringContaining('BEGIN CERTIFICATE'),
    REDIS_URL: expect.stringMatching(/^rediss:\/\//),
  });
  expect(web?.settings.variables).not.toHaveProperty('OLD_FLAG');
  const values = Object.entries(web?.settings.variables ?? {})
    .filter(([key]) => ['PAYMENT_KEY', 'DATABASE_URL', 'REDIS_URL'].includes(key))
    .map(([, value]) => value);
  const seen = JSON.stringify(docker.calls.map(({ args }) => args));
  for (const secret of [...values, 'PrivateKeyOfTheShop', DIGITALOCEAN_TOKEN])
    expect(seen).not.toContain(secret);
  expect(docker.calls.map(({ args }) => args[0])).toContain('run');
});

async function failsWith(broken: string, words: readonly string[]): Promise<void> {
  const run = await tryImage({ image: broken, 'boot-limit': '2s' });
  expect(run.code).toBe(1);
  for (const word of words) expect(run.log).toContain(word);
  expect(run.log.replaceAll(/^::add-mask::.*$/gm, '')).not.toContain(SECRET_VALUE);
  expect(sides.digitalOcean.clusters()).toEqual([]);
}

/** Each boots servers of its own. */

testInFull.each([
  ['an image that exits', image('b'), ['ended with code 3', 'about to go']],
  [
    'one that never becomes healthy',
    image('c'),
    ['did not pass its health check (/health: HTTP 500) within 2 s', 'I am up'],
  ],
  [
    'one that wants a variable which nobody sets',
    image('d'),
    ['ended with code 1', 'LICENCE is not set, and PAYMENT_KEY is ***'],
  ],
  [
    'one whose release phase fails where it may not write',
    image('e'),
    ['The release phase release', 'PG::InsufficientPrivilege'],
  ],
  [
    'one that cannot start without the internet',
    image('f'),
    ['cannot reach api.payments.example: EAI_AGAIN'],
  ],
  ['one that is not in the registry', image('9'), ['manifest unknown']],
])(
  '%s fails with the reason and the end of its log',
  (_what, broken, words) => failsWith(broken, words),
  120_000,
);

testInFull(
  'a command of the image makes the schema where Heroku is not to be asked',
  async () => {
    const run = await tryImage({ image: image('c'), 'boot-limit': '1s', 'try-schema-command': 'exit 4' });
    expect(run.log).toContain('What makes the schema (`exit 4`) ended with code 4');
  },
  120_000,
);

test('without Docker it says what to do, and nothing was begun', async () => {
  const path = [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
  const run = await tryImage({}, { path });
  expect(run.code).toBe(1);
  expect(run.log).toContain('This runner has no Docker: run this step on a runner that has it');
});

testInFull(
  'a job that is cancelled in the middle of it leaves nothing running',
  async () => {
    const run = await tryImage(
      { image: image('c') },
      { fate: { at: /release: ended well/, signal: 'SIGINT' } },
    );
    expect(run.code).toBe(1);
    expect(run.log).toContain('Cancelled (SIGINT)');
  },
  120_000,
);
