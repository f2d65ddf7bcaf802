import { beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import { redisSecrets } from '../../src/migration/target.ts';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { acceptedOf, addPasswords, keepOnly, lacking } from '../../src/redis/passwords.ts';
import { openRedis } from '../../src/redis/rights.ts';
import { keptDroplet, MIGRATION, type KeptDroplet } from '../digitalocean/kept-droplet.ts';

let droplet: KeptDroplet;
beforeAll(async () => {
  droplet = await keptDroplet();
  await openRedis(droplet.admin, droplet.app.username ?? '');
});

const subject = {
  key: requireMigrationKey('0123456789abcdef0123456789abcdef'),
  migrationId: MIGRATION,
  mask: () => undefined,
};
const second = redisSecrets({ ...subject, redisPasswords: { app: 2, admin: 2 } });

function connected(address: RedisAddress): Redis {
  const { host, port, username = '', password = '', tls } = address;
  const ca = tls.mode === 'verify' ? { ca: tls.ca, servername: tls.serverName ?? '' } : {};
  return new Redis({ host, port, username, password, tls: ca, maxRetriesPerRequest: 1 });
}

const takes = (address: RedisAddress): Promise<boolean> =>
  acceptedOf([address]).then(
    () => true,
    () => false,
  );

test('a password is exchanged while the application stays connected, by what lies in the ACL file, too', async () => {
  const { admin, app } = droplet;
  const [newApp, newAdmin] = [
    { ...app, password: second.appPassword },
    { ...admin, password: second.adminPassword },
  ];
  const wanted = [
    { user: app.username ?? '', password: second.appPassword },
    { user: admin.username ?? '', password: second.adminPassword },
  ];
  const running = connected(app);
  let cut = 0;
  running.on('close', () => (cut += 1));
  await running.set('cart:1', 'full');

  expect(await lacking(admin, wanted)).toEqual(wanted.map(({ user }) => user));
  expect(await addPasswords(admin, wanted)).toEqual(wanted.map(({ user }) => user));
  expect(await addPasswords(admin, wanted)).toEqual([]);
  expect(await lacking(admin, wanted)).toEqual([]);
  // Both at once: instances that are replaced one by one use either.
  expect(await Promise.all([app, newApp, admin, newAdmin].map(takes))).toEqual([true, true, true, true]);
  const deployed = connected(newApp);
  expect(await deployed.get('cart:1')).toBe('full');

  expect(await keepOnly(newAdmin, wanted)).toEqual(wanted.map(({ user }) => user));
  expect(await keepOnly(newAdmin, wanted)).toEqual([]);
  expect(await Promise.all([app, newApp, admin, newAdmin].map(takes))).toEqual([false, true, false, true]);
  expect(await running.get('cart:1')).toBe('full');
  expect(cut).toBe(0);
  expect(droplet.read('/var/lib/redis/users.acl')).not.toContain(second.appPassword);
  await Promise.all([running.quit(), deployed.quit()]);

  // Whoever comes with the number of yesterday is told so, and the newest that fits is found.
  expect(await acceptedOf([newAdmin, admin])).toBe(newAdmin);
  expect(await acceptedOf([admin, newAdmin])).toBe(newAdmin);
  await expect(acceptedOf([admin])).rejects.toThrow('the password was refused');
});

test('the last password of a user is never taken away', async () => {
  const newAdmin = { ...droplet.admin, password: second.adminPassword };
  const user = droplet.app.username ?? '';
  await expect(keepOnly(newAdmin, [{ user, password: 'never-added' }])).rejects.toThrow(
    'nothing was taken from it',
  );
  expect(await takes({ ...droplet.app, password: second.appPassword })).toBe(true);
});

test('a server that is away is no refused password', async () => {
  const away = { ...droplet.admin, port: 1 };
  await expect(acceptedOf([away, droplet.admin])).rejects.toThrow(/nothing listens there/);
  await expect(withRedis(away, {}, (redis) => redis.ping())).rejects.toThrow();
});
