import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fetchPackages } from '../../rehearsal/servers/debian-packages.ts';
import { cacheDirectory } from '../../rehearsal/servers/cache-directory.ts';
import { guardProcess, startProcess } from '../../rehearsal/servers/process.ts';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { databaseArgument, toolEnvironment } from '../../src/postgres/child.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';

/** What one would type without this project, from an empty database to an analyzed copy. */
export interface Peer {
  name: string;
  copy(work: PeerWork): Promise<void>;
}

export interface PeerWork {
  source: PostgresAddress;
  /** The owner of the target database. */
  target: PostgresAddress;
  /** Bytes of the source, for options that depend on it. */
  sizeBytes: number;
  /** The directory with pg_dump and pg_restore. */
  bin: string;
  environment: Record<string, string>;
  /** For what a peer puts on disk; it is removed again. */
  directory: string;
}

const PLAIN = ['--no-owner', '--no-privileges'];

/** One process each, compressed as both are by default, nothing on disk. */
export const pgDump: Peer = {
  name: 'pg_dump -Fc | pg_restore',
  copy: async (work) => {
    const dump = await start(work, 'pg_dump', work.source, ['-Fc', ...PLAIN], ['ignore', 'pipe', 'inherit']);
    const restore = await start(
      work,
      'pg_restore',
      work.target,
      ['--exit-on-error', ...PLAIN],
      ['pipe', 'ignore', 'inherit'],
    );
    if (dump.child.stdout === null || restore.child.stdin === null) throw new Error('A pipe is missing.');
    await Promise.all([dump.ended, restore.ended, pipeline(dump.child.stdout, restore.child.stdin)]);
    await analyze(work);
  },
};

/** By way of a directory, since only that can be written and read in parallel. */
export function pgDumpParallel(jobs: number, compress: boolean): Peer {
  const level = compress ? [] : ['-Z0'];
  return {
    name: `pg_dump -Fd -j${jobs}${compress ? '' : ' -Z0'} | pg_restore -j${jobs}`,
    copy: async (work) => {
      const place = join(work.directory, 'dump');
      await rm(place, { recursive: true, force: true });
      const dump = ['-Fd', `-j${jobs}`, ...level, ...PLAIN, `--file=${place}`];
      await (
        await start(work, 'pg_dump', work.source, dump, ['ignore', 'ignore', 'inherit'])
      ).ended;
      const restore = [`-j${jobs}`, '--exit-on-error', ...PLAIN];
      await (
        await start(work, 'pg_restore', work.target, restore, ['ignore', 'ignore', 'inherit'], [place])
      ).ended;
      await analyze(work);
      await rm(place, { recursive: true, force: true });
    },
  };
}

/** At least so much of a table is worth another process of pgcopydb. */
const SMALLEST_SPLIT = 16_000_000;

/**
 * Debian's pgcopydb with the options that were the fastest here, unpacked into the cache. It vacuums and analyzes each
 * table itself (0.10 has no option against the vacuum), so nothing is analyzed afterwards.
 *
 * @returns undefined, and says why, where it cannot be had
 */
export async function findPgcopydb(log: Log): Promise<Peer | undefined> {
  try {
    const { directory, environment } = await fetchPackages({
      packages: ['pgcopydb'],
      check: ['usr/bin/pgcopydb'],
      cache: cacheDirectory(),
      log,
    });
    return {
      name: 'pgcopydb clone',
      copy: (work) => runPgcopydb(work, join(directory, 'usr/bin/pgcopydb'), environment),
    };
  } catch (thrown) {
    log.warning(`pgcopydb is not measured: ${messageOf(thrown)}`);
    return undefined;
  }
}

async function runPgcopydb(
  work: PeerWork,
  program: string,
  libraries: Record<string, string>,
): Promise<void> {
  const place = join(work.directory, 'pgcopydb');
  await rm(place, { recursive: true, force: true });
  const lines: string[] = [];
  const child = startProcess(
    program,
    [
      ...['clone', '--dir', place, '--no-owner', '--no-acl', '--skip-large-objects'],
      ...['--table-jobs', '4', '--index-jobs', '4'],
      ...['--split-tables-larger-than', String(Math.max(SMALLEST_SPLIT, Math.round(work.sizeBytes / 8)))],
    ],
    {
      // It signals its whole process group when it fails, so that it needs one of its own; and its messages are colored.
      env: {
        ...work.environment,
        PATH: `${work.bin}:${work.environment['PATH'] ?? ''}`,
        ...libraries,
        PGCOPYDB_SOURCE_PGURI: urlOf(work.source),
        PGCOPYDB_TARGET_PGURI: urlOf(work.target),
        TMPDIR: work.directory,
      },
      onLine: (line) => {
        lines.push(line);
        if (lines.length > 15) lines.shift();
      },
    },
  );
  const code = await child.exited;
  await rm(place, { recursive: true, force: true });
  if (code !== 0) throw new Error(`pgcopydb ended with ${String(code)}:\n${lines.join('\n')}`);
}

function urlOf({ user, password, host, port, database }: PostgresAddress): string {
  return `postgres://${user}:${password}@${host}:${port}/${database}?sslmode=disable`;
}

interface Started {
  child: ChildProcess;
  ended: Promise<void>;
}

async function start(
  work: PeerWork,
  program: 'pg_dump' | 'pg_restore',
  address: PostgresAddress,
  options: string[],
  stdio: ('ignore' | 'pipe' | 'inherit')[],
  last: string[] = [],
): Promise<Started> {
  const home = join(work.directory, program);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const child = spawn(join(work.bin, program), [...options, databaseArgument(address), ...last], {
    env: {
      ...work.environment,
      ...(await toolEnvironment(address, { applicationName: 'bench', directory: home })),
    },
    stdio,
    detached: true,
  });
  const unguard = child.pid === undefined ? (): void => undefined : guardProcess(child.pid);
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      unguard();
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${String(code)}.`));
    });
  });
  return { child, ended };
}

async function analyze({ target }: PeerWork): Promise<void> {
  await withConnection(target, { applicationName: 'bench' }, (client) => client.query('ANALYZE'));
}
