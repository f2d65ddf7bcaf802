import type { Clock } from '../../src/clock.ts';
import type { Log } from '../../src/log.ts';

/** A clock whose waiting takes no time, and remembers for how long it was asked. */
export function impatientClock(): Clock & { waits: number[] } {
  const waits: number[] = [];
  let passed = 0;
  return {
    waits,
    now: () => new Date(Date.now() + passed),
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      passed += milliseconds;
      return Promise.resolve();
    },
  };
}

/** A log that keeps its lines, so that a test can look for what must not be in them. */
export function keepingLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
  };
  return { lines, info: keep, warning: keep, debug: keep, group: (_title, body) => body() };
}
