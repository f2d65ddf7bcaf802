import { wallClockOf } from './cutover-window.ts';

const MINUTE_MS = 60_000;
const NAMES = {
  month: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  weekday: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

/** The minutes from `from` to `until`, both included, in which a cron expression of five fields is due. It passed `cronProblem`. */
export function cronRuns(cron: { expression: string; timeZone: string }, from: Date, until: Date): Date[] {
  const isDue = matcherOf(cron.expression);
  const runs: Date[] = [];
  const first = Math.ceil(from.getTime() / MINUTE_MS) * MINUTE_MS;
  for (let at = first; at <= until.getTime(); at += MINUTE_MS) {
    if (isDue(new Date(wallClockOf(at, cron.timeZone)))) runs.push(new Date(at));
  }
  return runs;
}

/** Whether it is due in every hour of its days. */
export function isHourly(expression: string): boolean {
  const hour = expression.trim().split(/\s+/)[1];
  return hour === '*' || hour === '*/1';
}

/** The time in the argument's UTC fields. */
function matcherOf(expression: string): (time: Date) => boolean {
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = expression.trim().split(/\s+/);
  const onDay = (time: Date): boolean => isIn(day, time.getUTCDate(), 31);
  // Sunday is 0, and 7 too.
  const onWeekday = (time: Date): boolean =>
    isIn(weekday, time.getUTCDay(), 7, NAMES.weekday) ||
    (time.getUTCDay() === 0 && isIn(weekday, 7, 7, NAMES.weekday));
  return (time) =>
    isIn(minute, time.getUTCMinutes(), 59) &&
    isIn(hour, time.getUTCHours(), 23) &&
    isIn(month, time.getUTCMonth() + 1, 12, NAMES.month, 1) &&
    // cron's own rule: with both days given, either will do.
    (day.startsWith('*') || weekday.startsWith('*')
      ? onDay(time) && onWeekday(time)
      : onDay(time) || onWeekday(time));
}

function isIn(field: string, value: number, last: number, names: readonly string[] = [], first = 0): boolean {
  return field.split(',').some((part) => {
    const [range = '*', step = '1'] = part.split('/');
    const numbers = range.split('-').map((text) => {
      const name = names.indexOf(text.toLowerCase());
      return name >= 0 ? name + first : Number(text);
    });
    const isOne = numbers.length === 1 && range !== '*' && !part.includes('/');
    const from = range === '*' ? (last === 31 || first === 1 ? 1 : 0) : (numbers[0] ?? 0);
    const to = range === '*' ? last : isOne ? from : (numbers[1] ?? last);
    return value >= from && value <= to && (value - from) % Number(step) === 0;
  });
}
