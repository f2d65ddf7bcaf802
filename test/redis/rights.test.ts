import { expect, test } from '@jest/globals';
import { closeRedis, OPEN_KEY, openRedis, redisIs } from '../../src/redis/rights.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf } from './two-sides.ts';

async function serverWithUsers(): Promise<{
  admin: RedisAddress;
  app: RedisAddress;
  restart: () => Promise<void>;
}> {
  const server = await testRedis(['aclfile users.acl'], {
    'users.acl':
      'user default off\nuser admin on >adminpw ~* &* +@all\nuser app on >apppw ~* &* +@all -@dangerous +info\n',
  });
  const address = { host: server.host, port: server.port, tls: { mode: 'off' } } as const;
  return {
    admin: { ...address, username: 'admin', password: 'adminpw' },
    app: { ...address, username: 'app', password: 'apppw' },
    restart: () => server.restart(),
  };
}

test('a closed application may read and not write, in connections that are open; opening works without restart', async () => {
  const { admin, app } = await serverWithUsers();
  const client = clientOf(app);
  await client.set('a', '1');
  expect(await redisIs(admin, 'app')).toBe('half-open');
  await closeRedis(admin, 'app');
  expect(await redisIs(admin, 'app')).toBe('closed');
  await expect(client.set('a', '2')).rejects.toThrow('NOPERM');
  await expect(client.eval("return redis.call('set', 'a', '2')", 0)).rejects.toThrow(
    /can't run this command|NOPERM/,
  );
  expect(await client.get('a')).toBe('1');
  expect(await client.get(OPEN_KEY)).toBeNull();
  await openRedis(admin, 'app');
  expect(await redisIs(admin, 'app')).toBe('open');
  await client.set('a', '2');
  expect(await client.get(OPEN_KEY)).toBe('1');
});

test('closing survives a restart of the server', async () => {
  const { admin, app, restart } = await serverWithUsers();
  await closeRedis(admin, 'app');
  await restart();
  expect(await redisIs(admin, 'app')).toBe('closed');
  await expect(clientOf(app).set('a', 1)).rejects.toThrow('NOPERM');
});

test('a run that died between right and key is seen, and opening again mends it', async () => {
  const { admin } = await serverWithUsers();
  await openRedis(admin, 'app');
  await clientOf(admin).del(OPEN_KEY);
  expect(await redisIs(admin, 'app')).toBe('half-open');
  await openRedis(admin, 'app');
  expect(await redisIs(admin, 'app')).toBe('open');
});

test('a user that does not exist is told instead of created', async () => {
  const { admin } = await serverWithUsers();
  await expect(closeRedis(admin, 'apq')).rejects.toThrow(/no user “apq”/);
  expect(await clientOf(admin).call('ACL', 'USERS')).toEqual(['admin', 'app', 'default']);
});
