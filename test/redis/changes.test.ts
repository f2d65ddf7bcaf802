import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import type { RedisServer } from '../../rehearsal/servers/redis.ts';
import type { Clock } from '../../src/clock.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { ChangedKeys } from '../../src/redis/changed-keys.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { testRedis } from '../support/servers.ts';
import { feedOf, offering, toldUntilNow } from './feeds.ts';
import { clientOf } from './two-sides.ts';

const kinds = ['tracking', 'notifications'] as const;

function addressOf(server: RedisServer): RedisAddress {
  return { host: server.host, port: server.port, tls: { mode: 'off' } };
}

/** A log that keeps its lines. */
function keptLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (line: string): void => void lines.push(line);
  return { ...silentLog, info: keep, warning: keep, lines };
}

/** A clock on which nobody wakes up until `wake` is called. */
function gatedClock(): Clock & { wake: () => void } {
  let gate = Promise.withResolvers<undefined>();
  return {
    now: () => new Date(),
    sleep: async (_milliseconds, signal) => {
      const aborted = signal === undefined ? new Promise<never>(() => undefined) : once(signal, 'abort');
      await Promise.race([gate.promise, aborted]);
      signal?.throwIfAborted();
    },
    wake: () => {
      gate.resolve(undefined);
      gate = Promise.withResolvers();
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

for (const kind of kinds) {
  test(`${kind}: names come once, from every database, byte for byte, without ours`, async () => {
    const server = await testRedis(offering[kind]);
    const client = clientOf(addressOf(server));
    const feed = await feedOf(addressOf(server));
    expect(feed.kind).toBe(kind);
    expect(await toldUntilNow(feed)).toEqual({ everything: false, keys: [] });
    await client.set('a', 1);
    await client.incr('a');
    await client.select(9);
    await client.set(Buffer.from([0, 255, 13, 10, 0xc3, 0x28]), 1);
    await client.set('heroku-to-digitalocean:open', 1);
    await client.mset('c', 1, 'd', 2);
    await feed.barrier();
    expect(feed.waiting).toBe(4);
    expect(await toldUntilNow(feed)).toEqual({ everything: false, keys: ['\0\xff\r\n\xc3(', 'a', 'c', 'd'] });
    expect(feed.waiting).toBe(0);
    expect(await toldUntilNow(feed)).toEqual({ everything: false, keys: [] });
  });

  test(`${kind}: nothing stays on the server of the keys that proved it`, async () => {
    const server = await testRedis(offering[kind]);
    await feedOf({ ...addressOf(server), database: 3 });
    expect(await clientOf(addressOf(server)).info('keyspace')).not.toContain('keys=');
  });

  test(`${kind}: what was written before a barrier has been told after it, thousands of times`, async () => {
    const server = await testRedis(offering[kind]);
    const [client, noise] = [clientOf(addressOf(server)), clientOf(addressOf(server))];
    const feed = await feedOf(addressOf(server));
    const done = new AbortController();
    const others = (async () => {
      while (!done.signal.aborted)
        await noise.mset(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`n${i}`, i])));
    })();
    for (let round = 0; round < 2_000; round++) {
      await client.set(`k:${round}`, 1);
      await feed.barrier();
      const { everything, keys } = feed.take();
      expect(everything).toBe(false);
      if (!keys.some((key) => key.equals(Buffer.from(`k:${round}`))))
        throw new Error(`k:${round} is missing.`);
    }
    done.abort();
    await others;
  }, 120_000);

  test(`${kind}: what the server did in the same turn as the barrier's first PING has been told after it`, async () => {
    const server = await testRedis([...offering[kind], 'enable-debug-command yes']);
    const [client, busy] = [clientOf(addressOf(server)), clientOf(addressOf(server))];
    const feed = await feedOf(addressOf(server));
    const script = "for i = 1, 50000 do redis.call('SET', 'a-rather-long-name-of-a-key:' .. i, '') end";
    await Promise.all([client.ping(), busy.ping()]);
    const slept = busy.call('DEBUG', 'SLEEP', '0.2');
    await pause(50);
    // Both wait for the server to wake up; the answer to the PING is shorter than the names.
    const written = client.eval(script, 0);
    await feed.barrier();
    expect(feed.waiting).toBe(50_000);
    await Promise.all([slept, written]);
  });

  test(`${kind}: a feed that was cut says everything until it is open again, once more then, and then names`, async () => {
    const server = await testRedis(offering[kind]);
    const client = clientOf(addressOf(server));
    const [log, clock] = [keptLog(), gatedClock()];
    const feed = await feedOf(addressOf(server), { log, clock });
    await client.set('before', 1);
    // CLIENT KILL is renamed away where only notifications are offered; closing the server's side is the same.
    if (kind === 'tracking') await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    else await server.restart();
    await until(() => feed.waiting === Infinity);
    for (let look = 0; look < 3; look++)
      expect(await toldUntilNow(feed)).toEqual({ everything: true, keys: [] });
    const again = clientOf(addressOf(server));
    await again.set('in the gap', 1);
    const count = log.lines.length;
    clock.wake();
    await until(() => log.lines.length > count);
    await again.set('after', 1);
    expect(await toldUntilNow(feed)).toEqual({ everything: true, keys: [] });
    await again.set('later', 1);
    expect(await toldUntilNow(feed)).toEqual({ everything: false, keys: ['later'] });
    expect(log.lines).toEqual([
      ...(kind === 'tracking' ? [] : [expect.stringContaining('cannot be followed by tracking')]),
      expect.stringMatching(new RegExp(`lost the ${kind} of changes .* all keys will be looked at again`)),
      expect.stringContaining(`changes are followed by ${kind} again`),
    ]);
  });

  test(`${kind}: a server that no longer answers is no feed`, async () => {
    const server = await testRedis(offering[kind]);
    const feed = await feedOf(addressOf(server), { patienceMs: 200 });
    process.kill(server.pid, 'SIGSTOP');
    try {
      expect(await toldUntilNow(feed)).toEqual({ everything: true, keys: [] });
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
  });

  test(`${kind}: an idle connection is kept in use`, async () => {
    const server = await testRedis(offering[kind]);
    const client = clientOf(addressOf(server));
    await feedOf(addressOf(server), { keepAliveMs: 20 });
    const pings = async (): Promise<number> =>
      Number(/^cmdstat_ping:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1]);
    const before = await pings();
    for (let now = before; now < before + 10; now = await pings()) await pause(20);
  });
}

