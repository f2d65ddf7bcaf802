import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { silentLog } from '../../src/log.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import type { Available } from '../../rehearsal/servers/pinned-downloads.ts';
import { inFullRun, testNeeding } from '../support/or-skipped.ts';
import { recordingLog } from './two-sides.ts';

/** Versions that no machine has, so that nothing of its own is found. */
const MAJOR = 97;

afterAll(stopAll);

/**
 * A PATH of the test's own with apt-get and sudo that note how they were called. `distribution` and `pgdg`: the majors
 * that can be installed from there; `needsUpdate`: apt-get finds nothing before its lists were updated.
 */
function runner(machine: {
  distribution?: number[];
  pgdg?: number[];
  sudo?: 'works' | 'asks';
  needsUpdate?: boolean;
  refusal?: string;
}): { path: string; calls: () => string[]; environments: () => string; pgdgScript: string } {
  const path = temporaryDirectory('path');
  const state = join(path, 'state');
  mkdirSync(state);
  const script = (name: string, body: string): string => {
    const file = join(path, name);
    writeFileSync(
      file,
      `#!/bin/sh\n/usr/bin/env >> ${state}/environments\necho "${name} $*" >> ${state}/calls\n${body}\n`,
    );
    chmodSync(file, 0o755);
    return file;
  };
  const known = (majors: number[] = []): string => majors.map(String).join(' ');
  writeFileSync(join(state, 'known'), machine.needsUpdate ? '' : known(machine.distribution));
  script(
    'apt-get',
    `
    for last in "$@"; do :; done
    case "$*" in
      *update) [ -e ${state}/added ] || echo "${known(machine.distribution)}" > ${state}/known; exit 0;;
      *simulate*) for major in $(/bin/cat ${state}/known); do echo "Inst postgresql-client-$major (1.0 Test [all])"; done; exit 0;;
    esac
    ${machine.refusal === undefined ? '' : `echo "E: ${machine.refusal}" >&2; exit 100`}
    for major in $(/bin/cat ${state}/known); do
      if [ "$last" = "postgresql-client-$major" ]; then
        for name in pg_dump pg_restore psql; do
          printf '#!/bin/sh\\necho "%s (PostgreSQL) %s.1"\\n' $name $major > ${path}/$name; /bin/chmod 755 ${path}/$name
        done
        exit 0
      fi
    done
    echo "E: Unable to locate package $last" >&2; exit 100`,
  );
  if (machine.sudo !== undefined)
    script(
      'sudo',
      machine.sudo === 'works'
        ? 'shift; PATH=/usr/bin:/bin exec /usr/bin/env -i "$@"'
        : 'echo "sudo: a password is required" >&2; exit 1',
    );
  const pgdgScript = join(path, 'apt.postgresql.org.sh');
  if (machine.pgdg !== undefined)
    script('apt.postgresql.org.sh', `touch ${state}/added; echo "${known(machine.pgdg)}" > ${state}/known`);
  const read = (name: string): string =>
    existsSync(join(state, name)) ? readFileSync(join(state, name), 'utf8') : '';
  return {
    path,
    pgdgScript,
    calls: () => read('calls').split('\n').filter(Boolean).map(withoutOptions),
    environments: () => read('environments'),
  };
}

function withoutOptions(call: string): string {
  return call.replaceAll(/ (-o \S+|-qq|-y|-n|--no-install-recommends|DEBIAN_FRONTEND=\S+|LC_ALL=\S+)/g, '');
}

test('tools that are missing are installed from the distribution, and the log says so', async () => {
  const { path, calls, pgdgScript } = runner({ distribution: [MAJOR], pgdg: [MAJOR] });
  const log = recordingLog();
  const tools = await findPostgresTools(MAJOR, {
    environmentPath: path,
    install: { log, root: true, pgdgScript },
  });
  expect(tools).toEqual({
    pgDump: join(path, 'pg_dump'),
    pgRestore: join(path, 'pg_restore'),
    psql: join(path, 'psql'),
    major: MAJOR,
  });
  expect(calls()).toEqual([`apt-get install postgresql-client-${MAJOR}`]);
  expect(log.lines.join('\n')).toMatch(
    /version 97 or newer .*\n.*postgresql-client-97.*\nInstalled .*pg_dump/,
  );
});

test('what fits already is taken as it is: nothing is installed', async () => {
  const { path, calls } = runner({ distribution: [MAJOR] });
  for (let time = 1; time <= 2; time += 1)
    await findPostgresTools(MAJOR, { environmentPath: path, install: { log: silentLog, root: true } });
  expect(calls().filter((call) => call.includes('install'))).toHaveLength(1);
});

test('package lists that are empty are updated first', async () => {
  const { path, calls } = runner({ distribution: [MAJOR], needsUpdate: true });
  await findPostgresTools(MAJOR, { environmentPath: path, install: { log: silentLog, root: true } });
  const install = `apt-get install postgresql-client-${MAJOR}`;
  expect(calls()).toEqual([install, 'apt-get update', install]);
});

