/** Monday first, as in the heat map of quiet hours. */
export const WEEKDAYS = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** When a cutover may take place, by the clocks of its time zone. */
export interface CutoverWindow {
  /** `HH:MM`; no cutover begins before. */
  notBefore: string;
  /** `HH:MM`, after midnight when it is not later than `notBefore`; every cutover shall be over by then. */
  notAfter: string;
  timeZone: string;
  /** On which days it opens; empty: on every day. */
  days: Weekday[];
}

export interface Opening {
  opens: Date;
  closes: Date;
}

const DAY_MS = 24 * 60 * 60_000;
/** A week, and the day before today, whose window may go on over midnight. */
const LOOK_AHEAD_DAYS = 8;

/**
 * The window that is open, or opens next, with room for `neededMs` until it closes; it is open when `opens` lies before
 * `now`. `undefined` when no window of the next days is long enough.
 */
export function nextOpening(window: CutoverWindow, now: Date, neededMs: number): Opening | undefined {
  const today = dayOf(now, window.timeZone);
  for (let ahead = -1; ahead <= LOOK_AHEAD_DAYS; ahead += 1) {
    const day = today + ahead * DAY_MS;
    const weekday = WEEKDAYS[(new Date(day).getUTCDay() + 6) % 7];
    if (window.days.length > 0 && !window.days.some((one) => one === weekday)) continue;
    const [from, to] = [minutesOf(window.notBefore), minutesOf(window.notAfter)];
    const opens = instantOf(day + from * 60_000, window.timeZone);
    const closes = instantOf(day + to * 60_000 + (to <= from ? DAY_MS : 0), window.timeZone);
    if (Math.max(now.getTime(), opens) + neededMs <= closes) {
      return { opens: new Date(opens), closes: new Date(closes) };
    }
  }
  return undefined;
}

/** As migration.yml would say it: `02:00 to 05:00 Europe/Berlin, tuesday and wednesday`. */
export function describeWindow({ notBefore, notAfter, timeZone, days }: CutoverWindow): string {
  return `${notBefore} to ${notAfter} ${timeZone}${days.length === 0 ? '' : `, ${days.join(', ')}`}`;
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

/** Midnight of the day that the time zone's calendars show, as if they were UTC's. */
function dayOf(at: Date, timeZone: string): number {
  return Math.floor(wallClockOf(at.getTime(), timeZone) / DAY_MS) * DAY_MS;
}

/** What the time zone's clocks show at an instant, as if they were UTC's. */
export function wallClockOf(at: number, timeZone: string): number {
  // Whoever looks for the runs of a schedule asks for each minute of a week.
  if (timeZone === 'UTC') return Math.floor(at / 1000) * 1000;
  const parts = new Intl.DateTimeFormat('en', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const part = (name: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find(({ type }) => type === name)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/** When the time zone's clocks show that; an hour that they leave out in spring counts as the one after it. */
function instantOf(wallClock: number, timeZone: string): number {
  const offsetAt = (at: number): number => wallClockOf(at, timeZone) - at;
  const first = wallClock - offsetAt(wallClock);
  return wallClock - offsetAt(first);
}
