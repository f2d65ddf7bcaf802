import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process, told from a later one with the same pid by when it started. */
export interface Seen {
  pid: number;
  startedAt: string | undefined;
  command: string;
}

/** Everything that a process has started so far, itself included, also what has moved to a group of its own. */
export function familyOf(ancestor: number): Seen[] {
  const parents = pids().map((pid) => [pid, Number(statOf(pid)?.[1])] as const);
  const family = [ancestor];
  for (const member of family) {
    family.push(...parents.filter(([, parent]) => parent === member).map(([pid]) => pid));
  }
  return family.map((pid) => ({ pid, startedAt: statOf(pid)?.[19], command: commandOf(pid) }));
}

/**
 * What is still there of a run, in words: the processes that were seen, those that mention its temporary directory in
 * their command, environment or working directory, shared memory that they made, and what lies in the directory.
 * Waits a while for what is just going; empty when all is gone.
 */
export async function whatIsLeft(seen: Seen[], directory: string): Promise<string[]> {
  const look = (): string[] => [
    ...seen.filter(isAlive).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...pids()
      .filter((pid) => pid !== process.pid && mentions(pid, directory))
      .map((pid) => `process ${pid} of that directory: ${commandOf(pid)}`),
    ...sharedMemoryOf(seen).map((line) => `shared memory: ${line}`),
    ...readdirSync(directory).map((name) => `file ${name}`),
  ];
  for (let attempt = 0; attempt < 150 && look().length > 0; attempt += 1) await delay(100);
  return look();
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function isAlive({ pid, startedAt }: Seen): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat[0] !== 'Z' && stat[19] === startedAt;
}

function mentions(pid: number, directory: string): boolean {
  const environment = read(`/proc/${pid}/environ`);
  let cwd = '';
  try {
    cwd = readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It has just ended, or it is somebody else's.
  }
  return [environment, cwd, commandOf(pid)].some((text) => text.includes(directory));
}

function sharedMemoryOf(seen: Seen[]): string[] {
  const makers = new Set(seen.map(({ pid }) => String(pid)));
  // The fifth column is the process that made the segment.
  return read('/proc/sysvipc/shm')
    .split('\n')
    .filter((line) => makers.has(line.trim().split(/\s+/)[4] ?? ''));
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** The fields of /proc/<pid>/stat from `state` on. */
function statOf(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
