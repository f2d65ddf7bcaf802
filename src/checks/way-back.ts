import type { Check } from './result.ts';
import { judged } from './result.ts';

/** What a schema change on the new side is, and what stands on Heroku that the way back needs. */
export interface WayBack {
  lag: { rows: number; bytes: number; seconds: number; whole: readonly { relation: string }[] };
  limits: { logBytes: number; leaseMs: number };
  /** In words, one line each: what the application's schema gained, lost or changed since the switch. */
  schemaChanges: readonly string[];
  /** Tables whose rows were written anew, or whose capture was touched. */
  damaged: readonly string[];
  /** Time until the capture gives up by itself; undefined: not known. */
  leaseLeftMs: number | undefined;
}

/** From here on a person must look: at the limit itself the capture stops, and with it the way back is closed. */
const ALARM = 0.5;

/** Whether the way back is still open, and how soon it will not be. */
export function wayBackChecks({ lag, limits, schemaChanges, damaged, leaseLeftMs }: WayBack): Check[] {
  const share = (used: number, of: number): string => `${Math.round((100 * used) / Math.max(of, 1))} %`;
  const age = lag.seconds * 1000;
  return [
    judged('way-back/lag', 'way-back', 'Heroku follows the new side closely', {
      passed: age <= limits.leaseMs * ALARM,
      found: `${lag.rows} rows wait, the oldest for ${Math.round(lag.seconds)} s${lag.whole.length === 0 ? '' : `; ${lag.whole.length} tables without a key are copied whole on the way back`}`,
      remedy: 'Run catch-up, and more often: what waits is drained by it.',
    }),
    judged('way-back/log', 'way-back', 'The logs of changes are well below their limit', {
      passed: lag.bytes <= limits.logBytes * ALARM,
      found: `${megabytes(lag.bytes)} of ${megabytes(limits.logBytes)} (${share(lag.bytes, limits.logBytes)})`,
      remedy:
        'Run catch-up; raise `live.log-limit` where the disk of the new cluster has room. At the limit the capture stops.',
    }),
    ...(leaseLeftMs === undefined
      ? []
      : [
          judged('way-back/lease', 'way-back', 'The capture goes on long enough', {
            passed: leaseLeftMs >= limits.leaseMs * (1 - ALARM) || leaseLeftMs >= 24 * 3_600_000,
            found:
              leaseLeftMs <= 0
                ? 'its time is up'
                : `for ${Math.round(leaseLeftMs / 60_000)} minutes without a catch-up`,
            remedy: 'Run catch-up: it extends it by `live.lease`.',
          }),
        ]),
    judged('way-back/schema', 'way-back', 'The schema of the new side is the one that Heroku has', {
      passed: schemaChanges.length === 0,
      found:
        schemaChanges.length === 0 ? 'unchanged since the switch' : schemaChanges.slice(0, 10).join('; '),
      remedy:
        'The way back is closed until both schemas are the same again: undo the change on the new side, or make the same one on Heroku by hand and run catch-up.',
    }),
    judged('way-back/capture', 'way-back', 'Every change is captured', {
      passed: damaged.length === 0,
      found: damaged.length === 0 ? 'every trigger is as it was installed' : damaged.slice(0, 10).join('; '),
      remedy:
        'Changes may be missing in the log: with `live.on-schema-change: recopy` the next catch-up copies these tables again.',
    }),
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
