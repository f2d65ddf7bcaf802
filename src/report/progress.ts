import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

export interface Progress {
  /** Absolute amount so far. Tells at most one line every five seconds. */
  update(done: number): void;
  /** Tells the end: amount, time, rate. */
  finish(done?: number): void;
}
export function startProgress(_o: {
  title: string;
  unit: 'bytes' | 'rows' | 'keys' | 'tables';
  total: number | undefined;
  log: Log;
  clock: Clock;
}): Progress {
  throw new Error('not written yet');
}
export function formatBytes(_bytes: number): string {
  throw new Error('not written yet');
}
export function formatDuration(_milliseconds: number): string {
  throw new Error('not written yet');
}
export function formatCount(_n: number): string {
  throw new Error('not written yet');
}
