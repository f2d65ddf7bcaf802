import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { logLine } from './escape.ts';
import { formatBytes, formatCount, formatDuration } from './format.ts';

export { formatBytes, formatCount, formatDuration } from './format.ts';

export interface Progress {
  /** The absolute amount so far. Tells a line every five seconds at most. */
  update(done: number): void;
  /** Tells the end: amount, time, rate. */
  finish(done?: number): void;
}

export interface ProgressOptions {
  title: string;
  unit: 'bytes' | 'rows' | 'keys' | 'tables';
  /** Undefined when nobody knows: then no share and no time left are told. */
  total: number | undefined;
  log: Log;
  clock: Clock;
}

const PAUSE_MS = 5_000;

/** Tells how far something is, how fast, and how long it will still take, for whoever watches at 2 a.m. */
export function startProgress({ title, unit, total, log, clock }: ProgressOptions): Progress {
  const began = clock.now().getTime();
  const amount = (value: number): string =>
    unit === 'bytes' ? formatBytes(value) : `${formatCount(value)} ${unit}`;
  const rate = (done: number, elapsed: number): string => `${amount((done / Math.max(elapsed, 1)) * 1000)}/s`;
  let told = began;
  let latest = 0;
  return {
    update(done) {
      latest = done;
      const now = clock.now().getTime();
      if (now - told < PAUSE_MS) return;
      told = now;
      const elapsed = now - began;
      const share =
        total !== undefined && total > 0
          ? ` of ${amount(total)} (${Math.min(100, Math.floor((done / total) * 100))} %)`
          : '';
      const parts = [`${title}: ${amount(done)}${share}`];
      parts.push(rate(done, elapsed));
      if (total !== undefined && done > 0 && done < total) {
        parts.push(`about ${formatDuration((elapsed / done) * (total - done))} left`);
      }
      log.info(logLine(parts.join(', ')));
    },
    finish(done = latest) {
      const elapsed = clock.now().getTime() - began;
      // Under a second a rate says more about the start than about the work.
      const speed = elapsed < 1_000 ? '' : `, ${rate(done, elapsed)}`;
      log.info(logLine(`${title}: ${amount(done)} in ${formatDuration(elapsed)}${speed}`));
    },
  };
}
