import { expect } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { copyRedis } from '../../src/redis/copy.ts';
import { followRedis } from '../../src/redis/follow.ts';
import { compareRedis } from '../../src/redis/parity.ts';
import { otherRedis } from '../../rehearsal/servers/other-redis.ts';
import { startRedis, type RedisServer } from '../../rehearsal/servers/redis.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { testRedis } from '../support/servers.ts';
import { fillMixed } from './mixed-data.ts';
import { clientOf } from './two-sides.ts';

const addressOf = ({ host, port }: RedisServer): RedisAddress => ({ host, port, tls: { mode: 'off' } });

for (const version of ['redis-6.2', 'valkey-9'] as const) {
  const binaries = await inFullRun(() => otherRedis(version, { log: silentLog }));
  for (const way of ['to', 'from'] as const)
    testNeeding(
      [binaries],
      `every type and expiry is copied and followed ${way} ${version}, functions where it has them`,
      async () => {
        const seven = addressOf(await testRedis([]));
        const other = addressOf(
          await startRedis({ name: version, configuration: [], binaries: foundIn(binaries) }),
        );
        const [source, target] = way === 'to' ? [seven, other] : [other, seven];
        const from = clientOf(source);
        await fillMixed(from, { small: 5_000, bigBytes: 1_500_000 });
        if (version === 'valkey-9')
          await from.call(
            'FUNCTION',
            'LOAD',
            "#!lua name=mylib\nredis.register_function('answer', function() return 42 end)",
          );
        const told: string[] = [];
        const log = { ...silentLog, info: (line: string) => void told.push(line) };
        const common = { source, target, skip: [], migrationId: 'shop-test', log, clock: systemClock };
        const follow = await followRedis(common);
        // Large keys of each type go element by element; all do where the target cannot read the source's payloads.
        const isRead = (way === 'to') === (version === 'valkey-9');
        const keys = 5_000 + 500 + 6;
        expect(follow.copied).toMatchObject({ keys, bigKeys: isRead ? 6 : keys });
        await from.multi().set('new', 1, 'PX', 500_000).del('string:7').hset('big:hash', 'a', 1).exec();
        await from.xadd('stream:5', '*', 'a', 'b');
        await follow.catchUp();
        await from.lpush('big:list', 'last');
        await follow.finish();
        expect(await compareRedis({ source, target, skip: [] })).toMatchObject({
          equal: true,
          differences: [],
        });
        await follow.assertStill();
        await follow.close();
        // The reckoning beforehand was enough.
        const reckoned =
          Number(told.map((line) => /needs up to ([\d.]+) MB/.exec(line)?.[1]).find(Boolean)) * 1e6;
        const used = Number(/used_memory_peak:(\d+)/.exec(await clientOf(target).info('memory'))?.[1]);
        expect(reckoned).toBeGreaterThan(used - 2_000_000);
        if (version === 'valkey-9') expect(await clientOf(target).call('FCALL', 'answer', 0)).toBe(42);

        // The way back arrives as well.
        await clientOf(target).set('on the new side', 1);
        await copyRedis({ ...common, source: target, target: source, onto: 'origin' });
        expect(await from.get('on the new side')).toBe('1');
        expect(await compareRedis({ source: target, target: source, skip: [] })).toMatchObject({
          equal: true,
        });
      },
      180_000,
    );
}