test('a restarted server, as after a fail-over, is followed again by itself', async () => {
  const server = await testRedis();
  const feed = await feedOf(addressOf(server));
  for (let round = 0; round < 3; round++) {
    await server.kill9();
    expect(await toldUntilNow(feed)).toEqual({ everything: true, keys: [] });
    await server.restart();
    expect((await toldUntilNow(feed)).everything).toBe(true);
    // Open again is seen by that nothing waits after the last `everything` was taken.
    while (feed.waiting === Infinity) {
      feed.take();
      await pause(20);
    }
    await clientOf(addressOf(server)).set('a', 1);
    expect(await toldUntilNow(feed)).toEqual({ everything: false, keys: ['a'] });
  }
});

test('tracking: a flushed database, and a message that is no list of names, mean everything', async () => {
  const server = await testRedis();
  const client = clientOf(addressOf(server));
  const feed = await feedOf(addressOf(server));
  for (const command of ['FLUSHALL', 'FLUSHDB']) {
    await client.set('a', 1);
    await client.call(command);
    await client.set('b', 1);
    expect(await toldUntilNow(feed)).toEqual({ everything: true, keys: [] });
    expect(await toldUntilNow(feed)).toEqual({ everything: false, keys: [] });
  }
  await client.publish('__redis__:invalidate', 'a');
  expect((await toldUntilNow(feed)).everything).toBe(true);
});

