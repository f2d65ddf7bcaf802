import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { silentLog } from '../../../src/log.ts';
import { findPostgres, findRedis } from '../../../rehearsal/servers/binaries.ts';
import { fetchPackages, type UnpackedPackages } from '../../../rehearsal/servers/debian-packages.ts';
import { startPostgres } from '../../../rehearsal/servers/postgres.ts';
import { stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { startRedis } from '../../../rehearsal/servers/redis.ts';

afterEach(stopAll);

const full = process.env['TEST_FULL'] === '1' ? test : test.skip;

test('a PostgreSQL and a Redis that are new enough are found', async () => {
  expect((await findPostgres(silentLog)).major).toBeGreaterThanOrEqual(15);
  expect((await findRedis(silentLog)).server).toMatch(/redis-server$/);
});

full(
  'where the machine has none, the downloaded PostgreSQL runs with its extensions, and the downloaded Redis',
  async () => {
    const binaries = await findPostgres(silentLog, { ignoreSystem: true });
    const server = await startPostgres({
      name: 'fetched',
      binaries,
      settings: { shared_preload_libraries: 'pg_stat_statements' },
    });
    await server.query('postgres', 'create extension pg_stat_statements');
    expect(await server.query('postgres', 'select count(*) > 0 as works from pg_stat_statements')).toEqual([
      { works: true },
    ]);
    const redis = await startRedis({
      name: 'fetched',
      configuration: [],
      binaries: await findRedis(silentLog, { ignoreSystem: true }),
    });
    expect(redis.port).toBeGreaterThan(0);
  },
);

full('two runs that download at the same time both get whole packages', async () => {
  const cache = temporaryDirectory('cache');
  const fetch = (): Promise<UnpackedPackages> =>
    fetchPackages({
      packages: ['redis-tools', 'redis-server'],
      check: ['usr/bin/redis-server'],
      cache,
      log: silentLog,
    });
  for (const { directory, environment } of await Promise.all([fetch(), fetch()])) {
    const { stdout } = await promisify(execFile)(join(directory, 'usr/bin/redis-server'), ['--version'], {
      env: { ...process.env, ...environment },
    });
    expect(stdout).toContain('Redis server v=');
  }
});
