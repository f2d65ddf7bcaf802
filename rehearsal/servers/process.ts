import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, realpathSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { killTree, reap, signalProcess, startOf, type Quarry } from './reap.ts';
import type { ReaperOrder } from './reaper.ts';
import { giveToServerUser, serverUser, temporaryRoot } from './server-user.ts';

export interface ServerProcess {
  pid: number;
  /** The exit code, or null when a signal ended it. Every line of output has been delivered by then. */
  exited: Promise<number | null>;
  /** Sends a signal to the process and everything in its group. */
  signal(signal: NodeJS.Signals): void;
  /** Asks it to end (default SIGTERM), kills its whole family after `timeoutMs` (default 10 s); resolves when it is gone. */
  stop(options?: { signal?: NodeJS.Signals; timeoutMs?: number }): Promise<void>;
  /** Kills it and its whole family at once, as a crash would; resolves when it is gone. */
  kill9(): Promise<void>;
}

export interface StartProcessOptions {
  cwd?: string;
  /** The whole environment; default: ours. */
  env?: NodeJS.ProcessEnv;
  /** Output is appended to this file. */
  logFile?: string;
  /** Run under the unprivileged account when we are root. */
  asServerUser?: boolean;
  /** Called for each line of output. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Given to it on its standard input; without it standard input is empty. */
  input?: string;
  /** The signal that `stop` and the end of our process send first; default SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** What a dying parent sends before SIGKILL, for a server that leaves something behind otherwise. */
  lastWord?: NodeJS.Signals;
}

interface Registry {
  processes: Map<number, { quarry: Quarry; process: ServerProcess }>;
  /** Processes that somebody else started and stops, and that must not outlive us all the same. */
  guarded: Map<number, Quarry>;
  directories: Set<string>;
  reaper: Writable | undefined;
}

/** The one thing that a process has once: the list of what it must not leave behind. */
const registry: Registry = {
  processes: new Map(),
  guarded: new Map(),
  directories: new Set(),
  reaper: undefined,
};

/**
 * Starts a program in a process group of its own, recorded so that it ends with us: by `stopAll`, when our process
 * exits or is interrupted, and also when it is killed.
 *
 * @throws when the program cannot be started
 */
export function startProcess(
  command: string,
  args: string[],
  options: StartProcessOptions = {},
): ServerProcess {
  cleanUpOnExit();
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a', 0o600);
  const output = options.onLine ? 'pipe' : (log ?? 'ignore');
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', output, output],
    ...(options.asServerUser ? serverUser() : {}),
  });
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) {
    if (log !== undefined) closeSync(log);
    throw new Error(`${command} could not be started: is it there, and may it be executed?`);
  }
  if (child.stdin) {
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
  }
  const started = serverProcess(child, pid, options, log);
  const quarry = { pid, startedAt: startOf(pid), lastWord: options.lastWord };
  registry.processes.set(pid, { quarry, process: started });
  tellReaper({ watch: quarry });
  return started;
}

function serverProcess(
  child: ChildProcess,
  pid: number,
  options: StartProcessOptions,
  openLog: number | undefined,
): ServerProcess {
  let log = openLog;
  const lines = (['stdout', 'stderr'] as const).map((stream) =>
    deliverLines(child[stream], (line) => {
      if (log !== undefined) writeSync(log, `${line}\n`);
      options.onLine?.(line, stream);
    }),
  );
  const gone = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const exited = gone.then(async (code) => {
    registry.processes.delete(pid);
    tellReaper({ forget: pid });
    // A grandchild may hold the pipes for as long as it likes: its words are not worth waiting for.
    const patience = new Promise<void>((resolve) => setTimeout(resolve, 500).unref());
    await Promise.race([Promise.all(lines), patience]);
    if (log !== undefined) closeSync(log);
    log = undefined;
    return code;
  });
  const kill9 = async (): Promise<void> => {
    if (registry.processes.has(pid)) killTree(pid);
    await exited;
  };
  return {
    pid,
    exited,
    signal: (signal) => {
      if (registry.processes.has(pid)) signalProcess(-pid, signal);
    },
    stop: async ({ signal = options.stopSignal ?? 'SIGTERM', timeoutMs = 10_000 } = {}) => {
      if (registry.processes.has(pid)) signalProcess(-pid, signal);
      const timer = setTimeout(() => void kill9(), timeoutMs);
      await exited;
      clearTimeout(timer);
    },
    kill9,
  };
}

