import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';

/** A process that must not outlive us. */
export interface Quarry {
  pid: number;
  /** When it started, in the kernel's words: a later process that happens to get the same pid is left alone. */
  startedAt: string | undefined;
  /** Lets it tidy up what only it can remove (PostgreSQL's shared memory) before it is killed. */
  lastWord?: NodeJS.Signals | undefined;
}

const lastWordMs = 1500;

/** Kills the processes with all their descendants and removes the directories, before it returns. */
export function reap(quarries: Iterable<Quarry>, directories: Iterable<string>): void {
  const alive = [...quarries].filter(isAlive);
  const families = alive.map(({ pid }) => familyOf(pid));
  const polite = alive.filter(({ pid, lastWord }) => lastWord && signalProcess(pid, lastWord));
  const deadline = Date.now() + lastWordMs;
  while (polite.some(isAlive) && Date.now() < deadline) pause(10);
  for (const { pid } of alive) signalProcess(-pid, 'SIGKILL');
  for (const pid of families.flat()) signalProcess(pid, 'SIGKILL');
  for (const directory of directories) removeDirectory(directory);
}

/** Kills a process, its group and its descendants (PostgreSQL's backends leave their postmaster's group) at once. */
export function killTree(pid: number): void {
  const family = familyOf(pid);
  signalProcess(-pid, 'SIGKILL');
  for (const member of [pid, ...family]) signalProcess(member, 'SIGKILL');
}

/** Tells whether the signal could be sent. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** When a process started, for telling it from a later one with the same pid; undefined where /proc is missing. */
export function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

function isAlive(quarry: Quarry): boolean {
  if (!signalProcess(quarry.pid, 0)) return false;
  const stat = statOf(quarry.pid);
  if (!stat) return process.platform !== 'linux';
  return stat[0] !== 'Z' && (quarry.startedAt === undefined || stat[19] === quarry.startedAt);
}

/** The fields of /proc/<pid>/stat from `state` on; the command before them may itself contain spaces. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Everything below a process now. */
export function familyOf(root: number): number[] {
  const parents = parentsOfAll();
  const found: number[] = [];
  for (let frontier = new Set([root]); frontier.size > 0;) {
    const children = [...parents].filter(([, parent]) => frontier.has(parent)).map(([pid]) => pid);
    found.push(...children);
    frontier = new Set(children);
  }
  return found;
}

function parentsOfAll(): Map<number, number> {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return new Map(pids.map((pid) => [Number(pid), Number(statOf(Number(pid))?.[1])]));
  }
  const lines = execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  return new Map(lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]));
}

function removeDirectory(directory: string): void {
  // A process that is just dying may still write a file into a directory that has just been emptied.
  try {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  } catch {
    // Somebody else owns something in it: what could be removed is gone.
  }
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
