import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The clocks of the runners' machines: each job has one of its own. */
export interface Clocks {
  /** The machines of jobs that begin from now on are wrong, each in its own way, until the attempt is over. */
  goWrong: (random: () => number) => void;
  /** The environment of a job's processes. */
  machine: (job: string) => Record<string, string>;
  /** Whether any process had a wrong clock so far. */
  wereWrong: () => boolean;
  /** The next attempt has other machines. */
  replaceMachines: () => void;
}

const MINUTE_MS = 60_000;
/** Ahead and behind: more than any lease lasts, and more than any plan or token is valid for. */
const WRONG_BY_MS = [-120 * MINUTE_MS, -2 * MINUTE_MS, 2 * MINUTE_MS, 120 * MINUTE_MS];
const PRELOAD = pathToFileURL(join(import.meta.dirname, 'wrong-clock.mjs')).href;

export function rightClocks(): Clocks {
  let draw: (() => number) | undefined;
  let wereWrong = false;
  const offs = new Map<string, number>();
  return {
    goWrong: (random) => (draw = random),
    machine: (job) => {
      const off = offs.get(job) ?? (draw === undefined ? 0 : (WRONG_BY_MS[Math.floor(draw() * 4)] ?? 0));
      offs.set(job, off);
      if (off === 0) return {};
      wereWrong = true;
      return { NODE_OPTIONS: `--import=${PRELOAD}`, REHEARSAL_CLOCK_OFF_MS: String(off) };
    },
    wereWrong: () => wereWrong,
    replaceMachines: () => {
      offs.clear();
      draw = undefined;
    },
  };
}