/**
 * Makes sure that a process which was started elsewhere, as leader of a group of its own, ends with us at the latest,
 * with its family. The function that it returns takes it out again, once it has ended.
 */
export function guardProcess(pid: number): () => void {
  cleanUpOnExit();
  const quarry = { pid, startedAt: startOf(pid) };
  registry.guarded.set(pid, quarry);
  tellReaper({ watch: quarry });
  return () => {
    registry.guarded.delete(pid);
    tellReaper({ forget: pid });
  };
}

async function deliverLines(stream: Readable | null, deliver: (line: string) => void): Promise<void> {
  if (!stream) return;
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on('line', deliver);
  await new Promise((resolve) => lines.once('close', resolve));
}

/**
 * A new directory that only we and the server user can read; it is removed at the end. Its path is short enough for
 * a Unix socket. `parent` is for work that will be renamed into place on the same file system.
 */
export function temporaryDirectory(prefix: string, parent = realpathSync(temporaryRoot())): string {
  cleanUpOnExit();
  const directory = mkdtempSync(join(parent, `h2d-${prefix}-`));
  registry.directories.add(directory);
  tellReaper({ directory });
  giveToServerUser(directory);
  return directory;
}

/** Removes a temporary directory before the end. */
export function removeTemporaryDirectory(directory: string): void {
  reap([], [directory]);
  registry.directories.delete(directory);
  tellReaper({ forgetDirectory: directory });
}

/**
 * Kills what is guarded, stops everything that `startProcess` started, newest first, and removes every temporary
 * directory.
 */
export async function stopAll(): Promise<void> {
  for (const pid of registry.guarded.keys()) killTree(pid);
  const newestFirst = [...registry.processes.values()].reverse();
  await Promise.all(newestFirst.map(({ process }) => process.stop({ timeoutMs: 5000 })));
  for (const directory of registry.directories) removeTemporaryDirectory(directory);
  registry.reaper?.end();
  registry.reaper = undefined;
}

/**
 * From now on nothing is left behind, however this process ends: a reaper waits beside it for the day that the pipe
 * between them closes. `startProcess` and `temporaryDirectory` call it; calling it again does nothing.
 *
 * SIGINT, SIGTERM and SIGHUP end the process at once, unless the program listens to them itself: then it is the
 * program that decides when to end.
 */
export function cleanUpOnExit(): void {
  if (registry.reaper) return;
  const reaper = spawn(process.execPath, [fileURLToPath(new URL('./reaper.ts', import.meta.url))], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  });
  reaper.on('error', () => undefined);
  reaper.stdin.on('error', () => undefined);
  reaper.unref();
  (reaper.stdin as Writable & { unref?: () => void }).unref?.();
  registry.reaper = reaper.stdin;
  process.off('exit', reapNow).once('exit', reapNow);
  for (const [signal, listener] of interruptions) process.off(signal, listener).on(signal, listener);
}

const interruptions = (
  [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const
).map(([signal, number]) => {
  const listener = (): void => {
    if (process.listenerCount(signal) === 1) process.exit(128 + number);
  };
  return [signal, listener] as const;
});

/** At the very end of the process nothing can be awaited any more: everything is killed and removed on the spot. */
function reapNow(): void {
  const started = [...registry.processes.values()].map(({ quarry }) => quarry);
  reap([...registry.guarded.values(), ...started], registry.directories);
}

function tellReaper(order: ReaperOrder): void {
  registry.reaper?.write(`${JSON.stringify(order)}\n`);
}
