import type { Clock } from '../clock.ts';

/** Where requests wait until Heroku's limit lets them go. All requests of one client share one. */
export interface Pace {
  /** Runs `request` when there is room for it; the headers of its answer tell how much room is left. */
  run<Outcome>(request: () => Promise<Outcome>): Promise<Outcome>;
  /** Nothing new begins for so long: Heroku refused a request for the sake of its limit. */
  pause(milliseconds: number): Promise<void>;
}

/**
 * One account has 4,500 requests an hour for all of its tokens, and gets back 75 a minute (GCRA; answers carry what is
 * left as `RateLimit-Remaining`). The application's own autoscalers and pipelines may live on the same ones.
 */
const REFILL_MS = 3_600_000 / 4500;
/** Below so many left, fewer requests go at a time, down to one, so that none is sent only to be refused. */
const SCARCE = 100;

/**
 * At most `inFlight` requests at a time, fewer when the account's requests run out. With none left, the next one waits
 * until Heroku has given one back.
 */
export function createPace(inFlight: number, clock: Clock, signal?: AbortSignal): Pace {
  let running = 0;
  let remaining = Number.POSITIVE_INFINITY;
  let pausing: Promise<void> | undefined;
  const waiting: (() => void)[] = [];
  signal?.addEventListener('abort', () => waiting.splice(0).forEach((goOn) => goOn()), { once: true });

  const room = (): number =>
    remaining >= SCARCE ? inFlight : Math.max(1, Math.floor((inFlight * remaining) / SCARCE));
  const pause = (milliseconds: number): Promise<void> => {
    pausing ??= clock.sleep(milliseconds, signal).finally(() => {
      pausing = undefined;
    });
    return pausing;
  };
  const enter = async (): Promise<void> => {
    for (;;) {
      signal?.throwIfAborted();
      if (pausing !== undefined) await pausing;
      else if (running >= room()) await new Promise<void>((resolve) => waiting.push(resolve));
      else if (remaining === 0) {
        remaining = 1;
        await pause(REFILL_MS);
      } else {
        running += 1;
        return;
      }
    }
  };

  return {
    pause,
    run: async (request) => {
      await enter();
      try {
        const outcome = await request();
        const told = outcome instanceof Response ? outcome.headers.get('ratelimit-remaining') : null;
        if (told !== null && /^\d+$/.test(told)) remaining = Number(told);
        return outcome;
      } finally {
        running -= 1;
        for (let free = room() - running; free > 0 && waiting.length > 0; free -= 1) waiting.shift()?.();
      }
    },
  };
}
