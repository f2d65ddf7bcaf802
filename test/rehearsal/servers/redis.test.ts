import { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import { createAuthority } from '../../../rehearsal/servers/certificates.ts';
import { freePort } from '../../../rehearsal/servers/free-port.ts';
import { startRedis } from '../../../rehearsal/servers/redis.ts';
import { testRedis } from '../../support/servers.ts';

interface Door {
  host: string;
  port: number;
  username?: string;
  password?: string;
  tls?: { ca?: string };
}

async function ask(options: Door, ...command: string[]): Promise<unknown> {
  const client = new Redis({
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...options,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const [name = 'PING', ...args] = command;
    return await client.call(name, ...args);
  } finally {
    // Told to leave a connection that is already gone, it would wait for it for two seconds.
    if (client.status !== 'end') client.disconnect();
  }
}

test('a server runs by the lines it is given', async () => {
  const server = await testRedis(['maxmemory 7mb', 'rename-command CONFIG ""']);
  const { host, port } = server;
  expect(await ask({ host, port }, 'INFO', 'memory')).toContain('maxmemory:7340032');
  await expect(ask({ host, port }, 'CONFIG', 'GET', '*')).rejects.toThrow(/unknown command/);
});

test('files of a configuration lie where it looks for them', async () => {
  const users = 'user default off\nuser app on >secret ~* +@all -@write\n';
  const { host, port } = await testRedis(['aclfile acl/users.acl'], { 'acl/users.acl': users });
  await expect(ask({ host, port, username: 'app', password: 'guess' }, 'GET', 'x')).rejects.toThrow();
  expect(await ask({ host, port, username: 'app', password: 'secret' }, 'GET', 'x')).toBeNull();
  await expect(ask({ host, port, username: 'app', password: 'secret' }, 'SET', 'x', '1')).rejects.toThrow(
    /NOPERM/,
  );
});

test('with TLS, the certificate holds only for those who know its authority', async () => {
  const authority = await createAuthority('Rehearsal');
  const { host, port } = await testRedis([], {}, { tls: await authority.issue(['127.0.0.1']) });
  expect(await ask({ host, port, tls: { ca: authority.pem } }, 'PING')).toBe('PONG');
  await expect(ask({ host, port, tls: {} }, 'PING')).rejects.toThrow();
});

(process.platform === 'linux' ? test : test.skip)(
  'a configuration keeps its own port on an address of its own',
  async () => {
    const port = await freePort('127.77.1.9');
    const server = await testRedis([`port ${port}`], {}, { host: '127.77.1.9' });
    expect(server.port).toBe(port);
    expect(await ask({ host: '127.77.1.9', port }, 'PING')).toBe('PONG');
    await expect(ask({ host: '127.0.0.1', port }, 'PING')).rejects.toThrow();
  },
);

test('a killed server comes back on its port with what it had persisted', async () => {
  const server = await startRedis({ name: 'crash', configuration: ['appendonly yes', 'appendfsync always'] });
  const { host, port } = server;
  await ask({ host, port }, 'SET', 'kept', 'yes');
  await server.kill9();
  await expect(ask({ host, port }, 'PING')).rejects.toThrow();
  await server.restart();
  expect(await ask({ host, port: server.port }, 'GET', 'kept')).toBe('yes');
});

test('a line that the server does not know is told with the end of its log', async () => {
  await expect(testRedis(['no-such-directive yes'])).rejects.toThrow(/no-such-directive/);
});

test('a port that was taken in the meantime is given up for another', async () => {
  const other = await testRedis();
  const offered = [other.port, await freePort()];
  const choosePort = (): Promise<number> => Promise.resolve(offered.shift() ?? 0);
  const server = await startRedis({ name: 'taken', configuration: [], choosePort });
  expect(offered).toEqual([]);
  expect(server.port).not.toBe(other.port);
});
