import { expect, test } from '@jest/globals';
import { silentLog } from '../../src/log.ts';
import { describeAbilities, probeAbilities, type Abilities } from '../../src/redis/abilities.ts';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf } from './two-sides.ts';

/** Asks a server with these lines of redis.conf, and makes sure that it holds no more keys and events than before. */
async function abilitiesOf(lines: string[], mayWrite = true): Promise<Abilities> {
  const server = await testRedis(lines);
  const address: RedisAddress = { host: server.host, port: server.port, tls: { mode: 'off' } };
  const bystander = clientOf(address);
  await bystander.set('a', 1);
  const abilities = await withRedis(address, {}, (redis) =>
    probeAbilities(redis, address, { log: silentLog, mayWrite }),
  );
  expect(await bystander.keys('*')).toEqual(['a']);
  return abilities;
}

const everything: Abilities = {
  scripts: 'read-only',
  memoryUsage: true,
  expireTime: true,
  tracking: true,
  notifications: false,
  pause: true,
  functions: true,
  commandStats: true,
};

test('a server that allows everything says so', async () => {
  expect(await abilitiesOf([])).toEqual(everything);
});

test.each<[string, string[], Partial<Abilities>]>([
  ['scripts', ['rename-command EVAL ""', 'rename-command EVAL_RO ""'], { scripts: 'none' }],
  ['digests of scripts', ['rename-command EVALSHA ""'], { scripts: 'none' }],
  ['read-only scripts', ['rename-command EVALSHA_RO ""'], { scripts: 'any' }],
  ['MEMORY', ['rename-command MEMORY ""'], { memoryUsage: false }],
  ['PEXPIRETIME', ['rename-command PEXPIRETIME ""'], { expireTime: false }],
  ['nothing that we need: the newer protocol', ['rename-command HELLO ""'], {}],
  ['the channel of tracking', ['user default on nopass ~* resetchannels +@all'], { tracking: false }],
  ['CLIENT', ['rename-command CLIENT ""'], { tracking: false, pause: false }],
  ['CLIENT PAUSE', ['user default on nopass ~* &* +@all -client|pause'], { pause: false }],
  ['CLIENT UNPAUSE', ['user default on nopass ~* &* +@all -client|unpause'], { pause: false }],
  ['CLIENT TRACKING', ['user default on nopass ~* &* +@all -client|tracking'], { tracking: false }],
  ['FUNCTION', ['rename-command FUNCTION ""'], { functions: false }],
])('what a server refuses is known: %s', async (_what, lines, difference) => {
  expect(await abilitiesOf(lines)).toEqual({ ...everything, ...difference });
});

const noTracking = 'user default on nopass ~* &* +@all -client|tracking';
test.each<[string, string[], boolean]>([
  ['all of them, by CONFIG', [noTracking, 'notify-keyspace-events AKE'], true],
  ['all of them, by trying', [noTracking, 'rename-command CONFIG ""', 'notify-keyspace-events AKE'], true],
  ['without sorted sets, by CONFIG', [noTracking, 'notify-keyspace-events KEg$lshxet'], false],
  [
    'without sorted sets, by trying',
    [noTracking, 'rename-command CONFIG ""', 'notify-keyspace-events KEg$lshxet'],
    false,
  ],
  [
    'without expired keys, by trying',
    [noTracking, 'rename-command CONFIG ""', 'notify-keyspace-events KEg$lshzet'],
    false,
  ],
  ['by event instead of by key', [noTracking, 'notify-keyspace-events AE'], false],
  ['none', [noTracking, 'rename-command CONFIG ""'], false],
])('keyspace notifications are known where tracking is refused: %s', async (_which, lines, there) => {
  expect(await abilitiesOf(lines)).toEqual({ ...everything, tracking: false, notifications: there });
});

test('without leave to write nothing is tried', async () => {
  const lines = [noTracking, 'rename-command CONFIG ""', 'notify-keyspace-events AKE'];
  expect(await abilitiesOf(lines, false)).toMatchObject({ notifications: false });
});

test('a writer is not held up by the questions', async () => {
  const server = await testRedis([]);
  const address: RedisAddress = { host: server.host, port: server.port, tls: { mode: 'off' } };
  const writer = clientOf(address);
  let longestMs = 0;
  const probing = { done: false };
  const writing = (async () => {
    while (!probing.done) {
      const began = performance.now();
      await writer.set('a', 1);
      longestMs = Math.max(longestMs, performance.now() - began);
    }
  })();
  for (let n = 0; n < 20; n += 1)
    await withRedis(address, {}, (redis) =>
      probeAbilities(redis, address, { log: silentLog, mayWrite: true }),
    );
  probing.done = true;
  await writing;
  // Milliseconds, unless this process itself has to wait for a processor.
  expect(longestMs).toBeLessThan(1_000);
});

test('writers that a run which died still holds are let go, instead of waited for', async () => {
  const server = await testRedis([]);
  const address: RedisAddress = { host: server.host, port: server.port, tls: { mode: 'off' } };
  await clientOf(address).call('CLIENT', 'PAUSE', 60_000, 'WRITE');
  await withRedis(address, {}, (redis) => probeAbilities(redis, address, { log: silentLog, mayWrite: true }));
  expect(await clientOf(address).set('a', 1)).toBe('OK');
}, 40_000);

test('the line for the log names what is there and what is not', () => {
  expect(describeAbilities(everything)).toBe(
    'allows scripts, read-only scripts, MEMORY USAGE, PEXPIRETIME, CLIENT TRACKING, CLIENT PAUSE, functions, command statistics',
  );
  expect(describeAbilities({ ...everything, tracking: false, pause: false })).toMatch(
    /; not CLIENT TRACKING, keyspace notifications, CLIENT PAUSE$/,
  );
});
