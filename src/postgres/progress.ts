import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

/** Between two lines of progress, and before the first one. */
const EVERY_MS = 5_000;

/** Tells `line(elapsedSeconds)` every few seconds until stopped. A line that cannot be made is left out. */
export function startProgress(
  log: Log,
  clock: Clock,
  line: (elapsedSeconds: number) => Promise<string>,
): { stop(): void } {
  const started = clock.now().getTime();
  const stopped = new AbortController();
  const tell = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(EVERY_MS, stopped.signal);
      const text = await line((clock.now().getTime() - started) / 1000).catch(
        (thrown: unknown) => `No progress known: ${messageOf(thrown)}`,
      );
      log.info(text);
    }
  };
  // It only ever ends by being stopped.
  tell().catch(() => undefined);
  return { stop: () => stopped.abort(new Error('stopped')) };
}

/** How far a copy of tables is. Sizes are those of the tables; what travels is smaller or larger. */
export interface CopyState {
  /** Bytes that travelled. */
  moved: number;
  rows: number;
  /** How much of the tables is done, in bytes of their size on the source. */
  done: number;
  total: number;
  tablesLeft: number;
}

/** One line of a copy's progress: `Copying: 1.2 of 3.4 GB …`. */
export function copyLine(state: CopyState, elapsedSeconds: number): string {
  const rate = state.moved / elapsedSeconds;
  const parts = [
    `${formatBytes(Math.min(state.done, state.total))} of ${formatBytes(state.total)}`,
    `${state.rows.toLocaleString('en')} rows`,
    `${formatBytes(rate)}/s`,
    `${state.tablesLeft} ${state.tablesLeft === 1 ? 'table' : 'tables'} left`,
  ];
  if (state.done > 0) {
    const left = (elapsedSeconds / state.done) * Math.max(state.total - state.done, 0);
    parts.push(`about ${formatSeconds(left)} left`);
  }
  return `Copying: ${parts.join(', ')}`;
}

/** `45 s`, `12 min`, `3 h 20 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `1.5 GB`, in powers of ten as disks and plans are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** step;
  return `${step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step] ?? 'B'}`;
}
