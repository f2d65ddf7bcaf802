import type { DigitalOcean } from './client.ts';

export interface WaitOptions<T> {
  /** What is waited for, for progress lines and the error: "cluster shop-production to be online". */
  what: string;
  limitMs: number;
  /** Looks once: the result when it is there, or a short word for the present state. */
  look: () => Promise<{ done: T } | { state: string }>;
}

const LONGEST_PAUSE_MS = 8_000;
const TELL_EVERY_MS = 10_000;

/**
 * Looks again and again, at first often and then every 8 s (5,000 requests an hour is the limit), telling the state
 * every ten seconds. Throws after `limitMs`, saying what to do; nothing is undone, and running again waits on.
 */
export async function waitFor<T>(client: DigitalOcean, options: WaitOptions<T>): Promise<T> {
  const started = client.clock.now().getTime();
  let told = started;
  for (let pause = 250; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
    const outcome = await options.look();
    const now = client.clock.now().getTime();
    if ('done' in outcome) return outcome.done;
    if (now - started >= options.limitMs) {
      throw new Error(
        `Waited ${seconds(now - started)} for ${options.what}; it is still "${outcome.state}". ` +
          'Nothing was removed: look at the control panel, and run this again to go on waiting.',
      );
    }
    if (now - told >= TELL_EVERY_MS) {
      client.log.info(`Waiting for ${options.what}: ${outcome.state} (${seconds(now - started)})`);
      told = now;
    }
    await client.clock.sleep(pause, client.signal);
  }
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1000)} s`;
}
