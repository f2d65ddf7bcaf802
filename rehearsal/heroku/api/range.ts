import { Refusal } from './refusal.ts';

/** One page of a list and the headers that tell about it. */
export interface Page {
  status: 200 | 206;
  items: unknown[];
  headers: Record<string, string>;
}

const defaultPage = 200;
const largestPage = 1000;

/**
 * Heroku's paging: `Range: id ..; max=1000, order=desc`, a start like `id abc..` or, without the element itself,
 * `id ]abc..`. More to come is told by 206 and `Next-Range`. `fields` are what the list can be ordered by, the first
 * one by default.
 *
 * @throws Refusal 416 for a field, order or size that Heroku would not take
 */
export function pageOf(all: unknown[], fields: readonly string[], header: string | undefined): Page {
  const range = parseRange(header ?? '', fields);
  const sorted = [...all].sort((a, b) => compare(keyOf(a, range.field), keyOf(b, range.field)));
  if (range.descending) sorted.reverse();
  const rest = sorted.filter((item) => isWithin(keyOf(item, range.field), range));
  const items = rest.slice(0, range.max);
  const more = rest.length > items.length;
  const first = items[0] === undefined ? '' : String(keyOf(items[0], range.field));
  const last = items.at(-1) === undefined ? '' : String(keyOf(items.at(-1), range.field));
  const order = range.descending ? 'order=desc,' : '';
  return {
    status: more ? 206 : 200,
    items,
    headers: {
      'accept-ranges': fields.join(', '),
      'content-range': `${range.field} ${first}..${last}; ${order}max=${range.max}`,
      ...(more ? { 'next-range': `${range.field} ]${last}..${range.end}; ${order}max=${range.max}` } : {}),
    },
  };
}

interface Range {
  field: string;
  start: string;
  startIsOut: boolean;
  end: string;
  descending: boolean;
  max: number;
}

function parseRange(header: string, fields: readonly string[]): Range {
  const match = /^(?:([\w-]+)\s+(\]?)([^;]*?)\.\.([^;]*))?\s*(?:;\s*(.*))?$/.exec(header.trim());
  const options = new Map(
    (match?.[5] ?? '')
      .split(/[,;]/)
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part) => {
        const [name = '', value = ''] = part.split('=');
        return [name.trim(), value.trim()] as const;
      }),
  );
  const field = match?.[1] ?? fields[0] ?? 'id';
  const max = Number(options.get('max') ?? defaultPage);
  const order = options.get('order') ?? 'asc';
  const usable =
    match &&
    fields.includes(field) &&
    Number.isInteger(max) &&
    max >= 1 &&
    max <= largestPage &&
    /^(asc|desc)$/.test(order);
  if (!usable) {
    throw new Refusal(
      416,
      'requested_range_not_satisfiable',
      `Requested range could not be satisfied. Ranges: ${fields.join(', ')}; max at most ${largestPage}.`,
    );
  }
  return {
    field,
    start: match[3] ?? '',
    startIsOut: match[2] === ']',
    end: (match[4] ?? '').trim(),
    descending: order === 'desc',
    max,
  };
}

function isWithin(key: string | number, { start, startIsOut, end, descending }: Range): boolean {
  const against = (bound: string): number => {
    const order = compare(key, typeof key === 'number' ? Number(bound) : bound);
    return descending ? -order : order;
  };
  if (start !== '' && (startIsOut ? against(start) <= 0 : against(start) < 0)) return false;
  return end === '' || against(end) <= 0;
}

function keyOf(item: unknown, field: string): string | number {
  const value =
    typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[field] : undefined;
  return typeof value === 'number' || typeof value === 'string' ? value : '';
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
