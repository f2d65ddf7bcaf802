import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { guardProcess } from '../servers/process.ts';
import { familyOf, killTree } from '../servers/reap.ts';

/**
 * What is done to a step's process from outside. `'kill'`: its whole tree, with SIGKILL. `'interrupt'`: it is asked to stop,
 * as a cancelled run does. `'full-disk'`: from now on it writes nothing more to any file.
 */
export type Interference = 'kill' | 'interrupt' | 'full-disk';

export interface ProcessOrder {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /** Called for each line of standard output and error, and says what is to be done to the process then, or in a moment. */
  onLine(line: string): Interference | undefined | Promise<Interference | undefined>;
  /** Begins on a disk that is full already. */
  fullDisk?: boolean;
  /** Stops the process gently when it aborts. */
  stop?: AbortSignal;
  timeoutMs?: number;
  graceMs: { interrupt: number; terminate: number };
}

export interface ProcessEnd {
  code: number | null;
  how: 'exited' | 'stopped' | 'timed-out' | 'killed';
  /** The process group, which may still hold children that were left behind. */
  group: number | undefined;
}

/**
 * A disk of its own would take a mount, which a runner may forbid. A limit of nothing for every file refuses each write as a
 * full disk does, with EFBIG where that says ENOSPC; a child that is not Node's is ended by SIGXFSZ instead.
 */
const NOTHING_IS_WRITTEN = '--fsize=0:0';

/** Children that it has, and those that it will have. */
function fillDiskOf(pid: number): void {
  for (const member of [pid, ...familyOf(pid)]) {
    try {
      execFileSync('prlimit', ['--pid', String(member), NOTHING_IS_WRITTEN], { stdio: 'ignore' });
    } catch {
      // It has ended.
    }
  }
}

/** Ends everything that a step left running. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nobody of that group is left.
  }
}

/**
 * Runs one process in a group of its own. To stop it, SIGINT is sent, then SIGTERM, then SIGKILL to the whole group:
 * what GitHub's runner does with 7.5 s and 2.5 s between.
 */
export async function runProcess(order: ProcessOrder): Promise<ProcessEnd> {
  const [command = order.command, ...args] = [
    ...(order.fullDisk === true ? ['prlimit', NOTHING_IS_WRITTEN, '--'] : []),
    ...[order.command, ...order.args],
  ];
  const child = spawn(command, args, {
    cwd: order.cwd,
    env: order.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const group = child.pid;
  const release = group === undefined ? undefined : guardProcess(group);
  const timers: NodeJS.Timeout[] = [];
  let how: ProcessEnd['how'] = 'exited';

  // PostgreSQL's tools run in groups of their own, below the step.
  const kill = () => {
    if (group !== undefined) killTree(group);
  };
  const stopGently = (reason: 'stopped' | 'timed-out') => {
    if (how !== 'exited') return;
    how = reason;
    child.kill('SIGINT');
    timers.push(setTimeout(() => child.kill('SIGTERM'), order.graceMs.interrupt));
    timers.push(setTimeout(kill, order.graceMs.interrupt + order.graceMs.terminate));
  };
  const onStop = () => stopGently('stopped');
  const watch = (line: string) => {
    if (how === 'killed') return;
    const wish = order.onLine(line);
    if (wish instanceof Promise) void wish.then(obey);
    else obey(wish);
  };
  const obey = (wish: Interference | undefined): void => {
    if (group === undefined || how === 'killed' || child.exitCode !== null || child.signalCode !== null)
      return;
    if (wish === 'interrupt') child.kill('SIGINT');
    if (wish === 'full-disk') fillDiskOf(group);
    if (wish !== 'kill') return;
    how = 'killed';
    kill();
  };

  const lines = [child.stdout, child.stderr].map((input) => {
    const reader = createInterface({ input, crlfDelay: Infinity });
    reader.on('line', watch);
    return new Promise((resolve) => reader.on('close', resolve));
  });
  if (order.timeoutMs !== undefined) timers.push(setTimeout(() => stopGently('timed-out'), order.timeoutMs));
  if (order.stop?.aborted === true) onStop();
  else order.stop?.addEventListener('abort', onStop);

  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (error) =>
        reject(new Error(`${order.command} could not be started: ${error.message}`)),
      );
      child.on('exit', (exit) => resolve(exit));
    });
    // A child that was left behind may hold the pipes open: what it prints later belongs to nobody.
    await Promise.race([Promise.all(lines), new Promise((resolve) => timers.push(setTimeout(resolve, 500)))]);
    return { code, how, group };
  } finally {
    release?.();
    order.stop?.removeEventListener('abort', onStop);
    for (const timer of timers) clearTimeout(timer);
  }
}
