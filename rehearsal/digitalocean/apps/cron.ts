/** What a five-field cron expression allows: numbers, `*`, ranges, lists and steps. Names of months and days are not played. */
const fields = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of the month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12 },
  { name: 'day of the week', from: 0, to: 7 },
] as const;

/** A time as cron looks at it, in the schedule's own time zone. */
interface WallTime {
  minute: number;
  hour: number;
  day: number;
  month: number;
  /** 0 is Sunday. */
  weekday: number;
}

/** What is wrong with an expression; undefined when nothing is. */
export function cronProblem(cron: string): string | undefined {
  const parts = cron.trim().split(/\s+/);
  if (parts.length !== fields.length) return `must have five fields, not ${parts.length}`;
  const wrong = fields.find((field, index) => valuesOf(parts[index] ?? '', field) === undefined);
  return wrong === undefined ? undefined : `has an invalid ${wrong.name}`;
}

/** Whether a job with this (valid) expression fires in the minute of `at`. */
export function fires(cron: string, timeZone: string, at: Date): boolean {
  const time = wallTime(at, timeZone);
  const parts = cron.trim().split(/\s+/);
  const has = (index: 0 | 1 | 2 | 3 | 4, value: number): boolean =>
    valuesOf(parts[index] ?? '', fields[index])?.has(value) ?? false;
  const byDay = has(2, time.day);
  const byWeekday = has(4, time.weekday) || (time.weekday === 0 && has(4, 7));
  // When both days are restricted, either suffices: cron's oldest oddity.
  const restricted = !(parts[2] ?? '*').startsWith('*') && !(parts[4] ?? '*').startsWith('*');
  const onDay = restricted ? byDay || byWeekday : byDay && byWeekday;
  return has(0, time.minute) && has(1, time.hour) && has(3, time.month) && onDay;
}

function valuesOf(text: string, { from, to }: { from: number; to: number }): Set<number> | undefined {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [, range = '', step = '1'] = /^(\*|\d+(?:-\d+)?)(?:\/(\d+))?$/.exec(part) ?? [];
    if (range === '' || Number(step) < 1) return undefined;
    const [first, last] = range === '*' ? [from, to] : range.split('-').map(Number);
    const start = first ?? from;
    // `5/15` means from 5 on.
    const end = last ?? (part.includes('/') ? to : start);
    if (start < from || end > to || start > end) return undefined;
    for (let value = start; value <= end; value += Number(step)) values.add(value);
  }
  return values;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function wallTime(at: Date, timeZone: string): WallTime {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    minute: 'numeric',
    hour: 'numeric',
    day: 'numeric',
    month: 'numeric',
    weekday: 'short',
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes): string =>
    parts.find((candidate) => candidate.type === type)?.value ?? '';
  return {
    minute: Number(part('minute')),
    hour: Number(part('hour')),
    day: Number(part('day')),
    month: Number(part('month')),
    weekday: weekdays.indexOf(part('weekday')),
  };
}