test("what the distribution lacks comes from PostgreSQL's own repository, through sudo", async () => {
  const { path, calls, pgdgScript } = runner({ distribution: [15], pgdg: [15, MAJOR], sudo: 'works' });
  const log = recordingLog();
  const tools = await findPostgresTools(MAJOR, {
    environmentPath: path,
    install: { log, root: false, pgdgScript },
  });
  expect(tools.major).toBe(MAJOR);
  const asRoot = calls().filter((call) => call.startsWith('sudo'));
  expect(asRoot[0]).toBe('sudo true');
  expect(asRoot.at(-2)).toBe(`sudo env ${pgdgScript}`);
  expect(asRoot.at(-1)).toBe(`sudo env ${path}/apt-get install postgresql-client-${MAJOR}`);
  expect(log.lines.join('\n')).toContain(`adding PostgreSQL's own repository with ${pgdgScript}`);
});

test("without that repository the distribution's newer version is taken, never an older one", async () => {
  const newer = runner({ distribution: [MAJOR + 1] });
  const options = { root: true, pgdgScript: '/does/not/exist', log: silentLog };
  expect(await findPostgresTools(MAJOR, { environmentPath: newer.path, install: options })).toMatchObject({
    major: MAJOR + 1,
  });
  const older = runner({ distribution: [15] });
  await expect(findPostgresTools(MAJOR, { environmentPath: older.path, install: options })).rejects.toThrow(
    /Installing them failed: .*Unable to locate package postgresql-client-97/,
  );
  expect(older.calls().join('\n')).not.toContain('install postgresql-client-15');
});

test.each([
  ['no apt-get', () => temporaryDirectory('path'), /has no apt-get\. Install them before this step/],
  ['no sudo', () => runner({ distribution: [MAJOR] }).path, /needs root or a sudo that asks for no password/],
  [
    'a sudo that asks for a password',
    () => runner({ distribution: [MAJOR], sudo: 'asks' }).path,
    /needs root or a sudo that asks for no password/,
  ],
  [
    'an apt-get that fails',
    () => runner({ distribution: [MAJOR], sudo: 'works', refusal: 'You do not have enough free space' }).path,
    /apt-get failed|enough free space/,
  ],
])('%s: the error says so and names the package', async (_case, path, words) => {
  const find = findPostgresTools(MAJOR, {
    environmentPath: path(),
    install: { log: silentLog, root: false, pgdgScript: '/does/not/exist' },
  });
  await expect(find).rejects.toThrow(words);
  await expect(find).rejects.toThrow(/sudo apt-get install -y postgresql-client-97/);
  await expect(find).rejects.toMatchObject({ name: 'ConfigurationError' });
});

test('a full disk is no reason to add a repository', async () => {
  const { path, calls, pgdgScript } = runner({ pgdg: [MAJOR], refusal: 'You do not have enough free space' });
  await expect(
    findPostgresTools(MAJOR, { environmentPath: path, install: { log: silentLog, root: true, pgdgScript } }),
  ).rejects.toThrow(/enough free space/);
  expect(calls().join('\n')).not.toContain('apt.postgresql.org');
});

test('programs that run as root see nothing of our inputs', async () => {
  process.env['INPUT_HEROKU-TOKEN'] = 'HRKU-secret';
  process.env['PGPASSWORD'] = 'postgres-secret';
  try {
    const { path, environments, pgdgScript } = runner({ pgdg: [MAJOR], sudo: 'works' });
    await findPostgresTools(MAJOR, {
      environmentPath: path,
      install: { log: silentLog, root: false, pgdgScript },
    });
    expect(environments()).toContain('DEBIAN_FRONTEND=noninteractive');
    expect(environments()).not.toMatch(/secret|INPUT_/);
  } finally {
    delete process.env['INPUT_HEROKU-TOKEN'];
    delete process.env['PGPASSWORD'];
  }
});

const run = promisify(execFile);

/** The machine's whole file system, writable and thrown away: what is installed in it is gone with the process. */
async function inThrowAwayMachine(script: string): Promise<string> {
  const overlay = temporaryDirectory('overlay');
  const inside = `
    set -eu
    mount -t tmpfs none ${overlay}
    mkdir ${overlay}/upper ${overlay}/work ${overlay}/root
    mount -t overlay overlay -o lowerdir=/,upperdir=${overlay}/upper,workdir=${overlay}/work ${overlay}/root
    for directory in proc dev sys; do mount --rbind /$directory ${overlay}/root/$directory; done
    exec chroot ${overlay}/root sh -c "$SCRIPT"`;
  const { stdout } = await run('unshare', ['--mount', 'sh', '-c', inside], {
    env: { ...process.env, SCRIPT: `cd '${process.cwd()}' && ${script}` },
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}

async function throwAwayMachine(): Promise<Available<true>> {
  if (process.getuid?.() !== 0) return { missing: 'a machine to install on needs root' };
  return inThrowAwayMachine('apt-get --version').then(
    () => ({ found: true }),
    () => ({ missing: 'this system gives no overlay of itself, or has no apt-get' }),
  );
}

testNeeding(
  [await inFullRun(throwAwayMachine)],
  'a machine without the tools gets them from its real distribution',
  async () => {
    const said = await inThrowAwayMachine(`
      export DEBIAN_FRONTEND=noninteractive
      apt-get -qq -y purge 'postgresql-client*' >/dev/null 2>&1
      test ! -e /usr/lib/postgresql/*/bin/pg_dump
      '${process.execPath}' test/postgres/install-tools.ts 15`);
    expect(said).toMatch(/version 15 or newer \(none was found\)/);
    expect(said).toMatch(/\npg_dump \(PostgreSQL\) 1[5-9]\./);
  },
  300_000,
);
