import { Redis } from 'ioredis';
import { expect, test } from '@jest/globals';
import { watchUnpushed } from '../../src/redis/unpushed.ts';
import { testRedis } from '../support/servers.ts';
import { everyAbility } from './feeds.ts';
import { clientOf } from './two-sides.ts';

const nothing = { streams: false, everything: false };
const both = { streams: true, everything: true };

async function freshClient(lines: string[] = []): Promise<Redis> {
  const server = await testRedis(lines);
  return clientOf({ host: server.host, port: server.port, tls: { mode: 'off' } });
}

test('what was called is told once; reading and what a feed tells are not', async () => {
  const client = await freshClient();
  const watch = await watchUnpushed(client, everyAbility, 'tracking');
  await client.xadd('s', '1-1', 'f', 'v');
  await client.set('a', 1);
  await client.flushall();
  await client.xadd('s', '1-1', 'f', 'v');
  expect(await watch.look()).toEqual(nothing);
  await client.xgroup('CREATE', 's', 'g', '0');
  expect(await watch.look()).toEqual({ streams: true, everything: false });
  await client.xinfo('STREAM', 's', 'FULL');
  await client.xrange('s', '-', '+');
  await client.xpending('s', 'g');
  await client.dump('s');
  await client.eval("return redis.call('DUMP', KEYS[1])", 1, 's');
  expect(await watch.look()).toEqual(nothing);
  await client.swapdb(0, 1);
  expect(await watch.look()).toEqual({ streams: false, everything: true });
  expect(await watch.look()).toEqual(nothing);
});

test('a renamed command is counted under its own name', async () => {
  const client = await freshClient(['rename-command SWAPDB exchange', 'rename-command XGROUP xg']);
  const watch = await watchUnpushed(client, everyAbility, 'tracking');
  await client.call('xg', 'CREATE', 's', 'g', '$', 'MKSTREAM');
  await client.call('exchange', '0', '1');
  expect(await watch.look()).toEqual(both);
});

test('counts that began anew say nothing of what was called before', async () => {
  const client = await freshClient();
  await client.set('a', 1);
  const watch = await watchUnpushed(client, everyAbility, 'tracking');
  await client.config('RESETSTAT');
  expect(await watch.look()).toEqual(both);
  expect(await watch.look()).toEqual(nothing);
  // More calls than before hide that the counts fell.
  await client.config('RESETSTAT');
  for (let call = 0; call < 20; call++) {
    await client.info();
    await client.set('a', 1);
  }
  expect(await watch.look()).toEqual(both);
  expect(await watch.look()).toEqual(nothing);
});

test('where the mark may not be called, the counts say nothing', async () => {
  const watch = await watchUnpushed(
    await freshClient(['rename-command ECHO echo-of-ours']),
    everyAbility,
    'tracking',
  );
  expect([await watch.look(), await watch.look()]).toEqual([both, both]);
});

test('another start of the server is another count', async () => {
  const server = await testRedis();
  const client = new Redis({ host: server.host, port: server.port, protocol: 2, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  try {
    const watch = await watchUnpushed(client, everyAbility, 'tracking');
    await server.restart();
    await client.ping();
    for (let call = 0; call < 5; call++) await client.info();
    expect(await watch.look()).toEqual(both);
    expect(await watch.look()).toEqual(nothing);
  } finally {
    client.disconnect();
  }
});

test('a server that does not count may have done anything at any time', async () => {
  const watch = await watchUnpushed(
    await freshClient(),
    { ...everyAbility, commandStats: false },
    'tracking',
  );
  expect([await watch.look(), await watch.look()]).toEqual([both, both]);
});

test('a lost connection is an error, not an answer', async () => {
  const server = await testRedis();
  const client = clientOf({ host: server.host, port: server.port, tls: { mode: 'off' } });
  const watch = await watchUnpushed(client, everyAbility, 'tracking');
  await server.kill9();
  await expect(watch.look()).rejects.toThrow(/Could not read which commands were called/);
});
