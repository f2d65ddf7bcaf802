import { z } from 'zod';

/** Days begin with Monday; all hours are UTC. */
export const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;
const HOURS = 24;
const WEEK_HOURS = DAYS.length * HOURS;
const HOUR_MS = 3_600_000;

export const activitySchema = z.object({
  /** When the counters were read, ISO 8601. */
  at: z.iso.datetime(),
  /** Transactions since the counter began; it only grows, until the server begins again. */
  count: z.number().nonnegative(),
  /** Rows written, counted likewise. Earlier versions did not read them. */
  writes: z.number().nonnegative().optional(),
  /** Jobs that waited in queues at that moment; absent where nobody could tell. */
  queued: z.number().nonnegative().optional(),
  /** Requests a second that reached the app in the hour before; absent where the router's log could not be read. */
  requests: z.number().nonnegative().optional(),
});
/** One reading of counters that only grow, such as `xact_commit` of `pg_stat_database`, of what waits and what arrives. */
export type ActivityReading = z.infer<typeof activitySchema>;

/** Figures by day (Monday first) and hour (UTC); null where nothing was sampled. */
export type Week = (number | null)[][];

export interface HeatMap {
  /** Transactions a second, on average. */
  perSecond: Week;
  /** Rows written a second, on average. */
  writesPerSecond: Week;
  /** Jobs that waited, on average. */
  queued: Week;
  /** Requests a second, on average. */
  requests: Week;
  /** How much of the week has a figure of transactions, 0 to 1. */
  covered: number;
}

export interface QuietWindow {
  day: (typeof DAYS)[number];
  /** Hour (UTC) at which it begins. */
  hour: number;
  hours: number;
  /** Transactions. */
  perSecond: number;
  /** Of the transactions, as a share of the week's average, 0 to 1 and above. */
  share: number;
  /** Null in these: not sampled throughout. */
  writesPerSecond: number | null;
  queued: number | null;
  requests: number | null;
}

// Between two readings that are farther apart nobody knows when the work was done.
const LONGEST_GAP_MS = 6 * HOUR_MS;

/**
 * A heat map of the week from readings in whatever order. What happened between two readings is spread evenly over the
 * time between them; pairs too far apart, and those between which a counter began again, are left out.
 */
export function heatMapOf(readings: readonly ActivityReading[]): HeatMap {
  const sorted = readings
    .map(({ at, ...figures }) => ({ ...figures, at: Date.parse(at) }))
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => a.at - b.at);
  const transactions = emptyCells();
  const writes = emptyCells();
  const waiting = emptyCells();
  const arriving = emptyCells();
  for (const [index, to] of sorted.entries()) {
    const from = sorted[index - 1];
    if (from === undefined) continue;
    const length = to.at - from.at;
    if (length <= 0 || length > LONGEST_GAP_MS || to.count < from.count) continue;
    spread(transactions, from.at, to.at, ((to.count - from.count) / length) * 1000);
    if (from.writes !== undefined && to.writes !== undefined && to.writes >= from.writes) {
      spread(writes, from.at, to.at, ((to.writes - from.writes) / length) * 1000);
    }
    if (from.queued !== undefined && to.queued !== undefined) {
      spread(waiting, from.at, to.at, (from.queued + to.queued) / 2);
    }
    if (to.requests !== undefined) spread(arriving, from.at, to.at, to.requests);
  }
  const cells = averages(transactions);
  return {
    perSecond: weekOf(cells),
    writesPerSecond: weekOf(averages(writes)),
    queued: weekOf(averages(waiting)),
    requests: weekOf(averages(arriving)),
    covered: cells.filter((cell) => cell !== null).length / WEEK_HOURS,
  };
}

interface Cells {
  seconds: number[];
  sums: number[];
}

function emptyCells(): Cells {
  const zeros = (): number[] => Array.from({ length: WEEK_HOURS }, () => 0);
  return { seconds: zeros(), sums: zeros() };
}

/** Adds a figure that held from `begin` to `end` (milliseconds) to every hour that it touched. */
function spread({ seconds, sums }: Cells, begin: number, end: number, figure: number): void {
  for (let at = begin; at < end;) {
    const until = Math.min(end, (Math.floor(at / HOUR_MS) + 1) * HOUR_MS);
    const cell = hourOfWeek(at);
    seconds[cell] = (seconds[cell] ?? 0) + (until - at) / 1000;
    sums[cell] = (sums[cell] ?? 0) + ((until - at) / 1000) * figure;
    at = until;
  }
}

function averages({ seconds, sums }: Cells): (number | null)[] {
  return seconds.map((length, cell) => (length === 0 ? null : (sums[cell] ?? 0) / length));
}

function weekOf(cells: readonly (number | null)[]): Week {
  return DAYS.map((_, day) => cells.slice(day * HOURS, (day + 1) * HOURS));
}

/**
 * The quietest stretch of whole hours, over midnight and over the end of the week too. Only stretches that were sampled
 * throughout count; undefined when there is none. Quiet is what has the smallest share of the week's averages:
 * transactions, and as heavy as these, written rows, waiting jobs and requests where they are known for as many hours.
 */
export function quietestWindow(
  { perSecond, writesPerSecond, queued, requests }: HeatMap,
  hours = 2,
): QuietWindow | undefined {
  const transactions = perSecond.flat();
  const average = averageOf(transactions);
  const measures = [transactions, ...[writesPerSecond, queued, requests].map((week) => week.flat())].filter(
    (cells) => cells.every((cell, index) => cell !== null || transactions[index] === null),
  );
  let best: { score: number; start: number; perSecond: number } | undefined;
  for (let start = 0; start < WEEK_HOURS; start += 1) {
    const rate = stretchOf(transactions, start, hours);
    if (rate === null) continue;
    const shares = measures.map((cells) => shareOf(stretchOf(cells, start, hours) ?? 0, averageOf(cells)));
    const score = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    if (best === undefined || score < best.score) best = { score, start, perSecond: rate };
  }
  const day = DAYS[Math.floor((best?.start ?? 0) / HOURS)];
  if (best === undefined || day === undefined) return undefined;
  return {
    day,
    hour: best.start % HOURS,
    hours,
    perSecond: best.perSecond,
    share: shareOf(best.perSecond, average),
    writesPerSecond: stretchOf(writesPerSecond.flat(), best.start, hours),
    queued: stretchOf(queued.flat(), best.start, hours),
    requests: stretchOf(requests.flat(), best.start, hours),
  };
}

/** The average of so many hours from `start`; null when one of them is not known. */
function stretchOf(cells: readonly (number | null)[], start: number, hours: number): number | null {
  let sum = 0;
  for (let offset = 0; offset < hours; offset += 1) {
    const cell = cells[(start + offset) % cells.length] ?? null;
    if (cell === null) return null;
    sum += cell;
  }
  return sum / hours;
}

function averageOf(cells: readonly (number | null)[]): number {
  const known = cells.filter((cell) => cell !== null);
  return known.reduce((sum, cell) => sum + cell, 0) / Math.max(1, known.length);
}

function shareOf(figure: number, average: number): number {
  return average === 0 ? 0 : figure / average;
}

function hourOfWeek(at: number): number {
  const date = new Date(at);
  return ((date.getUTCDay() + 6) % 7) * HOURS + date.getUTCHours();
}
