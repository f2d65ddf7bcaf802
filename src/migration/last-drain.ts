import type { Activity } from '../postgres/counters.ts';
import { formatCount, formatDuration } from '../report/format.ts';
import type { ForecastPhase } from './forecast.ts';

export interface LastDrainInput {
  /** How much is written to the database; absent when nobody looked. */
  activity?: Pick<Activity, 'writesPerSecond' | 'average'> | undefined;
  /** `workers.quiet-timeout`: how long one-off dynos, and then jobs, may take to end while the site writes on. */
  quietTimeoutMs: number;
  /** What the drains of an earlier copy brought over in a second. */
  measuredRowsPerSecond?: number | undefined;
}

/** Whatever there is to drain: 0.1 to 0.24 s measured under load, round trips not counted. */
const ITSELF = { low: 200, expected: 1_000, high: 5_000 };
const ITSELF_REASON =
  'assumed from 0.1 to 0.24 s under load on two cores, measured in November 2026, and a dozen round trips';

interface RowRate {
  slow: number;
  usual: number;
  fast: number;
  source: string;
}

/** Over a network, into a small cluster, with the comparison of what was drained. */
const ASSUMED_RATE: RowRate = {
  slow: 2_000,
  usual: 6_000,
  fast: 25_000,
  source: 'assumed from 6,500 to 29,000 rows/s on two cores, measured in November 2026',
};

/** After the last catch-up Redis is compared and dynos are stopped, which end within 30 s; jobs come on top. */
const WRITING_ON_MS = { low: 5_000, expected: 30_000, high: 30_000 };

/** Parts of a second are not what a forecast is about, and would differ from sample to sample. */
const STEP_MS = 100;

/**
 * How long the last drain of the live strategy will take, inside the fence: it brings over what is written from the last
 * catch-up on, while the site still serves. Of the sample and the average since the server began to count the higher one
 * is taken; rows that are written twice are drained once, so that the figure errs to the careful side.
 */
export function lastDrain({
  activity,
  quietTimeoutMs,
  measuredRowsPerSecond,
}: LastDrainInput): ForecastPhase {
  const phase = { name: 'final drain', basis: 'assumed' as const };
  if (activity === undefined) return { ...phase, ...ITSELF, reason: ITSELF_REASON };
  const written = Math.max(activity.writesPerSecond, activity.average?.writesPerSecond ?? 0);
  const rate = measuredRate(measuredRowsPerSecond) ?? ASSUMED_RATE;
  // One-off dynos are waited for, and then the workers.
  const longestMs = WRITING_ON_MS.high + 2 * quietTimeoutMs;
  const rowsIn = (milliseconds: number): number => Math.ceil((written * milliseconds) / 1000);
  const drained = (milliseconds: number, rowsPerSecond: number): number =>
    Math.round((rowsIn(milliseconds) / rowsPerSecond) * (1000 / STEP_MS)) * STEP_MS;
  return {
    name: phase.name,
    basis: rate === ASSUMED_RATE ? 'assumed' : 'measured',
    low: ITSELF.low + drained(WRITING_ON_MS.low, rate.fast),
    expected: ITSELF.expected + drained(WRITING_ON_MS.expected, rate.usual),
    high: ITSELF.high + drained(longestMs, rate.slow),
    reason:
      `${inWords(activity, written)}, for ${formatDuration(WRITING_ON_MS.expected)} to ${formatDuration(longestMs)} from the last catch-up to the fence: ` +
      `${formatCount(rowsIn(WRITING_ON_MS.expected))} to ${formatCount(rowsIn(longestMs))} rows, ` +
      `drained at ${formatCount(rate.slow)} to ${formatCount(rate.fast)} rows/s, ${rate.source}; beside them ${ITSELF_REASON}`,
  };
}

function inWords(
  { writesPerSecond, average }: NonNullable<LastDrainInput['activity']>,
  taken: number,
): string {
  const rows = `${formatCount(Math.ceil(taken))} rows written a second`;
  return taken > writesPerSecond && average !== null
    ? `${rows} on average since ${average.since.slice(0, 10)}, more than when assess looked`
    : `${rows} when assess looked`;
}

/** As `forecast.ts` widens what a practice copy took. */
function measuredRate(rowsPerSecond: number | undefined): RowRate | undefined {
  if (rowsPerSecond === undefined || rowsPerSecond <= 0) return undefined;
  return {
    slow: Math.round(rowsPerSecond / 1.5),
    usual: rowsPerSecond,
    fast: Math.round(rowsPerSecond / 0.8),
    source: 'measured by the last practice copy',
  };
}
