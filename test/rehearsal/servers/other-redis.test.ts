import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { silentLog } from '../../../src/log.ts';
import { withRedis } from '../../../src/redis/connect.ts';
import { readRedisFacts } from '../../../src/redis/facts.ts';
import { otherRedis, type OtherRedis } from '../../../rehearsal/servers/other-redis.ts';
import { stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { startRedis } from '../../../rehearsal/servers/redis.ts';
import { foundIn, inFullRun, testNeeding } from '../../support/or-skipped.ts';

afterEach(stopAll);

const onX64 = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;

onX64('a registry that cannot be reached is a reason to do without', async () => {
  const path = temporaryDirectory('path');
  writeFileSync(join(path, 'python3'), '#!/bin/sh\necho "no such host" >&2; exit 1\n', { mode: 0o755 });
  const options = { log: silentLog, cache: temporaryDirectory('cache'), environment: { PATH: path } };
  expect(await otherRedis('valkey-9', options)).toEqual({ missing: expect.stringContaining('no such host') });
});

const versions: [OtherRedis, object][] = [
  ['redis-6.2', { flavour: 'redis', version: '6.2.14' }],
  ['valkey-9', { flavour: 'valkey', version: '9.1.2' }],
];
for (const [version, facts] of versions) {
  const binaries = await inFullRun(() => otherRedis(version, { log: silentLog }));
  testNeeding([binaries], `the downloaded ${version} runs and says what it is`, async () => {
    const { host, port } = await startRedis({
      name: version,
      configuration: [],
      binaries: foundIn(binaries),
    });
    await withRedis({ host, port, tls: { mode: 'off' } }, {}, async (redis) => {
      expect(await readRedisFacts(redis)).toMatchObject(facts);
    });
  });
}
