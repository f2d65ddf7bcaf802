import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { render } from '../../rehearsal/runner/expression.ts';
import { readWorkflow } from '../../rehearsal/runner/workflow-file.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';

// Where the jobs run is the user's to say, also on a machine of their own whose sudo asks for a password or is not there.
const root = join(import.meta.dirname, '..', '..');
const folder = join(root, '.github/workflows');
/** Those of the project itself, which run nobody's migration. */
const ofTheProject = ['audit.yml', 'ci.yml', 'codeql.yml', 'full.yml', 'release.yml', 'scorecard.yml'];
const jobs = readdirSync(folder)
  .filter((name) => name.endsWith('.yml') && !ofTheProject.includes(name))
  .flatMap((name) =>
    Object.entries(readWorkflow(join(folder, name), root).jobs)
      .filter(([, { uses }]) => uses === undefined)
      .map(([key, job]) => ({ place: `${name} ${key}`, job })),
  );

test('every job of a migration runs where MIGRATION_RUNNER says: nowhere is a label written down', () => {
  expect(jobs.length).toBeGreaterThan(25);
  const [first] = jobs;
  const others = jobs.filter(({ job }) => job['runs-on'] !== first?.job['runs-on']);
  expect(others.map(({ place }) => place)).toEqual([]);
});

test.each([
  ['unset', undefined, 'ubuntu-24.04'],
  ['empty', '', 'ubuntu-24.04'],
  ['a label', 'ubuntu-22.04', 'ubuntu-22.04'],
  ['a list of labels', '["self-hosted", "linux"]', ['self-hosted', 'linux']],
])('%s it is that', (_what, value, runsOn) => {
  const vars = value === undefined ? {} : { MIGRATION_RUNNER: value };
  expect(render(jobs[0]?.job['runs-on'], { contexts: { vars } })).toEqual(runsOn);
});

const script = jobs.flatMap(({ job }) => job.steps ?? []).find(({ id }) => id === 'postgres-tools')?.run;

/** Runs the script that brings the tools, on a machine that has these things. */
function bringTools(machine: {
  tools?: boolean;
  repository?: boolean;
  sudo?: 'works' | 'asks' | 'is not there';
  apt?: 'fails';
}): { status: number | null; said: string; done: string[] } {
  const directory = temporaryDirectory('tools');
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  };
  const note = `echo "$0 $*" >> ${directory}/done`;
  if (machine.tools === true) put('usr/lib/postgresql/18/bin/pg_dump', note);
  if (machine.repository !== false) put('usr/share/postgresql-common/pgdg/apt.postgresql.org.sh', note);
  if (machine.sudo !== 'is not there')
    put('bin/sudo', machine.sudo === 'asks' ? 'exit 1' : 'if [ "$1" = -n ]; then shift; fi; exec "$@"');
  put('bin/apt-get', machine.apt === 'fails' ? 'exit 100' : note);
  put('bin/true', 'exit 0');
  const file = join(directory, 'script.sh');
  writeFileSync(file, (script ?? '').replaceAll('/usr/', `${directory}/usr/`));
  const { status, stdout, stderr } = spawnSync('/bin/bash', ['-e', file], {
    encoding: 'utf8',
    env: { PATH: join(directory, 'bin') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const done = join(directory, 'done');
  return {
    status,
    said: stdout + stderr,
    done: existsSync(done)
      ? readFileSync(done, 'utf8').trim().replaceAll(`${directory}/`, '').split('\n')
      : [],
  };
}

test('on a runner of GitHub the tools are installed from their own repository, once', () => {
  expect(bringTools({})).toEqual({
    status: 0,
    said: '',
    done: [
      'usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y',
      'bin/apt-get install -y --no-install-recommends postgresql-client-18',
    ],
  });
  expect(bringTools({ tools: true })).toEqual({ status: 0, said: '', done: [] });
  expect(bringTools({ apt: 'fails' }).status).toBe(100);
});

test.each([
  ['whose sudo asks for a password', { sudo: 'asks' }],
  ['without sudo', { sudo: 'is not there' }],
  ['without that repository', { repository: false }],
] as const)(
  'on a runner %s nothing is installed, and the job goes on with what is there',
  (_what, machine) => {
    expect(bringTools(machine)).toEqual({
      status: 0,
      said: expect.stringMatching(/^::notice::Nothing is installed on this runner.*\n$/),
      done: [],
    });
    expect(bringTools({ ...machine, tools: true })).toEqual({ status: 0, said: '', done: [] });
  },
);
