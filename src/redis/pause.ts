import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

/** So long writers stay held when nobody renews it: a runner that dies lets them go by itself. */
const PAUSE_MS = 30_000;
const RENEW_MS = 10_000;

/** Writers that are held: they wait, reading goes on. */
export interface HeldWriters {
  /** Whether they have been held without a break until now, as far as we know: somebody else may let them go. */
  readonly isHeld: boolean;
  /** Lets them go. Never throws: what cannot be undone ends by itself. */
  release(): Promise<void>;
}

/** Holds everybody who writes to the server, by CLIENT PAUSE WRITE. The caller releases them. */
export async function holdWriters(redis: Redis, log: Log): Promise<HeldWriters> {
  let heldUntil = Infinity;
  const pause = async (): Promise<void> => {
    // A process that slept, as on a closed laptop, renews what has ended.
    if (Date.now() > heldUntil) isHeld = false;
    const until = Date.now() + PAUSE_MS;
    await redis.call('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE');
    heldUntil = until;
  };
  let isHeld = true;
  await pause();
  const renewal = setInterval(() => {
    pause().catch((thrown: unknown) => {
      isHeld = false;
      log.debug(`The pause of the old Redis could not be renewed: ${messageOf(thrown)}`);
    });
  }, RENEW_MS).unref();
  return {
    get isHeld() {
      return isHeld && redis.status === 'ready' && Date.now() <= heldUntil;
    },
    release: async () => {
      clearInterval(renewal);
      isHeld = false;
      await redis.call('CLIENT', 'UNPAUSE').catch((thrown: unknown) => {
        log.debug(`The old Redis holds its writers for ${PAUSE_MS / 1000} s more: ${messageOf(thrown)}`);
      });
    },
  };
}
