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

/** `1.5 GB`, in powers of ten as disks and plans are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** step;
  return `${step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step] ?? 'B'}`;
}
