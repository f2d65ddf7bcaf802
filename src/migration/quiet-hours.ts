import { z } from 'zod';

/** Days begin with Monday; all hours are UTC. */
export const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;
const HOURS = 24;
const WEEK_HOURS = DAYS.length * HOURS;
const HOUR_MS = 3_600_000;

export const activitySchema = z.object({
  /** When the counter was read, ISO 8601. */
  at: z.iso.datetime(),
  /** Transactions (or requests, jobs) since the counter began; it only grows, until the server begins again. */
  count: z.number().nonnegative(),
});
/** One reading of a counter that only grows, such as `xact_commit` of `pg_stat_database`. */
export type ActivityReading = z.infer<typeof activitySchema>;

export interface HeatMap {
  /** A second, on average, by day (Monday first) and hour (UTC); null where nothing was sampled. */
  perSecond: (number | null)[][];
  /** How much of the week has a figure, 0 to 1. */
  covered: number;
}

export interface QuietWindow {
  day: (typeof DAYS)[number];
  /** Hour (UTC) at which it begins. */
  hour: number;
  hours: number;
  perSecond: number;
  /** As a share of the week's average, 0 to 1 and above. */
  share: number;
}

// Between two readings that are farther apart nobody knows when the work was done.
const LONGEST_GAP_MS = 6 * HOUR_MS;

/**
 * A heat map of the week from readings of a counter in whatever order. What happened between two readings is spread evenly
 * over the time between them; pairs too far apart, and those between which the counter began again, are left out.
 */
export function heatMapOf(readings: readonly ActivityReading[]): HeatMap {
  const seconds = Array.from({ length: WEEK_HOURS }, () => 0);
  const counts = Array.from({ length: WEEK_HOURS }, () => 0);
  const sorted = readings
    .map(({ at, count }) => ({ at: Date.parse(at), count }))
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => a.at - b.at);
  for (const [index, to] of sorted.entries()) {
    const from = sorted[index - 1];
    if (from === undefined) continue;
    const length = to.at - from.at;
    if (length <= 0 || length > LONGEST_GAP_MS || to.count < from.count) continue;
    const perSecond = ((to.count - from.count) / length) * 1000;
    for (let begin = from.at; begin < to.at;) {
      const end = Math.min(to.at, (Math.floor(begin / HOUR_MS) + 1) * HOUR_MS);
      const cell = hourOfWeek(begin);
      seconds[cell] = (seconds[cell] ?? 0) + (end - begin) / 1000;
      counts[cell] = (counts[cell] ?? 0) + ((end - begin) / 1000) * perSecond;
      begin = end;
    }
  }
  const cells = seconds.map((length, cell) => (length === 0 ? null : (counts[cell] ?? 0) / length));
  return {
    perSecond: DAYS.map((_, day) => cells.slice(day * HOURS, (day + 1) * HOURS)),
    covered: cells.filter((cell) => cell !== null).length / WEEK_HOURS,
  };
}

/**
 * The quietest stretch of whole hours, over midnight and over the end of the week too. Only stretches that were sampled
 * throughout count; undefined when there is none.
 */
export function quietestWindow({ perSecond }: HeatMap, hours = 2): QuietWindow | undefined {
  const cells = perSecond.flat();
  const known = cells.filter((cell) => cell !== null);
  const average = known.reduce((sum, cell) => sum + cell, 0) / Math.max(1, known.length);
  let best: QuietWindow | undefined;
  for (let start = 0; start < cells.length; start += 1) {
    const stretch = Array.from(
      { length: hours },
      (_, offset) => cells[(start + offset) % cells.length] ?? null,
    );
    if (stretch.some((cell) => cell === null)) continue;
    const rate = stretch.reduce<number>((sum, cell) => sum + (cell ?? 0), 0) / hours;
    const day = DAYS[Math.floor(start / HOURS)];
    if (day === undefined || (best !== undefined && rate >= best.perSecond)) continue;
    best = {
      day,
      hour: start % HOURS,
      hours,
      perSecond: rate,
      share: average === 0 ? 0 : rate / average,
    };
  }
  return best;
}

function hourOfWeek(at: number): number {
  const date = new Date(at);
  return ((date.getUTCDay() + 6) % 7) * HOURS + date.getUTCHours();
}
