import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { startHeroku, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { hasPreboot } from '../../src/heroku/features.ts';
import { otherUsersOf } from '../../src/heroku/other-users.ts';
import { silentLog } from '../../src/log.ts';

let world: HerokuWorld;
let client: HerokuClient;

beforeAll(async () => {
  world = await startHeroku({ log: silentLog, authority: await createAuthority('test') });
  world.tokens.add('token', ['global']);
  for (const name of ['shop', 'reports']) {
    await world.createApp({
      name,
      code: temporaryDirectory('code'),
      processTypes: {},
      formation: {},
      config: {},
      domains: [],
      ...(name === 'shop' ? { redis: { plan: 'mini', url: 'rediss://:secret@127.0.0.1:6379' } } : {}),
    });
  }
  client = createHeroku({
    token: 'token',
    apiUrl: world.apiUrl,
    dataApiUrl: world.dataApiUrl,
    log: silentLog,
    clock: systemClock,
  });
});
afterAll(async () => {
  await world.stop();
  await stopAll();
});

test('another app that the same Redis is attached to is found; the own one and a missing store are none', async () => {
  expect(await otherUsersOf(client, 'shop', 'REDIS')).toEqual([]);
  expect(await otherUsersOf(client, 'shop', 'DATABASE')).toEqual([]);
  const own = z.object({ name: z.string(), addon: z.object({ name: z.string() }) });
  const [redis] = await client.list('/apps/shop/addon-attachments', own);
  await client.post(
    '/addon-attachments',
    { addon: redis?.addon.name, app: 'reports', name: 'QUEUES' },
    z.unknown(),
  );
  expect(await otherUsersOf(client, 'shop', 'REDIS')).toEqual(['reports']);
  expect(await otherUsersOf(client, 'reports', 'REDIS')).toEqual([]);
});

test('preboot is seen where it is on', async () => {
  expect(await hasPreboot(client, 'shop')).toBe(false);
  // The played Heroku has none to turn on.
  const features = JSON.stringify([{ name: 'preboot', enabled: true }]);
  const server = createServer((_request, response) => response.end(features)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const other = createHeroku({ token: 't', apiUrl, dataApiUrl: apiUrl, log: silentLog, clock: systemClock });
  expect(await hasPreboot(other, 'shop')).toBe(true);
  server.closeAllConnections();
  server.close();
});
