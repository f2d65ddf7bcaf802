import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { startProcess, stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { serverUser } from '../../../rehearsal/servers/server-user.ts';

afterEach(stopAll);

const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]];

/** Every running process whose command line mentions a text. */
function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}

/** Not so when it has ended and nobody has asked for its exit code yet. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

async function eventually(condition: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 200 && !condition(); attempt += 1) await delay(50);
  return condition();
}

test('every line of output has been delivered, to the listener and to the log, when the exit is told', async () => {
  const log = join(temporaryDirectory('test'), 'out.log');
  const lines: string[] = [];
  const ended = startProcess(
    ...node(`for (let i = 0; i < 5000; i++) console.log('line ' + i); process.exitCode = 7`),
    {
      logFile: log,
      onLine: (line) => lines.push(line),
    },
  );
  expect(await ended.exited).toBe(7);
  expect(lines).toHaveLength(5000);
  expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual(lines);
});

test('a process that ignores the polite signal is killed together with its children', async () => {
  const mark = '600.125';
  const lines: string[] = [];
  const stubborn = startProcess(
    ...node(
      `process.on('SIGTERM', () => console.log('no')); require('child_process').spawn('sleep', ['${mark}']).on('spawn', () => console.log('up')); setInterval(() => {}, 1000)`,
    ),
    { onLine: (line) => lines.push(line) },
  );
  expect(await eventually(() => lines.includes('up'))).toBe(true);
  await stubborn.stop({ timeoutMs: 2_000 });
  expect(lines).toContain('no');
  expect(await stubborn.exited).toBeNull();
  expect(await eventually(() => processesWith(mark).length === 0)).toBe(true);
});

test('a program that is not there is an error that names it', () => {
  expect(() => startProcess('/nowhere/program', [])).toThrow('/nowhere/program could not be started');
});

test('as root a server runs under an unprivileged account and reaches its temporary directory', async () => {
  const directory = temporaryDirectory('test');
  writeFileSync(join(directory, 'readable'), 'yes');
  const lines: string[] = [];
  const server = startProcess('/bin/sh', ['-c', 'id -u; cat readable; : > own'], {
    cwd: directory,
    asServerUser: true,
    onLine: (line) => lines.push(line),
  });
  expect(await server.exited).toBe(0);
  const uid = serverUser()?.uid ?? process.getuid?.();
  expect(lines).toEqual([String(uid), 'yes']);
  expect(uid).not.toBe(0);
  expect(statSync(directory).mode & 0o077).toBe(0);
});

const program = fileURLToPath(new URL('./leaving.ts', import.meta.url));

test.each(['SIGKILL', 'SIGINT', 'SIGTERM', 'exception', 'exit', 'normally'])(
  'nothing is left behind by a run that ends by: %s',
  async (ending) => {
    const run = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ending], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const closed = once(run, 'exit');
    const [line] = (await once(createInterface({ input: run.stdout }), 'line')) as [string];
    const left = JSON.parse(line) as { directories: string[]; pids: number[]; ports: number[] };
    if (ending.startsWith('SIG')) run.kill(ending as NodeJS.Signals);
    await closed;

    const gone = (pid: number): boolean => !isRunning(pid);
    expect(await eventually(() => left.pids.every(gone))).toBe(true);
    expect(await eventually(() => left.directories.every((directory) => !existsSync(directory)))).toBe(true);
    expect(processesWith('h2d-pg-leaving')).toEqual([]);
    expect(readFileSync('/proc/sysvipc/shm', 'utf8')).not.toContain(` ${run.pid} `);
  },
);
