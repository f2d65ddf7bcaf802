import { join } from 'node:path';
import { expect } from '@jest/globals';
import { messageOf } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { systemClock } from '../../src/clock.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { copyRedis } from '../../src/redis/copy.ts';
import { compareRedis } from '../../src/redis/parity.ts';
import { cacheDirectory } from '../../rehearsal/servers/cache-directory.ts';
import { fetchPackages } from '../../rehearsal/servers/debian-packages.ts';
import { otherRedis } from '../../rehearsal/servers/other-redis.ts';
import type { Available } from '../../rehearsal/servers/pinned-downloads.ts';
import { startRedis } from '../../rehearsal/servers/redis.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { testRedis } from '../support/servers.ts';
import { fillMixed } from './mixed-data.ts';
import { clientOf } from './two-sides.ts';

/** The library that gives one process another time, from the distribution. */
async function fakeTime(): Promise<Available<string>> {
  try {
    const library = 'usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
    const { directory } = await fetchPackages({
      packages: ['libfaketime'],
      check: [],
      cache: cacheDirectory(),
      log: silentLog,
    });
    return { found: join(directory, library) };
  } catch (error) {
    return { missing: messageOf(error) };
  }
}

const library = await inFullRun(fakeTime);
// Debian's Redis does not start with this library: it and jemalloc wait for each other.
const binaries = await inFullRun(() => otherRedis('valkey-9', { log: silentLog }));
for (const skew of ['+7200', '-7200'])
  testNeeding(
    [library, binaries],
    `keys live as long on a target whose clock is ${skew} s off, and its own time decides when they end`,
    async () => {
      const { server, environment } = foundIn(binaries);
      const skewed = await startRedis({
        name: 'skewed',
        configuration: [],
        binaries: {
          server,
          environment: { ...environment, LD_PRELOAD: foundIn(library), FAKETIME: `${skew}s` },
        },
      });
      const one = await testRedis();
      const source: RedisAddress = { host: one.host, port: one.port, tls: { mode: 'off' } };
      const target: RedisAddress = { host: skewed.host, port: skewed.port, tls: { mode: 'off' } };
      const [from, to] = [clientOf(source), clientOf(target)];
      const [[there], [here]] = [await from.time(), await to.time()];
      expect(Math.abs(Number(here) - Number(there) - Number(skew))).toBeLessThan(5);

      await fillMixed(from, { small: 1_000, bigBytes: 1_200_000 });
      await from.set('brief', 1, 'PX', 8_000);
      await from.set('an hour', 1, 'EX', 3_600);
      const common = { skip: [], migrationId: 'shop-test', log: silentLog, clock: systemClock };
      await copyRedis({ source, target, ...common });
      for (const key of ['brief', 'an hour', 'session:6', 'big:hash'])
        expect(Math.abs((await to.pttl(key)) - (await from.pttl(key)))).toBeLessThan(1_000);
      expect(await compareRedis({ source, target, skip: [] })).toMatchObject({ equal: true });

      await to.set('new', 1, 'EX', 1_800);
      await copyRedis({ source: target, target: source, ...common, onto: 'origin' });
      expect(Math.abs((await to.pttl('new')) - (await from.pttl('new')))).toBeLessThan(1_000);
      while ((await from.exists('brief')) === 1) await systemClock.sleep(100);
      await systemClock.sleep(1_000);
      expect(await to.exists('brief')).toBe(0);
    },
    120_000,
  );
