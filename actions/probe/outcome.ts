import type { Clock } from '../../src/clock.ts';
import { DigitalOceanError } from '../../src/digitalocean/refusal.ts';
import { messageOf } from '../../src/errors.ts';
import { HerokuError } from '../../src/heroku/refusal.ts';
import type { Log } from '../../src/log.ts';
import type { Probed } from '../../src/probe/probe-record.ts';
import type { ProbeId } from '../../src/probe/probes.ts';
import { formatDuration } from '../../src/report/format.ts';

/** The platform has answered otherwise than is claimed; the message says how. */
export class Disproved extends Error {
  override readonly name = 'Disproved';
}

/** One claim and how it is tried. */
export interface Probe {
  id: ProbeId;
  /** For the whole of it, what it needs to be made with it. */
  limitMs: number;
  /** Returns what was seen when the claim holds. @throws Disproved when it does not; anything else is no answer. */
  run(signal: AbortSignal): Promise<string>;
}

/**
 * Runs one probe to its end or its limit. Only the platform's own answer makes it passed or failed: what could not be made,
 * a token that may not, a network that is down, or the limit, is `not-asked` with the reason.
 */
export async function tryProbe(
  probe: Probe,
  { log, clock, signal }: { log: Log; clock: Clock; signal: AbortSignal },
): Promise<Probed> {
  const started = clock.now().getTime();
  const limit = AbortSignal.timeout(probe.limitMs);
  const ended = (result: Probed['result'], seen: string): Probed => {
    const milliseconds = clock.now().getTime() - started;
    const line = `${probe.id}: ${result} after ${formatDuration(milliseconds)}: ${seen}`;
    if (result === 'passed') log.info(line);
    else log.warning(line);
    return { id: probe.id, result, seen, at: clock.now().toISOString(), milliseconds };
  };
  try {
    return ended('passed', await within(limit, probe.run(AbortSignal.any([limit, signal]))));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Disproved) return ended('failed', error.message);
    return ended(
      'not-asked',
      limit.aborted ? `no answer within ${formatDuration(probe.limitMs)}` : messageOf(error),
    );
  }
}

/** Whatever goes on after the limit is no business of this probe any more: what it makes is swept. */
function within<T>(limit: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    limit.addEventListener('abort', () => reject(new Error('the time was up')), { once: true });
    work.then(resolve, reject);
  });
}

/**
 * The step that the claim is about: when the platform refuses this one, that is its answer. A wrong token or a missing scope
 * is not: it says nothing of the platform.
 */
export async function decisive<T>(what: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const refused = error instanceof HerokuError || error instanceof DigitalOceanError;
    if (refused && error.status >= 400 && error.status < 500 && error.status !== 429)
      throw new Disproved(`${what}: ${error.message}`);
    throw error;
  }
}

/** Made when it is first needed, and once; whoever needs it later is told the same failure. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
