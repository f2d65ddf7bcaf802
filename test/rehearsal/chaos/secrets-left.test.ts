import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { secretsLeft } from '../../../rehearsal/chaos/secrets-left.ts';
import { MIGRATION_KEY } from '../../../rehearsal/pipeline.ts';
import { stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import type { World } from '../../../rehearsal/world.ts';

const TOKENS = { heroku: 'HRKU-token-of-the-test', digitalOcean: 'dop_v1_token_of_the_test' };
const PASSWORDS = {
  cluster: 'AVNS_of-the-new-cluster',
  postgres: 'p4ss/word&of it',
  redis: 'redis-password-1',
};
let world: World;
let folder: string;

const digitalOcean = createServer((_request, response) => {
  const users = [{ name: 'doadmin', password: PASSWORDS.cluster }];
  response.end(JSON.stringify({ databases: [{ name: 'shop-staging', users }] }));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => digitalOcean.listen(0, '127.0.0.1', resolve));
  const apiUrl = `http://127.0.0.1:${(digitalOcean.address() as AddressInfo).port}`;
  const side = {
    app: { config: () => ({ SECRET_KEY_BASE: 'of-the-application-0123', RAILS_ENV: 'production' }) },
    databaseUrl: `postgres://u:${encodeURIComponent(PASSWORDS.postgres)}@127.0.0.1/d`,
    redisUrl: `rediss://:${PASSWORDS.redis}@127.0.0.1`,
  };
  world = {
    tokens: TOKENS,
    digitalOcean: { apiUrl },
    oldSides: new Map([['staging', side]]),
  } as unknown as World;
  folder = temporaryDirectory('secrets-left');
});
afterAll(async () => {
  digitalOcean.close();
  await stopAll();
});

function written(name: string, text: string): string {
  const directory = join(folder, name);
  mkdirSync(join(directory, 'logs', 'staging'), { recursive: true });
  writeFileSync(join(directory, 'logs', 'staging', 'step.log'), `before\n${text}\nafter`);
  return directory;
}

test.each([
  ['a token', TOKENS.heroku, 'Heroku token'],
  ['the migration key in base64', Buffer.from(`key=${MIGRATION_KEY}`).toString('base64'), 'migration key'],
  ['a config var', 'x=of-the-application-0123', 'SECRET_KEY_BASE of staging'],
  ['a password in a URL', encodeURIComponent(PASSWORDS.postgres), 'password of postgres: in staging'],
  ['a password of the new side', PASSWORDS.cluster, 'password of doadmin in shop-staging'],
])('%s is found wherever it was written, and told by its name', async (_what, text, name) => {
  const found = await secretsLeft(world, [written(name.replaceAll(/\W/g, '-'), text)]);
  expect(found.join('\n')).toContain(name);
  expect(found.join('\n')).toContain('step.log');
});

test('words that are no secret are none, and where nothing was written nothing can be said', async () => {
  expect(await secretsLeft(world, [written('clean', 'RAILS_ENV=production shop-staging ***')])).toEqual([]);
  await expect(secretsLeft(world, [join(folder, 'nowhere')])).rejects.toThrow('nothing to look at');
});
