import { ConfigurationError } from '../errors.ts';
import type { DigitalOcean } from './client.ts';
import { DigitalOceanError } from './refusal.ts';

export interface WaitOptions<T> {
  /** What is waited for, for progress lines and the error: "cluster shop-production to be online". */
  what: string;
  /** How long at most, when the client has no deadline of its own. */
  limitMs: number;
  /** Looks once: the result when it is there, or a short word for the present state. */
  look: () => Promise<{ done: T } | { state: string }>;
  /** What the person can look at, when the time is up; the control panel when left out. */
  whereToLook?: string;
}

/** What was waited for is not there in time. Nothing is undone or removed: running again waits on. */
export class WaitedTooLong extends ConfigurationError {}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
const TELL_EVERY_MS = 10_000;

/**
 * Looks again and again, at first often and then every 8 s (450 requests an hour of the 5,000 allowed), telling the
 * state, the time so far and the time left every ten seconds. An answer that fails (429, 5xx, a dropped connection) is
 * no end: it is told and asked again. Throws WaitedTooLong at the client's deadline, or after `limitMs` without one.
 */
export async function waitFor<T>(client: DigitalOcean, options: WaitOptions<T>): Promise<T> {
  const started = client.clock.now().getTime();
  const until = client.deadline ?? started + options.limitMs;
  let told = started;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
    const outcome = await lookOnce(options);
    if ('done' in outcome) return outcome.done;
    const now = client.clock.now().getTime();
    if (now >= until) throw tooLong(options, outcome.state, now - started);
    if (now - told >= TELL_EVERY_MS) {
      client.log.info(
        `Waiting for ${options.what}: ${outcome.state} (${inWords(now - started)} so far, at most ${inWords(until - now)} more)`,
      );
      told = now;
    }
    await client.clock.sleep(Math.min(pause, until - now), client.signal);
  }
}

async function lookOnce<T>(options: WaitOptions<T>): Promise<{ done: T } | { state: string }> {
  try {
    return await options.look();
  } catch (error) {
    if (!(error instanceof DigitalOceanError)) throw error;
    const { status } = error;
    if (status !== 0 && status !== 429 && status < 500) throw error;
    return { state: status === 0 ? 'DigitalOcean does not answer' : `DigitalOcean answers ${status}` };
  }
}

function tooLong(options: WaitOptions<unknown>, state: string, milliseconds: number): WaitedTooLong {
  return new WaitedTooLong(
    `Waited ${inWords(milliseconds)} for ${options.what}; it is still "${state}". Nothing was removed: what has begun goes ` +
      `on without this run. Look at ${options.whereToLook ?? 'the control panel (https://cloud.digitalocean.com)'}, and run ` +
      'this again: it finds what is there and waits on. The input `timeout` gives it longer.',
  );
}

function inWords(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
