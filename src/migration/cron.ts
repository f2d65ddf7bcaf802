const FIELDS = [
  { name: 'minute', from: 0, to: 59, words: [] },
  { name: 'hour', from: 0, to: 23, words: [] },
  { name: 'day of the month', from: 1, to: 31, words: [] },
  {
    name: 'month',
    from: 1,
    to: 12,
    words: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of the week', from: 0, to: 7, words: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
] as const;

/** What is wrong with a cron expression of five fields, in words for its author; undefined when nothing is. */
export function cronProblem(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== FIELDS.length) {
    return `must have the five fields of cron (minute, hour, day of the month, month, day of the week), not ${fields.length}`;
  }
  for (const [index, field] of FIELDS.entries()) {
    const text = fields[index] ?? '';
    if (!text.split(',').every((part) => isPart(part, field))) {
      return `must be cron: "${text}" cannot be the ${field.name} (${field.from} to ${field.to}, *, a-b, */n, or a list)`;
    }
  }
  return undefined;
}

function isPart(part: string, field: (typeof FIELDS)[number]): boolean {
  const [, range, step] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
  if (range === undefined || (step !== undefined && Number(step) === 0)) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((end) => valueOf(end, field));
  const [first, last] = ends;
  if (first === undefined || ends.length > 2 || ends.includes(undefined)) return false;
  return last === undefined || first <= last;
}

function valueOf(text: string, field: (typeof FIELDS)[number]): number | undefined {
  const words: readonly string[] = field.words;
  const word = words.indexOf(text.toLowerCase());
  if (word >= 0) return word + field.from;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= field.from && value <= field.to ? value : undefined;
}
