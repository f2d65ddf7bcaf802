import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Linux counts in hundredths of a second, on every architecture that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;

interface Usage {
  parent: number;
  ticks: number;
}

/**
 * CPU seconds, in user and system mode, that a process and all of its descendants have used, those included that have
 * ended and were waited for: a server's sessions come and go.
 */
export function treeCpuSeconds(root: number): number {
  for (;;) {
    const before = usageOf(root)?.ticks;
    const ticks = treeTicks(root);
    // A session that ends while we look is in its own account no longer and in its parent's not yet.
    if (usageOf(root)?.ticks === before) return ticks / TICKS_PER_SECOND;
  }
}

function treeTicks(root: number): number {
  const usages = new Map<number, Usage>();
  for (const name of readdirSync('/proc')) {
    const usage = /^\d+$/.test(name) ? usageOf(Number(name)) : undefined;
    if (usage !== undefined) usages.set(Number(name), usage);
  }
  let ticks = 0;
  for (let frontier = new Set([root]); frontier.size > 0;) {
    for (const pid of frontier) ticks += usages.get(pid)?.ticks ?? 0;
    frontier = new Set([...usages].filter(([, { parent }]) => frontier.has(parent)).map(([pid]) => pid));
  }
  return ticks;
}

/** CPU seconds of children of this process that have ended: what a tool and its workers took. */
export function endedChildrenCpuSeconds(): number {
  const fields = fieldsOf('self');
  return (Number(fields?.[13]) + Number(fields?.[14])) / TICKS_PER_SECOND;
}

/** The most memory that this process has had at one time, bytes. */
export function peakBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return Number(kilobytes) * 1024;
}

export const cores = cpus().length;

function usageOf(pid: number): Usage | undefined {
  const fields = fieldsOf(String(pid));
  if (fields === undefined) return undefined;
  const at = (index: number): number => Number(fields[index] ?? 0);
  // Own user and system time, then those of children that were waited for.
  return { parent: at(1), ticks: at(11) + at(12) + at(13) + at(14) };
}

/** The fields of /proc/<pid>/stat from `state` on; the command before them may itself contain spaces. */
function fieldsOf(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
