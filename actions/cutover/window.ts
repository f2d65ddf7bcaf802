import { ConfigurationError } from '../../src/errors.ts';
import type { Clock } from '../../src/clock.ts';
import type { Log } from '../../src/log.ts';
import type { Opening } from '../../src/migration/cutover-window.ts';
import { describeWindow, nextOpening } from '../../src/migration/cutover-window.ts';
import type { Subject } from '../subject.ts';
import type { Finding } from './findings.ts';
import { forecastOf } from './forecast.ts';

const WHAT = 'window of the cutover';
/** A job on GitHub's machines ends after six hours, and the cutover needs some of them. */
const LONGEST_WAIT_MS = 5 * 60 * 60_000;
const TELL_EVERY_MS = 10 * 60_000;

/** How long a cutover may take by its forecast, workers that end their jobs before it included, in milliseconds. */
export function neededMs(subject: Subject): number {
  return (forecastOf(subject)?.high ?? 0) + subject.config.workers.quietTimeoutMs;
}

/** Whether a cutover that begins now is over before migration.yml's window closes; when not, when the next one opens. */
export function windowFinding(subject: Subject, clock: Pick<Clock, 'now'>): Finding {
  const { window } = subject.environment;
  if (window === undefined) return { what: WHAT, found: 'none is declared: at any time' };
  const opening = nextOpening(window, clock.now(), neededMs(subject));
  if (opening !== undefined && isOpen(opening, clock)) {
    return { what: WHAT, found: `open until ${opening.closes.toISOString()} (${describeWindow(window)})` };
  }
  const needs = `with the forecast's upper end and the wait for workers a cutover needs ${Math.ceil(neededMs(subject) / 60_000)} minutes`;
  if (opening === undefined) {
    return {
      what: WHAT,
      found: `too short (${describeWindow(window)})`,
      remedy: `${needs}: make the window of ${subject.environment.name} in migration.yml longer.`,
    };
  }
  return {
    what: WHAT,
    found: `closed (${describeWindow(window)}; ${needs})`,
    remedy: `It opens at ${opening.opens.toISOString()}: run this job again then, or begin it at most five hours before with \`wait-for-window: true\`.`,
  };
}

/** When the next window with room for the whole cutover opens; `undefined` when one is open, or none is declared. */
export function opensAt(subject: Subject, clock: Pick<Clock, 'now'>): Date | undefined {
  const { window } = subject.environment;
  const opening = window && nextOpening(window, clock.now(), neededMs(subject));
  return opening === undefined || isOpen(opening, clock) ? undefined : opening.opens;
}

/**
 * Resolves when the window is open with room for the whole cutover, at once when it is or none is declared. Throws a
 * ConfigurationError when that is too far away for one job to wait.
 */
export async function waitForWindow(
  subject: Subject,
  { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal },
): Promise<void> {
  const { window } = subject.environment;
  const opening = window && nextOpening(window, clock.now(), neededMs(subject));
  if (opening === undefined || isOpen(opening, clock)) return;
  const left = (): number => opening.opens.getTime() - clock.now().getTime();
  if (left() > LONGEST_WAIT_MS) {
    throw new ConfigurationError(
      `The window opens at ${opening.opens.toISOString()}, and one job may wait for ${LONGEST_WAIT_MS / 3_600_000} hours. ` +
        'Nothing was changed. Start it, or have it approved, later.',
    );
  }
  while (left() > 0) {
    log.info(
      `Waiting for the window: it opens at ${opening.opens.toISOString()}, in ${Math.ceil(left() / 60_000)} minutes. Nothing is held meanwhile.`,
    );
    await clock.sleep(Math.min(left(), TELL_EVERY_MS), signal);
  }
}

function isOpen({ opens }: Opening, clock: Pick<Clock, 'now'>): boolean {
  return opens.getTime() <= clock.now().getTime();
}
