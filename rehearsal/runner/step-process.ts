import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { guardProcess } from '../servers/process.ts';
import { killTree } from '../servers/reap.ts';

export interface ProcessOrder {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /**
   * Called for each line of standard output and error; `'kill'` ends the whole process tree with SIGKILL, `'interrupt'`
   * asks the process to stop, as a cancelled run does.
   */
  onLine(line: string): 'kill' | 'interrupt' | undefined;
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
  const child = spawn(order.command, order.args, {
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
    if (wish === 'interrupt') child.kill('SIGINT');
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
