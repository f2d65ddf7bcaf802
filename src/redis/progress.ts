import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

const TELL_MS = 5_000;

/** Tells every few seconds how far a copy is, at which rate, and how long it will take. */
export class Progress {
  readonly #log: Log;
  readonly #total: number;
  readonly #clock: Clock;
  readonly #startedMs: number;
  #toldMs: number;
  #keys = 0;
  #bytes = 0;

  /** `total`: keys that will be seen, about. */
  constructor(log: Log, total: number, clock: Clock) {
    this.#log = log;
    this.#total = total;
    this.#clock = clock;
    this.#startedMs = clock.now().getTime();
    this.#toldMs = this.#startedMs;
  }

  add({ seen, bytes }: { seen: number; bytes: number }): void {
    this.#keys += seen;
    this.#bytes += bytes;
    const now = this.#clock.now().getTime();
    if (now - this.#toldMs < TELL_MS) return;
    this.#toldMs = now;
    const perSecond = (this.#keys * 1000) / (now - this.#startedMs);
    const left = perSecond > 0 ? Math.ceil(Math.max(this.#total - this.#keys, 0) / perSecond) : undefined;
    this.#log.info(
      `Redis: ${this.#keys} of ${this.#total} keys, ${megabytes(this.#bytes)} MB, ${Math.round(perSecond)} keys/s` +
        (left === undefined ? '' : `, about ${left} s left`),
    );
  }
}

/** In powers of ten, as disks and memory are sold. */
export function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
