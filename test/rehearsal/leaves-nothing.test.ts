import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { familyOf, whatIsLeft, type Seen } from './whats-left.ts';

const root = join(import.meta.dirname, '../..');
const onLinux = process.platform === 'linux' ? test : test.skip;
const full = process.env['TEST_FULL'] === '1' ? onLinux : test.skip;

/** Marks in what a rehearsal prints, each in the middle of another chapter's work. */
const marks = {
  booting: 'A shop on Heroku',
  load: 'is under load',
  infrastructure: 'redis-droplet',
  copy: '1/1 copy',
  application: '1/2 app',
  fence: 'fence',
  'copy inside the fence': '8/14 copy',
  'point of no return': 'point-of-no-return',
  verify: 'staging-verify …',
};
type Mark = keyof typeof marks;
const early: Mark[] = ['booting', 'load', 'infrastructure', 'copy'];
const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000));

interface Run {
  child: ChildProcess;
  directory: string;
  /** Resolves once the mark has been printed. */
  until(mark: Mark): Promise<void>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string; json: string }>;
}

const runs: Run[] = [];
const directories: string[] = [];

afterEach(() => {
  for (const { child } of runs.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
});
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A rehearsal of staging with a tiny shop, in a process group and with a temporary directory of its own. */
function rehearse(command: 'npm' | 'node'): Run {
  const directory = mkdtempSync(join(tmpdir(), 'leaves-nothing-'));
  chmodSync(directory, 0o755);
  directories.push(directory);
  const options = ['--environment', 'staging', '--size', '1', '--rate', '5', '--json'];
  const [program, args] =
    command === 'npm'
      ? ['npm', ['run', 'rehearse', '--', ...options]]
      : [process.execPath, ['--disable-warning=ExperimentalWarning', 'rehearsal/main.ts', ...options]];
  const child = spawn(program, args, {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // npm keeps a cache of its own among the temporary files.
    env: { ...process.env, TMPDIR: directory, NODE_DISABLE_COMPILE_CACHE: '1' },
  });
  let output = '';
  let json = '';
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk) => (json += String(chunk)));
  child.stderr.on('data', (chunk) => {
    output += String(chunk);
    for (const listener of listeners) listener();
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    for (const listener of listeners) listener();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, output, json };
  });
  const run: Run = {
    child,
    directory,
    ended,
    until: (mark) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(marks[mark])) resolve();
          else if (child.exitCode !== null) reject(new Error(`It ended before "${mark}":\n${output}`));
        };
        listeners.add(look);
        look();
      }),
  };
  runs.push(run);
  return run;
}

/** Ends a run at a mark and tells what it left. */
async function end(run: Run, mark: Mark, strike: (pid: number) => void) {
  const pid = run.child.pid ?? 0;
  await run.until(mark);
  const seen: Seen[] = familyOf(pid);
  expect(seen.some(({ command }) => command.includes('rehearsal/main.ts'))).toBe(true);
  strike(pid);
  const ended = await run.ended;
  return { ...ended, left: await whatIsLeft(seen, run.directory) };
}

const group =
  (signal: NodeJS.Signals) =>
  (pid: number): void => {
    process.kill(-pid, signal);
  };
const alone =
  (signal: NodeJS.Signals) =>
  (pid: number): void => {
    process.kill(pid, signal);
  };

const markOf = (offset: number): Mark => early[(seed + offset) % early.length] ?? 'load';

onLinux(
  `Ctrl-C ends it with 130 and leaves nothing (at "${markOf(0)}", TEST_SEED=${seed})`,
  async () => {
    const { code, left } = await end(rehearse('node'), markOf(0), group('SIGINT'));
    expect({ code, left }).toEqual({ code: 130, left: [] });
  },
  240_000,
);

onLinux(
  `SIGTERM to npm alone ends everything below it (at "${markOf(1)}", TEST_SEED=${seed})`,
  async () => {
    const { signal, left } = await end(rehearse('npm'), markOf(1), alone('SIGTERM'));
    expect({ signal, left }).toEqual({ signal: 'SIGTERM', left: [] });
  },
  240_000,
);

onLinux(
  `beside a rehearsal that is killed outright and leaves nothing, another one passes (at "${markOf(2)}", TEST_SEED=${seed})`,
  async () => {
    const other = rehearse('npm');
    const { left } = await end(rehearse('node'), markOf(2), alone('SIGKILL'));
    expect(left).toEqual([]);

    const { code, json, output } = await other.ended;
    expect(`${output}\n${code}`).toMatch(/\n0$/);
    const verdict = JSON.parse(json.trim().split('\n').at(-1) ?? '') as { verdict: string; record: string };
    expect(verdict.verdict).toBe('passed');
    // What it was asked for stays, and nothing else.
    const kept = readdirSync(other.directory);
    expect(kept).toEqual([expect.stringMatching(/^heroku-to-digitalocean-rehearsal-/)]);
    expect(existsSync(verdict.record)).toBe(true);
  },
  240_000,
);

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const;
const everywhere = (Object.keys(marks) as Mark[]).map((mark, index) => {
  return { mark, signal: signals[(seed + index) % signals.length] ?? 'SIGKILL' };
});

full.each(everywhere)(
  `nothing is left of a rehearsal that $signal ends at "$mark" (TEST_SEED=${seed})`,
  async ({ mark, signal }) => {
    const strike = signal === 'SIGKILL' ? alone(signal) : group(signal);
    const { left } = await end(rehearse('node'), mark, strike);
    expect(left).toEqual([]);
  },
  240_000,
);
