import type { LoadReport } from './load/report.ts';
import type { World } from './world.ts';

/** With the live strategy and the front door, beyond the time that the old release takes to end: senders of webhooks give up at 5 s. */
const LONGEST_HOLD_MS = 4_000;
/** With the live strategy and the names led over, beyond the time for which clients keep them. */
const LONGEST_DOWNTIME_MS = 20_000;

interface Moved {
  traffic: World['traffic'];
  load: Pick<LoadReport, 'downtimeMs' | 'longestHoldMs'>;
  /** Of the old release's dynos, milliseconds, as the record tells; null when it does not. */
  oldReleaseEndedAfterMs: number | null;
  /** For how long clients keep a name, milliseconds. */
  namesKeptMs: number;
}

/** What is promised of a cutover with the live strategy that nothing disturbs, and was not kept: a sentence each. */
export function promisesBroken({ traffic, load, oldReleaseEndedAfterMs, namesKeptMs }: Moved): string[] {
  if (traffic === 'dns') {
    const most = LONGEST_DOWNTIME_MS + namesKeptMs;
    return load.downtimeMs <= most
      ? []
      : [
          `a downtime of ${load.downtimeMs} ms: at most ${LONGEST_DOWNTIME_MS} ms are promised, beyond the ${namesKeptMs} ms for which clients keep a name`,
        ];
  }
  if (traffic === 'cdn') return [];
  if (oldReleaseEndedAfterMs === null)
    return ['how long the old release took to end is in no record, so nobody can tell who waited too long'];
  const most = LONGEST_HOLD_MS + oldReleaseEndedAfterMs;
  return load.longestHoldMs <= most
    ? []
    : [
        `a hold of ${load.longestHoldMs} ms: at most ${LONGEST_HOLD_MS} ms are promised, beyond the ${oldReleaseEndedAfterMs} ms that the old release took to end`,
      ];
}
