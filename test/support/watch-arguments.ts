// A program: writes the arguments of every process of this machine into the file that its own argument names, each
// line once, until it is told to end. A process that lives shorter than a glance may be missed.
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';

const GLANCE_MS = 50;
const [, , file = ''] = process.argv;
const seen = new Set<string>();

setInterval(() => {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = argumentsOf(pid);
    if (line === '' || seen.has(line)) continue;
    seen.add(line);
    appendFileSync(file, `${line}\n`, 'latin1');
  }
}, GLANCE_MS);

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