test('with TLS and a password, as on Heroku', async () => {
  const authority = await createAuthority('heroku');
  const server = await testRedis(
    ['rename-command CONFIG ""', 'requirepass secret'],
    {},
    {
      tls: await authority.issue(['redis.internal']),
    },
  );
  const address: RedisAddress = { ...addressOf(server), password: 'secret', tls: { mode: 'unverified' } };
  const feed = await feedOf(address);
  expect(feed.kind).toBe('tracking');
  await clientOf(address).mset(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key:${i}`, i])));
  await feed.barrier();
  expect(feed.waiting).toBe(20_000);
});

const all = 'on nopass ~* &* +@all';
test.each([
  ['tracking refused to this user', `${all} -client|tracking`, 'AKE', 'notifications', /NOPERM/],
  ['tracking refused, only events by key', `${all} -client`, 'AK', 'notifications', /none of|not told/],
  ['tracking refused, only events by name', `${all} -client`, 'AE', 'notifications', /NOPERM/],
  ['tracking refused, no notifications', `${all} -client`, '', 'none', /6 keys written, 6 were not told/],
  ['notifications without lists', `${all} -client`, 'EKg$shzt', 'none', /6 keys written, 1 were not told/],
  ['notifications without generic ones', `${all} -client`, 'EKl$shzt', 'none', /6 keys written, 6 were not/],
  ['no channels', 'on nopass ~* resetchannels +@all', 'AKE', 'none', /NOPERM/],
  ['no right to write what would prove it', `${all} -@write`, 'AKE', 'none', /NOPERM|EXECABORT/],
])('%s', async (_what, rules, events, kind, reason) => {
  const server = await testRedis([`notify-keyspace-events "${events}"`, 'aclfile users.acl'], {
    'users.acl': `user default ${all}\nuser app ${rules}\n`,
  });
  const log = keptLog();
  const feed = await feedOf({ ...addressOf(server), username: 'app', password: 'any' }, { log });
  expect(feed.kind).toBe(kind);
  expect(log.lines.join('\n')).toMatch(reason);
  const client = clientOf(addressOf(server));
  await client.set('a', 1);
  await client.lpush('b', 1);
  const told = { everything: kind === 'none', keys: kind === 'none' ? [] : ['a', 'b'] };
  expect(await toldUntilNow(feed)).toEqual(told);
  expect((await toldUntilNow(feed)).everything).toBe(kind === 'none');
});

test('a server so full that nothing can be written to prove a feed has none', async () => {
  const server = await testRedis(['maxmemory 1mb']);
  const log = keptLog();
  expect((await feedOf(addressOf(server), { log })).kind).toBe('none');
  expect(log.lines[0]).toMatch(/cannot be followed by tracking: .*(OOM|EXECABORT)/);
});

test('what the server was found not to allow is not tried', async () => {
  const server = await testRedis(['notify-keyspace-events AKE']);
  const [address, log] = [addressOf(server), keptLog()];
  expect((await feedOf(address, { log }, { tracking: false })).kind).toBe('notifications');
  const none = await feedOf(address, { log }, { tracking: false, notifications: false });
  expect(none.kind).toBe('none');
  expect(none.waiting).toBe(Infinity);
  expect(log.lines).toEqual([]);
});

test('what is wrong with the address is thrown', async () => {
  const server = await testRedis(['requirepass right']);
  const wrong = feedOf({ ...addressOf(server), password: 'wrong-secret' });
  await expect(wrong).rejects.toBeInstanceOf(ConfigurationError);
  await expect(wrong).rejects.toThrow(/the password was refused/);
  await server.stop();
  await expect(feedOf(addressOf(server))).rejects.toThrow(/nothing listens there/);
});

test('closing and aborting end the connection for good', async () => {
  const server = await testRedis();
  const client = clientOf(addressOf(server));
  const subscribers = async (): Promise<number> =>
    String(await client.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('id=').length - 1;
  const controller = new AbortController();
  const log = keptLog();
  const closed = await feedOf(addressOf(server), { log });
  const aborted = await feedOf(addressOf(server), { log, signal: controller.signal });
  expect(await subscribers()).toBe(2);
  closed.close();
  controller.abort();
  while ((await subscribers()) > 0) await pause(10);
  await pause(600);
  expect(await subscribers()).toBe(0);
  expect([closed.take().everything, aborted.take().everything]).toEqual([true, true]);
  expect(log.lines).toEqual([]);
});

test('so many names that they would fill the memory become everything', () => {
  const most = { keys: 3, bytes: 100 };
  const many = new ChangedKeys(most);
  for (const name of ['a', 'b', 'c', 'a']) many.add(Buffer.from(name));
  expect(many.waiting).toBe(3);
  many.add(Buffer.from('d'));
  expect(many.waiting).toBe(Infinity);
  many.add(Buffer.from('e'));
  expect(many.take()).toEqual({ everything: true, keys: [] });
  many.add(Buffer.from('f'));
  expect(many.take()).toEqual({ everything: false, keys: [Buffer.from('f')] });
  many.add(Buffer.alloc(101));
  expect(many.waiting).toBe(Infinity);
});
