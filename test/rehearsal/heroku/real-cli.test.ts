import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cacheDirectory } from '../../../rehearsal/servers/cache-directory.ts';
import type { HerokuApp, HerokuWorld } from '../../../rehearsal/heroku/world.ts';
import { playedHeroku, shop, testAuthority, until } from './played-heroku.ts';

const run = promisify(execFile);

/** 370 MB from npm, so only in the full run, and in the cache rather than among the dependencies. */
const version = '11.10.0';
const full = process.env['TEST_FULL'] === '1' ? test : test.skip;
const installation = (): string => join(cacheDirectory(), `heroku-${version}`);

let home: string;
let world: HerokuWorld;
let app: HerokuApp;

beforeAll(async () => {
  const program = join(installation(), 'node_modules/heroku/bin/run.js');
  if (!existsSync(program)) {
    await run(
      'npm',
      ['install', `heroku@${version}`, '--prefix', installation(), '--no-audit', '--no-fund'],
      {
        maxBuffer: 64 * 1024 * 1024,
      },
    );
  }
  home = mkdtempSync(join(tmpdir(), 'h2d-cli-'));
  writeFileSync(join(home, 'ca.pem'), (await testAuthority()).pem);
  world = await playedHeroku();
  app = await shop(world, {
    name: 'demo',
    processTypes: { web: 'node app.cjs', worker: 'sleep 1000' },
    formation: { web: { quantity: 1, size: 'Standard-1X' }, worker: { quantity: 1, size: 'Standard-2X' } },
    postgres: { plan: 'standard-0', url: 'postgres://user:word@127.0.0.1:1/db' },
    redis: { plan: 'premium-0', url: 'rediss://:word@127.0.0.1:1' },
    scheduler: [{ command: 'true', every: 1440, at: 180 }],
  });
  await app.settled();
}, 600_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The real CLI, quiet, knowing nothing but this world: with a wrong address it would ask the real Heroku. */
async function heroku(...words: string[]): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    [join(installation(), 'node_modules/heroku/bin/run.js'), ...words],
    {
      env: {
        PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
        HOME: home,
        XDG_CACHE_HOME: home,
        XDG_CONFIG_HOME: home,
        XDG_DATA_HOME: home,
        HEROKU_HOST: world.apiUrl,
        HEROKU_DATA_HOST: new URL(world.dataApiUrl).hostname,
        HEROKU_PARTICLEBOARD_URL: world.schedulerUrl,
        HEROKU_API_KEY: 'owner',
        HEROKU_SKIP_ANALYTICS: '1',
        HEROKU_SKIP_NEW_VERSION_CHECK: '1',
        DISABLE_TELEMETRY: 'true',
        CI: '1',
        NO_COLOR: '1',
        NODE_EXTRA_CA_CERTS: join(home, 'ca.pem'),
      },
    },
  );
  return stdout;
}

full('apps:info', async () => {
  expect(JSON.parse(await heroku('apps:info', '-a', 'demo', '--json'))).toMatchObject({
    app: { name: 'demo' },
  });
});

full('ps and ps:scale', async () => {
  expect(await heroku('ps', '-a', 'demo')).toContain('web.1: up');
  await heroku('ps:scale', 'web=2', 'worker=0', '-a', 'demo');
  await until(() => app.dynos().filter(({ state }) => state === 'up').length === 2);
  expect(app.formation()).toMatchObject({ web: { quantity: 2 }, worker: { quantity: 0 } });
});

full('addons', async () => {
  const shown = await heroku('addons', '-a', 'demo');
  for (const words of ['standard-0', 'premium-0', 'DATABASE', 'REDIS']) expect(shown).toContain(words);
});

full('config and config:set', async () => {
  await heroku('config:set', 'COLOUR=blue', '-a', 'demo');
  expect(await heroku('config', '-a', 'demo', '-j')).toContain('"COLOUR": "blue"');
});

full('maintenance:on and off', async () => {
  await heroku('maintenance:on', '-a', 'demo');
  expect(app.maintenance()).toBe(true);
  await heroku('maintenance:off', '-a', 'demo');
  expect(app.maintenance()).toBe(false);
});

full('domains', async () => {
  const shown = await heroku('domains', '-a', 'demo');
  expect(shown).toContain(app.dnsTargets()['shop.example.com']);
});

full('pg:info and redis:info', async () => {
  expect(await heroku('pg:info', '-a', 'demo')).toMatch(/Plan:\s+Standard 0/);
  expect(await heroku('redis:info', '-a', 'demo')).toMatch(/Timeout:\s+300/);
});

full('run attaches to the terminal of a one-off dyno', async () => {
  const output = await heroku('run', '--no-tty', '-a', 'demo', '--', 'printenv', 'GREETING');
  expect(output).toContain('hello');
  expect(world.rendezvous.attached).toBe(1);
  expect(app.logs().filter((line) => line.includes('app[run.'))).toEqual([]);
});
